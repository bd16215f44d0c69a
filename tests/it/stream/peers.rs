//! Next to the netcats that are installed: no byte lost where the other end sends it, exit 0 only if everything
//! arrived, no waiting but where the contract demands it.
//!
//! `PEER_MIB=64` makes the payload as large as wanted.

use std::sync::Mutex;
use std::time::Duration;

use crate::harness::others::{free_port, installed};
use crate::harness::{Finished, In, LIMIT, Out, Running, payload, sendall, start, wait_until};

/// A netcat: how it is called to listen and to connect, and what it needs besides to end with its input.
struct Tool {
    name: &'static str,
    program: &'static str,
    listen: &'static [&'static str],
    connect: &'static [&'static str],
    /// Options of the end that sends: pass the end of the input on.
    when_sending: &'static [&'static str],
    /// Takes the first end of file for the end of the session, and drops what it still had to say or to read.
    drops_at_half_close: bool,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "nc.openbsd",
        program: "nc.openbsd",
        listen: &["-l", "127.0.0.1", "PORT"],
        connect: &["127.0.0.1", "PORT"],
        when_sending: &["-N"],
        drops_at_half_close: true,
    },
    Tool {
        name: "nc.traditional",
        program: "nc.traditional",
        listen: &["-l", "-s", "127.0.0.1", "-p", "PORT"],
        connect: &["127.0.0.1", "PORT"],
        when_sending: &["-q", "0"],
        drops_at_half_close: true,
    },
    Tool {
        name: "ncat",
        program: "ncat",
        listen: &["-l", "127.0.0.1", "PORT"],
        connect: &["127.0.0.1", "PORT"],
        when_sending: &[],
        drops_at_half_close: true,
    },
    Tool {
        name: "socat",
        program: "socat",
        listen: &["-t", "20", "STDIO", "TCP-LISTEN:PORT,bind=127.0.0.1,reuseaddr"],
        connect: &["-t", "20", "STDIO", "TCP:127.0.0.1:PORT"],
        when_sending: &[],
        drops_at_half_close: false,
    },
    Tool {
        name: "busybox nc",
        program: "busybox",
        listen: &["nc", "-l", "-p", "PORT"],
        connect: &["nc", "127.0.0.1", "PORT"],
        when_sending: &[],
        drops_at_half_close: true,
    },
];

/// What an end has as stdin while it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silent {
    Null,
    OpenPipe,
    EmptyFile,
}

const SILENT: [Silent; 3] = [Silent::Null, Silent::OpenPipe, Silent::EmptyFile];

/// What an end has as stdin while it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaking {
    File,
    /// A pipe that stays open until the receiver has everything.
    OpenPipe,
}

#[derive(Clone, Copy)]
struct Case {
    tool: &'static Tool,
    we_listen: bool,
    we_send: bool,
    sender: Speaking,
    receiver: Silent,
}

impl Case {
    fn name(&self) -> String {
        let verbs =
            [if self.we_listen { "serve" } else { "connect" }, if self.we_send { "push" } else { "pull" }];
        let (sender, receiver) = (self.sender, self.receiver);
        format!("{} {} with {}: {sender:?} to {receiver:?}", verbs[0], verbs[1], self.tool.name)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for tool in TOOLS {
        if installed(tool.program).is_none() {
            continue;
        }
        for we_listen in [true, false] {
            for we_send in [true, false] {
                for sender in [Speaking::File, Speaking::OpenPipe] {
                    for receiver in SILENT {
                        cases.push(Case { tool, we_listen, we_send, sender, receiver });
                    }
                }
            }
        }
    }
    cases
}

/// True if something listens there; asked of the kernel, since a connection would be the one client.
pub(crate) fn is_listening(port: u16) -> bool {
    let local = format!(":{port:04X} ");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        table.lines().any(|line| line.contains(&local) && line.split_ascii_whitespace().nth(3) == Some("0A"))
    })
}

fn start_tool(case: &Case, port: u16, input: In) -> Running {
    let words = if case.we_listen { case.tool.connect } else { case.tool.listen };
    let options = if case.we_send { &[][..] } else { case.tool.when_sending };
    let words: Vec<String> = words.iter().map(|word| word.replace("PORT", &port.to_string())).collect();
    let split = usize::from(words[0] == "nc");
    let args: Vec<&str> = words[..split]
        .iter()
        .map(String::as_str)
        .chain(options.iter().copied())
        .chain(words[split..].iter().map(String::as_str))
        .collect();
    start(case.tool.program, &args, input, Out::Collect)
}

struct Ends {
    ours: Running,
    theirs: Running,
}

fn open(case: &Case, ours: In, theirs: In) -> Result<Ends, String> {
    if case.we_listen {
        let ours = sendall(&["serve", "127.0.0.1:0"], ours, Out::Collect);
        let theirs = start_tool(case, ours.port(), theirs);
        return Ok(Ends { ours, theirs });
    }
    let port = free_port();
    let theirs = start_tool(case, port, theirs);
    if !wait_until(LIMIT, || is_listening(port) || theirs.ends_within(Duration::ZERO)) || !is_listening(port)
    {
        return Err(format!("the tool does not listen: {}", theirs.stderr.text()));
    }
    let ours = sendall(&["connect", &format!("127.0.0.1:{port}")], ours, Out::Collect);
    Ok(Ends { ours, theirs })
}

/// Runs one case, and returns what was wrong.
fn run(case: &Case, bytes: &[u8]) -> Result<(), String> {
    let speaking = match case.sender {
        Speaking::File => In::file(bytes),
        Speaking::OpenPipe => In::Open,
    };
    let silent = match case.receiver {
        Silent::Null => In::Null,
        Silent::OpenPipe => In::Open,
        Silent::EmptyFile => In::file(b""),
    };
    let (ours, theirs) = if case.we_send { (speaking, silent) } else { (silent, speaking) };
    let Ends { mut ours, mut theirs } = open(case, ours, theirs)?;
    let (sender, receiver) = if case.we_send { (&mut ours, &mut theirs) } else { (&mut theirs, &mut ours) };

    // An open pipe is written while the other end may already have gone: then the write fails, and that is all.
    let feeding = sender.stdin.take().map(|mut pipe| {
        let bytes = bytes.to_vec();
        std::thread::spawn(move || {
            use std::io::Write;
            let _ = pipe.write_all(&bytes);
            pipe
        })
    });
    let output = receiver.output.clone().ok_or("no output")?;
    if case.sender == Speaking::File && case.receiver != Silent::OpenPipe {
        // Nothing is to be closed: both must end by themselves.
        ours.ends_within(LIMIT);
    } else {
        output.wait(LIMIT, |got, ended| ended || got.len() >= bytes.len());
    }
    drop(feeding.map(|feeding| feeding.join()));
    ours.end_input();
    theirs.end_input();
    if !ours.ends_within(LIMIT) {
        let got = output.bytes().len();
        return Err(format!("hangs, {got} of {} bytes arrived: {}", bytes.len(), ours.stderr.text()));
    }
    let finished = ours.finish();
    // The tool may hang: that is its own affair, and what it got has been collected by then.
    theirs.ends_within(Duration::from_secs(1));
    // What it has read may still be on its way through its stdout.
    output.wait(Duration::from_secs(3), |got, ended| ended || got.len() >= bytes.len());
    judge(case, &finished, &output.bytes(), bytes)
}

fn judge(case: &Case, ours: &Finished, got: &[u8], bytes: &[u8]) -> Result<(), String> {
    let (code, stderr) = (ours.code, ours.stderr.trim());
    if !bytes.starts_with(got) {
        return Err("other bytes arrived".into());
    }
    let is_complete = got.len() == bytes.len();
    let amount = format!("{} of {} bytes arrived, exit {code}: {stderr}", got.len(), bytes.len());
    match (case.we_send, is_complete, code) {
        (_, true, 0) => Ok(()),
        // It went away early, and we say so.
        (true, false, 5) => Ok(()),
        (true, true, 5) if case.tool.drops_at_half_close => Ok(()),
        // An empty file as input is a half-close at once; what such a tool then does not send, it does not tell.
        (false, false, 0 | 5) if case.receiver == Silent::EmptyFile && case.tool.drops_at_half_close => {
            Ok(())
        }
        _ => Err(amount),
    }
}

#[test]
fn with_every_netcat_nothing_is_lost_and_nothing_hangs() {
    let mib = std::env::var("PEER_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(8);
    let bytes = payload(mib << 20);
    let (todo, wrong) = (Mutex::new(cases()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some(case) = todo.lock().expect("a lock").pop() else { return };
                    if let Err(what) = run(&case, &bytes) {
                        wrong.lock().expect("a lock").push(format!("{}: {what}", case.name()));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("a lock");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
