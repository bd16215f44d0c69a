//! `nc -l`: clients one after the other.

use std::rc::Rc;
use std::time::Instant;

use super::{NcOptions, Role, Words, reworded};
use crate::error::{Error, Exit, lost};
use crate::net::child::keep_descriptors;
use crate::net::endpoint::Endpoint;
use crate::net::listen::{Listener, is_one_clients, listen_with};
use crate::net::options::SocketOptions;
use crate::net::reactor::{Context, Io, Session, Status, Stop};

/// A listener, and the session of the client that it serves.
pub(crate) struct NcListener {
    listeners: Vec<Listener>,
    endpoint: Endpoint,
    socket: SocketOptions,
    options: Rc<NcOptions>,
    /// `-k`.
    keeps_listening: bool,
    session: Option<Box<dyn Session>>,
    io: Io,
    words: Words,
}

impl NcListener {
    /// Binds `endpoint`.
    pub(crate) fn open(
        (endpoint, socket): (Endpoint, SocketOptions),
        options: Rc<NcOptions>,
        keeps_listening: bool,
        (io, words): (Io, Words),
    ) -> Result<NcListener, Error> {
        let listeners = listen_with(&endpoint, &socket, &io)?;
        keep_descriptors();
        for listener in &listeners {
            words.listening(listener.name().address(), &endpoint, true);
        }
        Ok(NcListener { listeners, endpoint, socket, options, keeps_listening, session: None, io, words })
    }

    /// The session of the next client; `None` if there is none yet.
    fn accept(&mut self, now: Instant) -> Result<Option<Box<dyn Session>>, Error> {
        for listener in &self.listeners {
            let (socket, name) = match listener.accept() {
                Ok(Some(client)) => client,
                Ok(None) => continue,
                Err(error) if is_one_clients(&error) => continue,
                Err(error) => return Err(Error::new(Exit::Failed, format!("cannot accept: {error}"))),
            };
            self.words.received(name.address(), &self.endpoint);
            if !self.keeps_listening {
                // Further clients are refused.
                self.listeners.clear();
            }
            let transport = socket.register_with(&self.socket, &self.io).map_err(|error| lost(&error))?;
            let role = Role { is_listener: true, has_followers: self.keeps_listening };
            return self.options.join(transport, role, (&self.io, self.words.report()), now).map(Some);
        }
        Ok(None)
    }

    /// The end of a client's session. With `-k` its failure is reported, and the next client is served.
    fn ended(&mut self, result: Result<(), Error>) -> Result<Status, Error> {
        self.session = None;
        match result {
            // Stdout serves no further client.
            Err(error) if !self.keeps_listening || error.exit() == Exit::CannotWrite || error.is_silent() => {
                Err(error)
            }
            Err(error) => {
                self.words.report().error(&reworded(error));
                Ok(Status::Again)
            }
            Ok(()) if self.keeps_listening => Ok(Status::Again),
            Ok(()) => Ok(Status::Done),
        }
    }
}

impl Session for NcListener {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if self.session.is_none() {
            match self.accept(context.now) {
                Ok(None) if self.listeners.is_empty() => return Ok(Status::Done),
                Ok(None) => return Ok(Status::Waiting),
                Ok(session) => self.session = session,
                Err(error) => return self.ended(Err(error)),
            }
        }
        let Some(session) = &mut self.session else { return Ok(Status::Waiting) };
        match session.advance(context) {
            Ok(Status::Done) => self.ended(Ok(())),
            Ok(status) => Ok(status),
            Err(error) => self.ended(Err(error)),
        }
    }

    fn stop(&mut self) -> Stop {
        self.session.as_mut().map_or(Stop::Now, |session| session.stop())
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.as_ref().and_then(|session| session.deadline())
    }
}
