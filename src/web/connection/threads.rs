//! Connections whose requests may wait for a disk: a thread with a reactor for each.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::Connection;
use crate::error::{Error, Exit, lost};
use crate::net::reactor::{BlockingTask, Io, Reactor, WaitGroup};
use crate::net::signals::Signals;
use crate::net::stream::Socket;
use crate::server::permits::Permit;
use crate::web::client::WebClient;
use crate::web::site::Site;
use crate::web::worker::Worker;

/// The threads of a server.
pub(in crate::web) struct Threads {
    site: Arc<Site>,
    running: RefCell<Vec<Running>>,
    /// The end of the process waits for them.
    group: WaitGroup,
    io: Io,
    signals: Signals,
}

struct Running {
    permit: Option<Permit>,
    task: BlockingTask<Result<(), Error>>,
}

/// A connection on its way to a thread.
pub(in crate::web) struct Moved {
    pub(in crate::web) socket: Socket,
    /// Received bytes, from the head of the next request on.
    pub(in crate::web) held: Vec<u8>,
    pub(in crate::web) client: WebClient,
    pub(in crate::web) permit: Option<Permit>,
    /// When the session must be over.
    pub(in crate::web) session_end: Option<Instant>,
}

impl Threads {
    /// The session of `io` is woken when a thread has ended.
    pub(in crate::web) fn new(site: Arc<Site>, group: WaitGroup, (io, signals): (Io, Signals)) -> Threads {
        Threads { site, running: RefCell::default(), group, io, signals }
    }

    /// Starts a thread for a connection.
    pub(in crate::web) fn start(&self, moved: Moved) {
        let Moved { socket, held, client, permit, session_end } = moved;
        let (site, signals, running) = (Arc::clone(&self.site), self.signals.clone(), self.group.enter());
        let report = client.report.clone();
        let task = self.io.spawn_blocking(move || {
            let _running = running;
            let mut reactor = Reactor::new(&signals).map_err(|error| Error::new(Exit::Failed, error))?;
            reactor.add_at_start(|io, now| {
                let transport = socket.enroll(&io).map_err(|error| lost(&error))?;
                let worker = Rc::new(Worker::new(site));
                let times = (io.thread_waker(), now);
                Ok(Connection::on_thread(transport, &worker, client, (held, session_end), times))
            })?;
            reactor.run()
        });
        match task {
            Ok(task) => self.running.borrow_mut().push(Running { permit: permit, task }),
            // Without a thread this client is lost, and the next one may be served.
            Err(error) => report.error(&error),
        }
    }

    /// Gives back the permits of clients whose threads have ended.
    pub(in crate::web) fn reap(&self) {
        self.running.borrow_mut().retain_mut(|running| match running.task.take() {
            Some(Ok(Err(error))) if !matches!(error.exit(), Exit::Signal(_)) => {
                if let Some(permit) = &running.permit {
                    permit.report.detail(error);
                }
                false
            }
            Some(_) => false,
            None => true,
        });
    }
}
