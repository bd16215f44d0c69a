//! Trust in transit: keys, certificates, and who is let in.

mod attacks;
mod bypasses;
mod certificates;
mod codes;
mod core;
mod floods;
mod inherited;
mod keys;
mod scene;
mod tls;
