//! Options of codes and keys.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::pinned::PinnedEndpoint;
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::proto::secure::Rights;
use crate::proto::secure::guesses::Uses;
use crate::proto::secure::pin::Pin;
use crate::run::trust::{AdmissionNeed, ClientTrustPlan, CodeSource, ServerTrustPlan};

/// A code, and the key of this side.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Trust")]
pub(crate) struct CodeArgs {
    /// The code itself is never typed here.
    #[arg(
        long,
        help = "Encrypt, and let both sides prove that they have the same code: serve makes and prints one, the \
        other side asks for it at the terminal; with SENDALL_CODE in the environment both take that one"
    )]
    pub(crate) code: bool,

    /// The same with the code in the first line of this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "code")]
    code_file: Option<PathBuf>,

    /// Keep this side's key in this file [default: SENDALL_KEY, else key in $STATE_DIRECTORY or ~/.local/state/sendall]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    key: Option<PathBuf>,
}

impl CodeArgs {
    fn source(&self) -> Option<CodeSource> {
        let file = self.code_file.clone().map(CodeSource::File);
        file.or_else(|| self.code.then_some(CodeSource::Environment))
    }

    /// True if `--code` or `--code-file` was typed.
    pub(crate) fn is_typed(&self) -> bool {
        self.source().is_some()
    }

    /// The plan of a client of raw streams, if it has a code.
    ///
    /// # Errors
    /// A key without a code, or two keys of one server.
    pub(crate) fn client_plan(
        &self,
        server: &PinnedEndpoint,
        pins: &[Pin],
    ) -> Result<Option<ClientTrustPlan>, String> {
        let (code, key) = (self.source(), self.key.clone());
        match (&code, &key) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err("--key goes with --code or --code-file".into()),
            _ => {
                let (pins, endpoint_pins) = (server.pins(pins)?, server.pin.is_some());
                Ok(Some(ClientTrustPlan { code, key, pins, endpoint_pins, ..ClientTrustPlan::default() }))
            }
        }
    }
}

/// Whom a client of transfers trusts.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TransferTrustArgs {
    #[command(flatten)]
    code: CodeArgs,

    /// Encrypt, and trust the server with this key: sha256:..., as it prints it; may be repeated
    #[arg(long, value_name = "KEY")]
    pin: Vec<Pin>,

    /// Encrypt, and trust a server that is not known yet, whatever its key is; later it must have the same key
    #[arg(long, conflicts_with_all = ["code", "code_file", "pin"])]
    trust_new: bool,

    /// Do not encrypt, also if the server is a known one, or SENDALL_CODE is set
    #[arg(long, conflicts_with_all = ["code", "code_file", "pin", "trust_new"])]
    plain: bool,
}

impl TransferTrustArgs {
    /// The keys of `--pin`.
    pub(crate) fn pins(&self) -> &[Pin] {
        &self.pin
    }

    /// True if `--code` or `--code-file` was typed.
    pub(crate) fn is_code_typed(&self) -> bool {
        self.code.is_typed()
    }

    /// True if `--key` was typed.
    pub(crate) fn is_key_typed(&self) -> bool {
        self.code.key.is_some()
    }

    /// True if `--trust-new` was typed.
    pub(crate) fn trusts_new(&self) -> bool {
        self.trust_new
    }

    /// True if `--plain` was typed.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// True if an option was typed.
    pub(crate) fn is_typed(&self) -> bool {
        self.is_explicit() || self.plain || self.is_key_typed()
    }

    /// True if encryption was requested by an option.
    pub(crate) fn is_explicit(&self) -> bool {
        self.code.is_typed() || !self.pin.is_empty() || self.trust_new
    }

    /// The plan of a client that uploads or downloads.
    ///
    /// # Errors
    /// There is no encryption for such an endpoint, or the words contradict each other.
    pub(crate) fn plan_for(&self, server: &PinnedEndpoint) -> Result<ClientTrustPlan, Error> {
        let usage = |text: String| Error::new(Exit::Usage, text);
        if self.is_explicit() && !matches!(server.endpoint, Endpoint::Tcp { .. }) {
            let text =
                "--code, --pin and --trust-new are for TCP: leave them out with Unix sockets and vsock";
            return Err(usage(text.into()));
        }
        for (is_typed, option) in [(self.plain, "--plain"), (self.trust_new, "--trust-new")] {
            if is_typed && server.pin.is_some() {
                let text = "the endpoint names the server's key: leave that out";
                return Err(usage(format!("{text}, with its #, or {option}")));
            }
        }
        Ok(ClientTrustPlan {
            code: self.code.source(),
            pins: server.pins(&self.pin).map_err(usage)?,
            endpoint_pins: server.pin.is_some(),
            trusts_new: self.trust_new,
            key: self.code.key.clone(),
            is_plain: self.plain,
        })
    }
}

/// Whom a server admits.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Trust")]
pub(crate) struct ServerTrustArgs {
    #[command(flatten)]
    pub(crate) code: CodeArgs,

    /// How many sessions may succeed with the code: a number, or many [default: many, but 1 with --once]
    #[arg(long, value_name = "N", value_parser = uses)]
    code_uses: Option<Uses>,

    /// With --store and --share: admit clients whose keys are in this file, one in a line: sha256:... rights=store,share
    /// store=FOLDER max-size=SIZE, of which only the key must be there; it is read again when it changes
    #[arg(long, requires = "transfer", value_name = "FILE", value_hint = ValueHint::FilePath)]
    clients: Option<PathBuf>,

    /// With --clients: make a code, and add the keys of those who have used it with success: they need none next time
    #[arg(long, requires = "clients")]
    pair: bool,

    /// With --store and --share: encrypt, and admit anybody
    #[arg(long, requires = "transfer", conflicts_with_all = ["code", "code_file", "code_uses", "clients"])]
    open: bool,

    /// With --store and --share: admit anybody, also without encryption, as older clients connect
    #[arg(long, requires = "transfer", conflicts_with_all = ["code", "code_file", "code_uses", "clients", "open", "key"])]
    plain: bool,
}

impl ServerTrustArgs {
    /// True if an option was typed that makes any server encrypt.
    pub(crate) fn encrypts(&self) -> bool {
        self.code.is_typed() || self.open || self.clients.is_some()
    }

    /// True if an option was typed.
    pub(crate) fn is_typed(&self) -> bool {
        self.encrypts() || self.plain || self.typed_terms().is_some()
    }

    /// An option was typed that is of use only where clients have to be admitted.
    pub(crate) fn typed_terms(&self) -> Option<&'static str> {
        let typed = [(self.code_uses.is_some(), "--code-uses"), (self.code.key.is_some(), "--key")];
        typed.iter().find(|(is_typed, _)| *is_typed).map(|(_, option)| *option)
    }

    /// The plan, if clients have to be admitted. `limit` is the time for that, `rights` what they may do then. A server
    /// that `wants_code` has one unless something else was chosen.
    ///
    /// # Errors
    /// An option without what it belongs to.
    pub(crate) fn plan(
        &self,
        limit: Duration,
        rights: Rights,
        (is_once, wants_code): (bool, bool),
    ) -> Result<Option<ServerTrustPlan>, &'static str> {
        let has_others = self.open || self.plain || self.clients.is_some();
        let default = (self.pair || wants_code && !has_others).then_some(CodeSource::Environment);
        let code = self.code.source().or(default);
        if code.is_none() && self.code_uses.is_some() {
            return Err("--code-uses goes with --code, --code-file or --pair");
        }
        if code.is_none() && self.clients.is_none() && !self.open && !(self.plain && wants_code) {
            return match &self.code.key {
                Some(_) => Err("--key goes with --code, --code-file, --clients or --open"),
                None => Ok(None),
            };
        }
        let uses = self.code_uses.unwrap_or(if is_once { ONCE } else { Uses::Many });
        let key = self.code.key.clone();
        let (is_open, is_plain) = (self.open || self.plain, self.plain);
        let clients = self.clients.clone().map(|path| (path, self.pair));
        let when = AdmissionNeed::Requested;
        Ok(Some(ServerTrustPlan { when, code, uses, clients, is_open, is_plain, key, limit, rights }))
    }
}

const ONCE: Uses = Uses::Times(std::num::NonZeroU32::MIN);

/// Reads how often a code may be used.
fn uses(text: &str) -> Result<Uses, String> {
    match text {
        "many" => Ok(Uses::Many),
        _ => text.parse().map(Uses::Times).map_err(|_| "type a number from 1 on, or many".into()),
    }
}
