//! Takes clients in: one accept loop for every server, with its limits.

use std::time::{Duration, Instant};

use super::admission::{AccessArgs, Admission, Pass, Refusal};
use super::opened::is_one_clients;
use super::vestibule::Vestibule;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::endpoint::PeerName;
use crate::net::listen::Listener;
use crate::net::reactor::{Aside, Io, Session, Status, Stop, Turn};
use crate::net::signals::Hangups;
use crate::net::stream::Socket;
use crate::report::Report;

/// How long accepting pauses when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the same trouble is told.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);
/// Descriptors that are not for clients: standard streams, the reactor's own, listeners, logs.
pub(crate) const DESCRIPTORS_RESERVED: u64 = 16;

/// How many clients are taken in, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct DoorLimits {
    /// At the same time.
    pub(crate) clients: usize,
    /// What `clients` was, if the user typed more than there are descriptors for.
    pub(crate) clients_asked: Option<usize>,
    /// At the same time from one IP address.
    pub(crate) per_source: usize,
    /// After so many no more are taken, and the door closes when they have left.
    pub(crate) count: Option<u64>,
    /// Fail if nobody was in for so long; and the option that says so.
    pub(crate) accept_timeout: Option<(Duration, &'static str)>,
    /// Clients come through a proxy that says who they are, in a header that comes within so long.
    pub(crate) header: Option<Duration>,
}

impl DoorLimits {
    /// Never more clients than there are descriptors for. The process's own limit is raised as far as the system lets
    /// it. What the user typed is not lowered in silence, and a limit for each source not at all.
    pub(crate) fn within_descriptors(self, needs: Descriptors, typed: Typed) -> DoorLimits {
        let reserved = needs.others.saturating_add(DESCRIPTORS_RESERVED);
        let wanted = (self.clients as u64).saturating_mul(needs.per_client).saturating_add(reserved);
        match crate::net::raised_descriptor_limit(wanted) {
            Some(limit) => self.at_most(limit.saturating_sub(reserved) / needs.per_client, typed),
            None => self,
        }
    }

    fn at_most(mut self, fitting: u64, typed: Typed) -> DoorLimits {
        let fitting = usize::try_from(fitting.max(1)).unwrap_or(usize::MAX);
        if fitting < self.clients {
            self.clients_asked = typed.clients.then_some(self.clients);
            self.clients = fitting;
            if !typed.per_source {
                // One source must not be able to take them all.
                self.per_source = self.per_source.min((fitting / 2).max(1));
            }
        }
        self
    }
}

/// What descriptors are needed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    /// By each client.
    pub(crate) per_client: u64,
    /// Beside clients, and beside what every server needs.
    pub(crate) others: u64,
}

/// Which limits the user has chosen. The others are defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed {
    pub(crate) clients: bool,
    pub(crate) per_source: bool,
}

/// A client that may come in.
pub(crate) struct Guest {
    pub(crate) socket: Socket,
    /// To be held for as long as the client is served.
    pub(crate) pass: Pass,
}

/// What is behind a door.
pub(crate) trait Host {
    /// Serves a client. What fails is that client's affair, see [`Pass::fail`]. False if it was gone already: then it
    /// does not count.
    fn welcome(&mut self, guest: Guest, now: Instant) -> bool;

    /// A client may not come in; it is gone when its socket is dropped.
    fn turn_away(&mut self, _socket: Socket, _why: Refusal) {}

    /// False while something of those who have left is still to be done; then the door is nudged when it is worth
    /// asking again.
    fn may_close(&self) -> bool {
        true
    }

    /// Called in each of the door's turns, before clients are taken in. An error ends the run.
    fn advance(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Several listeners and one host.
pub(crate) struct Door<H> {
    listeners: Vec<Listener>,
    host: H,
    limits: DoorLimits,
    admission: Admission,
    vestibule: Option<Vestibule>,
    lists: Option<Lists>,
    taken: u64,
    /// Since when nobody is in.
    empty_since: Option<Instant>,
    paused_until: Option<Instant>,
    complaints: Complaints,
    report: Report,
}

impl<H: Host> Door<H> {
    /// A door that opens when it is first advanced.
    pub(crate) fn new(
        listeners: Vec<Listener>,
        limits: DoorLimits,
        (access, args): (Access, &AccessArgs),
        (io, report): (&Io, &Report),
        host: H,
    ) -> Result<Door<H>, Error> {
        if let Some(asked) = limits.clients_asked {
            report.warning(format_args!(
                "--max-clients {asked}: the limit on descriptors (ulimit -n) has room for {} clients; others wait",
                limits.clients
            ));
        }
        Ok(Door {
            listeners,
            host,
            admission: Admission::new(access, limits.per_source, limits.count == Some(1), io.nudge()),
            vestibule: limits.header.map(|limit| Vestibule::new(limit, io, report)),
            limits,
            lists: Lists::new(args, io)?,
            taken: 0,
            empty_since: None,
            paused_until: None,
            complaints: Complaints::default(),
            report: report.clone(),
        })
    }

    fn accept(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.paused_until = None;
        for (socket, name) in self.vestibule.as_ref().map(Vestibule::announced).unwrap_or_default() {
            self.take_in(socket, name, now);
        }
        let mut index = 0;
        while index < self.listeners.len() && self.has_room() {
            match self.listeners[index].accept() {
                Ok(Some((socket, name))) => match &self.vestibule {
                    Some(vestibule) => vestibule.enter(socket, name, now),
                    None => self.take_in(socket, name, now),
                },
                Ok(None) => index += 1,
                Err(error) if is_one_clients(&error) => {}
                Err(error) => {
                    self.paused_until = Some(now + ACCEPT_PAUSE);
                    if self.complaints.may_complain(now) {
                        self.report.warning(format_args!("cannot accept clients for now: {error}"));
                    }
                    return;
                }
            }
        }
    }

    /// Whether one more may come; those who have not said who they are count as if they were in.
    fn has_room(&self) -> bool {
        let waiting = self.vestibule.as_ref().map_or(0, Vestibule::waiting);
        let is_last_one_here = |count| self.taken + waiting as u64 >= count;
        self.admission.inside() + waiting < self.limits.clients
            && !self.limits.count.is_some_and(is_last_one_here)
    }

    fn take_in(&mut self, socket: Socket, name: PeerName, now: Instant) {
        match self.admission.enter(&name, self.report.about(&name)) {
            Ok(pass) => {
                self.report.detail(format_args!("client {name}"));
                self.report.peer("connected", &name);
                self.taken += u64::from(self.host.welcome(Guest { socket, pass }, now));
                if self.limits.count.is_some_and(|count| self.taken >= count) {
                    self.listeners.clear();
                }
            }
            Err(why) => {
                if self.complaints.may_complain(now) {
                    let text = match why {
                        Refusal::Denied => "refused by --allow or --deny",
                        Refusal::TooMany => {
                            "refused: too many clients from its address (see --max-per-source)"
                        }
                    };
                    self.report.about(&name).warning(text);
                }
                self.host.turn_away(socket, why);
            }
        }
    }

    /// Fails when nobody was in for too long.
    fn check_presence(&mut self, now: Instant) -> Result<(), Error> {
        if self.admission.inside() > 0 {
            self.empty_since = None;
            return Ok(());
        }
        let since = *self.empty_since.get_or_insert(now);
        match self.limits.accept_timeout {
            Some((limit, option)) if now >= since + limit => {
                let limit = humantime::format_duration(limit);
                Err(Error::new(Exit::TimedOut, format!("no client came within {limit} (see {option})")))
            }
            _ => Ok(()),
        }
    }
}

impl<H: Host> Session for Door<H> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        self.host.advance()?;
        if let Some(access) = self.lists.as_mut().and_then(|lists| lists.advance(&self.report)) {
            self.admission.set_access(access);
        }
        self.accept(turn.now);
        if self.listeners.is_empty() && self.admission.inside() == 0 && self.host.may_close() {
            return self.admission.outcome().map(|()| Status::Done);
        }
        self.check_presence(turn.now)?;
        Ok(Status::Waiting)
    }

    fn stop(&mut self) -> Stop {
        self.listeners.clear();
        // What has failed just now is told. Errors that end the run have come too late for that.
        let _ = self.host.advance();
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        let alone = self.empty_since.zip(self.limits.accept_timeout).map(|(since, (limit, _))| since + limit);
        [self.paused_until, alone].into_iter().flatten().min()
    }
}

/// The same trouble is told once a second at most.
#[derive(Default)]
pub(crate) struct Complaints(Option<Instant>);

impl Complaints {
    pub(crate) fn may_complain(&mut self, now: Instant) -> bool {
        let may = self.0.is_none_or(|last| now >= last + COMPLAINT_INTERVAL);
        if may {
            self.0 = Some(now);
        }
        may
    }
}

/// Access lists with files or names, read and resolved again on SIGHUP.
struct Lists {
    args: AccessArgs,
    hangups: Hangups,
    reading: Option<Aside<Result<Access, Error>>>,
    io: Io,
}

impl Lists {
    /// `None` if nothing can change.
    fn new(args: &AccessArgs, io: &Io) -> Result<Option<Lists>, Error> {
        if !args.can_change() {
            return Ok(None);
        }
        let hangups = Hangups::install(io)
            .map_err(|error| Error::new(Exit::Failed, format!("cannot wait for SIGHUP: {error}")))?;
        Ok(Some(Lists { args: args.clone(), hangups, reading: None, io: io.clone() }))
    }

    /// The new rules, once they were read. Those that cannot be read leave the old ones in force.
    fn advance(&mut self, report: &Report) -> Option<Access> {
        let read = self.reading.as_mut().and_then(Aside::take);
        if read.is_some() {
            self.reading = None;
        }
        if self.reading.is_none() && self.hangups.came() {
            let args = self.args.clone();
            self.reading = self.io.aside(move || args.load()).map_err(|error| report.warning(error)).ok();
        }
        match read?.and_then(|access| access) {
            Ok(access) => {
                report.say("access lists were read again");
                Some(access)
            }
            Err(error) => {
                report.warning(format_args!("the old access lists stay in force: {error}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_lower_defaults_alone() {
        let limits = |clients, per_source| DoorLimits {
            clients,
            clients_asked: None,
            per_source,
            count: None,
            accept_timeout: None,
            header: None,
        };
        let outcome = |limits: DoorLimits, clients, per_source| {
            let limits = limits.at_most(20, Typed { clients, per_source });
            (limits.clients, limits.clients_asked, limits.per_source)
        };
        assert_eq!(outcome(limits(100, 16), false, false), (20, None, 10));
        assert_eq!(outcome(limits(100, 16), true, true), (20, Some(100), 16));
        assert_eq!(outcome(limits(100, usize::MAX), false, true), (20, None, usize::MAX));
        assert_eq!(outcome(limits(20, 16), true, false), (20, None, 16));
    }
}
