//! `--reply` and `--discard`: a client gets a text, a file, or nothing. Its own bytes are discarded.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use super::per_client::RelayClient;
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

/// Most bytes of one read of a file.
const CHUNK_BYTES: usize = 256 << 10;

/// The reply, for all clients.
#[derive(Clone)]
pub(crate) enum ReplySource {
    Text(Rc<[u8]>),
    /// The content of this file when a client connects: it is too large to be held.
    File(Rc<Path>),
}

impl ReplySource {
    /// `TEXT` with its escapes, or `@FILE`.
    pub(crate) fn read(value: &str) -> Result<ReplySource, Error> {
        if let Some(path) = value.strip_prefix('@').map(Path::new)
            && SourceFile::open(path).is_ok_and(|source| source.size_bytes() > LARGEST_WHOLE_BYTES)
        {
            return Ok(ReplySource::File(path.into()));
        }
        Ok(ReplySource::Text(text_or_file(value, "--reply")?.into()))
    }
}

/// The reply to one client.
enum ReplyBytes {
    Text(Rc<[u8]>),
    /// A chunk of the file, and its offset.
    File {
        source: SourceFile,
        chunk: Vec<u8>,
        start: u64,
    },
}

impl ReplyBytes {
    /// The next bytes, after the `sent` ones; none at the end.
    fn from(&mut self, sent: u64) -> Result<&[u8], Error> {
        let (chunk, start) = match self {
            ReplyBytes::Text(text) => (&text[..], 0),
            ReplyBytes::File { source, chunk, start } => {
                let is_over = sent == source.size_bytes();
                if !is_over && sent == *start + chunk.len() as u64 {
                    *start = sent;
                    let left = usize::try_from(source.size_bytes() - sent).unwrap_or(CHUNK_BYTES);
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
        Ok(&chunk[(sent - start) as usize..])
    }
}

/// A client that gets a reply and is drained.
pub(crate) struct ReplySession<S> {
    peer: Limited<S>,
    reply: ReplyBytes,
    sent: u64,
    /// Our direction ends after the reply; else when the peer has ended.
    ends_first: bool,
    ended: bool,
    drain: Pump,
    acknowledgement: AcknowledgementWait,
}

impl ReplySession<Box<dyn Stream>> {
    /// Sends the reply and ends our direction.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn new(
        client: RelayClient,
        answer: &ReplySource,
    ) -> Result<ReplySession<Box<dyn Stream>>, Error> {
        let reply = match answer {
            ReplySource::Text(text) => ReplyBytes::Text(Rc::clone(text)),
            ReplySource::File(path) => {
                let source = SourceFile::open(path)
                    .map_err(|fault| Error::new(Exit::Failed, format!("the file of --reply {fault}")))?;
                ReplyBytes::File { source, chunk: Vec::new(), start: 0 }
            }
        };
        Ok(ReplySession::of(client.peer, reply, true))
    }

    /// Sends nothing.
    pub(crate) fn discard(client: RelayClient) -> ReplySession<Box<dyn Stream>> {
        ReplySession::of(client.peer, ReplyBytes::Text(Rc::default()), false)
    }
}

impl<S: Stream> ReplySession<S> {
    fn of(peer: Limited<S>, reply: ReplyBytes, ends_first: bool) -> ReplySession<S> {
        let (drain, acknowledgement) = (Pump::copying(), AcknowledgementWait::default());
        ReplySession { peer, reply, sent: 0, ends_first, ended: false, drain, acknowledgement }
    }

    /// True if there may be more than the budget allowed.
    fn send(&mut self, mut budget_bytes: usize) -> Result<bool, Error> {
        while !self.ended {
            let rest = self.reply.from(self.sent)?;
            if rest.is_empty() {
                if self.ends_first || self.drain.lane().has_source_ended() {
                    self.peer.finish_writing().map_err(|error| lost(&error))?;
                    self.ended = true;
                }
                break;
            }
            match self.peer.write(rest) {
                Ok(count) => {
                    self.sent += count as u64;
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

impl<S: Stream> Session for ReplySession<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.peer.tick(context.now);
        let drained = self.drain.advance(&mut self.peer, &mut Sink, context);
        let drained = drained.map_err(|fault| with_original_name(fault.error, lost))?;
        let more = self.send(context.budget_bytes)?;
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

impl<S: Stream> CountedSession for ReplySession<S> {
    fn moved(&self) -> (u64, u64) {
        (self.sent, self.drain.lane().delivered())
    }
}
