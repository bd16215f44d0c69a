//! The web server of `http-hello`, and that of `--metrics`.

mod client;
pub(crate) mod connection;
pub(crate) mod listener;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod site;
pub(crate) mod unsent;
pub(crate) mod whoami;
pub(crate) mod worker;
