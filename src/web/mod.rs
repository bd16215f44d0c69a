//! Files and folders of `serve` by HTTP (`--http`), and files that `download` fetches from web servers.

mod answer;
pub(crate) mod archive;
mod archiving;
mod body;
mod client;
mod connection;
pub(crate) mod face;
pub(crate) mod fetch;
mod file_reading;
mod folders;
mod hashed;
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
pub(crate) mod terms;
mod walking;
mod work;
mod worker;
