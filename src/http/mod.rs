//! The web server of `http-hello`.

mod client;
pub(crate) mod connection;
pub(crate) mod listener;
pub(crate) mod log;
pub(crate) mod site;
pub(crate) mod unsent;
pub(crate) mod whoami;
pub(crate) mod worker;
