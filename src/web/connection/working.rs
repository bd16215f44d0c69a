//! Requests whose answers take some work: it is done in steps, and between them the client is watched.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::{End, Inner, Reply, State};
use crate::net::reactor::Status;
use crate::net::stream::Stream;
use crate::web::work::Work;

/// The most that a client may send ahead while its answer is worked on, in bytes.
const MOST_AHEAD_BYTES: usize = 64 << 10;
/// A client that has ended its side may be gone: only an answer that it does not take shows that. The work for it ends after
/// this long.
const GONE_AFTER: Duration = Duration::from_secs(10);

/// The work for an answer.
pub(super) struct Working {
    pub(super) work: Box<dyn Work>,
    pub(super) reply: Reply,
    /// The request has a body, which nobody takes.
    pub(super) has_body: bool,
}

impl Inner {
    /// Does a step of the work. `None`: there is an answer, or no work.
    pub(super) fn work(&mut self, now: Instant) -> Result<Option<Status>, End> {
        let State::Working(working) = &mut self.state else { return Ok(None) };
        match working.work.step() {
            None => {
                self.watch(now)?;
                Ok(Some(Status::Again))
            }
            Some(answer) => {
                let (reply, has_body) = (working.reply, working.has_body);
                self.conclude(answer, reply, has_body, now);
                Ok(None)
            }
        }
    }

    /// Looks whether the client is still there.
    pub(super) fn watch(&mut self, now: Instant) -> Result<(), End> {
        self.deadline = now + self.worker.site.terms.idle_timeout;
        let mut piece = [0; 4096];
        while self.held.len() < MOST_AHEAD_BYTES {
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    self.has_ended = true;
                    break;
                }
                Ok(count) => self.held.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(End::Lost),
            }
        }
        if self.held.len() >= MOST_AHEAD_BYTES {
            // Its end would not be seen any more.
            return Err(End::Reset("the client sends too much before it has its answer".into()));
        }
        if self.has_ended && now >= *self.gone_at.get_or_insert(now + GONE_AFTER) {
            return Err(End::Lost);
        }
        Ok(())
    }
}
