//! `--proxy`: a connection to a server through one proxy or several.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;

use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::child::PASSWORD_VARIABLE;
use crate::net::connecting::Connect;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, EndpointUse, Host};
use crate::net::handshake::{HandshakeDriver, HandshakeFailure};
use crate::net::local_end::LocalEnd;
use crate::net::reactor::IoHandle;
use crate::net::stream::Transport;
use crate::proto::handshake::Handshake;
use crate::proto::proxy::fault::{Cause, ProxyFault};
use crate::proto::proxy::http_connect::HttpConnectClient;
use crate::proto::proxy::socks::client::SocksClient;
use crate::proto::proxy::socks::client4::Socks4Client;
use crate::proto::proxy::target::ProxyTarget;
use crate::proto::proxy::users::Credentials;
use crate::server::option_files::bytes_of;

/// A proxy, parsed from its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proxy {
    scheme: Scheme,
    endpoint: Endpoint,
    user: Option<String>,
}

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Socks5,
    Socks4,
    Http,
}

/// The proxies of a connection, and the server after the last one.
#[derive(Clone)]
pub(crate) struct Route {
    proxies: Vec<(Proxy, Option<Credentials>)>,
    target: ProxyTarget,
}

impl Route {
    /// The endpoint of the first proxy.
    pub(crate) fn first(&self) -> Option<&Endpoint> {
        self.proxies.first().map(|(proxy, _)| &proxy.endpoint)
    }

    /// True if a proxy has a user with a password.
    pub(crate) fn needs_password(&self) -> bool {
        self.proxies.iter().any(|(proxy, _)| proxy.has_password())
    }

    /// The same way to another server.
    pub(crate) fn to(&self, server: &Endpoint) -> Result<Route, Error> {
        let target = target_of(server).map_err(|hint| Error::new(Exit::Usage, format!("--proxy: {hint}")))?;
        Ok(Route { target, ..self.clone() })
    }

    /// Sets another port of the server.
    pub(crate) fn set_port(&mut self, port: u16) {
        self.target.port = port;
    }
}

impl Route {
    /// Parses the URLs of the proxies on the way to `server`, without passwords; `None` without URLs.
    pub(crate) fn parse(urls: &[String], server: &Endpoint) -> Result<Option<Route>, Error> {
        if urls.is_empty() {
            return Ok(None);
        }
        let usage = |hint: String| Error::new(Exit::Usage, format!("--proxy: {hint}"));
        let parsed: Result<Vec<Proxy>, String> = urls.iter().map(|url| Proxy::parse(url)).collect();
        let proxies = parsed.map_err(usage)?;
        for next in proxies.iter().skip(1).map(|proxy| &proxy.endpoint).chain([server]) {
            target_of(next).map_err(usage)?;
        }
        let target = target_of(server).map_err(usage)?;
        Ok(Some(Route { proxies: proxies.into_iter().map(|proxy| (proxy, None)).collect(), target }))
    }

    /// Reads the passwords of proxies with a user from `file`, or else from the environment.
    pub(crate) fn with_passwords(self, file: Option<&Path>) -> Result<Route, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, format!("--proxy: {hint}"));
        let proxies: Vec<Proxy> = self.proxies.into_iter().map(|(proxy, _)| proxy).collect();
        let count = proxies.iter().filter(|proxy| proxy.has_password()).count();
        let secrets = if count > 0 { passwords(file, count)? } else { vec![] };
        Ok(Route { proxies: pair_up(proxies, &secrets).map_err(usage)?, target: self.target })
    }
}

/// Reads one password per line; an empty line is an empty password. Empty lines after the first `count` are dropped.
fn passwords(file: Option<&Path>, count: usize) -> Result<Vec<Vec<u8>>, Error> {
    let bytes = match file {
        Some(path) => Some(bytes_of(path, "--proxy-password-file")?).filter(|bytes| !bytes.is_empty()),
        None => std::env::var_os(PASSWORD_VARIABLE).map(std::os::unix::ffi::OsStringExt::into_vec),
    };
    let Some(bytes) = bytes else { return Ok(Vec::new()) };
    let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut lines: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
    while lines.len() > count && lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    Ok(lines)
}

/// Gives each proxy with a user its password: the one in the same place, or the only one.
fn pair_up(proxies: Vec<Proxy>, secrets: &[Vec<u8>]) -> Result<Vec<(Proxy, Option<Credentials>)>, String> {
    let users = proxies.iter().filter(|proxy| proxy.has_password()).count();
    if secrets.len() > 1 && secrets.len() != users {
        return Err(format!(
            "{} passwords for {users} proxies with a user: give one line each",
            secrets.len()
        ));
    }
    let mut index = 0;
    let mut pair = |proxy: Proxy| {
        let Some(user) = proxy.user.as_ref().filter(|_| proxy.has_password()) else {
            return Ok((proxy, None));
        };
        let secret = secrets.get(index).or(secrets.first()).ok_or_else(|| {
            format!("no password for {proxy}: give it in --proxy-password-file FILE or {PASSWORD_VARIABLE}")
        })?;
        index += 1;
        let credentials =
            Credentials::new(user.as_bytes(), secret).map_err(|fault| format!("{proxy}: {fault}"))?;
        Ok((proxy, Some(credentials)))
    };
    proxies.into_iter().map(&mut pair).collect()
}

fn target_of(endpoint: &Endpoint) -> Result<ProxyTarget, String> {
    let target = match endpoint {
        Endpoint::Tcp { host: Host::Named(host), port } => ProxyTarget::new(host, *port),
        _ => None,
    };
    target.ok_or_else(|| format!("a proxy cannot reach '{endpoint}': type HOST:PORT"))
}

impl Proxy {
    fn parse(url: &str) -> Result<Proxy, String> {
        let forms = "type socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or http://[USER@]HOST:PORT";
        let (scheme, rest) = url.split_once("://").ok_or_else(|| forms.to_string())?;
        let kind = match scheme {
            // With each of them the proxy resolves names: names are never resolved here.
            "socks5" | "socks5h" => Scheme::Socks5,
            "socks4" | "socks4a" => Scheme::Socks4,
            "http" => Scheme::Http,
            _ => {
                return Err(format!("'{}' is not a known kind of proxy: {forms}", scheme.escape_debug()));
            }
        };
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(format!(
                "a password on the command line is visible to everyone: type {scheme}://USER@HOST:PORT, and give it in \
                 --proxy-password-file FILE or {PASSWORD_VARIABLE}"
            ));
        }
        let user = user.map(|user| decoded(user).filter(|user| !user.is_empty()).ok_or(forms)).transpose()?;
        let endpoint = Endpoint::parse(host.strip_suffix('/').unwrap_or(host), EndpointUse::Connect)?;
        Ok(Proxy { scheme: kind, endpoint, user })
    }

    /// SOCKS4 has users without passwords.
    fn has_password(&self) -> bool {
        self.user.is_some() && self.scheme != Scheme::Socks4
    }

    fn machine(
        &self,
        target: &ProxyTarget,
        credentials: Option<Credentials>,
    ) -> Box<dyn Handshake<Error = ProxyFault> + Send> {
        match self.scheme {
            Scheme::Socks5 => Box::new(SocksClient::new(target.clone(), credentials)),
            Scheme::Socks4 => {
                Box::new(Socks4Client::new(target, self.user.as_deref().unwrap_or_default().as_bytes()))
            }
            Scheme::Http => Box::new(HttpConnectClient::new(target, credentials.as_ref())),
        }
    }
}

/// Decodes `%40` as `@` (RFC 3986, section 2.1). `None` for a `%` without two digits after it, which the crate would keep.
fn decoded(text: &str) -> Option<String> {
    let is_escape =
        |after: &str| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let is_sound = text.split('%').skip(1).all(is_escape);
    is_sound.then(|| percent_decode_str(text).decode_utf8().ok()).flatten().map(Cow::into_owned)
}

/// The proxy without its user, as it is shown.
impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            Scheme::Socks5 => "socks5",
            Scheme::Socks4 => "socks4",
            Scheme::Http => "http",
        };
        write!(f, "{scheme}://{}", self.endpoint)
    }
}

/// The handshake with one proxy, for the next target.
struct Hop {
    proxy: Proxy,
    target: String,
    driver: HandshakeDriver<Box<dyn Handshake<Error = ProxyFault> + Send>>,
}

/// Dials the first proxy, then asks each for the next, and the last one for the server.
pub(crate) struct Via {
    /// Dropped once it is connected, which ends its other attempts.
    dial: Option<Dial>,
    first: Proxy,
    transport: Option<Transport>,
    hops: VecDeque<Hop>,
    limit: Duration,
    deadline: Option<Instant>,
    /// The reason that the last proxy gave, if it could not connect to the server.
    cause: Option<Cause>,
}

impl Via {
    /// A connector that takes `limit` at most, in all.
    pub(crate) fn new(route: Route, local: &LocalEnd, limit: Duration, io: IoHandle) -> Result<Via, Error> {
        let Route { proxies, target } = route;
        let mut targets = Vec::new();
        for (proxy, _) in proxies.iter().skip(1) {
            targets.push(target_of(&proxy.endpoint).map_err(|hint| Error::new(Exit::Usage, hint))?);
        }
        targets.push(target);
        let no_proxy = || Error::new(Exit::Usage, "--proxy: no proxy is named");
        let first = proxies.first().ok_or_else(no_proxy)?.0.clone();
        let hop = |((proxy, credentials), target): ((Proxy, Option<Credentials>), ProxyTarget)| Hop {
            driver: HandshakeDriver::new(proxy.machine(&target, credentials)),
            target: target.to_string(),
            proxy,
        };
        let hops = proxies.into_iter().zip(targets).map(hop).collect();
        let dial = Dial::new(first.endpoint.clone(), limit, io).from(local);
        Ok(Via { dial: Some(dial), first, transport: None, hops, limit, deadline: None, cause: None })
    }

    /// After a failure: the reason that the last proxy gave, if it could not connect to the server.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.cause
    }

    fn timed_out(&self) -> Error {
        let proxy = self.hops.front().map_or(&self.first, |hop| &hop.proxy);
        let limit = humantime::format_duration(self.limit);
        Error::new(Exit::TimedOut, format!("proxy {proxy}: no connection within {limit} (see --timeout)"))
    }
}

impl Hop {
    /// The reason why the target is not connected, if the proxy gives one.
    fn cause(failure: &HandshakeFailure<ProxyFault>) -> Option<Cause> {
        match failure {
            HandshakeFailure::Fault(ProxyFault::Unreachable(cause, _)) => Some(*cause),
            HandshakeFailure::Fault(ProxyFault::Refused(_)) => Some(Cause::Other),
            _ => None,
        }
    }

    fn failure(&self, failure: &HandshakeFailure<ProxyFault>) -> Error {
        let (proxy, target) = (&self.proxy, &self.target);
        let error = match failure {
            HandshakeFailure::Lost(error) => lost(error),
            HandshakeFailure::Ended => Error::new(Exit::Lost, "it ended the connection without an answer"),
            HandshakeFailure::Fault(fault) => {
                let exit = match fault {
                    ProxyFault::Unreachable(..) => Exit::NoConnection,
                    ProxyFault::Untrusted(_) => Exit::Untrusted,
                    ProxyFault::Refused(_) | ProxyFault::Protocol(_) => Exit::Refused,
                };
                let has_no_user = matches!(fault, ProxyFault::Untrusted(_)) && proxy.user.is_none();
                let hint = if has_no_user { " (type USER@ before its host)" } else { "" };
                Error::new(exit, format!("it {fault}{hint}"))
            }
        };
        error.context(format!("cannot connect to {target}: proxy {proxy}"))
    }
}

impl Connect for Via {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        let deadline = *self.deadline.get_or_insert(now + self.limit);
        if let Some(dial) = &mut self.dial {
            let dialled = dial.advance(now);
            self.transport = dialled.map_err(|error| error.context(format!("proxy {}", self.first)))?;
            self.dial.take_if(|_| self.transport.is_some());
        }
        if let Some(transport) = &mut self.transport {
            while let Some(hop) = self.hops.front_mut() {
                match hop.driver.advance(transport) {
                    Ok(true) => drop(self.hops.pop_front()),
                    Ok(false) => break,
                    Err(failure) => {
                        let (error, cause) = (hop.failure(&failure), Hop::cause(&failure));
                        self.cause = cause.filter(|_| self.hops.len() == 1);
                        return Err(error);
                    }
                }
            }
            if self.hops.is_empty() {
                return Ok(self.transport.take());
            }
        }
        if now < deadline {
            return Ok(None);
        }
        // The last proxy still waits for the server.
        let asks_last = self.transport.is_some() && self.hops.len() == 1;
        self.cause = asks_last.then_some(Cause::TimedOut);
        Err(self.timed_out())
    }

    fn deadline(&self) -> Option<Instant> {
        let dial = self.dial.as_ref().and_then(Dial::deadline);
        dial.into_iter().chain(self.deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_explained() {
        for (url, shown, user) in [
            ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080", None),
            ("socks5h://ann@proxy:1080/", "socks5://proxy:1080", Some("ann")),
            ("http://a%40b@[::1]:8080", "http://[::1]:8080", Some("a@b")),
            ("socks5://unix:/run/tor.sock", "socks5://unix:/run/tor.sock", None),
        ] {
            let proxy = Proxy::parse(url).unwrap();
            assert_eq!((proxy.to_string().as_str(), proxy.user.as_deref()), (shown, user));
        }
        for (url, hint) in [
            ("127.0.0.1:1080", "type socks5://"),
            ("https://a:1", "type socks5://"),
            ("socks5://a", "type a:PORT"),
            ("socks5://@a:1", "type socks5://"),
            ("socks5://%zz@a:1", "type socks5://"),
            ("socks5://ann%4@a:1", "type socks5://"),
            ("socks5://%ff@a:1", "type socks5://"),
            ("socks5://ann:secret@a:1", "--proxy-password-file"),
        ] {
            let error = Proxy::parse(url).expect_err(url);
            assert!(error.contains(hint) && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn passwords_belong_to_the_proxies_with_a_user() {
        let proxies = || {
            let urls = ["socks5://ann@a:1", "http://b:2", "http://bob@c:3"];
            urls.iter().map(|url| Proxy::parse(url).unwrap()).collect::<Vec<_>>()
        };
        let passwords = |secrets: &[&str]| {
            let secrets: Vec<Vec<u8>> = secrets.iter().map(|text| text.as_bytes().to_vec()).collect();
            let paired = pair_up(proxies(), &secrets)?;
            let password =
                |credentials: Credentials| String::from_utf8(credentials.password().to_vec()).unwrap();
            Ok::<_, String>(paired.into_iter().map(|(_, found)| found.map(password)).collect::<Vec<_>>())
        };
        let some = |text: &str| Some(text.to_string());
        assert_eq!(passwords(&["x", "y"]), Ok(vec![some("x"), None, some("y")]));
        assert_eq!(passwords(&["x"]), Ok(vec![some("x"), None, some("x")]));
        assert!(passwords(&[]).is_err_and(|hint| hint.contains("SENDALL_PROXY_PASSWORD")));
        assert!(passwords(&["x", "y", "z"]).is_err_and(|hint| hint.contains("3 passwords for 2")));
    }
}
