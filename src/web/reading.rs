//! GET and HEAD.

use super::answer::{Answer, failed};
use super::archiving::Archiving;
use super::folders::listed;
use super::hashed::with_digests;
use super::hashing::{Digests, Wanted};
use super::proofs::{self, Summing};
use super::representation::Representation;
use super::request::{Request, Route};
use super::tags::{is_settled, time_of};
use super::terms::ETagSource;
use super::walking::Scope;
use super::work::Asking;
use crate::proto::http::values;
use crate::proto::web::archive::Format;
use crate::proto::web::digests;
use crate::proto::web::target::{Query, Target};
use crate::store::{Share, SourceFile, StoreErrorKind};

/// Answers a GET or a HEAD.
pub(super) fn read(request: &Request<'_>, target: &Target) -> Route {
    let path = target.path.as_ref().map_or(&b""[..], |path| path.as_bytes());
    let is_plain = matches!(target.query, Query::None | Query::Other);
    match &request.site.share {
        Some(share) if is_plain && !target.is_folder && !path.is_empty() => match share.source(path) {
            Ok(source) => file(request, path, source),
            Err(fault) if fault.kind == StoreErrorKind::NotRegular => slow(request, target),
            Err(fault) => Route::Answer(failed(&fault)),
        },
        Some(share) if is_plain && target.is_folder && request.site.terms.is_site => {
            let index = if path.is_empty() { INDEX.to_vec() } else { [path, b"/", INDEX].concat() };
            match share.source(&index) {
                Ok(source) => file(request, &index, source),
                Err(_) => slow(request, target),
            }
        }
        _ => slow(request, target),
    }
}

/// The page of a folder in a web site.
const INDEX: &[u8] = b"index.html";

/// Answers what may take a while, on a thread that may wait.
fn slow(request: &Request<'_>, target: &Target) -> Route {
    if !request.may_block {
        return Route::Move;
    }
    let path = target.path.as_ref().map_or(&b""[..], |path| path.as_bytes());
    let share = match (target.query, &request.site.share) {
        (Query::None | Query::Other | Query::Json | Query::Text, share) => {
            return Route::Answer(folder(request, share.as_ref(), target));
        }
        (_, None) => return Route::Answer(Answer::text(404, "nothing is shared here")),
        (_, Some(share)) => share,
    };
    let source = if target.is_folder { None } else { share.source(path).ok() };
    let asking = request.asking();
    match (target.query, source) {
        (Query::B3Sum, Some(source)) => Route::Answer(proofs::sum(request, share, path, &source)),
        (Query::B3Tree, Some(source)) => proofs::tree(request, source),
        (Query::B3(digest), Some(source)) => proofs::by_digest(request, path, source, digest),
        (Query::B3Tree | Query::B3(_), None) => Route::Answer(Answer::text(404, "")),
        (query, _) => match Scope::of(&request.site.title, share, path) {
            Ok(scope) => Route::Work(match query {
                Query::Tar => Box::new(Archiving::new(&asking, scope, Format::Tar)),
                Query::Zip => Box::new(Archiving::new(&asking, scope, Format::Zip)),
                _ => Box::new(Summing::new(&asking, scope)),
            }),
            Err(fault) => Route::Answer(failed(&fault)),
        },
    }
}

fn folder(request: &Request<'_>, share: Option<&Share>, target: &Target) -> Answer {
    let path = target.path.as_ref().map_or(&b""[..], |path| path.as_bytes());
    let folder = match share {
        Some(share) => share.folder(path),
        // The page from which files are sent.
        None if path.is_empty() => Ok(None),
        None => return Answer::text(404, "nothing is shared here"),
    };
    match folder {
        Ok(folder) if target.is_folder => listed(request, folder.as_ref(), target),
        Ok(_) => match target.slash_location().or_else(|| request.secret_location()) {
            Some(location) => Answer::empty(301).with("Location", location),
            None => Answer::text(404, ""),
        },
        Err(fault) => failed(&fault),
    }
}

/// Answers with a file, or parts of it.
fn file(request: &Request<'_>, path: &[u8], source: SourceFile) -> Route {
    let wants_content = request.site.terms.etag == ETagSource::Content;
    let wanted = Wanted {
        blake3: wants_content && is_settled(&source, time_of(request.now_seconds)),
        sha256: digests::is_wanted(values(request.fields(), "want-repr-digest")),
        values: false,
    };
    if wanted == Wanted::default() {
        return Route::Answer(answered(&request.asking(), path, source, &Digests::default()));
    }
    let path = path.to_vec();
    with_digests(request, source, wanted, move |asking, source, known| answered(asking, &path, source, known))
}

fn answered(asking: &Asking<'_>, path: &[u8], source: SourceFile, known: &Digests) -> Answer {
    let mut answer = Representation::file(asking, path, source, known).answer(asking);
    if answer.status == 200 {
        answer.whole_file = Some(path.to_vec());
    }
    answer
}
