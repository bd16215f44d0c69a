//! What is to be done with a request.

use httparse::Header;

use super::answer::Answer;
use super::client::WebClient;
use super::reading::read;
use super::site::Site;
use crate::proto::http::{Method, RequestHead};
use crate::proto::web::target;

/// A request and what surrounds it.
pub(super) struct Request<'a> {
    pub(super) head: &'a RequestHead<'a, 'a>,
    pub(super) site: &'a Site,
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
    let target = match target::parse(request.head.target) {
        Ok(target) => target,
        Err(_) if request.head.method == Method::Options => return Route::Answer(options(request.site)),
        Err(fault) => return Route::Answer(Answer::text(fault.status(), "the target names no file")),
    };
    match request.head.method_text {
        "GET" | "HEAD" => read(request, &target),
        "OPTIONS" => Route::Answer(options(request.site)),
        _ => Route::Answer(Answer::text(405, "").with("Allow", allowed(request.site))),
    }
}

fn options(site: &Site) -> Answer {
    Answer::empty(204).with("Allow", allowed(site))
}

fn allowed(_site: &Site) -> &'static str {
    "GET, HEAD, OPTIONS"
}
