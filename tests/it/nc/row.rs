//! A case as data: the words of a listener and of a client, what they read, and what is due on both sides. The same rows
//! are run with sendall and with other netcats.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::others::free_port;
use crate::harness::{In, Out, Running, silent_port, start};

/// Stdin of a side.
#[derive(Clone, Copy)]
pub(super) enum Input {
    /// `/dev/null`.
    Nothing,
    /// A pipe that ends.
    Pipe(&'static str),
    /// A pipe that stays open.
    Open(&'static str),
    /// A file.
    File(&'static str),
}

/// How a side ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this exit code.
    Code(i32),
    /// It goes on: it is stopped once everything due was printed.
    Stopped,
    /// In any way, and what it printed is not compared.
    Any,
}

/// One side of a case.
#[derive(Clone, Copy)]
pub(super) struct Side {
    /// PORT stands for the listener's port, SOCKET and CLIENT for names of Unix sockets, `~` for a space in a word.
    pub(super) words: &'static str,
    pub(super) input: Input,
    /// Stdout.
    pub(super) out: &'static str,
    /// Lines on stderr: `*` stands for anything.
    pub(super) says: &'static [&'static str],
    pub(super) end: End,
}

/// A case.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Without words: nobody listens on the port.
    pub(super) listener: Side,
    /// Without words: there is no client.
    pub(super) client: Side,
    /// What OpenBSD's nc does in another way, and why; empty: nothing.
    pub(super) openbsd: &'static str,
}

pub(super) const NOBODY: Side =
    Side { words: "", input: Input::Nothing, out: "", says: &[], end: End::Code(0) };
pub(super) const ROW: Row = Row { name: "", listener: NOBODY, client: NOBODY, openbsd: "" };

/// A side with a pipe that ends.
pub(super) const fn side(words: &'static str, input: &'static str, out: &'static str) -> Side {
    Side { words, input: Input::Pipe(input), out, ..NOBODY }
}

/// A side that reads nothing.
pub(super) const fn mute(words: &'static str, out: &'static str) -> Side {
    Side { words, out, ..NOBODY }
}

impl Side {
    pub(super) const fn says(self, says: &'static [&'static str]) -> Side {
        Side { says, ..self }
    }

    pub(super) const fn code(self, code: i32) -> Side {
        Side { end: End::Code(code), ..self }
    }

    pub(super) const fn any(self) -> Side {
        Side { end: End::Any, ..self }
    }

    pub(super) const fn stopped(self) -> Side {
        Side { end: End::Stopped, ..self }
    }

    pub(super) const fn input(self, input: Input) -> Side {
        Side { input, ..self }
    }
}

/// A netcat, as rows need it.
#[derive(Clone, Copy)]
pub(super) struct Netcat<'a> {
    /// The path of a program whose name is `nc`.
    pub(super) path: &'a Path,
    /// It says on which port it listens, and its lines are those of the rows.
    pub(super) speaks: bool,
    /// The words of OpenBSD's nc in its own.
    pub(super) dialect: fn(&str) -> String,
    /// The time that it has for each row.
    pub(super) limit: Duration,
}

/// Runs the rows on a few threads. Returns the failures, in the order of the rows.
pub(super) fn run_all(rows: &[&Row], netcat: Netcat<'_>) -> Vec<(&'static str, String)> {
    const THREADS: usize = 4;
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = run(row, netcat) {
                        failures.lock().expect("no panic").push((row.name, why));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no panic");
    failures.sort_by_key(|(name, _)| rows.iter().position(|row| row.name == *name));
    failures
}

/// Runs one row.
fn run(row: &Row, netcat: Netcat<'_>) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let names = |words: &str, port: &str| -> Vec<String> {
        let path = |name: &str| folder.path().join(name).display().to_string();
        let words = words.replace("SOCKET", &path("s")).replace("CLIENT", &path("c")).replace("PORT", port);
        (netcat.dialect)(&words).split(' ').map(|word| word.replace('~', " ")).collect()
    };
    let silent = silent_port();
    // Connected to somebody else, it refuses what others send.
    let deaf =
        std::net::UdpSocket::bind(silent.1).and_then(|socket| socket.connect("127.0.0.1:9").map(|()| socket));
    let mut port = silent.1.port().to_string();
    let mut listener = None;
    if !row.listener.words.is_empty() {
        let own = if netcat.speaks { "0".to_owned() } else { free_port().to_string() };
        let running = launch(&row.listener, &names(row.listener.words, &own), netcat);
        match bound_port(&running, &row.listener, netcat) {
            Some(found) if netcat.speaks => port = found,
            Some(_) => port = own,
            None => return check(&row.listener, running, &port, folder.path(), netcat),
        }
        listener = Some(running);
    }
    let _refusing = deaf;
    let client =
        (!row.client.words.is_empty()).then(|| launch(&row.client, &names(row.client.words, &port), netcat));
    let sides = [client.zip(Some(&row.client)), listener.zip(Some(&row.listener))];
    // Both have what they wait for before one is stopped.
    for (running, side) in sides.iter().flatten() {
        wait_for_output(running, side, netcat);
    }
    for (running, side) in sides.iter().flatten() {
        if side.end == End::Stopped && running.ends_within(Duration::ZERO) {
            return Err(format!("[{}] ended too early: {}", side.words, running.stderr.text()));
        }
    }
    for (running, side) in sides.into_iter().flatten() {
        check(side, running, &port, folder.path(), netcat)?;
    }
    Ok(())
}

fn launch(side: &Side, words: &[String], netcat: Netcat<'_>) -> Running {
    let pipe = |text: &str| {
        let (read, write): (OwnedFd, OwnedFd) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
        let mut write = File::from(write);
        write.write_all(text.as_bytes()).expect("room in a pipe");
        (In::Fd(read), write)
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let program = netcat.path.to_str().expect("UTF-8");
    match side.input {
        Input::Nothing => start(program, &words, In::Null, Out::Collect),
        Input::File(text) => start(program, &words, In::file(text.as_bytes()), Out::Collect),
        Input::Pipe(text) => start(program, &words, pipe(text).0, Out::Collect),
        Input::Open(text) => {
            let mut running = start(program, &words, In::Open, Out::Collect);
            // A program that ends at once does not take it.
            let _ = running.stdin.as_mut().map(|stdin| stdin.write_all(text.as_bytes()));
            running
        }
    }
}

/// The port that a listener says; none if it ends instead.
fn bound_port(listener: &Running, side: &Side, netcat: Netcat<'_>) -> Option<String> {
    // A Unix socket for streams has both lines.
    let is_unix_stream = side.words.contains("SOCKET") && !side.words.contains("-u");
    let found = |text: &str| {
        let (whole, _) = text.rsplit_once('\n')?;
        let mut lines = whole.lines().filter(|line| !is_unix_stream || line.contains("Listening"));
        lines.find_map(bound).map(str::to_owned)
    };
    listener
        .stderr
        .wait(netcat.limit, |bytes, ended| ended || found(&String::from_utf8_lossy(bytes)).is_some());
    found(&listener.stderr.text())
}

/// The last word of a line that says where it listens.
fn bound(line: &str) -> Option<&str> {
    let is_it = line.contains("Listening on ") || line.contains("Bound on ");
    is_it.then(|| line.rsplit([' ', ':']).next()).flatten()
}

/// Waits until everything due of a side that goes on was printed.
fn wait_for_output(running: &Running, side: &Side, netcat: Netcat<'_>) {
    if side.end == End::Stopped {
        let output = running.output.as_ref().expect("collected");
        output.wait(netcat.limit, |bytes, ended| ended || fits(side.out, &String::from_utf8_lossy(bytes)));
    }
}

fn check(
    side: &Side,
    mut running: Running,
    port: &str,
    folder: &Path,
    netcat: Netcat<'_>,
) -> Result<(), String> {
    let what = format!("{} [{}]", netcat.path.display(), side.words);
    match side.end {
        End::Any => return Ok(()),
        End::Stopped => running.signal(Signal::TERM),
        End::Code(_) if !running.ends_within(netcat.limit) => {
            let output = running.output.as_ref().expect("collected").text();
            return Err(format!("{what}: still runs: {output:?} {}", running.stderr.text()));
        }
        End::Code(_) => {}
    }
    running.end_input();
    let ended = running.finish();
    let (out, stderr) = (String::from_utf8_lossy(&ended.stdout).into_owned(), &ended.stderr);
    if let End::Code(code) = side.end
        && ended.code != code
    {
        return Err(format!("{what}: exit code {} for {code}: {stderr}", ended.code));
    }
    let due = side.out.replace("PORT", port);
    if !fits(&due, &out) {
        return Err(format!("{what}: printed {out:?} for {due:?}; {stderr}"));
    }
    for line in side.says.iter().filter(|_| netcat.speaks) {
        let due = line.replace("PORT", port).replace("SOCKET", &folder.join("s").display().to_string());
        if !stderr.lines().any(|line| fits(&due, line)) {
            return Err(format!("{what}: no line {due:?} in {stderr:?}"));
        }
    }
    if side.says.is_empty() && netcat.speaks && !side.words.contains('v') && !stderr.is_empty() {
        return Err(format!("{what}: {stderr:?} on stderr"));
    }
    Ok(())
}

/// True if a text is the due one, in which `*` stands for anything.
fn fits(due: &str, text: &str) -> bool {
    let mut parts = due.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn a_star_stands_for_anything() {
    assert!(fits("a*c", "abc") && fits("*", "") && fits("a*b*c", "axbxc") && fits("x", "x"));
    assert!(!fits("a*c", "ab") && !fits("x", "xy") && !fits("a*b*c", "ac"));
}
