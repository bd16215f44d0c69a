//! Raw streams: two of them joined, and what may stand at either end.

pub(crate) mod admission;
pub(crate) mod connector;
pub mod exec;
pub(crate) mod fast_open;
pub mod modes;
pub(crate) mod nc;
pub mod options;
pub(crate) mod probe;
pub(crate) mod proxies;
pub(crate) mod remote;
mod send_only;
pub mod session;
pub(crate) mod starttls;
pub(crate) mod targets;
pub mod tools;
pub mod tunnel;
