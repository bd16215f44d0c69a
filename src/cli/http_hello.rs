//! Options of `http-hello`.

use std::time::Duration;

use clap::{Args, ValueHint};

use super::access_args::AccessArgs;
use super::manual;
use super::metrics_args::MetricsArgs;
use super::options::{duration, size};
use super::socket_args::FamilyArgs;
use super::tls_args::ShownTlsArgs;
use super::values::workers;
use crate::error::{Error, Exit};
use crate::http::log::LogForm;
use crate::http::site::{AnswerFields, Elsewhere, Timeouts};
use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::proto::http::{has_no_body, is_field_name, is_field_value};
use crate::run::http_hello::{PathPlan, Plan, SitePlan};
use crate::run::tls::ServerTlsPlan;
use crate::run::workers::Workers;
use crate::server::acceptor::{ClientLimits, ExplicitLimits, NO_LIMIT, OverloadPolicy};
use crate::server::option_files::TextOrFile;

const GREETING: &[u8] = b"Hello, World\n";
const MAX_CLIENTS: u32 = 16_384;
/// Fields that the server sets itself, and the reason or the option to use instead.
const OWN_FIELDS: [(&str, &str); 5] = [
    ("content-type", "use --type"),
    ("content-length", "it follows from --body"),
    ("transfer-encoding", "answers have a length"),
    ("connection", "the server decides"),
    ("date", "it is the time of the answer"),
];

/// What it does, for --help and the manual.
pub(super) const ABOUT: &str =
    "Answer HTTP/1.1 requests with a greeting: for health checks, load balancers, firewalls";

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT)]
#[command(after_long_help = [manual::HTTP_HELLO, manual::HTTP_HELLO_EXAMPLES].join("\n\n"))]
pub(crate) struct HttpHelloArgs {
    /// Where to listen: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; port 0 picks a free one
    #[arg(value_name = "ENDPOINT", default_value = "127.0.0.1:8080", value_hint = ValueHint::Hostname)]
    endpoints: Vec<String>,

    /// Answer with this text, with \n, \t and \xHH as escapes, or with a file [default: 'Hello, World\n']
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    body: Option<String>,

    /// Answer with this status
    #[arg(long, value_name = "STATUS", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    status: u16,

    /// Set the media type of the body
    #[arg(long = "type", value_name = "TYPE", default_value = "text/plain; charset=utf-8")]
    kind: String,

    /// Add a header field to every answer, for example 'Cache-Control: no-store'; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,

    /// Give one path its own answer, for example /health=204, '/version=200:1.2.3\n' or /page=200:@FILE; may be repeated
    #[arg(long = "path", value_name = "PATH=STATUS[:BODY]")]
    paths: Vec<String>,

    /// Answer 404 for every path except / and those of --path
    #[arg(long, conflicts_with_all = ["whoami", "echo"])]
    not_found: bool,

    /// Answer with the request line, header fields and addresses, as text, JSON or a page, whichever the client accepts
    #[arg(long, conflicts_with_all = ["echo", "body", "status", "kind"])]
    whoami: bool,

    /// Answer with the body of the request
    #[arg(long, conflicts_with_all = ["body", "status", "kind"])]
    echo: bool,

    /// Wait for this long before each answer
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    delay: Option<Duration>,

    /// End with 0 after N answers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Answer with N threads; auto is one per core
    #[arg(long, value_name = "N|auto", default_value = "1", value_parser = workers)]
    workers: Workers,

    /// Write a line for each answer to stdout
    #[arg(long, value_name = "FORM", value_enum)]
    log: Option<LogForm>,

    #[command(flatten)]
    family: FamilyArgs,

    #[command(flatten)]
    limits: HelloLimitArgs,

    #[command(flatten)]
    access: AccessArgs,

    #[command(flatten)]
    metrics: MetricsArgs,

    #[command(flatten)]
    tls: ShownTlsArgs,
}

/// Limits on clients and requests.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Access and limits")]
struct HelloLimitArgs {
    /// Serve at most N connections at a time, as far as descriptors allow [default: 16384]; see --full for the rest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: Option<u32>,

    /// Serve at most N connections at a time from one IPv4 address or IPv6 /64 network, and refuse more [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_per_source: Option<u32>,

    /// Choose what happens to connections over --max-clients
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OverloadPolicy::Queue)]
    full: OverloadPolicy,

    /// Expect a header of the PROXY protocol (v1 or v2) from a proxy before each stream, within --header-timeout. Logs and
    /// access lists use the address in it. Clients without one are disconnected. Let only the proxy reach this port
    #[arg(long)]
    accept_proxy_protocol: bool,

    /// Limit the time for the head of a request, from its first byte; for the first request, from the start of the connection
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    header_timeout: Duration,

    /// Limit the time between requests, for a whole body, and for a client that does not read its answer
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    idle_timeout: Duration,

    /// Refuse bodies that are larger
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "1MiB")]
    max_body: u64,
}

impl HttpHelloArgs {
    /// Validates the arguments.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        let endpoints = Endpoint::parse_list(&self.endpoints, EndpointUse::Listen).map_err(usage)?;
        let limits = ClientLimits {
            max_clients: self.limits.max_clients.unwrap_or(MAX_CLIENTS) as usize,
            requested_max_clients: None,
            overload: self.limits.full,
            full_hint: "",
            per_source: self.limits.max_per_source.map_or(NO_LIMIT, |limit| limit as usize),
            total_clients: None,
            accept_timeout: None,
            proxy_header_timeout: self.limits.accept_proxy_protocol.then_some(self.limits.header_timeout),
        };
        let tls = self.tls_plan(&endpoints)?;
        Ok(Plan {
            endpoints,
            family: self.family.family(),
            site: self.site()?,
            limits,
            explicit: ExplicitLimits {
                max_clients: self.limits.max_clients.is_some(),
                per_source: self.limits.max_per_source.is_some(),
            },
            access: self.access.sources(),
            metrics: self.metrics.endpoint()?,
            workers: self.workers,
            count: self.count,
            log: self.log,
            tls,
        })
    }

    /// TLS for HTTP/1. A client that ends without `close_notify` has ended: the messages of HTTP have lengths.
    fn tls_plan(&self, endpoints: &[Endpoint]) -> Result<Option<ServerTlsPlan>, Error> {
        let Some(plan) = self.tls.plan(self.limits.header_timeout) else { return Ok(None) };
        let is_tcp = |endpoint| matches!(endpoint, &Endpoint::Tcp { .. } | &Endpoint::Inherited(_));
        if !endpoints.iter().all(is_tcp) {
            return Err(usage("--tls is for TCP: leave it out with Unix sockets".into()));
        }
        Ok(Some(ServerTlsPlan {
            alpn: vec!["http/1.1".into(), "http/1.0".into()],
            accepts_bare_end: true,
            ..plan
        }))
    }

    fn site(&self) -> Result<SitePlan, Error> {
        if has_no_body(self.status) && self.body.is_some() {
            return Err(usage(format!(
                "an answer with status {} has no body: leave --body out",
                self.status
            )));
        }
        if !is_field_value(self.kind.as_bytes()) || self.kind.is_empty() {
            return Err(usage("--type: give a media type, as in text/html".into()));
        }
        let fields = self.headers.iter().map(|header| field(header).map_err(usage));
        let body = match &self.body {
            Some(body) => TextOrFile::parse(body, "--body")?,
            None => TextOrFile::Text(GREETING.to_vec()),
        };
        let elsewhere = match (self.not_found, self.whoami, self.echo) {
            (true, ..) => Elsewhere::NotFound,
            (_, true, _) => Elsewhere::Whoami,
            (.., true) => Elsewhere::Echo,
            _ => Elsewhere::Greeting,
        };
        let timeouts = Timeouts {
            header: self.limits.header_timeout,
            idle: self.limits.idle_timeout,
            max_body_bytes: self.limits.max_body,
        };
        let fields = fields.collect::<Result<AnswerFields, Error>>()?;
        let mut paths: Vec<PathPlan> = Vec::new();
        for text in &self.paths {
            let path = path(text)?;
            if paths.iter().any(|other| other.path == path.path) {
                let text = format!("--path {} is given twice: leave one of them out", path.path);
                return Err(usage(text));
            }
            paths.push(path);
        }
        let (status, kind, delay) = (self.status, self.kind.clone(), self.delay);
        Ok(SitePlan { status, kind, body, paths, elsewhere, fields, delay, timeouts })
    }
}

fn usage(text: String) -> Error {
    Error::new(Exit::Usage, text)
}

/// Reads `NAME: VALUE`.
fn field(text: &str) -> Result<(String, Vec<u8>), String> {
    let hint = "type a name, a colon and a value, as in 'Cache-Control: no-store'";
    let (name, value) = text.split_once(':').ok_or_else(|| format!("--header: {hint}"))?;
    let value = value.trim_matches([' ', '\t']);
    if !is_field_name(name) || !is_field_value(value.as_bytes()) {
        return Err(format!("--header '{}': {hint}", text.escape_debug()));
    }
    match OWN_FIELDS.iter().find(|(own, _)| name.eq_ignore_ascii_case(own)) {
        Some((_, why)) => Err(format!("--header: {name} is set by the server: {why}")),
        None => Ok((name.into(), value.into())),
    }
}

/// Reads `PATH=STATUS[:BODY]`: the last `=` before a status ends the path.
fn path(text: &str) -> Result<PathPlan, Error> {
    let hint = || {
        let shown = text.escape_debug();
        usage(format!("--path '{shown}': type a path, = and a status from 200 to 599, as in /health=204"))
    };
    let (path, answer) = text.split_once('=').ok_or_else(hint)?;
    let (status, body) = answer.split_once(':').map_or((answer, None), |(status, body)| (status, Some(body)));
    let status = status.parse::<u16>().ok().filter(|status| (200..=599).contains(status)).ok_or_else(hint)?;
    if !path.starts_with('/') || path.contains(['?', '#', ' ']) || path.chars().any(char::is_control) {
        return Err(hint());
    }
    if has_no_body(status) && body.is_some() {
        return Err(usage(format!("--path {path}: an answer with status {status} has no body")));
    }
    let body = body.map(|body| TextOrFile::parse(body, "--path")).transpose()?;
    Ok(PathPlan { path: path.into(), status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_or_explained() {
        assert_eq!(field("X-A:  b c "), Ok(("X-A".into(), b"b c".to_vec())));
        assert_eq!(field("X:"), Ok(("X".into(), Vec::new())));
        for wrong in ["X", ": b", "X Y: b", "X: a\r\nY: b", "X: \x7f"] {
            assert!(field(wrong).is_err_and(|hint| hint.contains("no-store")), "{wrong:?}");
        }
        assert!(field("content-TYPE: a").is_err_and(|hint| hint.contains("--type")));
    }
}
