//! Files and folders of `serve` by HTTP (`--http`), and files that `download` fetches from web servers.

pub(crate) mod fetch;
