//! HEAD of a name of which only a part is there.

use super::announced::Announced;
use crate::proto::web::target::{Query, Target};
use crate::store::Part;
use crate::web::answer::Answer;
use crate::web::request::{Request, Route};

/// Answers a HEAD for a name that is not there, if a part of the file is: with its length, and with what the client that
/// has begun it said. An upload under way goes on.
pub(in crate::web) fn kept(request: &Request<'_>, target: &Target) -> Option<Route> {
    let (folder, path) = (request.site.store.as_ref()?, target.path.as_ref()?.as_bytes());
    if target.is_folder || target.query != Query::None {
        return None;
    }
    if !request.may_block {
        return Some(Route::Move);
    }
    let (announced, offset) = match request.site.running.find(path) {
        Some(running) => running,
        None => {
            let (size_bytes, origin) = Part::look(folder, path)?;
            (Announced::of_origin(&origin?)?, size_bytes)
        }
    };
    let mut answer =
        Answer::text(404, "only a part is there: send the rest with Content-Range, from Upload-Offset on")
            .with("Upload-Offset", offset.to_string());
    answer.fields.push(("Upload-Length", announced.size_bytes?.to_string().into_bytes()));
    if let Some(seconds) = announced.mtime_seconds {
        answer.fields.push(("X-OC-Mtime", seconds.to_string().into_bytes()));
    }
    Some(Route::Answer(answer))
}
