//! `--metrics`: where the counts of a server are read.

use clap::{Args, ValueHint};

use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, EndpointUse, Inherited};

/// The page of counts.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MetricsArgs {
    /// Show counters for Prometheus at /metrics, on a listener of their own: PORT (this machine only), :PORT (every interface),
    /// HOST:PORT, unix:/path, unix:@name; see METRICS in sendall-serve(1)
    #[arg(long, value_name = "ENDPOINT", value_hint = ValueHint::Hostname, help_heading = "Access and limits")]
    metrics: Option<String>,
}

impl MetricsArgs {
    /// True if the option was typed.
    pub(crate) fn is_typed(&self) -> bool {
        self.metrics.is_some()
    }

    /// Parses the endpoint.
    pub(crate) fn endpoint(&self) -> Result<Option<Endpoint>, Error> {
        let Some(word) = &self.metrics else { return Ok(None) };
        let usage = |hint: String| Error::new(Exit::Usage, format!("--metrics: {hint}"));
        match Endpoint::parse(word, EndpointUse::Listen).map_err(usage)? {
            Endpoint::Inherited(Inherited::Stdio) | Endpoint::SeqPacket(_) | Endpoint::Special(_) => {
                Err(usage(format!("'{word}' is not for HTTP: type PORT, HOST:PORT or unix:/path")))
            }
            endpoint => Ok(Some(endpoint)),
        }
    }
}
