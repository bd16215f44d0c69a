//! A client is told a text, or what is in a file, or nothing; what it says is thrown away.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use super::per_client::Client;
use crate::error::{Error, Exit};
use crate::error::{lost, with_original_name};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::pump::{Pump, Pumped};
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status};
use crate::net::stream::{Stream, Timed};
use crate::net::wrapper::Sink;
use crate::server::client_session::CountedSession;
use crate::server::option_files::text_or_file;
use crate::store::{LARGEST_WHOLE_BYTES, SourceFile};

/// What is read of a file at once.
const CHUNK_BYTES: usize = 256 << 10;

/// What clients are told.
#[derive(Clone)]
pub(crate) enum Answer {
    Text(Rc<[u8]>),
    /// What is in this file when a client comes: it is too large to be held.
    File(Rc<Path>),
}

impl Answer {
    /// `TEXT` with its escapes, or `@FILE`.
    pub(crate) fn read(value: &str) -> Result<Answer, Error> {
        if let Some(path) = value.strip_prefix('@').map(Path::new)
            && SourceFile::open(path).is_ok_and(|source| source.size_bytes() > LARGEST_WHOLE_BYTES)
        {
            return Ok(Answer::File(path.into()));
        }
        Ok(Answer::Text(text_or_file(value, "--reply")?.into()))
    }
}

/// The bytes for one client.
enum Said {
    Text(Rc<[u8]>),
    /// A chunk of the file, and where in it that begins.
    File {
        source: SourceFile,
        chunk: Vec<u8>,
        start: u64,
    },
}

impl Said {
    /// What is to be told from there on; nothing at the end.
    fn from(&mut self, told: u64) -> Result<&[u8], Error> {
        let (chunk, start) = match self {
            Said::Text(text) => (&text[..], 0),
            Said::File { source, chunk, start } => {
                let is_over = told == source.size_bytes();
                if !is_over && told == *start + chunk.len() as u64 {
                    *start = told;
                    let left = usize::try_from(source.size_bytes() - told).unwrap_or(CHUNK_BYTES);
                    chunk.resize(CHUNK_BYTES.min(left), 0);
                    let count = source.read(chunk).map_err(|fault| Error::new(Exit::Failed, fault))?;
                    chunk.truncate(count);
                }
                // A file that has shrunk has changed.
                let is_cut = !is_over && chunk.is_empty();
                if is_cut || is_over && source.changed().map_err(|fault| Error::new(Exit::Failed, fault))? {
                    return Err(Error::new(
                        Exit::Integrity,
                        "the file of --reply has changed while it was sent",
                    ));
                }
                (&chunk[..], *start)
            }
        };
        Ok(&chunk[(told - start) as usize..])
    }
}

/// A client that is told something, and drained.
pub(crate) struct Reply<S> {
    peer: Limited<S>,
    said: Said,
    told: u64,
    /// End our direction behind the text; else when the peer has ended.
    ends_first: bool,
    ended: bool,
    drain: Pump,
    acknowledgement: AcknowledgementWait,
}

impl Reply<Box<dyn Stream>> {
    /// Says this and ends its direction.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn new(client: Client, answer: &Answer) -> Result<Reply<Box<dyn Stream>>, Error> {
        let said = match answer {
            Answer::Text(text) => Said::Text(Rc::clone(text)),
            Answer::File(path) => {
                let source = SourceFile::open(path)
                    .map_err(|fault| Error::new(Exit::Failed, format!("the file of --reply {fault}")))?;
                Said::File { source, chunk: Vec::new(), start: 0 }
            }
        };
        Ok(Reply::of(client.peer, said, true))
    }

    /// Has nothing to say.
    pub(crate) fn discard(client: Client) -> Reply<Box<dyn Stream>> {
        Reply::of(client.peer, Said::Text(Rc::default()), false)
    }
}

impl<S: Stream> Reply<S> {
    fn of(peer: Limited<S>, said: Said, ends_first: bool) -> Reply<S> {
        let (drain, acknowledgement) = (Pump::copying(), AcknowledgementWait::default());
        Reply { peer, said, told: 0, ends_first, ended: false, drain, acknowledgement }
    }

    /// True if there may be more than the budget allowed.
    fn tell(&mut self, mut budget_bytes: usize) -> Result<bool, Error> {
        while !self.ended {
            let rest = self.said.from(self.told)?;
            if rest.is_empty() {
                if self.ends_first || self.drain.lane().has_source_ended() {
                    self.peer.finish_writing().map_err(|error| lost(&error))?;
                    self.ended = true;
                }
                break;
            }
            match self.peer.write(rest) {
                Ok(count) => {
                    self.told += count as u64;
                    let Some(left) = budget_bytes.checked_sub(count) else { return Ok(true) };
                    budget_bytes = left;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(with_original_name(error, lost)),
            }
        }
        Ok(false)
    }
}

impl<S: Stream> Session for Reply<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.peer.tick(context.now);
        let drained = self.drain.advance(&mut self.peer, &mut Sink, context);
        let drained = drained.map_err(|fault| with_original_name(fault.error, lost))?;
        let more = self.tell(context.budget_bytes)?;
        if more || drained == Pumped::More {
            return Ok(Status::Again);
        }
        let over = self.ended && self.drain.lane().is_drained();
        let over = over && self.acknowledgement.is_acknowledged(&mut self.peer, context.now)?;
        Ok(if over { Status::Done } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        [self.acknowledgement.deadline(), self.peer.wake_up()].into_iter().flatten().min()
    }
}

impl<S: Stream> CountedSession for Reply<S> {
    fn moved(&self) -> (u64, u64) {
        (self.told, self.drain.lane().delivered())
    }
}
