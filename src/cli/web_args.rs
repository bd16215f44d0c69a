//! Options of the web face of transfers.

use clap::{Args, ValueEnum};

use crate::run::serve::mode::WebPlan;

/// Browsers and curl.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Browsers and curl")]
pub(crate) struct WebArgs {
    /// Serve HTTP on the same port, for browsers and curl; for other machines below a secret path, with --http=open without
    #[arg(long, value_enum, value_name = "ACCESS", num_args = 0..=1, require_equals = true,
        default_missing_value = "secret", requires = "transfer", conflicts_with = "wire")]
    http: Option<HttpAccess>,
}

/// Who may use the web face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HttpAccess {
    /// Other machines need the secret path
    Secret,
    /// Everybody
    Open,
}

impl WebArgs {
    /// The plan of the web face, if it is wanted.
    pub(crate) fn plan(&self) -> Option<WebPlan> {
        self.http.map(|access| WebPlan { is_open: access == HttpAccess::Open })
    }
}
