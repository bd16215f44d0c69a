//! The examples of README.md and docs/*.md, typed into interactive shells, and what these print compared line by line.
//!
//! Each block marked `console` is an example. It is run in an empty folder, after the block that stands after
//! `<!-- setup -->` in the same file or, without one, in README.md. `a$ LINE`, `b$ LINE` and `c$ LINE` are typed into a terminal each,
//! `$ LINE` into one more. The lines that follow are what it prints, also what it prints later: a command that prints
//! `listening on` is left running. `a$ ^C` is that key. In a line that is printed `...` stands for anything.
//!
//! The ports of the text (7255, 8080, 9000 and so on) are served on ports that the system chooses, the name `alpha` is
//! this machine, and so are 192.0.2.1 and 192.0.2.2.
//!
//! What is not run is read: every line `sendall ...` of a block marked `sh`, and every inline `sendall ...`, must be a
//! command line that the program takes, and each option in inline code must exist.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{CommandFactory, Parser};
use sendall::cli::Cli;

use crate::terminal::Terminal;

const SETUP: &str = "<!-- setup -->";
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
    /// What was typed last, and what it should print.
    command: String,
    expected: Vec<String>,
}

/// A port of the text and the one that it has become.
type Ports = Vec<(String, String)>;

#[test]
fn the_examples_do_what_they_say() {
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

#[test]
fn the_commands_that_are_not_run_are_command_lines() {
    let mut count = 0;
    for file in files() {
        let text = read(&file);
        let blocks = blocks(&text);
        for block in &blocks {
            let has_prompt = block.text.lines().any(|line| prompt(line).is_some());
            assert!(block.kind == "console" || !has_prompt, "{file}:{}: a prompt, but not run", block.line);
        }
        let in_blocks = blocks.iter().filter(|block| block.kind == "sh").flat_map(|block| block.text.lines());
        let inline = spans(&text).filter(|code| code.starts_with("sendall ") && !code.contains("..."));
        for line in in_blocks.filter(|line| line.contains("sendall ")).chain(inline) {
            count += 1;
            for words in words(line) {
                let parsed = Cli::try_parse_from(std::iter::once("sendall".to_owned()).chain(words));
                let refused = parsed.err().filter(clap::Error::use_stderr);
                assert!(refused.is_none(), "{file}: {line}\n{}", refused.unwrap());
            }
        }
    }
    assert!(count >= 20, "only {count} commands were found");
}

#[test]
fn the_promised_parts_are_there() {
    let readme = read("README.md");
    for command in ["cargo run --release --example demo", "cargo test"] {
        assert_eq!(readme.lines().filter(|line| *line == command).count(), 1, "{command}");
    }
    let missing = |exit: &&str| !readme.contains(&format!("| {exit} | "));
    let codes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "128+n"];
    assert_eq!(codes.iter().filter(|exit| missing(exit)).count(), 0, "an exit code is missing");
    assert!(readme.lines().count() <= 250, "README.md is longer than 250 lines");
}

#[test]
fn the_links_lead_somewhere() {
    let anchors: BTreeMap<String, Vec<String>> =
        ["PROTOCOL.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
            .map(str::to_owned)
            .into_iter()
            .chain(files())
            .map(|file| {
                let text = read(&file);
                (file, headings(&text))
            })
            .collect();
    for file in files() {
        let text = read(&file);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.starts_with("https://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&file).parent().unwrap();
            let path = if path.is_empty() { PathBuf::from(&file) } else { normal(&folder.join(path)) };
            assert!(root().join(&path).exists(), "{file}: {link}: no such file");
            let known = anchors.get(path.to_str().unwrap());
            assert!(
                anchor.is_empty() || known.is_some_and(|known| known.iter().any(|name| name == anchor)),
                "{file}: {link}: no such heading"
            );
        }
    }
}

#[test]
fn the_options_that_are_named_exist() {
    let options = options(&Cli::command());
    let mut count = 0;
    for file in files() {
        let text = read(&file);
        for code in spans(&text).filter(|code| code.starts_with("--")) {
            let name = code.split([' ', '=', '|']).next().unwrap().trim_start_matches('-');
            assert!(options.iter().any(|option| option == name), "{file}: no option --{name}");
            count += 1;
        }
    }
    assert!(count >= 50, "only {count} options were found");
}

/// The long options of a command and of those below it.
fn options(command: &clap::Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|option| option.get_long().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(options)).collect()
}

/// Inline code: what stands between two backquotes in a line.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("```")).flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// README.md and the pages in docs/.
fn files() -> Vec<String> {
    let mut files = vec!["README.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files.extend(name.ends_with(".md").then(|| format!("docs/{name}")));
    }
    files.sort_unstable();
    files
}

/// `docs/../README.md` is `README.md`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path {
        if part == ".." {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}

/// The anchors that GitHub makes of a page's headings.
fn headings(text: &str) -> Vec<String> {
    let titles = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let anchor = |title: &str| {
        title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || "- _".contains(*c))
            .collect::<String>()
            .replace(' ', "-")
    };
    titles.map(anchor).collect()
}

struct Block {
    kind: String,
    is_setup: bool,
    /// Where it begins.
    line: usize,
    text: String,
}

/// The fenced blocks of a page.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut is_inside, mut before) = (false, "");
    for (index, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(kind) if !is_inside => {
                let is_setup = before == SETUP;
                blocks.push(Block { kind: kind.to_owned(), is_setup, line: index + 1, text: String::new() });
                is_inside = true;
            }
            Some(_) => is_inside = false,
            None if is_inside => blocks.last_mut().unwrap().text += &format!("{line}\n"),
            None => before = if line.is_empty() { before } else { line },
        }
    }
    assert!(!is_inside, "a block without an end");
    blocks
}

fn setup(text: &str) -> Option<String> {
    blocks(text).into_iter().find(|block| block.is_setup).map(|block| block.text)
}

/// The machine and the command of a line with a prompt.
fn prompt(line: &str) -> Option<(char, &str)> {
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
    let (mut machines, mut ports) = (Machines::new(), Ports::new());
    for step in &example.steps {
        let machine = machines.entry(step.machine).or_insert_with(|| Machine {
            terminal: Terminal::open(folder.path(), program),
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
        }
        match machine.expected.iter().rposition(|line| line.starts_with("listening on ")) {
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
            }
        }
        let expected: Vec<String> = self.expected.iter().map(|line| pattern(line)).collect();
        let is_same = printed.len() == expected.len()
            && printed.iter().zip(&expected).all(|(line, pattern)| matches(line, pattern));
        if is_same {
            Ok(())
        } else {
            Err(format!("$ {}\nprinted {printed:#?}\nnot {expected:#?}", self.command))
        }
    }
}

/// Whether this machine can print such a line: without IPv6, or a network, there are fewer.
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
    let mut words: Vec<String> = Vec::new();
    for word in command.split(' ') {
        words.push(match (word, listened_on(word)) {
            (_, Some(port)) if is_server(command) => word.replace(port, "0"),
            ("alpha" | "localhost", _) => {
                format!("localhost:{}", known("7255").ok_or("nobody listens on 7255")?)
            }
            _ => word.replace("alpha:", "localhost:"),
        });
    }
    let mut command = words.join(" ");
    for (written, actual) in ports.iter().rev() {
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
    Ok(())
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

/// The arguments of each `sendall` in a line of shell: bash tells them, and finds no other program.
fn words(line: &str) -> Vec<Vec<String>> {
    // Their input is not there.
    let is_input = |word: &&str| word.starts_with('<') && word.len() > 1;
    let line = line.split(' ').filter(|word| !is_input(word)).collect::<Vec<_>>().join(" ");
    let folder = tempfile::tempdir().unwrap();
    let script = "sendall() { { printf '%s\\0' \"$@\"; printf '\\1\\0'; } >>\"$RECORD\"; }; PATH=/nowhere; exec >/dev/null 2>&1";
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("{script}\n{line}\nwait")]).current_dir(folder.path()).stdin(Stdio::null());
    bash.env("RECORD", folder.path().join("record"));
    bash.status().unwrap();
    let record = fs::read_to_string(folder.path().join("record")).unwrap_or_default();
    let calls: Vec<Vec<String>> = record
        .split_terminator("\u{1}\0")
        .map(|call| call.split_terminator('\0').map(str::to_owned).collect())
        .collect();
    assert!(!calls.is_empty(), "no command in: {line}");
    calls
}
