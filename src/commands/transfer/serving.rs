//! A server's side of a transfer: the handshake, then a session of either kind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::link::Limits;
use super::outcome::{Role, broken, failed, reason_of};
use super::receiving::{Destination, Naming, Receiving};
use super::sending::{Opener, Sending, entry_of};
use super::wire::{Failure, Filled, LastWord, Wire, say_last_word};
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Io, Session, Status, Turn};
use crate::net::stream::Stream;
use crate::proto::entry::{Entry, Kind};
use crate::proto::hello::{Accept, Hello, Operation, Parsed};
use crate::proto::names::CleanPath;
use crate::proto::reason::Reason;
use crate::proto::violation::Violation;
use crate::report::Report;
use crate::store::{Fault, Folder, Source};

/// What a server takes and gives.
#[derive(Clone)]
pub(crate) struct Offer {
    /// Where uploads go, if they are taken.
    pub(crate) store: Option<Folder>,
    /// What can be fetched.
    pub(crate) share: Option<Share>,
    /// Files that exist stay, whatever a client asks for.
    pub(crate) keep_existing: bool,
    /// The largest file that is taken, in bytes.
    pub(crate) max_size: Option<u64>,
}

/// What `--share` names.
#[derive(Clone)]
pub(crate) enum Share {
    /// The files of a folder.
    Folder(Folder),
    /// One file, under its base name.
    File { path: PathBuf, name: Vec<u8> },
}

impl Share {
    fn open(&self, name: &[u8]) -> Result<Source, Fault> {
        match self {
            Share::Folder(folder) => folder.source(name),
            Share::File { path, .. } => Source::open(path),
        }
    }

    fn offers(&self, name: &[u8]) -> bool {
        match self {
            Share::Folder(_) => true,
            Share::File { name: only, .. } => name == only,
        }
    }

    fn all_names(&self) -> Result<Vec<Vec<u8>>, Fault> {
        match self {
            Share::Folder(folder) => folder.files(),
            Share::File { name, .. } => Ok(vec![name.clone()]),
        }
    }

    /// The answer to a name that was asked for.
    fn entry(&self, name: &[u8]) -> Entry {
        let no = |reason, text| Entry {
            kind: Kind::File,
            executable: false,
            size: 0,
            mtime_seconds: 0,
            mtime_nanoseconds: 0,
            path: name.to_vec(),
            not_offered: Some((reason, text)),
        };
        match CleanPath::parse(name) {
            Err(fault) => no(Reason::UnsafeName, fault.to_string()),
            Ok(_) if !self.offers(name) => no(Reason::NotFound, Reason::NotFound.to_string()),
            Ok(_) => match self.open(name) {
                Ok(source) => entry_of(&source, name.to_vec()),
                Err(fault) => {
                    let (reason, text) = reason_of(&fault, Role::Sender);
                    no(reason, text)
                }
            },
        }
    }
}

/// One client of a transfer server.
pub(crate) struct Serving<S> {
    state: State<S>,
    greet_by: Instant,
    offer: Arc<Offer>,
    limits: Limits,
    context: (Io, Report, PeerName),
}

enum State<S> {
    Greeting(Option<Wire<S>>),
    Session(Box<dyn Session>),
    Ending(Option<(LastWord<S>, Option<Error>)>),
}

impl<S: Stream + 'static> Serving<S> {
    /// Serves a client that has just come; if `busy`, only to tell it so.
    pub(crate) fn new(
        stream: S,
        now: Instant,
        offer: Arc<Offer>,
        limits: Limits,
        busy: bool,
        context: (Io, Report, PeerName),
    ) -> Serving<S> {
        let wire = Wire::new(stream, now);
        let state = if busy {
            let failure = Failure {
                error: Error::new(Exit::Refused, "too many clients from this address"),
                tell: Some((Reason::Busy, Reason::Busy.to_string())),
            };
            refuse(wire, failure)
        } else {
            State::Greeting(Some(wire))
        };
        Serving { state, greet_by: now + limits.handshake, offer, limits, context }
    }

    fn greet(&mut self, wire: &mut Wire<S>, now: Instant) -> Result<Option<Hello>, Failure> {
        wire.tick(now);
        loop {
            match Hello::parse(wire.incoming()) {
                Ok(Parsed::Complete { value, used }) => {
                    wire.consume(used);
                    return Ok(Some(value));
                }
                // As it comes, so that a client of another kind is known by its first bytes.
                Ok(Parsed::Incomplete { .. }) => match wire.fill(wire.incoming().len() + 1)? {
                    Filled::Enough => {}
                    Filled::Blocked if now < self.greet_by => return Ok(None),
                    Filled::Blocked => {
                        let limit = humantime::format_duration(self.limits.handshake);
                        let text = format!("the client's handshake took over {limit} (see --timeout)");
                        let tell = Some((Reason::TimeLimit, text.clone()));
                        return Err(Failure { error: Error::new(Exit::TimedOut, text), tell });
                    }
                    Filled::Ended => {
                        let text = "the client closed the connection before its handshake was complete";
                        return Err(Error::new(Exit::Lost, text).into());
                    }
                },
                Err(Violation::NotOurs) => return Err(not_ours(wire)),
                Err(violation) => return Err(broken(violation)),
            }
        }
    }

    /// What a client gets, or why it gets nothing.
    fn choose(&self, hello: &Hello) -> Result<Granted, Failure> {
        match (hello.operation, &self.offer.store, &self.offer.share) {
            (Operation::Put { replace }, Some(folder), _) => Ok(Granted::Put(Destination {
                folder: folder.clone(),
                naming: Naming::AsSent,
                replace: replace && !self.offer.keep_existing,
                max_size: self.offer.max_size,
            })),
            (Operation::Get, _, Some(share)) => {
                let (entries, open) = offered(share, hello)
                    .map_err(|fault| failed(Role::Sender, "cannot offer files", &fault))?;
                Ok(Granted::Get(entries, open))
            }
            (Operation::Put { .. }, None, _) => Err(not_allowed("takes no uploads", "--store")),
            (Operation::Get, _, None) => Err(not_allowed("offers no downloads", "--share")),
        }
    }

    fn begin(&self, mut wire: Wire<S>, granted: Granted) -> Box<dyn Session> {
        wire.push(&Accept { refused: None, session: crate::net::random_id() }.encode());
        let context = self.context.clone();
        match granted {
            Granted::Put(destination) => {
                Box::new(Receiving::new(wire, destination, None, false, self.limits, context))
            }
            Granted::Get(entries, open) => {
                Box::new(Sending::new(wire, entries, open, false, self.limits, context))
            }
        }
    }
}

/// What a client was granted.
enum Granted {
    /// It may send files to there.
    Put(Destination),
    /// It may have these.
    Get(Vec<Entry>, Opener),
}

fn offered(share: &Share, hello: &Hello) -> Result<(Vec<Entry>, Opener), Fault> {
    let names = if hello.names().is_empty() { share.all_names()? } else { hello.names().to_vec() };
    let entries: Vec<Entry> = names.iter().map(|name| share.entry(name)).collect();
    let share = share.clone();
    Ok((entries, Box::new(move |file| share.open(&names[file as usize]))))
}

fn not_allowed(what: &str, option: &str) -> Failure {
    let text = format!("this server {what}: it was started without {option}");
    Failure { error: Error::new(Exit::Refused, &text), tell: Some((Reason::NotAllowed, text)) }
}

/// The failure that other first bytes are. A person or a program that reads text is answered in text.
fn not_ours<S: Stream>(wire: &mut Wire<S>) -> Failure {
    const ANSWER: &[u8] =
        b"This is a sendall transfer server: use 'sendall upload' or 'sendall download'.\r\n";
    let what = match wire.incoming().first() {
        Some(0x16) => "TLS",
        Some(byte) if byte.is_ascii_graphic() || byte.is_ascii_whitespace() => {
            wire.push(ANSWER);
            "text"
        }
        _ => "something else",
    };
    let text = format!("the client speaks {what}, not sendall's transfer protocol");
    Error::new(Exit::Refused, text).into()
}

/// Ends a connection before it has become a session.
fn refuse<S: Stream>(mut wire: Wire<S>, failure: Failure) -> State<S> {
    if let Some((reason, _)) = failure.tell {
        wire.push(&Accept { refused: Some(reason), session: [0; 16] }.encode());
    }
    State::Ending(Some((wire.close(failure.tell), Some(failure.error))))
}

impl<S: Stream + 'static> Session for Serving<S> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        if let State::Greeting(greeting) = &mut self.state
            && let Some(mut wire) = greeting.take()
        {
            self.state = match self.greet(&mut wire, turn.now) {
                Ok(None) => {
                    self.state = State::Greeting(Some(wire));
                    return Ok(Status::Waiting);
                }
                Ok(Some(hello)) => match self.choose(&hello) {
                    Ok(granted) => State::Session(self.begin(wire, granted)),
                    Err(failure) => refuse(wire, failure),
                },
                Err(failure) => refuse(wire, failure),
            };
        }
        match &mut self.state {
            State::Session(session) => session.advance(turn),
            State::Ending(ending) => say_last_word(ending, turn),
            State::Greeting(_) => Ok(Status::Waiting),
        }
    }

    fn stop(&mut self) {
        if let State::Session(session) = &mut self.state {
            session.stop();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Greeting(_) => Some(self.greet_by),
            State::Session(session) => session.deadline(),
            State::Ending(ending) => ending.as_ref().map(|(last_word, _)| last_word.deadline()),
        }
    }
}
