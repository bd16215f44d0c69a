//! Files and folders of `serve` by HTTP (`--http`), and files that `download` fetches from web servers.

mod answer;
mod body;
mod client;
mod connection;
pub(crate) mod face;
pub(crate) mod fetch;
mod folders;
pub(crate) mod once;
mod reading;
mod request;
mod route;
pub(crate) mod site;
pub(crate) mod storing;
mod tags;
mod worker;
