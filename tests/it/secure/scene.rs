//! Servers and clients with keys, codes and known hosts in folders of their own.

use std::path::PathBuf;
use std::sync::Arc;

use crate::harness::{Finished, In, Out, Running, start_with};
use crate::transfer::xfer::Place;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sendall");
/// The code of tests that do not care.
pub(crate) const CODE: &str = "zebra-actor-lunar";

/// One side: what its user's variables are.
pub(crate) struct User {
    pub(crate) state: Arc<Place>,
    /// `SENDALL_CODE`.
    pub(crate) code: Option<String>,
}

impl User {
    pub(crate) fn new() -> User {
        User { state: Arc::new(Place::new()), code: None }
    }

    pub(crate) fn with(code: &str) -> User {
        User { state: Arc::new(Place::new()), code: Some(code.to_owned()) }
    }

    pub(super) fn variables(&self) -> Vec<(&str, &str)> {
        let code = self.code.as_deref().map(|code| ("SENDALL_CODE", code));
        [("XDG_STATE_HOME", self.state.arg())].into_iter().chain(code).collect()
    }

    /// The file of the known hosts, or of the key.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.state.path("sendall").join(name)
    }

    /// The lines of the known hosts.
    pub(crate) fn known(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file("known")).unwrap_or_default();
        text.lines().map(String::from).collect()
    }

    /// Starts the binary without a terminal, so that it cannot ask.
    pub(crate) fn start(&self, args: &[&str], input: In) -> Running {
        let args = [&["-w", PROGRAM], args].concat();
        let mut running = start_with("setsid", &args, &self.variables(), input, Out::Collect);
        running.state = Arc::clone(&self.state) as _;
        running
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Finished {
        self.start(args, In::Null).finish()
    }

    /// Starts a line of the shell at a terminal of its own.
    pub(crate) fn start_at_terminal(&self, line: &str) -> Running {
        start_with("script", &["-qec", line, "/dev/null"], &self.variables(), In::Open, Out::Collect)
    }

    /// Starts it with a terminal, at which `answer` is typed when it asks.
    pub(crate) fn run_at_terminal(&self, args: &[&str], answer: &str) -> Finished {
        let line = args.iter().map(|arg| format!("'{arg}'")).collect::<Vec<_>>().join(" ");
        let mut running = self.start_at_terminal(&format!("'{PROGRAM}' {line}"));
        let output = running.output.clone().expect("a collector");
        let asks = |bytes: &[u8], ended| ended || bytes.windows(9).any(|window| window == b"code for ");
        assert!(output.wait(crate::harness::LIMIT, asks), "it does not ask");
        assert!(output.text().contains("code for"), "{}{}", output.text(), running.stderr.text());
        running.say(answer.as_bytes());
        running.finish()
    }

    /// A server for everybody who reaches this machine.
    pub(crate) fn serve(&self, options: &[&str]) -> Server {
        let running = self.start(&[&["serve", "0.0.0.0:0"], options].concat(), In::Null);
        let address = format!("127.0.0.1:{}", running.port());
        Server { running, address }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) running: Running,
    /// Where it is reached.
    pub(crate) address: String,
}

impl Server {
    /// What follows `name: ` in one of its lines.
    #[track_caller]
    pub(crate) fn says(&self, name: &str) -> String {
        let begin = format!("{name}: ");
        let find = |text: &str| {
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            whole.lines().find_map(|line| line.strip_prefix(&begin)).map(String::from)
        };
        let is_there = |bytes: &[u8], ended| ended || find(&String::from_utf8_lossy(bytes)).is_some();
        self.running.stderr.wait(crate::harness::LIMIT, is_there);
        find(&self.running.stderr.text()).unwrap_or_else(|| panic!("{}", self.running.stderr.text()))
    }

    /// Waits until its log has these words.
    #[track_caller]
    pub(crate) fn logs(&self, words: &str) {
        let has = |bytes: &[u8], ended| ended || String::from_utf8_lossy(bytes).contains(words);
        self.running.stderr.wait(crate::harness::LIMIT, has);
        let text = self.running.stderr.text();
        assert!(text.contains(words), "'{words}' is not in: {text}");
    }
}
