//! The words of `upload`: paths, then the server as one word or two. The files that exist decide which.

use std::ffi::OsString;
use std::path::Path;

use super::{UploadPlan, usage};
use crate::error::Error;
use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::relay::remote::target::SshTarget;
use crate::report::escape_name;

/// The validated arguments of `upload`, for each reading of its words.
pub struct Plan {
    pub(crate) words: Vec<OsString>,
    /// With the last two words as `HOST PORT`, if they can be that.
    pub(crate) host_and_port: Option<Result<UploadPlan, Error>>,
    /// With the last word as the server.
    pub(crate) last_word: Result<UploadPlan, Error>,
}

impl Plan {
    /// Fails if no reading makes sense.
    pub(crate) fn check(self) -> Result<(), Error> {
        match self.host_and_port {
            Some(Ok(_)) => Ok(()),
            _ => self.last_word.map(drop),
        }
    }

    /// Returns the reading that the files allow.
    pub(super) fn choose(self) -> Result<UploadPlan, Error> {
        let Some((last, before)) = self.words.split_last() else { return self.last_word };
        let is_host = |word: &&OsString| !Path::new(word).exists();
        match self.host_and_port {
            Some(plan) if before.last().is_some_and(|word| is_host(&word)) => plan,
            _ => match misplaced(&last.to_string_lossy(), before) {
                Some(hint) => Err(usage(hint)),
                None => self.last_word,
            },
        }
    }
}

/// True for a word that names a server, whatever files are there.
fn is_server(word: &str) -> bool {
    Endpoint::is_whole(word, EndpointUse::Connect) || SshTarget::is_begun(word.as_bytes())
}

/// Returns what to type if the last word, which should be the server, is a file here or the server comes first.
fn misplaced(last: &str, before: &[OsString]) -> Option<String> {
    if Endpoint::is_whole(last, EndpointUse::Connect) {
        return None;
    }
    let first = before.first().map(|word| word.to_string_lossy());
    let server = first.filter(|word| !Path::new(&**word).exists() && is_server(word));
    let shown = escape_name(last.as_bytes());
    if let Some(server) = server {
        let path = if before.len() == 1 { &shown } else { "PATH..." };
        return Some(format!("the server comes last: type 'sendall upload {path} {server}'"));
    }
    let path = Path::new(last);
    let also = if last.contains('/') {
        String::new()
    } else {
        format!(", or with its port if the server is called {shown}")
    };
    (path.is_file() || path.is_dir()).then(|| {
        format!(
            "{shown} is here, and no server is named: type it last, as in 'sendall upload {shown} HOST'{also}"
        )
    })
}
