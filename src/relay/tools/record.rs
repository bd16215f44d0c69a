//! `--tee-in`, `--tee-out`, `--hex-dump`: copies of the bytes that are sent and received.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use crate::error::{Error, Exit};
use crate::net::activation::duplicate;
use crate::net::stdio::stdin_stat;
use crate::net::stream::{Stream, Timed};
use crate::proto::relay::hex_dump::HexDump;
use crate::proto::relay::lane::Direction;
use crate::relay::options::RecordOptions;
use crate::report::{Report, escape_name, write_all};
use crate::store;

/// The files, open.
#[derive(Default)]
pub(super) struct Records {
    tee_in: Option<Record>,
    tee_out: Option<Record>,
    hex_dump: Option<Record>,
}

struct Record {
    target: CaptureTarget,
    /// The option and its value, as they are shown.
    name: String,
    /// The content of an earlier session is removed at the first connection: a failed attempt keeps it.
    must_empty: Cell<bool>,
}

enum CaptureTarget {
    File(File),
    Stderr(Report),
}

impl Record {
    fn open(option: &str, path: Option<&Path>, appends: bool) -> Result<Option<Record>, Error> {
        let Some(path) = path else { return Ok(None) };
        let name = format!("{option} {}", escape_name(path.as_os_str().as_bytes()));
        let inherited = inherited(path);
        let must_empty = Cell::new(inherited.is_none() && !appends);
        let file = match inherited {
            // To open it by its name would lose its place in the file, and does not work with a socket.
            Some(number) => duplicate(number).map(Into::into).map_err(|error| error.to_string()),
            None => store::record(path, stdin_stat()).map_err(|fault| fault.to_string()),
        };
        match file {
            Ok(file) => Ok(Some(Record { target: CaptureTarget::File(file), name, must_empty })),
            Err(why) => Err(Error::new(Exit::Usage, format!("{name}: {why}"))),
        }
    }

    fn empty_once(&self) -> Result<(), Error> {
        match &self.target {
            CaptureTarget::File(file) if self.must_empty.get() => store::empty(file)
                .map_err(|fault| Error::new(Exit::CannotWrite, format!("{}: {fault}", self.name)))?,
            _ => {}
        }
        self.must_empty.set(false);
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let written = match &self.target {
            CaptureTarget::File(file) => write_all(file.as_fd(), bytes),
            CaptureTarget::Stderr(report) => report.dump(bytes),
        };
        let failed =
            |error| Error::new(Exit::CannotWrite, format!("{}: cannot be written: {error}", self.name));
        written.map_err(|error| io::Error::other(failed(error)))
    }
}

/// The descriptor that a path like `/dev/fd/3` stands for.
fn inherited(path: &Path) -> Option<i32> {
    match path.to_str().filter(|_| cfg!(target_os = "linux"))? {
        "/dev/stdin" => Some(0),
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        path => {
            let number = path.strip_prefix("/dev/fd/").or_else(|| path.strip_prefix("/proc/self/fd/"))?;
            number.parse().ok()
        }
    }
}

impl Records {
    pub(super) fn open(options: &RecordOptions, report: &Report) -> Result<Records, Error> {
        let is_dash = |path: &Path| path.as_os_str() == "-";
        for (option, path) in [("--tee-in", &options.tee_in), ("--tee-out", &options.tee_out)] {
            if path.as_deref().is_some_and(is_dash) {
                let text = format!("{option} -: stdout has the peer's data; type a file, /dev/stderr or ./-");
                return Err(Error::new(Exit::Usage, text));
            }
        }
        let hex_dump = match options.hex_dump.as_deref() {
            Some(path) if is_dash(path) && report.is_json() => {
                let text = "--hex-dump -: with --json stderr is for events; type a file";
                return Err(Error::new(Exit::Usage, text));
            }
            Some(path) if is_dash(path) => {
                let target = CaptureTarget::Stderr(report.clone());
                Some(Record { target, name: "--hex-dump -".into(), must_empty: Cell::new(false) })
            }
            path => Record::open("--hex-dump", path, options.tee_append)?,
        };
        Ok(Records {
            tee_in: Record::open("--tee-in", options.tee_in.as_deref(), options.tee_append)?,
            tee_out: Record::open("--tee-out", options.tee_out.as_deref(), options.tee_append)?,
            hex_dump,
        })
    }

    /// Empties the files of an earlier session, at the first connection.
    pub(super) fn begin(&self) -> Result<(), Error> {
        [&self.tee_in, &self.tee_out, &self.hex_dump].into_iter().flatten().try_for_each(Record::empty_once)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tee_in.is_none() && self.tee_out.is_none() && self.hex_dump.is_none()
    }
}

/// A stream that is recorded.
pub(super) struct Recorded<S> {
    stream: S,
    records: Rc<Records>,
    /// The label before each line of a dump: the client's name.
    label: String,
    hex_dump: HexDump,
    start: Instant,
    now: Instant,
}

impl<S: Stream> Recorded<S> {
    /// A connection that begins at `now`.
    pub(super) fn new(stream: S, (records, label): (Rc<Records>, String), now: Instant) -> Recorded<S> {
        Recorded { stream, records, label, hex_dump: HexDump::default(), start: now, now }
    }

    fn record(&mut self, direction: Direction, bytes: &[u8]) -> io::Result<()> {
        let tee = match direction {
            Direction::Sent => &self.records.tee_out,
            Direction::Received => &self.records.tee_in,
        };
        if let Some(tee) = tee {
            tee.write(bytes)?;
        }
        if let Some(dump) = &self.records.hex_dump {
            let elapsed = self.now - self.start;
            dump.write(self.hex_dump.lines(&self.label, direction, elapsed, bytes).as_bytes())?;
        }
        Ok(())
    }
}

impl<S: Stream> Stream for Recorded<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.record(Direction::Received, &buffer[..count])?;
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.stream.write(bytes)?;
        self.record(Direction::Sent, &bytes[..count])?;
        Ok(count)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.finish_writing()
    }
}

crate::forwarding!([S: Stream] Recorded<S>, this => this.stream; SocketState RelayHints);
// The kernel must not move the bytes by itself.
crate::without!([S: Stream] Recorded<S>; KernelEnds);

impl<S: Stream> Timed for Recorded<S> {
    fn tick(&mut self, now: Instant) {
        self.now = now;
        self.stream.tick(now);
    }

    fn wake_up(&self) -> Option<Instant> {
        self.stream.wake_up()
    }
}
