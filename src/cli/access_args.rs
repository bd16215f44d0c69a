//! `--allow` and `--deny`: whom a server admits.

use clap::Args;

use crate::server::admission::AccessSources;

/// Whom a server admits.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AccessArgs {
    /// Admit this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP
    #[arg(long, value_name = "CIDR|HOST|@FILE", help_heading = "Access and limits")]
    allow: Vec<String>,

    /// Admit nobody from this network, address or name; of several that fit the longest prefix decides
    #[arg(long, value_name = "CIDR|HOST|@FILE", help_heading = "Access and limits")]
    deny: Vec<String>,
}

impl AccessArgs {
    /// The lists, as they were typed.
    pub(crate) fn sources(&self) -> AccessSources {
        AccessSources { allow: self.allow.clone(), deny: self.deny.clone() }
    }
}
