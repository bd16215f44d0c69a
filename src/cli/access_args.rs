//! `--allow` and `--deny`: admission to a server.

use clap::Args;

use crate::server::access_sources::AccessSources;

/// Admission to a server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AccessArgs {
    /// Admit only the networks, addresses and names that are listed; @FILE has one per line, and is read again on SIGHUP
    #[arg(long, value_name = "CIDR|HOST|@FILE", help_heading = "Access and limits")]
    allow: Vec<String>,

    /// Reject this network, address or name; if several entries match, the longest prefix decides
    #[arg(long, value_name = "CIDR|HOST|@FILE", help_heading = "Access and limits")]
    deny: Vec<String>,
}

impl AccessArgs {
    /// True if an option was typed.
    pub(crate) fn is_typed(&self) -> bool {
        !self.allow.is_empty() || !self.deny.is_empty()
    }

    /// The lists, as they were typed.
    pub(crate) fn sources(&self) -> AccessSources {
        AccessSources { allow: self.allow.clone(), deny: self.deny.clone() }
    }
}
