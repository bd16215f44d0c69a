//! Files and folders of `serve` by HTTP (`--http`), and files that `download` fetches from web servers.

mod answer;
pub(crate) mod archives;
mod body;
mod client;
mod connection;
pub(crate) mod face;
pub(crate) mod fetch;
mod file_reading;
mod folders;
pub(crate) mod hashing;
pub(crate) mod once;
mod proofs;
mod reading;
mod representation;
mod request;
mod route;
pub(crate) mod site;
pub(crate) mod storing;
mod tags;
mod walking;
mod work;
mod worker;
