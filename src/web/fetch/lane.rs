//! One connection of a fetch: a request at a time, redirects followed, its answer in pieces.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::error::{Error, Exit, lost};
use crate::net::connecting::Connect;
use crate::net::rate::Limited;
use crate::net::reactor::Io;
use crate::net::send::{SendBuffer, send_all};
use crate::net::stream::{Stream, Timed, Transport};
use crate::proto::http::{HttpUrl, ResponseEvent, ResponseFault, ResponseHead, ResponseReader};

/// The size of the buffer for received bytes: more than the longest head.
const INCOMING_BYTES: usize = 256 << 10;
/// The most redirects of one request.
const MAX_REDIRECTS: u8 = 10;

/// Makes connections to web servers.
pub(crate) trait WebDialer {
    /// A connection in the making, with TLS if the URL wants it.
    ///
    /// # Errors
    /// What it needs cannot be used.
    fn connecting(&self, url: &HttpUrl, io: &Io) -> Result<Box<dyn Connect + Send>, Error>;

    /// A connection was made.
    fn connected(&self, transport: &Transport);
}

/// Limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneLimits {
    /// The longest time without a byte.
    pub(crate) idle: Duration,
    /// Bytes per second.
    pub(crate) rate: Option<u64>,
}

/// What a connection brings.
pub(super) enum LaneEvent {
    /// Nothing now.
    Blocked,
    /// The head of an answer that is no redirect.
    Head(Box<ResponseHead>),
    /// Bytes of the body: [`Lane::body`].
    Body,
    /// The answer is complete.
    End,
}

/// One connection, which is made when it is needed.
pub(super) struct Lane {
    io: Io,
    dialer: Rc<dyn WebDialer>,
    limits: LaneLimits,
    state: State,
    url: HttpUrl,
    /// Further fields of the request, each with its line end.
    fields: String,
    redirects: u8,
}

enum State {
    Closed,
    Connecting(Box<dyn Connect + Send>),
    Open(Box<Open>),
}

/// An open connection.
struct Open {
    stream: Limited<Transport>,
    outgoing: SendBuffer,
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    /// The bytes at `start` that belong to the body.
    body_bytes: usize,
    reader: ResponseReader,
    keeps_alive: bool,
    /// True between an answer and the next request.
    is_free: bool,
    /// True if no byte of the answer has come, on a connection that has brought another: it may have been closed meanwhile.
    may_be_stale: bool,
    last_traffic: Instant,
    to: HttpUrl,
}

impl Lane {
    pub(super) fn new(io: &Io, dialer: &Rc<dyn WebDialer>, limits: LaneLimits, url: HttpUrl) -> Lane {
        let (io, dialer, fields) = (io.clone(), Rc::clone(dialer), String::new());
        Lane { io, dialer, limits, state: State::Closed, url, fields, redirects: 0 }
    }

    /// Where the last request led.
    pub(super) fn url(&self) -> &HttpUrl {
        &self.url
    }

    /// Begins a request. An answer that was not read to its end is given up.
    pub(super) fn ask(&mut self, url: HttpUrl, fields: String, now: Instant) -> Result<(), Error> {
        (self.fields, self.redirects) = (fields, 0);
        self.begin(url, now)
    }

    fn begin(&mut self, url: HttpUrl, now: Instant) -> Result<(), Error> {
        self.url = url;
        match &mut self.state {
            State::Open(open)
                if open.is_free && open.keeps_alive && open.to.origin() == self.url.origin() =>
            {
                open.say(&request(&self.url, &self.fields), now);
                Ok(())
            }
            _ => self.dial(),
        }
    }

    fn dial(&mut self) -> Result<(), Error> {
        // The old connection is closed first.
        self.state = State::Closed;
        self.state = State::Connecting(self.dialer.connecting(&self.url, &self.io)?);
        Ok(())
    }

    /// Closes the connection.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// The received bytes of the body.
    pub(super) fn body(&self) -> &[u8] {
        match &self.state {
            State::Open(open) => &open.incoming[open.start..open.start + open.body_bytes],
            _ => &[],
        }
    }

    /// Drops the first `count` bytes of the body.
    pub(super) fn consume(&mut self, count: usize) {
        if let State::Open(open) = &mut self.state {
            let count = count.min(open.body_bytes);
            open.start += count;
            open.body_bytes -= count;
        }
    }

    /// Advances as far as the next event.
    ///
    /// # Errors
    /// The connection was lost, the answer is none, or it leads where it must not.
    pub(super) fn next(&mut self, now: Instant) -> Result<LaneEvent, Error> {
        loop {
            let open = match &mut self.state {
                State::Closed => return Ok(LaneEvent::Blocked),
                State::Connecting(connecting) => {
                    let Some(transport) = connecting.advance(now)? else { return Ok(LaneEvent::Blocked) };
                    self.dialer.connected(&transport);
                    let mut open = Open::new(transport, self.limits.rate, self.url.clone(), now);
                    open.say(&request(&self.url, &self.fields), now);
                    self.state = State::Open(Box::new(open));
                    continue;
                }
                State::Open(open) if open.is_free => return Ok(LaneEvent::Blocked),
                State::Open(open) => open,
            };
            match open.next(now, self.limits.idle) {
                Ok(LaneEvent::Head(head)) => match self.redirected(&head)? {
                    Some(url) => self.begin(url, now)?,
                    None => return Ok(LaneEvent::Head(head)),
                },
                Err(Failure::Stale) => self.dial()?,
                Err(Failure::Error(error)) => return Err(error.context(self.url.origin())),
                Ok(event) => return Ok(event),
            }
        }
    }

    /// Where an answer leads; `None` if it is no redirect.
    fn redirected(&mut self, head: &ResponseHead) -> Result<Option<HttpUrl>, Error> {
        let (301..=303 | 307 | 308, Some(location)) = (head.status, &head.location) else { return Ok(None) };
        let refused = |text: String| Error::new(Exit::Refused, text).context(self.url.origin());
        let url = self.url.resolve(location);
        let url = url.map_err(|fault| refused(format!("the server leads to another URL, and {fault}")))?;
        if self.url.is_tls() && !url.is_tls() {
            let text = format!("the server leads from https to {}: that is not followed", url.origin());
            return Err(Error::new(Exit::Untrusted, text).context(self.url.origin()));
        }
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return Err(refused(format!("more than {MAX_REDIRECTS} redirects, one after the other")));
        }
        Ok(Some(url))
    }

    /// Restarts the idle limit: this side had to wait for something else.
    pub(super) fn restart_idle(&mut self, now: Instant) {
        if let State::Open(open) = &mut self.state {
            open.last_traffic = now;
        }
    }

    /// When to call again if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Closed => None,
            State::Connecting(connecting) => connecting.deadline(),
            State::Open(open) if open.is_free => None,
            State::Open(open) => {
                let idle = open.last_traffic + self.limits.idle;
                open.stream.wake_up().into_iter().chain([idle]).min()
            }
        }
    }
}

enum Failure {
    /// The server has closed a connection that was kept open.
    Stale,
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl Open {
    fn new(transport: Transport, rate: Option<u64>, to: HttpUrl, now: Instant) -> Open {
        let mut stream = Limited::new(transport, now);
        stream.limit_rate(rate, 0);
        Open {
            stream,
            outgoing: SendBuffer::default(),
            incoming: vec![0; INCOMING_BYTES],
            start: 0,
            end: 0,
            body_bytes: 0,
            reader: ResponseReader::default(),
            keeps_alive: false,
            is_free: true,
            may_be_stale: false,
            last_traffic: now,
            to,
        }
    }

    fn say(&mut self, request: &str, now: Instant) {
        self.outgoing.push(request.as_bytes());
        self.reader = ResponseReader::default();
        (self.is_free, self.may_be_stale, self.last_traffic) = (false, self.keeps_alive, now);
    }

    fn next(&mut self, now: Instant, idle: Duration) -> Result<LaneEvent, Failure> {
        self.stream.tick(now);
        let before = self.outgoing.pending();
        if send_all(&mut self.stream, &mut self.outgoing).is_err() {
            // The server may have answered before; if not, the next read says what happened.
            self.outgoing.clear();
        }
        if self.outgoing.pending() != before {
            self.last_traffic = now;
        }
        if self.body_bytes > 0 {
            return Ok(LaneEvent::Body);
        }
        loop {
            let input = &self.incoming[self.start..self.end];
            let (used, event) = self.reader.next_event(input).map_err(fault)?;
            let event = match event {
                ResponseEvent::More => None,
                ResponseEvent::Skipped => {
                    self.start += used;
                    continue;
                }
                ResponseEvent::Head(head) => {
                    self.keeps_alive = head.keeps_alive;
                    self.start += used;
                    Some(LaneEvent::Head(head))
                }
                ResponseEvent::Body(part) => {
                    // Framing is used up before the content comes.
                    self.body_bytes = part.len();
                    Some(LaneEvent::Body)
                }
                ResponseEvent::End => {
                    self.start += used;
                    // Bytes that were not asked for belong to nobody.
                    self.keeps_alive &= self.start == self.end;
                    self.is_free = true;
                    Some(LaneEvent::End)
                }
            };
            if let Some(event) = event {
                return Ok(event);
            }
            match self.fill(now) {
                Ok(Some(0)) => {
                    if self.may_be_stale {
                        return Err(Failure::Stale);
                    }
                    self.reader.end().map_err(fault)?;
                    self.keeps_alive = false;
                    self.is_free = true;
                    return Ok(LaneEvent::End);
                }
                Ok(Some(_)) => {}
                Ok(None) if now >= self.last_traffic + idle => {
                    let idle = humantime::format_duration(idle);
                    let text = format!("nothing was received for {idle} (see --idle-timeout)");
                    return Err(Error::new(Exit::TimedOut, text).into());
                }
                Ok(None) => return Ok(LaneEvent::Blocked),
                Err(error) => return Err(self.ended(&lost(&error))),
            }
        }
    }

    /// The failure of a connection.
    fn ended(&self, error: &Error) -> Failure {
        if self.may_be_stale { Failure::Stale } else { Error::new(error.exit(), error).into() }
    }

    /// Reads once: returns the number of bytes, 0 at the end, `None` if there is nothing now.
    fn fill(&mut self, now: Instant) -> std::io::Result<Option<usize>> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.incoming.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.stream.read(&mut self.incoming[self.end..]) {
            Ok(count) => {
                self.end += count;
                if count > 0 {
                    (self.last_traffic, self.may_be_stale) = (now, false);
                }
                Ok(Some(count))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn fault(fault: ResponseFault) -> Error {
    let exit = match fault {
        ResponseFault::NotHttp => Exit::Refused,
        ResponseFault::Cut => Exit::Lost,
        ResponseFault::Malformed | ResponseFault::TooLong | ResponseFault::Coding => Exit::Integrity,
    };
    Error::new(exit, fault)
}

/// The request for a URL.
fn request(url: &HttpUrl, fields: &str) -> String {
    let (target, host, version) = (url.target(), url.authority(), env!("CARGO_PKG_VERSION"));
    // A coded answer would have another length, and other ranges.
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: sendall/{version}\r\nAccept-Encoding: identity\r\n{fields}\r\n"
    )
}
