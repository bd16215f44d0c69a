//! Servers with many clients: access and limits, and the modes of `serve`.

pub(crate) mod access;
pub(crate) mod activation;
pub(crate) mod floods;
pub(crate) mod http_early;
pub(crate) mod http_proxy;
pub(crate) mod hub;
pub(crate) mod hub_streams;
pub(crate) mod invitation;
pub(crate) mod limits;
pub(crate) mod many;
pub(crate) mod metrics;
pub(crate) mod modes;
pub(crate) mod proxy_header;
pub(crate) mod socks;
