//! What the connections of one thread share.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use super::site::Site;
use crate::http::log::{LogTime, LoggedAnswer};
use crate::net::wall::{WallClock, http_date};

/// The shared state of a thread's connections.
pub(crate) struct Worker {
    pub(crate) site: Arc<Site>,
    pub(super) buffers: RefCell<Buffers>,
    time: RefCell<Time>,
}

/// Buffers for the connection that is being advanced: a waiting connection has none.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
}

#[derive(Default)]
struct Time {
    clock: WallClock,
    unix_seconds: u64,
    date: String,
    log_time: LogTime,
}

impl Worker {
    pub(crate) fn new(site: Arc<Site>) -> Worker {
        Worker { site, buffers: RefCell::default(), time: RefCell::default() }
    }

    /// Updates the date. Must be called in each turn before an answer is made.
    pub(super) fn tick(&self, now: Instant) {
        let mut time = self.time.borrow_mut();
        if let Some(seconds) = time.clock.new_second(now) {
            (time.unix_seconds, time.date) = (seconds, http_date(seconds));
            if self.site.log.is_some() {
                time.log_time = LogTime::new(seconds, &time.date);
            }
        }
    }

    /// Calls `use_date` with the date of this turn.
    pub(super) fn with_date<T>(&self, use_date: impl FnOnce(&str) -> T) -> T {
        use_date(&self.time.borrow().date)
    }

    /// Writes a line of `--log`.
    pub(super) fn log(&self, answered: &LoggedAnswer<'_>) {
        if let Some(log) = &self.site.log {
            log.write(&self.time.borrow().log_time, answered);
        }
    }

    /// The seconds since 1970 of this turn.
    pub(super) fn unix_seconds(&self) -> u64 {
        self.time.borrow().unix_seconds
    }
}
