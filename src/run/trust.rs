//! How both sides of a connection come to trust each other: codes, keys and known hosts, from files, the environment or the
//! terminal.

use std::env::VarError;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::{Error, Exit};
use crate::net::child::CODE_VARIABLE;
use crate::net::endpoint::Endpoint;
use crate::net::listen::{check_tcp, reached_by_others};
use crate::net::tls::key::{Key, KeyError};
use crate::net::tls::peer::PeerTls;
use crate::net::wall::utc_now;
use crate::proto::secure::account::CodeAccount;
use crate::proto::secure::code::Code;
use crate::proto::secure::guesses::Uses;
use crate::proto::secure::known::{self, How, Known};
use crate::proto::secure::pin::Pin;
use crate::proto::secure::{ALPN, Rights};
use crate::relay::admission::{ExpectedKey, Proof, RunTrust, ask_for_code};
use crate::report::{Report, escape_name};
use crate::server::client_list::ClientList;
use crate::server::option_files::bytes_of;
use crate::server::trust::{ServerTrust, SharedPolicy};
use crate::store::{Kept, PrivateError, StatePlaces, append_line, read_list, read_or_create};

/// Where a code comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CodeSource {
    /// A file's first line.
    File(PathBuf),
    /// `SENDALL_CODE`, else what a person types at the terminal, or, for a server, a new one.
    Environment,
}

/// The arguments of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientTrustPlan {
    /// None: no code is shown, but that of `SENDALL_CODE` for transfers.
    pub(crate) code: Option<CodeSource>,
    pub(crate) pins: Vec<Pin>,
    /// The pins come from the endpoint.
    pub(crate) endpoint_pins: bool,
    /// An unknown server is trusted, and known from then on.
    pub(crate) trusts_new: bool,
    /// The file of this side's key.
    pub(crate) key: Option<PathBuf>,
    /// Neither known hosts nor `SENDALL_CODE` make the connection encrypted.
    pub(crate) is_plain: bool,
}

impl ClientTrustPlan {
    /// Reads codes, keys and lists. None: the connection is in the clear. `is_transfer`: `SENDALL_CODE` alone is enough.
    pub(crate) fn load(
        &self,
        (endpoint, is_direct): (&Endpoint, bool),
        is_transfer: bool,
        report: &Report,
    ) -> Result<Option<Arc<RunTrust>>, Error> {
        let Some((host, port)) = endpoint.certified_host().zip(endpoint.port()).filter(|_| !self.is_plain)
        else {
            return Ok(None);
        };
        let places = StatePlaces::of_this_process();
        let file = places.known();
        let known = match &file {
            Some(file) => known_host(file, &host, port)?,
            None => None,
        };
        let has_code = self.code.is_some() || is_transfer && code_from_environment()?.is_some();
        let is_trusted = !self.pins.is_empty() || self.trusts_new || known.is_some();
        // This machine's own servers do not encrypt, unless they were told to. A proxy may be another machine.
        if !has_code && !is_trusted && endpoint.is_local() && is_direct {
            return Ok(None);
        }
        let proof = match &self.code {
            Some(source) => Proof::Code(client_code(source, &host, port)?),
            None if has_code => Proof::Code(client_code(&CodeSource::Environment, &host, port)?),
            None if is_trusted => Proof::Key,
            None => Proof::Missing,
        };
        let expected = match (&self.pins[..], known, &file) {
            ([], Some(Known { pin, line }), Some(file)) => {
                Some(ExpectedKey { pins: vec![pin], source: format!("line {line} of {}", shown(file)) })
            }
            ([], ..) => None,
            (pins, ..) => {
                let source = if self.endpoint_pins { "the endpoint" } else { "--pin" };
                Some(ExpectedKey { pins: pins.to_vec(), source: source.to_owned() })
            }
        };
        let how_by_key = if self.pins.is_empty() { How::TrustNew } else { How::Pin };
        let tls = PeerTls::new(&own_key(&places, self.key.as_deref(), report)?, ALPN)?;
        let (report, is_noted) = (report.clone(), AtomicBool::new(false));
        let on_admitted = Box::new(move |key, by_code| {
            let how = if by_code { How::Code } else { how_by_key };
            if !is_noted.swap(true, Ordering::Relaxed) {
                note((file.as_deref(), known), (&host, port), (key, how), &report);
            }
        });
        Ok(Some(Arc::new(RunTrust::new(tls, proof, expected, on_admitted))))
    }
}

/// A path as it may be printed.
fn shown(path: &Path) -> String {
    escape_name(path.as_os_str().as_bytes())
}

fn usage(text: impl std::fmt::Display) -> Error {
    Error::new(Exit::Usage, text)
}

fn known_host(file: &Path, host: &str, port: u16) -> Result<Option<Known>, Error> {
    let Some(list) = read_list(file).map_err(|fault| usage(fault.about(shown(file))))? else {
        return Ok(None);
    };
    known::lookup(&list.bytes, host, port).map_err(|bad| usage(format!("{}: {bad}", shown(file))))
}

/// Adds a server to the known hosts, unless it is there. What cannot be noted costs a warning: the connection is trusted all
/// the same.
fn note(
    (file, known): (Option<&Path>, Option<Known>),
    (host, port): (&str, u16),
    (key, how): (Pin, How),
    report: &Report,
) {
    let Some(file) = file else {
        return report
            .warning("there is no place for known hosts (HOME is not set): the server stays unknown");
    };
    if let Some(Known { pin, line }) = known {
        if pin != key {
            let file = shown(file);
            report.warning(format_args!(
                "line {line} of {file} has another key for {host}:{port}: if the server has a new one, delete that line"
            ));
        }
        return;
    }
    let line = match known::line(host, port, key, &utc_now(), how) {
        Ok(line) => line,
        Err(fault) => return report.warning(format_args!("{host}:{port} {fault}: it stays unknown")),
    };
    match append_line(file, line.as_bytes()) {
        Ok(()) => report.detail(format_args!("{} knows {host}:{port} from now on", shown(file))),
        Err(fault) => report.warning(fault.about(shown(file))),
    }
}

/// This machine's key, which is made at the first use.
pub(crate) fn own_key(places: &StatePlaces, option: Option<&Path>, report: &Report) -> Result<Key, Error> {
    crate::net::leave_no_core();
    let Some(place) = places.key(option) else {
        report.warning("there is no place for a key (HOME is not set): this run has one of its own");
        return Key::generate().map_err(|fault| Error::new(Exit::Failed, format!("a key {fault}")));
    };
    let name = shown(&place.path);
    let secret =
        read_or_create(&place.path, || Ok(Zeroizing::new(Key::generate()?.to_pem()?.as_bytes().to_vec())))
            .map_err(|fault: KeyFileError| match fault {
                KeyFileError::File(fault) => usage(fault.about(&name)),
                KeyFileError::Key(fault) => usage(format!("{name} {fault}")),
            })?;
    match secret.kept {
        Kept::Nowhere(fault) if place.is_explicit => return Err(usage(format!("{name}: {fault}"))),
        Kept::Nowhere(fault) => {
            report.warning(format_args!("{name}: {fault}: this run has a key of its own"));
        }
        Kept::Found | Kept::Created => {}
    }
    Key::from_pem(&secret.bytes).map_err(|fault| usage(format!("{name}: {fault}")))
}

/// Why there is no key.
enum KeyFileError {
    File(PrivateError),
    Key(KeyError),
}

impl From<PrivateError> for KeyFileError {
    fn from(fault: PrivateError) -> KeyFileError {
        KeyFileError::File(fault)
    }
}

impl From<KeyError> for KeyFileError {
    fn from(fault: KeyError) -> KeyFileError {
        KeyFileError::Key(fault)
    }
}

fn code_from_environment() -> Result<Option<Zeroizing<String>>, Error> {
    match std::env::var(CODE_VARIABLE) {
        Ok(code) => Ok(Some(Zeroizing::new(code)).filter(|code| !code.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(usage("SENDALL_CODE: it is not text (UTF-8)")),
    }
}

/// The code of a client.
fn client_code(source: &CodeSource, host: &str, port: u16) -> Result<Code, Error> {
    match given_code(source)? {
        Some(code) => Ok(code),
        None => ask_for_code(&format!("{host}:{port}")).map_err(|fault| {
            let text = match fault.kind() {
                ErrorKind::UnexpectedEof => "no code was typed: nothing was sent",
                _ => "there is no terminal to ask for the code: set SENDALL_CODE, or type --code-file FILE",
            };
            Error::new(Exit::Untrusted, text)
        }),
    }
}

/// The code in a file or in the environment. None: in neither.
fn given_code(source: &CodeSource) -> Result<Option<Code>, Error> {
    let (text, name) = match source {
        CodeSource::File(path) => {
            let bytes = Zeroizing::new(bytes_of(path, "--code-file")?);
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let text =
                std::str::from_utf8(line).map_err(|_| usage("--code-file: its first line is not text"))?;
            (Zeroizing::new(text.to_owned()), "--code-file")
        }
        CodeSource::Environment => match code_from_environment()? {
            Some(code) => (code, "SENDALL_CODE"),
            None => return Ok(None),
        },
    };
    Code::parse(&text).map(Some).map_err(|fault| usage(format!("{name}: {fault}")))
}

/// When a server admits clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmissionNeed {
    /// An option asks for it.
    Requested,
    /// Other machines reach an endpoint.
    Reached,
    /// If other machines reach a socket that was passed on. `typed`: an option that is useless otherwise.
    IfReached { typed: Option<&'static str> },
}

/// The arguments of a server.
#[derive(Clone, Debug)]
pub(crate) struct ServerTrustPlan {
    pub(crate) when: AdmissionNeed,
    /// The code that admits clients. A new one is made if its source has none.
    pub(crate) code: Option<CodeSource>,
    pub(crate) uses: Uses,
    /// The list of those who are admitted by their keys; true: those who come by the code are added.
    pub(crate) clients: Option<(PathBuf, bool)>,
    /// Anybody is admitted.
    pub(crate) is_open: bool,
    /// Also without encryption.
    pub(crate) is_plain: bool,
    pub(crate) key: Option<PathBuf>,
    /// The time limit of TLS and admission.
    pub(crate) limit: Duration,
    /// What clients may do.
    pub(crate) rights: Rights,
}

impl ServerTrustPlan {
    /// Reads or makes key and code. None: only this machine reaches `endpoints`.
    pub(crate) fn load(
        &self,
        endpoints: &[Endpoint],
        behind_proxy: bool,
        report: &Report,
    ) -> Result<Option<ServerTrust>, Error> {
        let mut reached = Vec::new();
        if self.when == AdmissionNeed::Requested {
            let option = match (&self.clients, &self.code) {
                (Some(_), _) => "--clients",
                (None, Some(_)) => "--code",
                (None, None) => "--open",
            };
            check_tcp(endpoints, option)?;
        }
        if let AdmissionNeed::IfReached { typed } = self.when {
            for endpoint in endpoints {
                reached.extend(reached_by_others(endpoint, behind_proxy)?);
            }
            match (&reached[..], typed) {
                ([], Some(option)) => {
                    let text = "only this machine reaches its sockets, so nobody is asked for a code";
                    return Err(usage(format!("{option}: {text}: leave it out, or type --code too")));
                }
                ([], None) => return Ok(None),
                _ => {}
            }
        }
        let key = own_key(&StatePlaces::of_this_process(), self.key.as_deref(), report)?;
        let (mut code, mut is_new) = (None, false);
        if let Some(source) = &self.code {
            code = given_code(source)?;
            if code.is_none() {
                let mut random = Zeroizing::new([0; 6]);
                crate::net::fill_random(&mut *random)?;
                (code, is_new) = (Some(Code::from_random(&random)), true);
            }
        }
        let shown_code =
            code.as_ref().filter(|_| is_new).map(|code| Zeroizing::new(code.reveal().to_owned()));
        let account = code.map(|code| CodeAccount::new(code, self.rights, self.uses));
        let open = self.is_open.then_some(self.rights);
        let clients =
            self.clients.clone().map(|(path, pairs)| ClientList::load(path, pairs, report)).transpose()?;
        let clients = clients.map(|list| (list, self.rights));
        let asks_for = self.code.as_ref().filter(|_| !reached.is_empty());
        Ok(Some(ServerTrust {
            tls: PeerTls::new(&key, ALPN)?,
            shown_code,
            reached: asks_for.map(|_| reached.join(", ")),
            is_plain: self.is_plain,
            limit: self.limit,
            policy: Arc::new(SharedPolicy::new(open, account, clients)),
        }))
    }
}
