//! Trust in transit: keys, certificates, and who is let in.

mod certificates;
mod tls;
