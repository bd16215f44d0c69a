//! A request, and what can follow from it.

use std::sync::Arc;

use httparse::Header;

use super::answer::Answer;
use super::client::WebClient;
use super::site::{Site, WebAccess};
use super::tags::time_of;
use super::work::{Asking, Work};
use crate::net::reactor::ThreadWaker;
use crate::proto::http::RequestHead;

/// A request and what surrounds it.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) head: &'a RequestHead<'a, 'a>,
    pub(super) site: &'a Arc<Site>,
    pub(super) client: &'a WebClient,
    /// The seconds since 1970.
    pub(super) now_seconds: u64,
    /// True on a thread that may wait for a disk.
    pub(super) may_block: bool,
    /// The client has shown a secret or a token.
    pub(super) is_private: bool,
    /// Wakes the connection, on such a thread.
    pub(super) waker: Option<&'a ThreadWaker>,
}

impl Request<'_> {
    /// The fields of its head.
    pub(super) fn fields(&self) -> &[Header<'_>] {
        self.head.fields
    }

    /// What the answer depends on.
    pub(super) fn asking(&self) -> Asking<'_> {
        Asking {
            fields: self.head.fields,
            site: self.site,
            now: time_of(self.now_seconds),
            is_get: self.is_get(),
            is_private: self.is_private,
        }
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
    /// The answer needs some work first.
    Work(Box<dyn Work>),
    /// The body goes there.
    Take(Box<dyn Intake>),
}

/// Takes the body of a request.
pub(super) trait Intake {
    /// Returns what is sent before the body, besides `100 Continue`.
    fn interim(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Returns whether another request takes its place: the connection must be reset. The connection is woken when it turns true.
    fn is_stale(&self) -> bool;

    /// Takes a piece.
    ///
    /// # Errors
    /// The answer to a request whose rest is of no use.
    fn take(&mut self, piece: &[u8]) -> Result<(), Box<Answer>>;

    /// Answers after the whole body.
    fn finish(self: Box<Self>) -> Answer;
}
