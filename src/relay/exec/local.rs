//! The local side of a relay with a process.

use crate::net::child::ChildStream;
use crate::net::stream::Stream;
use crate::relay::tools::{Filtered, ToCrlf};

/// A process's stdin and stdout, perhaps with changed line ends.
pub(super) trait Local: Stream {
    /// True if there may be output that was not read yet.
    fn has_output(&self) -> bool;

    /// Discards further bytes for its stdin, which is not read any more.
    fn discard_input(&mut self);
}

impl Local for ChildStream {
    fn has_output(&self) -> bool {
        ChildStream::has_output(self)
    }

    fn discard_input(&mut self) {
        ChildStream::discard_input(self);
    }
}

impl Local for Filtered<ChildStream, ToCrlf> {
    fn has_output(&self) -> bool {
        self.holds_output() || self.get_ref().has_output()
    }

    fn discard_input(&mut self) {
        self.get_mut().discard_input();
    }
}
