//! Texts of `nc`.

/// What it speaks.
pub(crate) const NC: &str = "\
text";

pub(crate) const NC_EXAMPLES: &str = "\
EXAMPLES

    sendall nc -zv localhost 22  try a port";
