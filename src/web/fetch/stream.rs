//! A file in one piece, from one server: for stdout, for small files, and where nobody has `?b3tree`.

use super::lane::LaneEvent;
use super::place::Place;
use super::tree::Tree;
use super::{FetchTarget, Fetching, Step, Turn};
use crate::error::{Error, Exit};
use crate::net::wall::parse_http_date;
use crate::proto::http::{ContentRange, ResponseHead, ResponseLength};
use crate::report::ProgressPhase;
use crate::store::Origin;

/// A part from this size on is kept, in bytes; a smaller one comes again as quickly.
const WORTH_KEEPING_BYTES: u64 = 1 << 20;

/// A file that is being received from its beginning to its end.
pub(super) struct Stream {
    pub(super) place: Place,
    /// What its size and its digest have to be.
    pub(super) known: Option<Tree>,
    pub(super) hasher: blake3::Hasher,
    /// The bytes that are there.
    pub(super) at: u64,
    /// Where they are from, if the server can tell that it still has the same.
    origin: Option<Origin>,
    /// The announced size of the file.
    total: Option<u64>,
    /// The time of modification: seconds since 1970.
    pub(super) modified: Option<i64>,
    /// The server that was asked.
    mirror: Option<usize>,
}

/// Why a stream cannot go on.
enum Failure {
    /// Because of the server: another one may have the file.
    Remote(Error),
    Local(Error),
}

enum Flow {
    Waits,
    Again,
    Complete,
    /// It begins anew, with another request.
    Anew,
}

impl Stream {
    /// A file that begins at its first byte.
    pub(super) fn new(place: Place, known: Option<Tree>) -> Stream {
        let hasher = blake3::Hasher::new();
        Stream { place, known, hasher, at: 0, origin: None, total: None, modified: None, mirror: None }
    }

    /// The same, of which `at` bytes with this hash are there.
    pub(super) fn resumed(self, at: u64, hasher: blake3::Hasher, origin: Origin) -> Stream {
        Stream { at, hasher, origin: Some(origin), ..self }
    }

    /// The fields of its request.
    fn fields(&self) -> String {
        match &self.origin {
            Some(origin) if self.at > 0 => {
                format!("Accept: */*\r\nRange: bytes={}-\r\nIf-Range: {}\r\n", self.at, origin.version)
            }
            _ => "Accept: */*\r\n".to_owned(),
        }
    }

    /// Drops what is there.
    fn restart(&mut self) -> Result<(), crate::store::StoreError> {
        if let Place::Part(part) = &mut self.place {
            part.set_origin(None);
            part.keep_if_dropped(false);
            part.set_len(0)?;
        }
        (self.at, self.origin) = (0, None);
        self.hasher.reset();
        Ok(())
    }

    /// Returns whether it can begin anew: what went to stdout cannot be taken back.
    fn may_restart(&self) -> bool {
        self.at == 0 || matches!(self.place, Place::Part(_))
    }

    /// Keeps what is there for a later session, if that can use it.
    fn keep(self) {
        if let (Place::Part(part), Some(origin)) = (self.place, &self.origin)
            && self.at >= WORTH_KEEPING_BYTES
        {
            part.keep_from(origin);
        }
    }
}

impl Fetching {
    pub(super) fn stream(&mut self, mut stream: Box<Stream>) -> Result<Turn, Error> {
        let mirror = match (stream.mirror, self.first_mirror()) {
            (Some(mirror), _) => mirror,
            (None, Some(first)) => {
                stream.mirror = Some(first);
                self.only = Some(first);
                self.stop_asking();
                self.say_one_connection(&stream);
                let asked =
                    self.lanes[first].1.ask(self.mirrors[first].url.clone(), stream.fields(), self.now);
                if let Err(error) = asked {
                    return self.stream_failed(stream, first, error);
                }
                first
            }
            // The last failure has ended the session.
            (None, None) => return Ok(Turn::Next(Step::Over)),
        };
        let result = match self.pump(&mut stream, mirror) {
            Ok(Flow::Complete) => self.check(&stream).map(|()| Flow::Complete),
            result => result,
        };
        match result {
            Ok(Flow::Waits) => Ok(Turn::Wait(Step::Stream(stream))),
            Ok(Flow::Again) => Ok(Turn::Again(Step::Stream(stream))),
            Ok(Flow::Anew) => {
                stream.restart().map_err(|fault| self.store_error(&fault))?;
                stream.mirror = None;
                Ok(Turn::Next(Step::Stream(stream)))
            }
            Ok(Flow::Complete) => self.arrived(*stream),
            Err(Failure::Local(error)) => {
                stream.keep();
                Err(error)
            }
            Err(Failure::Remote(error)) => self.stream_failed(stream, mirror, error),
        }
    }

    /// Says that the requested connections are not used.
    fn say_one_connection(&self, stream: &Stream) {
        let wanted = self.options.connections.unwrap_or(1).max(self.options.mirrors.len());
        if wanted > 1 && stream.known.is_none() && matches!(stream.place, Place::Part(_)) {
            self.report
                .notice("no server has ?b3tree to verify blocks by: the file comes over one connection");
        }
    }

    /// Goes on with another server, if there is one.
    fn stream_failed(&mut self, mut stream: Box<Stream>, mirror: usize, error: Error) -> Result<Turn, Error> {
        let error = match (stream.total, error.exit()) {
            (Some(total), Exit::Lost) => {
                error.context(format!("{}: {} of {total} bytes are here", self.shown(), stream.at))
            }
            _ => error,
        };
        if !stream.may_restart() {
            return Err(error);
        }
        match self.drop_mirror(mirror, error) {
            Ok(()) => {
                stream.restart().map_err(|fault| self.store_error(&fault))?;
                stream.mirror = None;
                Ok(Turn::Next(Step::Stream(stream)))
            }
            Err(error) => {
                if error.exit() == Exit::Integrity {
                    // It may be the part that is wrong.
                    let _ = stream.restart();
                }
                stream.keep();
                Err(error)
            }
        }
    }

    fn pump(&mut self, stream: &mut Stream, mirror: usize) -> Result<Flow, Failure> {
        loop {
            if self.budget_bytes == 0 {
                return Ok(Flow::Again);
            }
            match self.lanes[mirror].1.next(self.now).map_err(Failure::Remote)? {
                LaneEvent::Blocked => return Ok(Flow::Waits),
                LaneEvent::Head(head) => {
                    if head.status == 416 && stream.at > 0 {
                        self.lanes[mirror].1.close();
                        return Ok(Flow::Anew);
                    }
                    self.stream_head(stream, mirror, &head)?;
                }
                LaneEvent::Body => {
                    let lane = &mut self.lanes[mirror].1;
                    let bytes = lane.body();
                    let size = stream.at + bytes.len() as u64;
                    if stream.known.as_ref().is_some_and(|known| size > known.size) {
                        return Err(Failure::Remote(self.mismatch()));
                    }
                    if let Some(limit) = self.options.max_size.filter(|limit| size > *limit) {
                        return Err(Failure::Local(self.too_large(size, limit)));
                    }
                    let written = stream.place.write(bytes);
                    let count = match written {
                        Ok(count) => count,
                        Err(failure) => return Err(Failure::Local(failure.error(self))),
                    };
                    stream.hasher.update(&bytes[..count]);
                    stream.at += count as u64;
                    lane.consume(count);
                    if count == 0 {
                        // The reader of stdout is slow, not the server.
                        lane.restart_idle(self.now);
                        return Ok(Flow::Waits);
                    }
                    if let (Place::Part(part), true) = (&mut stream.place, stream.origin.is_some()) {
                        part.keep_if_dropped(stream.at >= WORTH_KEEPING_BYTES);
                    }
                    self.progress.moved(count as u64);
                    self.moved(count);
                }
                LaneEvent::End => return Ok(Flow::Complete),
            }
        }
    }

    /// Takes the head of an answer with the content.
    fn stream_head(
        &mut self,
        stream: &mut Stream,
        mirror: usize,
        head: &ResponseHead,
    ) -> Result<(), Failure> {
        let remote = |exit, text: &str| Failure::Remote(Error::new(exit, text));
        match (head.status, stream.at) {
            (200, 0) => {}
            (200, _) => {
                self.report.notice("the server has another version now: the file comes from its beginning");
                stream.restart().map_err(|fault| Failure::Local(self.store_error(&fault)))?;
            }
            (206, 1..) => {
                let is_rest = matches!(head.content_range, Some(ContentRange { range: Some((first, end)), size: Some(size) })
                    if first == stream.at && end == size && is_of(head.length, end - first));
                let is_same = match (&head.strong_etag, &stream.origin) {
                    (Some(tag), Some(origin)) => *tag == origin.version,
                    (None, _) => true,
                    (Some(_), None) => false,
                };
                if !is_rest || !is_same {
                    return Err(remote(Exit::Integrity, "the server sends another part than was asked for"));
                }
                self.resumed_bytes = stream.at;
            }
            (status, _) => return Err(Failure::Remote(self.status_error(status))),
        }
        if let Some(coding) = &head.coding {
            let text =
                format!("the server sends the file with the coding {coding}, although it was asked not to");
            return Err(remote(Exit::Refused, &text));
        }
        let total = match head.length {
            ResponseLength::Counted(length) => Some(stream.at.saturating_add(length)),
            ResponseLength::Chunked => None,
            ResponseLength::ToEnd if stream.known.is_some() || self.options.digest.is_some() => None,
            ResponseLength::ToEnd => {
                let text = "the server says neither how long the file is nor where it ends: a cut could not be noticed";
                return Err(remote(Exit::Integrity, text));
            }
        };
        if let (Some(known), Some(total)) = (&stream.known, total)
            && known.size != total
        {
            return Err(Failure::Remote(self.mismatch()));
        }
        if let Some(total) = total {
            self.check_size(total, total - stream.at).map_err(Failure::Local)?;
            self.check_existing(total).map_err(Failure::Local)?;
        }
        if let (Some(version), Place::Part(part), 0) = (&head.strong_etag, &stream.place, stream.at) {
            let origin = Origin { source: self.source(mirror), version: version.clone() };
            part.set_origin(Some(&origin));
            stream.origin = Some(origin);
        }
        stream.total = total;
        stream.modified = head.last_modified.as_deref().and_then(parse_http_date);
        self.show(total, stream.at);
        Ok(())
    }

    /// Shows what comes.
    pub(super) fn show(&mut self, total: Option<u64>, at: u64) {
        if !std::mem::replace(&mut self.is_expected, true) {
            self.progress.expect(1, total.unwrap_or(0));
            self.progress.all_known();
        }
        self.progress.file(&self.options.name, total, at);
        self.progress.phase(ProgressPhase::Receiving);
    }

    /// Fails early if the name is taken by a file of another size.
    fn check_existing(&self, total: u64) -> Result<(), Error> {
        let FetchTarget::Folder { folder, .. } = &self.options.target else { return Ok(()) };
        match folder.existing(&self.options.name) {
            Ok(Some((_, size))) if size != total && !self.options.replace => Err(self.exists()),
            Ok(_) => Ok(()),
            Err(fault) => Err(self.store_error(&fault)),
        }
    }

    /// Compares a file that has come with what is known of it.
    fn check(&self, stream: &Stream) -> Result<(), Failure> {
        let digest = self.expected(stream.known.as_ref());
        let is_right = digest.is_none_or(|digest| stream.hasher.finalize() == digest)
            && stream.known.as_ref().is_none_or(|known| known.size == stream.at);
        if is_right { Ok(()) } else { Err(Failure::Remote(self.mismatch())) }
    }

    /// The digest that the file must have, if one is known.
    pub(super) fn expected(&self, known: Option<&Tree>) -> Option<[u8; 32]> {
        known.map(|known| known.hash).or(self.options.digest)
    }
}

fn is_of(length: ResponseLength, bytes: u64) -> bool {
    matches!(length, ResponseLength::Counted(count) if count == bytes) || length == ResponseLength::Chunked
}
