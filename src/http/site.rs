//! The responses of the server, as far as they depend on the command line and the request, not on the connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::whoami;
use super::whoami::ConnectionAddresses;
use crate::proto::http;
use crate::proto::http::{Method, RequestHead, Response, reason, values};
use crate::report::{MEDIA_TYPE, Metrics};

/// The methods that are answered.
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const TEXT: &str = "text/plain; charset=utf-8";

/// Indices of prepared responses. Those of `--path` follow.
const GREETING: usize = 0;
const OPTIONS: usize = 1;
const NOT_IMPLEMENTED: usize = 2;
const NOT_FOUND: usize = 3;
const BAD_REQUEST: usize = 4;

/// The further fields of a response.
pub(crate) type AnswerFields = Vec<(String, Vec<u8>)>;

/// The response for paths without `--path`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// The greeting.
    Greeting,
    /// The greeting at `/`, and 404 for other paths.
    NotFound,
    /// A description of the request.
    Whoami,
    /// The request's body.
    Echo,
}

/// Limits of a client's time and of the bytes that it may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// The time from the beginning of a head to its end.
    pub(crate) header: Duration,
    /// The time between requests, for a whole body, and for a client that does not read.
    pub(crate) idle: Duration,
    /// The longest body.
    pub(crate) max_body_bytes: u64,
}

/// The prepared responses.
pub(crate) struct Site {
    /// The responses, without dates: each worker has copies with the date.
    pub(crate) answers: Vec<Response>,
    paths: HashMap<String, usize>,
    elsewhere: Elsewhere,
    fields: AnswerFields,
    host_name: String,
    pub(crate) delay: Option<Duration>,
    pub(crate) timeouts: Timeouts,
    /// With it the site has one page, and nothing else.
    metrics: Option<Arc<Metrics>>,
}

/// The response to a request, at once or after its body.
pub(crate) enum Due {
    /// The index of a prepared response.
    Ready(usize),
    /// A response that was made for this request.
    Made(Response),
    /// The body of the request, with this media type.
    Echo(Vec<u8>),
}

impl Site {
    /// Prepares the responses. The greeting is a status, a media type and a body.
    pub(crate) fn new(
        (status, kind, body): (u16, &str, &[u8]),
        elsewhere: Elsewhere,
        fields: AnswerFields,
        delay: Option<Duration>,
        timeouts: Timeouts,
    ) -> Site {
        let mut site = Site {
            answers: Vec::new(),
            paths: HashMap::new(),
            elsewhere,
            fields,
            host_name: crate::net::host_name(),
            delay,
            timeouts,
            metrics: None,
        };
        site.answers.push(site.answer(status, kind, body));
        let mut allowed = site.fields.clone();
        allowed.push(("Allow".into(), ALLOWED.into()));
        site.answers.push(Response::new(204, &allowed, b""));
        for status in [501, 404, 400] {
            site.answers.push(site.answer(status, TEXT, &status_line(status)));
        }
        site
    }

    /// A site that has the page of these counts at `/metrics`.
    pub(crate) fn of_metrics(metrics: Arc<Metrics>, timeouts: Timeouts) -> Site {
        let site = Site::new((404, TEXT, b""), Elsewhere::NotFound, Vec::new(), None, timeouts);
        Site { metrics: Some(metrics), ..site }
    }

    /// Adds the response of a path.
    pub(crate) fn add_path(&mut self, path: &str, status: u16, body: Option<(&str, &[u8])>) {
        let answer = match body {
            Some((kind, body)) => self.answer(status, kind, body),
            None => self.answer(status, TEXT, &status_line(status)),
        };
        self.paths.insert(path.into(), self.answers.len());
        self.answers.push(answer);
    }

    /// Makes a response with the fields that all have.
    fn answer(&self, status: u16, kind: &str, body: &[u8]) -> Response {
        let mut fields = Vec::new();
        if !http::has_no_body(status) {
            fields.push(("Content-Type".into(), kind.into()));
        }
        fields.extend_from_slice(&self.fields);
        Response::new(status, &fields, body)
    }

    /// Returns the response to a request.
    pub(crate) fn due(&self, head: &RequestHead<'_, '_>, addresses: &ConnectionAddresses) -> Due {
        if let Some(metrics) = &self.metrics {
            return Due::Made(metrics_answer(metrics, head));
        }
        match head.method {
            Method::Options => return Due::Ready(OPTIONS),
            Method::Unknown => return Due::Ready(NOT_IMPLEMENTED),
            // RFC 9110, 14.5: a partial PUT must not be taken for a whole one.
            Method::Answered if head.method_text == "PUT" && has_field(head, "content-range") => {
                return Due::Ready(BAD_REQUEST);
            }
            Method::Answered | Method::Head => {}
        }
        if !self.paths.is_empty()
            && let Some(&index) = self.paths.get(http::path(head.target))
        {
            return Due::Ready(index);
        }
        match self.elsewhere {
            Elsewhere::Greeting => Due::Ready(GREETING),
            Elsewhere::NotFound if http::path(head.target) == "/" => Due::Ready(GREETING),
            Elsewhere::NotFound => Due::Ready(NOT_FOUND),
            Elsewhere::Whoami => Due::Made(self.whoami(head, addresses)),
            Elsewhere::Echo => Due::Echo(kind_of(head)),
        }
    }

    fn whoami(&self, head: &RequestHead<'_, '_>, addresses: &ConnectionAddresses) -> Response {
        let (form_fields, body) = whoami::page(head, addresses, &self.host_name);
        let mut fields: AnswerFields =
            form_fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        fields.extend_from_slice(&self.fields);
        Response::new(200, &fields, body.as_bytes())
    }

    /// Makes the response that echoes a body.
    pub(crate) fn echo(&self, kind: &[u8], body: &[u8]) -> Response {
        let mut fields: AnswerFields = vec![
            ("Content-Type".into(), kind.to_vec()),
            ("X-Content-Type-Options".into(), b"nosniff".to_vec()),
        ];
        fields.extend_from_slice(&self.fields);
        Response::new(200, &fields, body)
    }
}

/// Makes the response to a request for the page of `--metrics`.
fn metrics_answer(metrics: &Metrics, head: &RequestHead<'_, '_>) -> Response {
    let refused = |status, more: &[(&str, &str)]| {
        let fields = [&[("Content-Type", TEXT)], more].concat();
        Response::new(status, &fields, &status_line(status))
    };
    match (head.method_text, http::path(head.target)) {
        ("GET" | "HEAD", "/metrics") => {
            Response::new(200, &[("Content-Type", MEDIA_TYPE)], metrics.page().as_bytes())
        }
        ("GET" | "HEAD", _) => refused(404, &[]),
        _ => refused(405, &[("Allow", "GET, HEAD")]),
    }
}

fn has_field(head: &RequestHead<'_, '_>, name: &str) -> bool {
    values(head.fields, name).next().is_some()
}

/// Returns the media type of a request's body.
fn kind_of(head: &RequestHead<'_, '_>) -> Vec<u8> {
    values(head.fields, "content-type").next().unwrap_or(b"application/octet-stream").to_vec()
}

/// Returns the body of a response that shows its status only.
fn status_line(status: u16) -> Vec<u8> {
    format!("{status} {}", reason(status)).trim_end().bytes().chain([b'\n']).collect()
}

/// Makes an error response for a connection that ends.
pub(crate) fn refusal(status: u16) -> Response {
    Response::new(status, &[("Content-Type", TEXT)], &status_line(status))
}
