//! How clients come in: listeners, who is admitted, how many, for how long.

mod accept_turn;
pub(crate) mod acceptor;
pub(crate) mod access_lists;
pub(crate) mod access_sources;
mod arrivals;
pub(crate) mod client_list;
pub(crate) mod client_session;
pub(crate) mod descriptors;
pub(crate) mod invitation;
pub(crate) mod limits;
pub(crate) mod option_files;
pub(crate) mod permits;
pub(crate) mod places;
pub(crate) mod proxy_header_gate;
pub(crate) mod setup;
pub(crate) mod tls_files;
pub(crate) mod tls_gate;
pub(crate) mod trust;
