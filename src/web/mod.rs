//! Files and folders of `serve` by HTTP: `--http`.

mod answer;
mod body;
mod client;
mod connection;
pub(crate) mod face;
mod reading;
mod route;
pub(crate) mod site;
mod threads;
mod worker;
