//! Trust in transit: keys, certificates, and who is let in.

mod certificates;
mod codes;
mod keys;
mod scene;
mod tls;
