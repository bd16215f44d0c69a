//! Files by HTTP: what `download` fetches from web servers.

mod fetch;
