//! The examples of README.md and docs/*.md, typed into interactive shells, and what these print compared line by line.
//!
//! Each block marked `console` is an example. It is run in an empty folder, after the block that stands after
//! `<!-- setup -->` in the same file or, without one, in README.md. `a$ LINE`, `b$ LINE` and `c$ LINE` are typed into a terminal each,
//! `$ LINE` into one more. The lines that follow are what it prints, also what it prints later: a command that prints
//! `listening on` is left running. `a$ ^C` is that key. In a line that is printed `...` stands for anything.
//!
//! The ports of the text (7255, 8080, 9000 and so on) are served on ports that the system chooses, the name `alpha` is
//! this machine, and so are 192.0.2.1 and 192.0.2.2. Where a server prints a code, clients of `alpha` are asked for it with
//! `--code`, because this machine is trusted without; the code of the text, after `code for alpha: `, is typed.
//! A key that stands in the text, after `key: `, is the server's wherever it is typed.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use crate::pages::{blocks, files, read, setup};
use crate::stand_ins;
use crate::terminal::Terminal;

/// Of one example.
type Machines = BTreeMap<char, Machine>;

struct Step {
    /// The letter before the prompt, or a blank.
    machine: char,
    command: String,
    expected: Vec<String>,
}

struct Example {
    name: String,
    steps: Vec<Step>,
}

struct Machine {
    terminal: Terminal,
    /// The last command, and its expected output.
    command: String,
    expected: Vec<String>,
}

/// A port, a code or a key of the text and the one that it has become.
type Ports = Vec<(String, String)>;

/// Before a server's code, and its key.
const SHOWN: [&str; 2] = ["code: ", "key: "];
/// Before the code that a client asks for.
const QUESTION: &str = "code for ";

#[test]
fn the_examples_do_what_is_written() {
    let readme = read("README.md");
    let setup_of_readme = setup(&readme).expect("README.md has a setup");
    let mut examples = Vec::new();
    for file in files() {
        let text = read(&file);
        let setup = setup(&text).unwrap_or_else(|| setup_of_readme.clone());
        let blocks = blocks(&text).into_iter().filter(|block| block.kind == "console" && !block.is_setup);
        examples.extend(blocks.map(|block| Example {
            name: format!("{file}:{}", block.line),
            steps: steps(&setup).chain(steps(&block.text)).collect(),
        }));
    }
    if !has_openssl() {
        examples.retain(|example| !example.steps.iter().any(|step| step.command.starts_with("openssl ")));
    }
    assert!(examples.len() >= 25, "only {} examples were found", examples.len());
    let next = std::sync::Mutex::new(examples.into_iter());
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some(example) = next.lock().unwrap().next() else { break };
                    if let Err(failure) = run(&example) {
                        failures.lock().unwrap().push(format!("{}: {failure}", example.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// True if openssl is there, which makes certificates.
fn has_openssl() -> bool {
    let has = Command::new("openssl").arg("version").output().is_ok();
    let must_run = std::env::var_os("SENDALL_MUST_RUN").is_some_and(|value| value == "1");
    assert!(has || !must_run, "SENDALL_MUST_RUN=1, but openssl is not installed");
    if !has {
        println!("skipped: openssl is not installed");
    }
    has
}

/// The machine and the command of a line with a prompt.
pub(crate) fn prompt(line: &str) -> Option<(char, &str)> {
    let (before, command) = line.split_once("$ ")?;
    match before {
        "" => Some((' ', command)),
        "a" | "b" | "c" => before.chars().next().map(|machine| (machine, command)),
        _ => None,
    }
}

fn steps(block: &str) -> impl Iterator<Item = Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match prompt(line) {
            Some((machine, command)) => {
                steps.push(Step { machine, command: command.to_owned(), expected: Vec::new() });
            }
            None if line.is_empty() => {}
            None => steps.last_mut().expect("a command before its output").expected.push(line.to_owned()),
        }
    }
    steps.into_iter()
}

fn run(example: &Example) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_sendall"));
    let stand_ins = tempfile::tempdir().unwrap();
    stand_ins::write(stand_ins.path());
    let (mut machines, mut ports) = (Machines::new(), Ports::new());
    for step in &example.steps {
        let machine = machines.entry(step.machine).or_insert_with(|| Machine {
            terminal: Terminal::open(folder.path(), &[program.parent().unwrap(), stand_ins.path()]),
            command: String::new(),
            expected: Vec::new(),
        });
        if step.command == "^C" {
            let due = machine.expected.len();
            machine.terminal.wait(|terminal| terminal.lines().len() >= due);
            machine.compare(&ports)?;
            machine.expect(step);
            machine.terminal.interrupt();
        } else {
            machine.finish(&ports)?;
            machine.expect(step);
            machine.terminal.type_line(&typed(&step.command, &ports)?);
            if let Some(line) = step.expected.iter().find(|line| line.starts_with(QUESTION)) {
                machine.answer(line, &ports)?;
            }
        }
        let is_awaited = |line: &String| line.starts_with("listening on ") || shown(line).is_some();
        match machine.expected.iter().rposition(is_awaited) {
            Some(last) => {
                machine.terminal.wait(|terminal| terminal.has_ended() || terminal.lines().len() > last);
                learn(step, &machine.terminal.lines(), &mut ports)?;
            }
            None => machine.finish(&ports)?,
        }
    }
    machines.values_mut().try_for_each(|machine| machine.finish(&ports))
}

impl Machine {
    fn expect(&mut self, step: &Step) {
        self.command.clone_from(&step.command);
        self.expected = step.expected.iter().filter(|line| is_due(line)).cloned().collect();
    }

    /// Types the code that the command asks for.
    fn answer(&mut self, question: &str, ports: &Ports) -> Result<(), String> {
        let code = question.rsplit(' ').next().unwrap();
        let (_, actual) =
            ports.iter().rev().find(|(written, _)| written == code).ok_or("no server has that code")?;
        self.terminal.wait(|terminal| terminal.has_ended() || terminal.unfinished().starts_with(QUESTION));
        self.terminal.answer(actual);
        Ok(())
    }

    /// Waits for the prompt, and compares what was printed before it.
    fn finish(&mut self, ports: &Ports) -> Result<(), String> {
        if !self.terminal.wait(Terminal::has_ended) {
            return Err(format!("$ {} did not end\nprinted {:#?}", self.command, self.terminal.lines()));
        }
        self.compare(ports)
    }

    fn compare(&mut self, ports: &Ports) -> Result<(), String> {
        let mut printed = self.terminal.lines();
        for (written, actual) in ports {
            for line in &mut printed {
                *line = line.replace(&format!(":{actual}"), &format!(":{written}"));
                *line = line.replace(&format!(": {actual}"), &format!(": {written}"));
            }
        }
        let expected: Vec<String> = self.expected.iter().map(|line| pattern(line)).collect();
        // Sessions of a server end at the same time: their lines may change places.
        let is_server = expected.iter().any(|line| line.starts_with("listening on "));
        let mut left: Vec<&String> = printed.iter().collect();
        let is_same = printed.len() == expected.len()
            && expected.iter().all(|pattern| {
                let range = if is_server { left.len() } else { 1 };
                let found = left[..range].iter().position(|line| matches(line, pattern));
                found.map(|index| left.remove(index)).is_some()
            });
        if is_same {
            Ok(())
        } else {
            Err(format!("$ {}\nprinted {printed:#?}\nnot {expected:#?}", self.command))
        }
    }
}

/// True if this machine can print such a line: without IPv6, or a network, there are fewer.
fn is_due(line: &str) -> bool {
    if line.starts_with("listening on [") {
        return fs::read_to_string("/proc/net/if_inet6").is_ok_and(|addresses| !addresses.is_empty());
    }
    let has_network =
        || UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.9:9")).is_ok();
    !line.starts_with("on another machine: ") || has_network()
}

/// A line of the text, with its addresses as they are here.
fn pattern(line: &str) -> String {
    if line.starts_with("on another machine: ") {
        // Port 7255 need not be typed; the one that is listened on here must.
        return line.replace(" 192.0.2.1", " ...");
    }
    if line.starts_with(QUESTION) {
        return line.replace("alpha:", "localhost:");
    }
    line.replace("192.0.2.1:", "127.0.0.1:").replace("192.0.2.2:", "127.0.0.1:")
}

fn listened_on(word: &str) -> Option<&str> {
    let port = word.strip_prefix(':').unwrap_or(word);
    (["7255", "8080"].contains(&port) || port.len() == 4 && port.starts_with("90")).then_some(port)
}

fn is_server(command: &str) -> bool {
    command.contains("sendall")
        && ["serve", "udp-listen", "http-hello"]
            .iter()
            .any(|verb| command.split(' ').any(|word| word == *verb))
}

/// A command of the text with the ports that are in use here.
fn typed(command: &str, ports: &Ports) -> Result<String, String> {
    let known =
        |written: &str| ports.iter().rev().find(|(port, _)| port == written).map(|(_, actual)| actual);
    let has_code = ports.iter().any(|(written, _)| is_code(written));
    let mut words: Vec<String> = Vec::new();
    for word in command.split(' ') {
        words.push(match (word.trim_end_matches(';'), listened_on(word)) {
            (_, Some(port)) if is_server(command) => word.replace(port, "0"),
            (_, Some(port)) => word.replace(port, known(port).unwrap_or(&port.to_owned())),
            (host @ ("alpha" | "localhost"), _) => {
                let port = known("7255").ok_or("nothing listens on 7255")?;
                word.replace(host, &format!("localhost:{port}"))
            }
            ("upload" | "download", _) if has_code && command.contains(" alpha") => format!("{word} --code"),
            _ if word.starts_with("alpha#") => {
                let port = known("7255").ok_or("nothing listens on 7255")?;
                word.replace("alpha", &format!("localhost:{port}"))
            }
            _ => word.replace("alpha:", "localhost:"),
        });
    }
    let mut command = words.join(" ");
    for (written, actual) in ports.iter().rev() {
        if written.starts_with("sha256:") {
            command = command.replace(written, actual);
        }
        command = command.replace(&format!("localhost:{written}"), &format!("localhost:{actual}"));
    }
    Ok(command)
}

/// Notes which port the one of the text has become.
fn learn(step: &Step, printed: &[String], ports: &mut Ports) -> Result<(), String> {
    let Some(written) = step.command.split(' ').find_map(listened_on) else { return Ok(()) };
    let port = printed.iter().find_map(|line| line.strip_prefix("listening on ")?.rsplit_once(':'));
    let (_, actual) = port.ok_or_else(|| format!("$ {}\nprinted {printed:#?}", step.command))?;
    ports.push((written.to_owned(), actual.to_owned()));
    for (name, written) in step.expected.iter().filter_map(|line| shown(line)) {
        let actual = printed.iter().find_map(|line| line.strip_prefix(name));
        ports.push((written.to_owned(), actual.ok_or(format!("no {name}was printed"))?.to_owned()));
    }
    Ok(())
}

/// The code or the key that a line of the text shows, and what stands before it. One with `...` is not used.
fn shown(line: &str) -> Option<(&'static str, &str)> {
    let of_name = |name: &&'static str| Some((*name, line.strip_prefix(*name)?));
    SHOWN.iter().find_map(of_name).filter(|(_, written)| !written.contains("..."))
}

/// True for a code, as opposed to a port or a key.
fn is_code(written: &str) -> bool {
    written.contains('-') && !written.starts_with("sha256:")
}

/// Compares a line with one in which `...` stands for anything.
fn matches(line: &str, pattern: &str) -> bool {
    let mut parts = pattern.split("...");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
