//! Files from web servers: one file, from one URL or from several that have the same.
//!
//! Each server is asked for `?b3tree` first. With it each block of 4 MiB is verified, wherever it comes from, and comes from all
//! servers at once; an earlier part is compared, and continued. Without it the file comes in one piece from one server, and
//! is not verified; a part is continued if the server still has the same version by its strong entity tag (RFC 9110, 8.8).

mod asking;
mod blocks;
mod failures;
mod finish;
mod lane;
mod place;
mod queue;
mod start;
mod stream;
mod tree;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use self::blocks::Blocks;
use self::finish::Committing;
use self::lane::Lane;
pub(crate) use self::lane::{LaneLimits, WebDialer};
use self::start::Hashing;
use self::stream::Stream;
use self::tree::{Tree, TreeReader};
use crate::error::Error;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::proto::http::HttpUrl;
use crate::proto::transfer::reason::Reason;
use crate::report::{Progress, Report, escape_name};
use crate::store::{Folder, StagingFolder};

/// What is fetched, where it goes, and how.
pub(crate) struct FetchOptions {
    /// URLs of the same file; one at least.
    pub(crate) mirrors: Vec<HttpUrl>,
    /// The name that the file gets here; for stdout, the name in messages.
    pub(crate) name: Vec<u8>,
    pub(crate) target: FetchTarget,
    /// True if an existing file is replaced.
    pub(crate) replace: bool,
    /// The largest file that is taken, in bytes.
    pub(crate) max_size: Option<u64>,
    /// The digest that the URL names.
    pub(crate) digest: Option<[u8; 32]>,
    pub(crate) limits: LaneLimits,
    /// The number of connections that was requested.
    pub(crate) connections: Option<usize>,
}

/// Where the file goes.
#[derive(Clone)]
pub(crate) enum FetchTarget {
    Folder { folder: Folder, staging: StagingFolder },
    Stdout,
}

/// What came of a fetch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fetched {
    /// Content has come.
    pub(crate) has_moved: bool,
    /// The digest of the file, once it is in place.
    pub(crate) digest: Option<[u8; 32]>,
}

/// A server that has the file.
struct Mirror {
    /// Where it was found to be.
    url: HttpUrl,
    answer: Answer,
}

/// What a server has said about `?b3tree`.
enum Answer {
    Pending(Box<TreeReader>),
    Nothing,
    Tree(Tree),
    /// It is not used any more.
    Dropped,
}

/// What a fetch does now.
enum Step {
    Start,
    /// Waits for trees.
    Asking,
    /// Looks at what is here.
    Hashing(Box<Hashing>),
    Stream(Box<Stream>),
    Blocks(Box<Blocks>),
    Committing(Box<Committing>),
    Over,
}

/// How a step goes on.
enum Turn {
    Next(Step),
    Wait(Step),
    Again(Step),
}

/// The session of a fetch.
pub(crate) struct Fetching {
    io: Io,
    report: Report,
    options: FetchOptions,
    mirrors: Vec<Mirror>,
    /// The first ones are those of the mirrors, in their order; each has the index of its mirror.
    lanes: Vec<(usize, Lane)>,
    step: Step,
    progress: Progress,
    /// Bytes of the body that came in this session, and those of earlier ones.
    moved_bytes: u64,
    resumed_bytes: u64,
    /// The server that the file comes from in one piece.
    only: Option<usize>,
    /// The file counts in the display of progress.
    is_expected: bool,
    /// Why the file failed, if that is about the file.
    reason: Cell<Option<Reason>>,
    start: Instant,
    now: Instant,
    /// The bytes that may still be moved in this turn.
    budget_bytes: usize,
    outcome: Rc<RefCell<Fetched>>,
}

impl Fetching {
    /// Begins a fetch. What comes of it is in `outcome` at its end.
    pub(crate) fn new(
        (io, report): (Io, Report),
        options: FetchOptions,
        dialer: &Rc<dyn WebDialer>,
        outcome: Rc<RefCell<Fetched>>,
        now: Instant,
    ) -> Fetching {
        let count = options.mirrors.len().max(options.connections.unwrap_or(1));
        let rate = options.limits.rate.map(|rate| rate / count as u64);
        let limits = LaneLimits { rate, ..options.limits };
        let lanes = (0..count).map(|index| {
            let mirror = index % options.mirrors.len().max(1);
            (mirror, Lane::new(&io, dialer, limits, options.mirrors[mirror].clone()))
        });
        let lanes = lanes.collect();
        let mirrors = options.mirrors.iter().map(|url| Mirror { url: url.clone(), answer: Answer::Nothing });
        let mirrors = mirrors.collect();
        let progress = Progress::new(&report);
        Fetching {
            io,
            report,
            options,
            mirrors,
            lanes,
            step: Step::Start,
            progress,
            moved_bytes: 0,
            resumed_bytes: 0,
            only: None,
            is_expected: false,
            reason: Cell::default(),
            start: now,
            now,
            budget_bytes: 0,
            outcome,
        }
    }

    /// The name of the file, for messages.
    fn shown(&self) -> String {
        escape_name(&self.options.name)
    }

    /// Counts bytes of the content.
    fn moved(&mut self, bytes: usize) {
        self.moved_bytes += bytes as u64;
        self.budget_bytes = self.budget_bytes.saturating_sub(bytes);
        self.outcome.borrow_mut().has_moved = true;
    }

    fn turn(&mut self) -> Result<Turn, Error> {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Start => self.ask_mirrors(),
            Step::Asking => self.asking(),
            Step::Hashing(hashing) => self.hashing(hashing),
            Step::Stream(stream) => self.stream(stream),
            Step::Blocks(blocks) => self.blocks(blocks),
            Step::Committing(committing) => self.committing(committing),
            Step::Over => Ok(Turn::Wait(Step::Over)),
        }
    }
}

impl Session for Fetching {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        (self.now, self.budget_bytes) = (context.now, context.budget_bytes);
        loop {
            let turn = self.turn().inspect_err(|error| self.report_failed(error));
            let (step, status) = match turn? {
                Turn::Next(step) => (step, None),
                Turn::Wait(step) => (step, Some(Status::Waiting)),
                Turn::Again(step) => (step, Some(Status::Again)),
            };
            self.step = step;
            if let Step::Over = self.step {
                return Ok(Status::Done);
            }
            if let Some(status) = status {
                return Ok(status);
            }
        }
    }

    fn stop(&mut self) -> Stop {
        self.stopped();
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        // What happens here takes as long as it takes.
        if matches!(self.step, Step::Hashing(_) | Step::Committing(_)) {
            return None;
        }
        self.lanes.iter().filter_map(|(_, lane)| lane.deadline()).min()
    }
}
