//! POST of a form with files to a folder, as curl -F and pages without a script send it.

use super::announced::Announced;
use super::refusal::{NO_ROOM, OTHER_CONTENT, Refusal};
use super::started::{check_coding, content_length, may_replace};
use super::upload::{DigestNote, Upload, UploadContext, UploadStart};
use crate::net::endpoint::PeerName;
use crate::net::reactor::ThreadWaker;
use crate::proto::http::{MediaType, preferred_of, reason, values};
use crate::proto::transfer::names::CleanPath;
use crate::proto::web::listing::content_type;
use crate::proto::web::multipart::{Multipart, MultipartEvent, MultipartFault, PartHead};
use crate::proto::web::page;
use crate::proto::web::target::{Query, Target};
use crate::report::{Report, escape_name};
use crate::store::Folder;
use crate::web::answer::Answer;
use crate::web::request::{Intake, Request, Route};
use crate::web::site::Site;
use std::sync::Arc;

/// The most bytes of names that an answer has.
const MAX_NAMES_BYTES: usize = 1 << 20;

const TOO_MANY: Refusal = Refusal::new(413, "the form has more files than this server takes (--max-entries)");
const NO_NAME: Refusal = Refusal::new(400, "no file can have this name here");
/// What a person can do where a program would send If-Match.
const OTHER_FILE: &str = "a file with other content has this name: rename yours, or delete the one that is there, and send it again";
const NO_FILE: &str = "the form has no file";

/// Decides about a POST before its body.
pub(in crate::web) fn post(request: &Request<'_>, target: &Target) -> Route {
    let Some(folder) = &request.site.store else {
        return Route::Answer(Answer::text(405, "nothing is stored here"));
    };
    if !target.is_folder || !matches!(target.query, Query::None) {
        return Route::Answer(Answer::text(400, "send a form to a folder, with a slash at its end"));
    }
    let parser = values(request.fields(), "content-type").next().and_then(Multipart::of);
    let Some(parser) = parser else {
        return Route::Answer(Answer::text(415, "send a form with files: multipart/form-data"));
    };
    if !request.may_block {
        return Route::Move;
    }
    let path = target.path.as_ref().map_or(&b""[..], |path| path.as_bytes());
    if let Err(refusal) = check_coding(request).and_then(|()| check_room(request, folder, path)) {
        return Route::Answer(refusal.into());
    }
    let forms = [MediaType::Text, MediaType::Html];
    Route::Take(Box::new(Form {
        parser,
        files: FormFiles {
            site: Arc::clone(request.site),
            store: folder.clone(),
            report: request.client.report.clone(),
            peer: request.client.peer.clone(),
            now_seconds: request.now_seconds,
            digests: request.site.digest_note.clone(),
            waker: request.waker.cloned(),
            folder: path.to_vec(),
            wants_page: preferred_of(forms, values(request.fields(), "accept")) == MediaType::Html,
            part: CurrentPart::None,
            count: 0,
            lines: Vec::new(),
            names_bytes: 0,
        },
    }))
}

/// The files of a form have less bytes than the form.
fn check_room(request: &Request<'_>, folder: &Folder, path: &[u8]) -> Result<(), Refusal> {
    /// Nearly all of a form of this size may be names.
    const SMALL_BYTES: u64 = 1 << 20;
    let free = folder.free_bytes(&[path, b"/x"].concat());
    match (content_length(request), free) {
        (Some(length), Some(free)) if length > SMALL_BYTES && length - SMALL_BYTES > free => Err(NO_ROOM),
        _ => Ok(()),
    }
}

/// The body of a form.
struct Form {
    parser: Multipart,
    files: FormFiles,
}

/// The files of a form.
struct FormFiles {
    site: Arc<Site>,
    store: Folder,
    report: Report,
    peer: PeerName,
    /// The seconds since 1970 of the request.
    now_seconds: u64,
    digests: Option<DigestNote>,
    waker: Option<ThreadWaker>,
    /// The path of the folder.
    folder: Vec<u8>,
    wants_page: bool,
    part: CurrentPart,
    /// The number of files that have begun.
    count: u32,
    lines: Vec<Line>,
    names_bytes: usize,
}

/// The part of the form that arrives.
enum CurrentPart {
    /// Nothing, or a field that is no file.
    None,
    /// A field for files without one, as long as it is empty.
    Unnamed,
    /// A file that is written.
    File(Vec<u8>, Box<Upload>),
    /// A file that was refused: what arrives of it is skipped.
    Refused,
}

/// What became of a file.
struct Line {
    name: Vec<u8>,
    status: u16,
    text: &'static str,
}

impl FormFiles {
    /// Begins a part.
    fn begin(&mut self, head: PartHead) -> Result<(), Refusal> {
        self.part = match head.filename {
            None => CurrentPart::None,
            Some(name) if name.is_empty() => CurrentPart::Unnamed,
            Some(name) => {
                self.count += 1;
                self.names_bytes += name.len();
                if self.count > self.site.terms.max_entries || self.names_bytes > MAX_NAMES_BYTES {
                    return Err(TOO_MANY);
                }
                match self.begin_file(&name) {
                    Ok(upload) => CurrentPart::File(name, Box::new(upload)),
                    Err(refusal) => {
                        refusal.report(&name, &self.report);
                        self.refuse(name, &refusal);
                        CurrentPart::Refused
                    }
                }
            }
        };
        Ok(())
    }

    fn begin_file(&self, name: &[u8]) -> Result<Upload, Refusal> {
        // It is below the folder by itself: nothing of the name may depend on where that is.
        CleanPath::parse(name).map_err(|_| NO_NAME)?;
        let path = match self.folder.is_empty() {
            true => name.to_vec(),
            false => [&self.folder, &b"/"[..], name].concat(),
        };
        let path = CleanPath::parse(&path).map_err(|_| NO_NAME)?;
        let (path, announced) = (path.as_bytes(), Announced::default());
        may_replace(&[], (&self.site, self.now_seconds), &self.store, (path, &announced))?;
        self.site.resumable.end_idle(path);
        let context = UploadContext {
            running: &self.site.running,
            folder: &self.store,
            report: &self.report,
            peer: &self.peer,
            digests: self.digests.as_ref(),
            etag: self.site.terms.etag,
            max_size: self.site.terms.max_size,
            waker: self.waker.as_ref(),
        };
        let (replaced, whole_sha256, content_sha256) = (None, None, None);
        let start = UploadStart { path, announced, from: 0, replaced, whole_sha256, content_sha256 };
        Upload::begin(&context, start)
    }

    fn data(&mut self, data: &[u8]) {
        let refused = match &mut self.part {
            CurrentPart::None | CurrentPart::Refused => return,
            CurrentPart::Unnamed => Some((Vec::new(), NO_NAME)),
            CurrentPart::File(name, upload) => {
                upload.write(data).err().map(|refusal| (std::mem::take(name), refusal))
            }
        };
        if let Some((name, refusal)) = refused {
            self.count += u32::from(name.is_empty());
            self.refuse(name, &refusal);
            self.part = CurrentPart::Refused;
        }
    }

    fn end(&mut self) {
        if let CurrentPart::File(name, mut upload) = std::mem::replace(&mut self.part, CurrentPart::None) {
            match upload.commit() {
                Ok(stored) if stored.status == 201 => self.add(name, 201, "arrived"),
                Ok(stored) => self.add(name, stored.status, "was there already"),
                Err(refusal) => self.refuse(name, &refusal),
            }
        }
    }

    fn refuse(&mut self, name: Vec<u8>, refusal: &Refusal) {
        // A form can name no tag.
        let is_other = refusal.why == OTHER_CONTENT.why;
        self.add(name, refusal.status, if is_other { OTHER_FILE } else { refusal.why });
    }

    fn add(&mut self, name: Vec<u8>, status: u16, text: &'static str) {
        self.lines.push(Line { name, status, text });
    }

    fn broken(&mut self, fault: MultipartFault) -> Answer {
        self.answer(Some((fault.status(), fault.to_string())))
    }

    /// The answer: the status of the worst file, and a line for each. `fault` is that of the form itself.
    fn answer(&mut self, fault: Option<(u16, String)>) -> Answer {
        // A file that is not whole has no name.
        self.part = CurrentPart::None;
        let fault = match fault {
            None if self.count == 0 => Some((400, NO_FILE.to_owned())),
            fault => fault,
        };
        let statuses = self.lines.iter().map(|line| line.status);
        let worst = statuses.chain(fault.iter().map(|(status, _)| *status)).max().unwrap_or(400);
        let (media_type, body) = match self.wants_page {
            true => (MediaType::Html, self.page(worst, fault.as_ref())),
            false => (MediaType::Text, self.text(fault.as_ref())),
        };
        let mut answer =
            Answer::bytes(worst, content_type(media_type), body).with("Cache-Control", "no-store");
        if self.wants_page {
            answer.fields.extend(page::message_fields().map(|(name, value)| (name, value.into())));
        }
        answer.completes = worst < 300;
        answer
    }

    fn text(&self, fault: Option<&(u16, String)>) -> Vec<u8> {
        let mut text = String::new();
        for Line { name, status, text: why } in &self.lines {
            text.push_str(&format!("{status} {}: {why}\n", escape_name(name)));
        }
        if let Some((status, why)) = fault {
            text.push_str(&format!("{status} {}: {why}\n", reason(*status)));
        }
        text.into_bytes()
    }

    fn page(&self, worst: u16, fault: Option<&(u16, String)>) -> Vec<u8> {
        let heading = match (worst < 300, self.lines.len()) {
            (true, 1) => "The file has arrived",
            (true, _) => "All files have arrived",
            (false, _) => "Not everything has arrived",
        };
        let lines = self.lines.iter().map(|line| (&line.name[..], line.text));
        let lines = lines.chain(fault.map(|(_, why)| (&b""[..], &why[..])));
        page::message(heading, &lines.collect::<Vec<_>>(), Some("./"))
    }
}

impl Intake for Form {
    fn is_stale(&self) -> bool {
        matches!(&self.files.part, CurrentPart::File(_, upload) if upload.is_stale())
    }

    fn take(&mut self, mut input: &[u8]) -> Result<(), Box<Answer>> {
        loop {
            let (used, event) = self.parser.next_event(input);
            let is_over = match event {
                MultipartEvent::More => used == input.len(),
                MultipartEvent::Skipped | MultipartEvent::End => false,
                MultipartEvent::Part(head) => {
                    if let Err(refusal) = self.files.begin(head) {
                        let fault = (refusal.status, refusal.why.to_owned());
                        return Err(Box::new(self.files.answer(Some(fault))));
                    }
                    false
                }
                MultipartEvent::Data(data) => {
                    self.files.data(data);
                    false
                }
                MultipartEvent::PartEnd => {
                    self.files.end();
                    false
                }
                MultipartEvent::Refused(fault) => return Err(Box::new(self.files.broken(fault))),
            };
            input = &input[used..];
            if is_over {
                return Ok(());
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Answer {
        match self.parser.finish() {
            Ok(()) => self.files.answer(None),
            Err(fault) => self.files.broken(fault),
        }
    }
}
