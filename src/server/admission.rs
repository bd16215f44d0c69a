//! Who may come in, how many at a time, and what became of those who did.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::option_files::bytes_of;
use super::places::{Places, SourceSlot};
use crate::error::{Error, Exit};
use crate::net::access::{Access, Rule};
use crate::net::endpoint::PeerName;
use crate::net::reactor::Waker;
use crate::report::Report;

/// Where access rules come from: words of the user, some of which name files.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessSources {
    /// Nobody but these, if there are any.
    pub(crate) allow: Vec<String>,
    /// None of these.
    pub(crate) deny: Vec<String>,
}

impl AccessSources {
    /// The rules that are in force now. Reads files and resolves names: blocks.
    pub(crate) fn load(&self) -> Result<Access, Error> {
        let (allowed, denied) = (rules(&self.allow, "--allow")?, rules(&self.deny, "--deny")?);
        Access::new((!self.allow.is_empty()).then_some(&allowed[..]), &denied)
            .map_err(|text| Error::new(Exit::NoConnection, format!("--allow or --deny: {text}")))
    }

    /// True if there are files, whose content may change, or names, whose addresses may.
    pub(crate) fn can_change(&self) -> bool {
        let may_change =
            |word: &String| word.starts_with('@') || matches!(Rule::parse(word), Ok(Rule::Host(_)));
        self.allow.iter().chain(&self.deny).any(may_change)
    }
}

pub(crate) fn rules(words: &[String], option: &str) -> Result<Vec<Rule>, Error> {
    let usage = |hint| Error::new(Exit::Usage, format!("{option}: {hint}"));
    let mut rules = Vec::new();
    for word in words {
        let Some(path) = word.strip_prefix('@') else {
            rules.push(Rule::parse(word).map_err(usage)?);
            continue;
        };
        let bytes = bytes_of(Path::new(path), option)?;
        for (line, number) in String::from_utf8_lossy(&bytes).lines().zip(1..) {
            let word = line.split('#').next().unwrap_or(line).trim();
            if !word.is_empty() {
                let rule = Rule::parse(word).map_err(|hint| usage(format!("{path}:{number}: {hint}")))?;
                rules.push(rule);
            }
        }
    }
    Ok(rules)
}

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmissionError {
    /// By the access list.
    Denied,
    /// Too many from its address.
    TooMany,
    /// Too many in all.
    Full,
}

/// Counts those who are in; shared by an acceptor and its clients.
#[derive(Clone)]
pub(crate) struct Admission(Rc<Shared>);

struct Shared {
    access: RefCell<Access>,
    places: Places,
    inside: Cell<usize>,
    ended: Cell<u64>,
    further: Cell<u64>,
    failed: Cell<u64>,
    /// The outcome of the only client is the command's, and not a line of its own.
    keeps_failure: bool,
    failure: RefCell<Option<Error>>,
    acceptor: Waker,
}

impl Admission {
    /// At most `per_source` at a time from one source. `acceptor` is told when somebody leaves.
    pub(crate) fn new(access: Access, per_source: usize, is_for_one: bool, acceptor: Waker) -> Admission {
        Admission(Rc::new(Shared {
            access: RefCell::new(access),
            places: Places::new(per_source),
            inside: Cell::default(),
            ended: Cell::default(),
            further: Cell::default(),
            failed: Cell::default(),
            keeps_failure: is_for_one,
            failure: RefCell::default(),
            acceptor,
        }))
    }

    /// From now on these rules hold.
    pub(crate) fn set_access(&self, access: Access) {
        *self.0.access.borrow_mut() = access;
    }

    /// Lets a peer in, or says why not. Peers without an IP address are under no access list. One that `over_source_limit_ok` comes
    /// in though its source has no place for it: it is to be heard, and is served only if it gets one, or needs none.
    pub(crate) fn enter(
        &self,
        peer: &PeerName,
        report: Report,
        over_source_limit_ok: bool,
    ) -> Result<Permit, AdmissionError> {
        let shared = &self.0;
        if let Some(address) = peer.ip()
            && !shared.access.borrow().admits(address)
        {
            return Err(AdmissionError::Denied);
        }
        let place = Arc::new(shared.places.place(peer));
        if !place.take() && !over_source_limit_ok {
            return Err(AdmissionError::TooMany);
        }
        shared.inside.set(shared.inside.get() + 1);
        Ok(Permit { admission: self.clone(), peer: peer.clone(), report, place })
    }

    /// How many are in.
    pub(crate) fn inside(&self) -> usize {
        self.0.inside.get()
    }

    /// How many of those that have left were further connections of clients.
    pub(crate) fn further(&self) -> u64 {
        self.0.further.get()
    }

    /// What became of all who were in: of the only one, its own outcome.
    pub(crate) fn outcome(&self) -> Result<(), Error> {
        let (ended, failed) = (self.0.ended.get(), self.0.failed.get());
        match self.0.failure.take() {
            Some(failure) => Err(failure),
            None if failed == 0 => Ok(()),
            None => Err(Error::new(Exit::Partial, format!("{failed} of {ended} clients failed"))),
        }
    }
}

/// One client's leave to be in, until it is dropped.
pub(crate) struct Permit {
    admission: Admission,
    /// The client's address.
    pub(crate) peer: PeerName,
    /// Names the client.
    pub(crate) report: Report,
    /// Its place among the clients of its source.
    pub(crate) place: Arc<SourceSlot>,
}

impl Permit {
    /// The client's session has failed: says so, or keeps it as the command's own failure.
    pub(crate) fn fail(&self, error: Error) {
        let shared = &self.admission.0;
        shared.failed.set(shared.failed.get() + 1);
        if shared.keeps_failure {
            *shared.failure.borrow_mut() = Some(error);
        } else if error.is_health_check() {
            self.report.detail(error);
        } else {
            self.report.error(&error);
        }
    }

    /// The client's session has ended: tells how many bytes were sent and received, if that is known, and how it went.
    pub(crate) fn leave(&self, result: Result<(), Error>, moved: Option<(u64, u64)>, time: Duration) {
        if let Some(moved) = moved {
            self.report.relayed(&self.peer, moved, time, None);
        }
        if let Err(error) = result {
            self.fail(error);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let shared = &self.admission.0;
        shared.inside.set(shared.inside.get() - 1);
        let count = if self.place.is_further() { &shared.further } else { &shared.ended };
        count.set(count.get() + 1);
        self.place.give_back();
        shared.acceptor.wake();
        self.report.peer("ended", &self.peer);
    }
}
