//! Folders, servers and clients of the transfer tests.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Finished, In, LIMIT, Out, Running, assert_same, sendall, start, wait_until};

/// What a file's body is sent in.
pub(crate) const CHUNK: usize = 1 << 20;

/// A folder of the test's own.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Place {
        Place(tempfile::tempdir().expect("a folder"))
    }

    /// In memory, where there is a place for that: for very many files.
    pub(crate) fn in_memory() -> Place {
        Place(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder"))
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// The folder itself, as an argument.
    pub(crate) fn arg(&self) -> &str {
        self.root().to_str().expect("UTF-8")
    }

    pub(crate) fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.root().join(Path::new(&name))
    }

    /// A path in it, as an argument.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// Writes a file, and returns its path as an argument.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).expect("written");
        self.at(name)
    }

    /// Makes a folder in it.
    pub(crate) fn folder(&self, name: &str) -> String {
        std::fs::create_dir_all(self.path(name)).expect("a folder");
        self.at(name)
    }

    /// All names at its top, sorted.
    pub(crate) fn names(&self) -> Vec<OsString> {
        names_in(self.root())
    }

    #[track_caller]
    pub(crate) fn expect_names(&self, names: &[&str]) {
        assert_eq!(self.names(), names.iter().map(OsString::from).collect::<Vec<_>>());
    }

    #[track_caller]
    pub(crate) fn expect(&self, name: &str, bytes: &[u8]) {
        let found = std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_same(&found, bytes, name);
    }
}

/// All names in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<OsString> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    names
}

/// True for the names of files that are not finished.
pub(crate) fn is_part(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".sendall-")
}

/// A server on a port of its own, with these options.
pub(crate) fn serve(options: &[&str]) -> Running {
    sendall(&[&["serve", "127.0.0.1:0"], options].concat(), In::Null, Out::Collect)
}

/// Its address.
#[track_caller]
pub(crate) fn address(server: &Running) -> String {
    server.listening(1).remove(0)
}

/// How many clients a server's log has lines about that say `text`, those included that are counted only.
pub(crate) fn failures(log: &str, text: &str) -> usize {
    let count = |line: &str| match line.strip_prefix("sendall: and ") {
        Some(more) => more.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default(),
        None => usize::from(line.starts_with("sendall: ")),
    };
    log.lines().filter(|line| line.contains(text)).map(count).sum()
}

/// Runs a client to its end.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Finished {
    sendall(args, In::Null, Out::Collect).finish()
}

/// Starts a client.
pub(crate) fn begin(args: &[&str]) -> Running {
    sendall(args, In::Null, Out::Collect)
}

/// The binary under `sh`, after a line that sets it up, as a limit.
pub(crate) fn limited(line: &str, args: &[&str]) -> Running {
    let script = format!("{line} && exec \"$0\" \"$@\"");
    let all = [&["-c", &script, env!("CARGO_BIN_EXE_sendall")], args].concat();
    start("sh", &all, In::Null, Out::Collect)
}

impl Finished {
    /// Checks the code and that nothing panicked; where several lines may be said, as for several files.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Finished {
        assert_eq!(self.code, code, "exit code; stderr: {}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_eq!(self.stdout, b"", "stdout is for what was asked for");
        self
    }

    /// As `expect`, and the line has these words.
    #[track_caller]
    pub(crate) fn expect_saying(self, code: i32, words: &str) -> Finished {
        let finished = self.expect(code).ended(code);
        assert!(finished.stderr.contains(words), "'{words}' is not in: {}", finished.stderr);
        finished
    }
}

/// Runs a client against a server started with `--once`: the codes of both, client first.
#[track_caller]
pub(crate) fn session(server: &[&str], client: impl FnOnce(&str) -> Running) -> (Finished, Finished) {
    let server = serve(&[server, &["--once"]].concat());
    let client = client(&address(&server)).finish();
    (client, server.finish())
}

/// Uploads to a server with `--once`.
#[track_caller]
pub(crate) fn upload_once(server: &[&str], args: &[&str]) -> (Finished, Finished) {
    session(server, |address| begin(&[&["upload"], args, &[address]].concat()))
}

/// Downloads from a server with `--once`.
#[track_caller]
pub(crate) fn download_once(server: &[&str], args: &[&str]) -> (Finished, Finished) {
    session(server, |address| begin(&[&["download", address], args].concat()))
}

/// One file has arrived: both sides report its digest and size, the client in this one line.
#[track_caller]
pub(crate) fn expect_lines((client, server): (Finished, Finished), line: &str, bytes: &[u8]) {
    let (client, server) = (client.expect(0).ended(0), server.expect(0).ended(0));
    assert!(client.stderr.contains(line), "{}", client.stderr);
    for text in [&client.stderr, &server.stderr] {
        assert!(text.contains(&digest(bytes)) && text.contains(&format!(" {} bytes", bytes.len())), "{text}");
    }
    assert_eq!(client.stderr.lines().count(), 1, "{}", client.stderr);
    assert_eq!(server.stderr.lines().count(), 2, "{}", server.stderr);
}

/// The digest as it is printed.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("BLAKE3 {}", blake3::hash(bytes))
}

/// Waits until a folder has a file that is not finished, of at least so many bytes.
#[track_caller]
pub(crate) fn wait_for_part(folder: &Path, bytes: u64) {
    let size = |name: &OsString| std::fs::metadata(folder.join(name)).map_or(0, |meta| meta.len());
    let is_there = || names_in(folder).iter().any(|name| is_part(name) && size(name) >= bytes);
    assert!(wait_until(LIMIT, is_there), "no part of {bytes} bytes: {:?}", names_in(folder));
}

/// A field of `/proc/PID/status`, in KiB.
pub(crate) fn status_kib(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    field_kib(&status, field).expect("the field")
}

/// A field of what such a file holds, if it is there.
pub(crate) fn field_kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().ok()
}

/// Processor time so far, in hundredths of a second.
pub(crate) fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<&str> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
    [11, 12].map(|field| fields[field].parse::<u64>().expect("a number")).iter().sum()
}

/// Waits until a server has dealt with what has come and does next to nothing: it does not spin.
#[track_caller]
pub(crate) fn expect_rest(server: &Running) {
    let rests = || {
        let before = cpu_ticks(server.id());
        assert!(!server.ends_within(Duration::from_millis(500)), "it ended: {}", server.stderr.text());
        cpu_ticks(server.id()) - before < 8
    };
    assert!(wait_until(LIMIT, rests), "it spins");
}

/// The number of open descriptors.
pub(crate) fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").count()
}

/// Whether the long loops are to run; says so if not.
pub(crate) fn is_slow_wanted(what: &str) -> bool {
    let wanted = std::env::var_os("SENDALL_SLOW").is_some_and(|value| value == "1");
    if !wanted {
        println!("skipped without SENDALL_SLOW=1: {what}");
    }
    wanted
}

/// Runs the cases on a few threads.
pub(crate) fn in_parallel<T: Sync>(cases: &[T], run: impl Fn(&T) + Sync) {
    const THREADS: usize = 4;
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    run(case);
                }
            });
        }
    });
}
