//! Files and folders of `serve` by HTTP: `--http`.

mod answer;
pub(crate) mod archives;
mod body;
mod client;
mod connection;
pub(crate) mod face;
mod file_reading;
mod folders;
pub(crate) mod hashing;
mod proofs;
mod reading;
mod representation;
mod request;
mod route;
pub(crate) mod site;
mod storing;
mod tags;
mod walking;
mod work;
mod worker;
