//! What is to be done with a request.

use std::sync::Arc;

use httparse::Header;

use super::answer::{Answer, TEXT};
use super::client::WebClient;
use super::reading::read;
use super::site::{Site, WebAccess};
use super::storing::put;
use crate::proto::http::{Method, RequestHead};
use crate::proto::web::origin::Arrival;
use crate::proto::web::secret::CHALLENGES;
use crate::proto::web::{conditions, target};

/// A request and what surrounds it.
pub(super) struct Request<'a> {
    pub(super) head: &'a RequestHead<'a, 'a>,
    pub(super) site: &'a Arc<Site>,
    pub(super) client: &'a WebClient,
    /// The seconds since 1970.
    pub(super) now_seconds: u64,
    /// True on a thread that may wait for a disk.
    pub(super) may_block: bool,
}

impl Request<'_> {
    /// The fields of its head.
    pub(super) fn fields(&self) -> &[Header<'_>] {
        self.head.fields
    }

    /// The `Location` of the root of all, from a target that is the secret path without a slash.
    pub(super) fn secret_location(&self) -> Option<String> {
        match &self.site.access {
            WebAccess::Secret(secret) => Some(format!("./{}/", secret.as_str())),
            WebAccess::Open | WebAccess::Token(_) => None,
        }
    }

    /// True for GET, false for HEAD.
    pub(super) fn is_get(&self) -> bool {
        self.head.method_text == "GET"
    }
}

/// What follows.
pub(super) enum Route {
    /// This answer.
    Answer(Answer),
    /// The connection moves to a thread that may wait for a disk.
    Move,
    /// The body goes there.
    Take(Box<dyn Intake>),
}

/// Takes the body of a request.
pub(super) trait Intake {
    /// Takes a piece.
    ///
    /// # Errors
    /// The answer to a request whose rest is of no use.
    fn take(&mut self, piece: &[u8]) -> Result<(), Answer>;

    /// Answers after the whole body.
    fn finish(self: Box<Self>) -> Answer;
}

/// Decides about a request whose head was received.
pub(super) fn route(request: &Request<'_>) -> Route {
    match admitted(request) {
        Ok(rest) => dispatch(request, rest),
        Err(answer) => Route::Answer(answer),
    }
}

/// Returns the target below the secret path, if the client may use this server.
fn admitted<'t>(request: &Request<'t>) -> Result<&'t str, Answer> {
    let Request { head, site, client, .. } = request;
    let below = match &site.access {
        WebAccess::Secret(secret) => target::below(head.target, secret.as_str()),
        WebAccess::Open | WebAccess::Token(_) => None,
    };
    let at = client.local.address();
    let arrival = Arrival { at, has_tls: client.is_secure, has_secret: below.is_some() };
    site.hosts.check(head, arrival).map_err(|foreign| {
        Answer::bytes(foreign.status(), TEXT, foreign.text().into()).with("Cache-Control", "no-store")
    })?;
    if head.method == Method::Options && head.target == "*" {
        return Ok(head.target);
    }
    match &site.access {
        WebAccess::Open => Ok(head.target),
        WebAccess::Secret(_) => match below {
            Some(rest) => Ok(rest),
            None if at.is_none_or(|at| at.ip().to_canonical().is_loopback()) => Ok(head.target),
            // It says neither that there is a secret, nor how much of it was right.
            None => Err(Answer::text(404, "")),
        },
        WebAccess::Token(token) => {
            let mut given = conditions::values(head.fields, "authorization");
            match given.any(|value| token.is_in(value)) {
                true => Ok(head.target),
                false => Err(CHALLENGES.iter().fold(Answer::text(401, ""), |answer, challenge| {
                    answer.with("WWW-Authenticate", *challenge)
                })),
            }
        }
    }
}

fn dispatch(request: &Request<'_>, rest: &str) -> Route {
    if request.head.method == Method::Options {
        return Route::Answer(options(request.site));
    }
    let target = match target::parse(rest) {
        Ok(target) => target,
        Err(fault) => return Route::Answer(Answer::text(fault.status(), fault.text())),
    };
    match request.head.method_text {
        "GET" | "HEAD" => read(request, &target),
        "PUT" => put(request, &target),
        _ => Route::Answer(Answer::text(405, "").with("Allow", allowed(request.site))),
    }
}

fn options(site: &Site) -> Answer {
    Answer::empty(204).with("Allow", allowed(site))
}

fn allowed(site: &Site) -> &'static str {
    match site.store {
        Some(_) => "GET, HEAD, OPTIONS, PUT",
        None => "GET, HEAD, OPTIONS",
    }
}
