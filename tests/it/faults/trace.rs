//! strace: which system calls a process makes, and what becomes of it when one of them fails, kills or is interrupted.

use std::collections::HashMap;
use std::path::Path;

use crate::harness::skips::skip;
use crate::harness::{In, LIMIT, Out, Running, start};

/// Calls between which nothing changes but the process's own memory, threads and signals.
const INSIDE: [&str; 24] = [
    "access",
    "arch_prctl",
    "brk",
    "exit",
    "fcntl",
    "futex",
    "getpeername",
    "getrandom",
    "gettid",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "prlimit64",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "set_robust_list",
    "set_tid_address",
    "setsockopt",
    "sigaltstack",
    "restart_syscall",
];

/// Whether strace is installed and may trace processes that run; says so if not.
pub(crate) fn is_there() -> bool {
    let output = std::process::Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    if !output.is_ok_and(|output| output.status.success()) {
        skip("strace is not installed, or may not trace");
        return false;
    }
    // Yama, where it is there: above 0 only root may attach to what is not a child.
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let may_attach = matches!(scope.trim(), "" | "0") || rustix::process::geteuid().is_root();
    if !may_attach {
        skip("strace may not attach to a process (kernel.yama.ptrace_scope)");
    }
    may_attach
}

/// Traces a process that runs already, with all its threads; returns once that works.
#[track_caller]
pub(crate) fn attach(traced: &Running, log: &str, options: &[&str]) -> Running {
    let id = traced.id().to_string();
    let strace =
        start("strace", &[&["-f", "-y", "-o", log, "-p", &id], options].concat(), In::Null, Out::Collect);
    let is_attached = |bytes: &[u8]| bytes.windows(8).any(|word| word == b"attached");
    strace.stderr.wait(LIMIT, |bytes, ended| ended || is_attached(bytes));
    assert!(is_attached(&strace.stderr.bytes()), "strace: {}", strace.stderr.text());
    strace
}

/// Starts the binary under strace, that `options` are for.
pub(crate) fn traced(log: &str, options: &[&str], args: &[&str]) -> Running {
    let binary = env!("CARGO_BIN_EXE_sendall");
    let all = [&["-f", "-y", "-qq", "-o", log], options, &[binary], args].concat();
    start("strace", &all, In::Null, Out::Collect)
}

/// A system call of a thread, as strace counts it: each thread's by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// The how manieth of this name in its thread, from 1.
    pub(crate) nth: u32,
    /// The path of its first descriptor, empty where it has none.
    pub(crate) path: String,
    /// The how manieth of this name in its thread with this path.
    pub(crate) nth_of_path: u32,
    /// The whole line.
    pub(crate) line: String,
}

impl Call {
    /// Says that this call is to be `done` something, as an option of strace.
    pub(crate) fn inject(&self, done: &str) -> String {
        format!("--inject={}:{done}:when={}", self.name, self.nth)
    }

    /// As `inject`, for what concerns its path, which may lie in another folder now.
    pub(crate) fn inject_on_path(&self, from: &str, to: &str, done: &str) -> [String; 3] {
        let inject = format!("--inject={}:{done}:when={}", self.name, self.nth_of_path);
        ["-P".into(), self.path.replacen(from, to, 1), inject]
    }

    /// Whether its path tells it from others: it concerns a file below `folder`, or the folder and no name in it.
    pub(crate) fn is_known_by_path(&self, folder: &str) -> bool {
        self.path.starts_with(folder) && (self.path != folder || !self.line.contains('"'))
    }

    /// Traces nothing else.
    pub(crate) fn only(&self) -> String {
        format!("--trace={}", self.name)
    }
}

/// All calls of a log of everything, in their order.
pub(crate) fn calls(log: &Path) -> Vec<Call> {
    let calls = some_calls(log);
    assert!(calls.len() > 10, "strace saw nothing: {calls:?}");
    calls
}

/// The calls that a log has, in their order.
pub(crate) fn some_calls(log: &Path) -> Vec<Call> {
    let text = String::from_utf8_lossy(&std::fs::read(log).expect("a log")).into_owned();
    let mut counts = HashMap::<[&str; 3], u32>::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = rest.trim_start().split_once('(') else { continue };
        // Ends of calls, signals and exits are no calls.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let path =
            arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(path, _)| path);
        // No path has a NUL in it.
        let [nth, nth_of_path] = ["\0", path].map(|path| {
            let count = counts.entry([thread, name, path]).or_default();
            *count += 1;
            *count
        });
        let (name, path, line) = (name.to_owned(), path.to_owned(), line.to_owned());
        calls.push(Call { name, nth, path, nth_of_path, line });
    }
    calls
}

/// What strace can tell apart: of several threads whichever comes to it first counts.
pub(crate) fn distinct(calls: Vec<Call>) -> Vec<Call> {
    let mut seen = std::collections::HashSet::new();
    calls.into_iter().filter(|call| seen.insert((call.name.clone(), call.nth))).collect()
}

/// Those that something outside the process can notice.
pub(crate) fn outside(calls: Vec<Call>) -> Vec<Call> {
    calls.into_iter().filter(|call| !INSIDE.contains(&call.name.as_str())).collect()
}

/// The first and the last of each name.
pub(crate) fn ends_of_each(calls: Vec<Call>) -> Vec<Call> {
    let is_last = |call: &Call| !calls.iter().any(|other| other.name == call.name && other.nth > call.nth);
    calls.iter().filter(|call| call.nth == 1 || is_last(call)).cloned().collect()
}
