//! Starts the real binary, feeds it and watches it. Every wait has a deadline; nothing sleeps.

mod collector;
pub(crate) mod identity;
pub(crate) mod link;
pub(crate) mod others;
pub(crate) mod skips;

use std::any::Any;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

pub(crate) use collector::Collector;

/// Longer than anything here takes, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// Long enough to see that something does not happen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(250);

/// The clock, for deadlines.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time that a busy machine gets beyond a short limit: a multiple of the time of a control, which is measured now.
/// The control starts the program and syncs a file. On a quiet machine this is well under a second.
fn allowance() -> Duration {
    const TIMES: u32 = 50;
    let begun = now();
    let ended = Command::new(env!("CARGO_BIN_EXE_sendall")).arg("--version").output().expect("the control");
    file_of(b"control").sync_all().expect("on the disk");
    assert!(ended.status.success(), "the control failed");
    TIMES * begun.elapsed()
}

/// Asserts that no more time than `limit` has passed since `begun`, plus the allowance of a busy machine.
#[track_caller]
pub(crate) fn assert_within(begun: Instant, limit: Duration) {
    let took = begun.elapsed();
    if took < limit {
        return;
    }
    let more = allowance();
    assert!(took < limit + more, "took {took:?}, over {limit:?} and {more:?} more");
}

/// Waits until `is_true`, asking every few milliseconds; false if `limit` ran out.
pub(crate) fn wait_until(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let (_sender, nothing) = mpsc::channel::<()>();
    let deadline = now() + limit;
    while !is_true() {
        if now() >= deadline {
            return false;
        }
        // Nothing is sent: this returns after 5 ms.
        let _ = nothing.recv_timeout(Duration::from_millis(5));
    }
    true
}

/// Waits for one of `events`; false if `limit` ran out.
pub(crate) fn wait_for_fd(fd: BorrowedFd<'_>, events: PollFlags, limit: Duration) -> bool {
    let deadline = now() + limit;
    loop {
        let rest = deadline.saturating_duration_since(now());
        let timeout = Timespec { tv_sec: rest.as_secs() as i64, tv_nsec: rest.subsec_nanos().into() };
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, events)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.expect("poll") > 0,
        }
    }
}

/// Bytes that repeat nowhere near a power of two, the same in every run.
pub(crate) fn payload(size_bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ size_bytes as u64;
    let mut bytes = Vec::with_capacity(size_bytes + 8);
    while bytes.len() < size_bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size_bytes);
    bytes
}

/// An open, nameless file that holds `bytes`, at its beginning.
pub(crate) fn file_of(bytes: &[u8]) -> File {
    use std::io::Seek;
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("written");
    file.rewind().expect("rewound");
    file
}

/// Compares long byte strings without printing them.
#[track_caller]
pub(crate) fn assert_same(got: &[u8], expected: &[u8], what: &str) {
    if got == expected {
        return;
    }
    let same = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let (length, wanted) = (got.len(), expected.len());
    panic!("{what}: {length} bytes where {wanted} were due, equal up to {same}");
}

/// Where stdin comes from.
pub(crate) enum In {
    /// `/dev/null`.
    Null,
    /// Not there at all.
    Closed,
    /// A pipe that stays open: written and closed through `Running::stdin`.
    Open,
    /// A pipe that holds these bytes, and then ends.
    Bytes(Vec<u8>),
    /// Any descriptor.
    Fd(OwnedFd),
}

impl In {
    /// A file that holds `bytes`.
    pub(crate) fn file(bytes: &[u8]) -> In {
        In::Fd(file_of(bytes).into())
    }
}

/// Where stdout goes.
pub(crate) enum Out {
    /// A pipe that a thread empties.
    Collect,
    /// A pipe that is not read until the test does.
    Held,
    /// Not there at all.
    Closed,
    /// Any descriptor.
    Fd(OwnedFd),
}

/// A running process, which is killed when dropped.
pub(crate) struct Running {
    child: Child,
    pidfd: OwnedFd,
    /// The writing end of `In::Open`: dropped, it ends the input.
    pub(crate) stdin: Option<ChildStdin>,
    /// The reading end of `Out::Held`.
    pub(crate) stdout: Option<ChildStdout>,
    /// What stdout has brought, with `Out::Collect`.
    pub(crate) output: Option<Collector>,
    pub(crate) stderr: Collector,
    pub(crate) dir: Option<TempDir>,
    /// The folder of the process' keys and known hosts, kept for as long as it runs.
    pub(crate) state: Arc<dyn Any + Send + Sync>,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code, or minus the signal that killed it.
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Finished {
    /// Checks the exit code, and that stderr has one line of an error, or none with a code that needs none.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Finished {
        assert_eq!(self.code, code, "exit code; stderr: {}", self.stderr);
        let lines = self.errors();
        let due = usize::from(code != 0 && code != 141);
        assert_eq!(lines.len(), due, "lines on stderr with exit code {code}: {lines:?}");
        self
    }

    /// The lines of stderr that begin with the program's name.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.stderr.lines().filter(|line| line.starts_with("sendall: ")).collect()
    }
}

/// Starts the binary with these arguments.
pub(crate) fn sendall(args: &[&str], input: In, output: Out) -> Running {
    start(env!("CARGO_BIN_EXE_sendall"), args, input, output)
}

/// Starts any program.
pub(crate) fn start(program: &str, args: &[&str], input: In, output: Out) -> Running {
    start_with(program, args, &[], input, output)
}

/// Starts any program with these variables. Its keys and known hosts are in a folder of its own, unless they say otherwise.
pub(crate) fn start_with(
    program: &str,
    args: &[&str],
    variables: &[(&str, &str)],
    input: In,
    output: Out,
) -> Running {
    let closing = match (&input, &output) {
        (In::Closed, Out::Closed) => Some("exec \"$0\" \"$@\" <&- >&-"),
        (In::Closed, _) => Some("exec \"$0\" \"$@\" <&-"),
        (_, Out::Closed) => Some("exec \"$0\" \"$@\" >&-"),
        _ => None,
    };
    let mut command = match closing {
        Some(script) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", script, program]);
            shell
        }
        None => Command::new(program),
    };
    let (mut bytes, mut stdin_is_open) = (None, false);
    // Bars are drawn where the terminal is known to be able to.
    command.args(args).stderr(Stdio::piped()).env("TERM", "xterm");
    let state = tempfile::tempdir().expect("a folder");
    for name in ["SENDALL_CODE", "SENDALL_KEY", "STATE_DIRECTORY"] {
        command.env_remove(name);
    }
    command.env("XDG_STATE_HOME", state.path()).envs(variables.iter().copied());
    command.stdin(match input {
        In::Null | In::Closed => Stdio::null(),
        In::Open => {
            stdin_is_open = true;
            Stdio::piped()
        }
        In::Bytes(content) => {
            bytes = Some(content);
            Stdio::piped()
        }
        In::Fd(fd) => fd.into(),
    });
    let collects = matches!(output, Out::Collect);
    command.stdout(match output {
        Out::Collect | Out::Held => Stdio::piped(),
        Out::Closed => Stdio::null(),
        Out::Fd(fd) => fd.into(),
    });
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
    drop(command);
    let mut stdin = child.stdin.take();
    if let (Some(bytes), Some(mut pipe)) = (bytes, stdin.take_if(|_| !stdin_is_open)) {
        // The reader may exit early: its exit code is what counts.
        std::thread::spawn(move || pipe.write_all(&bytes));
    }
    let mut stdout = child.stdout.take();
    let output = stdout.take_if(|_| collects).map(Collector::new);
    let stderr = Collector::new(child.stderr.take().expect("stderr is a pipe"));
    let pidfd = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).expect("a pidfd");
    Running { child, pidfd, stdin, stdout, output, stderr, dir: None, state: Arc::new(state) }
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it listens on `count` addresses. Returns them.
    #[track_caller]
    pub(crate) fn listening(&self, count: usize) -> Vec<String> {
        let found = |text: &str| -> Vec<String> {
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            whole.lines().filter_map(|line| line.strip_prefix("listening on ")).map(String::from).collect()
        };
        let enough = |bytes: &[u8], ended| ended || found(&String::from_utf8_lossy(bytes)).len() >= count;
        let is_found = self.stderr.wait(LIMIT, enough);
        let addresses = found(&self.stderr.text());
        assert!(is_found && addresses.len() >= count, "not listening: {}", self.stderr.text());
        addresses
    }

    /// The port of the first listener.
    #[track_caller]
    pub(crate) fn port(&self) -> u16 {
        let address = self.listening(1).remove(0);
        address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// Ends the input of `In::Open`.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    #[track_caller]
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().expect("In::Open").write_all(bytes).expect("stdin takes it");
    }

    /// True if it ended within `limit`.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        wait_for_fd(self.pidfd.as_fd(), PollFlags::IN, limit)
    }

    #[track_caller]
    pub(crate) fn assert_waits(&self) {
        assert!(!self.ends_within(A_WHILE), "ended too early: {}", self.stderr.text());
    }

    /// Waits for `expected` on stdout, and no more.
    #[track_caller]
    pub(crate) fn expect_output(&self, expected: &[u8]) {
        let output = self.output.as_ref().expect("Out::Collect");
        output.wait(LIMIT, |bytes, ended| ended || bytes.len() >= expected.len());
        assert_same(&output.bytes(), expected, "stdout");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    /// Waits for the end, which must come within the usual limit.
    #[track_caller]
    pub(crate) fn finish(self) -> Finished {
        self.finish_within(LIMIT)
    }

    /// As [`Running::finish`], within `limit` and the allowance of a busy machine.
    #[track_caller]
    pub(crate) fn finish_within(mut self, limit: Duration) -> Finished {
        if !self.ends_within(limit) {
            let more = allowance();
            let text = || format!("still runs after {limit:?} and {more:?} more: {}", self.stderr.text());
            assert!(self.ends_within(more), "{}", text());
        }
        let status = self.child.wait().expect("an exit status");
        let code = status.code().unwrap_or_else(|| -status.signal().expect("killed by a signal"));
        for stream in self.output.iter().chain([&self.stderr]) {
            assert!(stream.wait(LIMIT, |_, ended| ended), "a descriptor was left open");
        }
        let stdout = self.output.as_ref().map(Collector::bytes).unwrap_or_default();
        Finished { code, stdout, stderr: self.stderr.text() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of 127.0.0.1 that stays with the test as long as the socket is held. Nobody listens there: connections are
/// refused. A listener that sets `SO_REUSEADDR`, as servers do, gets the port as if it were free.
pub(crate) fn silent_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.set_reuse_address(true).and_then(|()| socket.bind(&any_port.into())).expect("a port");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    (socket, address)
}

/// Makes a socket a listener whose queue is full, until the returned sockets are dropped: further clients wait without
/// an answer.
pub(crate) fn fill(socket: Socket) -> Vec<Socket> {
    socket.listen(0).expect("listening");
    let address = socket.local_addr().expect("an address");
    let client = |_| {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        client.set_nonblocking(true).expect("non-blocking");
        let _ = client.connect(&address);
        client
    };
    (0..4).map(client).chain([socket]).collect()
}
