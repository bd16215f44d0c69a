//! Trust in transit: who is at the other end, and what that one may do.
//!
//! [`pin`] names a key.

pub mod pin;
