//! Answers that need digests of a file.

use super::answer::{Answer, failed};
use super::hashing::{Digests, Hashing, Wanted};
use super::request::{Request, Route};
use super::tags::is_settled;
use super::work::{Asked, Asking, Work};
use crate::store::SourceFile;

/// Makes the answer from a file and its digests, once they are known.
type Then = Box<dyn FnOnce(&Asking<'_>, SourceFile, &Digests) -> Answer>;

/// Answers with what needs digests of a file: at once if they are known, else on a thread when they are.
pub(super) fn with_digests(
    request: &Request<'_>,
    source: SourceFile,
    wanted: Wanted,
    then: impl FnOnce(&Asking<'_>, SourceFile, &Digests) -> Answer + 'static,
) -> Route {
    let asking = request.asking();
    if wanted == Wanted::default() {
        return Route::Answer(then(&asking, source, &Digests::default()));
    }
    // One that changes just now may have another content with the same stamp.
    let is_kept = is_settled(&source, asking.now);
    let known = if is_kept { asking.site.digests.get(source.stamp()) } else { Digests::default() };
    if known.have(wanted) {
        return Route::Answer(then(&asking, source, &known.only(wanted)));
    }
    if !request.may_block {
        return Route::Move;
    }
    let asked = Asked::of(&asking);
    Route::Work(Box::new(Hashed {
        hashing: Hashing::new(source, wanted),
        wanted,
        asked,
        is_kept,
        then: Some(Box::new(then)),
    }))
}

/// An answer that waits for digests.
struct Hashed {
    hashing: Hashing,
    wanted: Wanted,
    asked: Asked,
    is_kept: bool,
    then: Option<Then>,
}

impl Work for Hashed {
    fn step(&mut self) -> Option<Answer> {
        let found = match self.hashing.step() {
            Ok(found) => found?,
            Err(fault) => return Some(fault.answer()),
        };
        let source = match self.hashing.source().try_clone() {
            Ok(source) => source,
            Err(fault) => return Some(failed(&fault)),
        };
        if self.is_kept {
            self.asked.site().digests.keep(source.stamp(), &found);
        }
        let digests = found.only(self.wanted);
        let then = self.then.take()?;
        Some(self.asked.answer(|asking| then(asking, source, &digests)))
    }
}
