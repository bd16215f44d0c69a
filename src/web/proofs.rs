//! Digests of files as texts: ?b3sum and ?b3tree; and files by their digests: ?b3=HEX.

use std::fmt;
use std::sync::Arc;

use super::answer::Answer;
use super::body::{Broken, Piece, Pieces};
use super::hashed::with_digests;
use super::hashing::{Digests, Hashing, Wanted};
use super::representation::Representation;
use super::request::{Request, Route};
use super::site::Site;
use super::tags::{derived, facts, is_settled};
use super::terms::Lifetime;
use super::walking::{Files, Found, Scope, Tree, Walking};
use super::work::{Asked, Asking, Work};
use crate::proto::web::archive::{Attributes, Entries};
use crate::proto::web::etag::ETag;
use crate::proto::web::file_facts::Timestamp;
use crate::proto::web::proof::{push_sum_line, sum_line_len, tree_text, tree_text_len};
use crate::proto::web::validators::Validators;
use crate::store::{FoundKind, Share, SourceFile, Stamp};

/// Versions of the texts, for their tags.
const SUMS: &str = "b3sum1";
const TREE: &str = "b3tree1";
/// The small files whose digests are computed in a step.
const STEP_FILES: usize = 16;

/// Answers with the values of a file's blocks.
pub(super) fn tree(request: &Request<'_>, source: SourceFile) -> Route {
    if !request.is_get() {
        // Its length is known without them.
        return Route::Answer(tree_of(&request.asking(), &source, String::new()));
    }
    let wanted = Wanted { values: true, blake3: true, ..Wanted::default() };
    with_digests(request, source, wanted, |asking, source, digests| {
        let Digests { blake3: Some(root), values: Some(values), .. } = digests else {
            return Answer::text(500, "");
        };
        tree_of(asking, &source, tree_text(source.size_bytes(), root, values))
    })
}

fn tree_of(asking: &Asking<'_>, source: &SourceFile, text: String) -> Answer {
    let etag = derived(TREE, &[&source.stamp().bytes()]);
    let validators = Validators::of_several(etag, Some(facts(source).changed), asking.now);
    let text = Box::new(Once(Some(text.into_bytes())));
    Representation::text(validators, tree_text_len(source.size_bytes()), text).answer(asking)
}

/// Answers with a file if its content has this digest.
pub(super) fn by_digest(request: &Request<'_>, path: &[u8], source: SourceFile, digest: [u8; 32]) -> Route {
    let path = path.to_vec();
    let wanted = Wanted { blake3: true, ..Wanted::default() };
    with_digests(request, source, wanted, move |asking, source, digests| {
        if digests.blake3 != Some(digest) {
            return Answer::text(404, "the file has other content");
        }
        let mut representation = Representation::file(asking, &path, source, digests);
        representation.validators = representation.validators.of_content(&digest);
        representation.lifetime = Lifetime::Immutable;
        representation.answer(asking)
    })
}

/// A text that is there.
struct Once(Option<Vec<u8>>);

impl Pieces for Once {
    fn next(&mut self) -> Result<Option<Piece>, Broken> {
        Ok(self.0.take().map(Piece::Bytes))
    }
}

/// Answers with the digest of a file.
pub(super) fn sum(request: &Request<'_>, share: &Share, path: &[u8], source: &SourceFile) -> Answer {
    let asking = request.asking();
    let name_at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let mut sums = Sums::new(&asking, Tree::File(share.clone()), name_at);
    sums.push(path, source.stamp());
    let etag = derived(SUMS, &[&path[name_at..], &source.stamp().bytes()]);
    sums.answer(&asking, etag, Some(facts(source).changed))
}

/// Finds all files in a folder, and answers with the digests of them.
pub(super) struct Summing {
    asked: Asked,
    walking: Walking,
    /// `None` once they are sent.
    sums: Option<Sums>,
}

impl Summing {
    pub(super) fn new(asking: &Asking<'_>, scope: Scope) -> Summing {
        let walking = Walking::new(&scope);
        Summing { asked: Asked::of(asking), walking, sums: Some(Sums::new(asking, scope.tree, 0)) }
    }
}

impl Work for Summing {
    fn step(&mut self) -> Option<Answer> {
        let sums = self.sums.as_mut()?;
        let found = self.walking.step(|path, kind| {
            if let FoundKind::File { stamp, .. } = kind {
                sums.push(path, stamp);
            }
        })?;
        let (seed, newest_change) = match found {
            Found::All { seed, newest_change } => (seed, newest_change),
            Found::Unreadable(text) => return Some(Answer::text(500, &text)),
        };
        let etag = derived(SUMS, &[&seed.bytes()]);
        let sums = self.sums.take()?;
        Some(self.asked.answer(|asking| sums.answer(asking, etag, newest_change)))
    }
}

/// The lines of files, whose digests are computed when they are sent.
struct Sums {
    site: Arc<Site>,
    now: Timestamp,
    files: Files,
    list: Entries,
    stamps: Vec<Stamp>,
    /// Names in the text begin here in the paths.
    name_at: usize,
    /// Of the whole text.
    size_bytes: u64,
    next: usize,
    hashing: Option<Hashing>,
}

impl Sums {
    fn new(asking: &Asking<'_>, tree: Tree, name_at: usize) -> Sums {
        Sums {
            site: Arc::clone(asking.site),
            now: asking.now,
            files: Files::new(tree),
            list: Entries::new(b""),
            stamps: Vec::new(),
            name_at,
            size_bytes: 0,
            next: 0,
            hashing: None,
        }
    }

    fn push(&mut self, path: &[u8], stamp: Stamp) {
        self.list.push_file(path, 0, Attributes::default());
        self.stamps.push(stamp);
        self.size_bytes += sum_line_len(&path[self.name_at..]);
    }

    fn answer(self, asking: &Asking<'_>, etag: ETag, newest_change: Option<Timestamp>) -> Answer {
        let validators = Validators::of_several(etag, newest_change, asking.now);
        Representation::text(validators, self.size_bytes, Box::new(self)).answer(asking)
    }

    /// Does a step towards the digest of the next file. `None`: there are more.
    fn digest(&mut self, path: &[u8], stamp: Stamp) -> Result<Option<[u8; 32]>, Broken> {
        let broken = |why: &dyn fmt::Display| Broken(format!("a file whose digest is sent {why}"));
        let mut hashing = match self.hashing.take() {
            Some(hashing) => hashing,
            None => {
                if let Some(digest) = self.site.digests.get(stamp).blake3 {
                    return Ok(Some(digest));
                }
                let source = self.files.open(path, stamp).map_err(|fault| broken(&fault))?;
                Hashing::new(source, Wanted { blake3: true, ..Wanted::default() })
            }
        };
        let Some(found) = hashing.step().map_err(|fault| broken(&fault))? else {
            self.hashing = Some(hashing);
            return Ok(None);
        };
        if is_settled(hashing.source(), self.now) {
            self.site.digests.keep(stamp, &found);
        }
        Ok(found.blake3)
    }
}

impl Pieces for Sums {
    fn next(&mut self) -> Result<Option<Piece>, Broken> {
        let mut lines = String::new();
        for _ in 0..STEP_FILES {
            let Some(path) = self.list.get(self.next).map(|entry| entry.path.to_vec()) else { break };
            let Some(digest) = self.digest(&path, self.stamps[self.next])? else {
                let piece = if lines.is_empty() { Piece::Later } else { Piece::Bytes(lines.into_bytes()) };
                return Ok(Some(piece));
            };
            push_sum_line(&digest, &path[self.name_at..], &mut lines);
            self.next += 1;
        }
        Ok((!lines.is_empty()).then(|| Piece::Bytes(lines.into_bytes())))
    }
}
