//! The examples of README.md: run in a shell, each in a folder of its own, their output compared line by line.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// For one example.
const LIMIT: Duration = Duration::from_secs(30);
const SETUP: &str = "<!-- setup -->";
const EXAMPLE: &str = "<!-- example -->";
/// Printed after each command, to tell what belongs to it.
const MARK: &str = "\u{1}";

/// A command as it was typed, and the lines that it prints.
type Step<'a> = (&'a str, Vec<&'a str>);

#[test]
fn the_examples_do_what_they_say() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let setup = blocks(&readme, SETUP);
    let examples = blocks(&readme, EXAMPLE);
    assert_eq!((setup.len(), examples.len()), (1, 15), "one setup and fifteen examples");
    for (index, example) in examples.into_iter().enumerate() {
        let mut steps = setup[0].clone();
        steps.extend(example);
        run(index + 1, &steps);
    }
}

#[test]
fn the_promised_commands_are_there_once() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for command in ["cargo run --release --example demo", "cargo test"] {
        assert_eq!(readme.lines().filter(|line| *line == command).count(), 1, "{command}");
    }
    let missing = |exit: &&str| !readme.contains(&format!("| {exit} | "));
    let codes = ["0", "1", "2", "3", "4", "5", "6", "7", "9", "10", "128+n"];
    assert_eq!(codes.iter().filter(|exit| missing(exit)).count(), 0, "an exit code is missing");
}

/// The steps of each block of commands that stands behind a marker.
fn blocks<'a>(readme: &'a str, marker: &str) -> Vec<Vec<Step<'a>>> {
    let parts = readme.split(marker).skip(1);
    parts
        .map(|part| {
            let block = part.trim_start().strip_prefix("```console\n").expect("a block behind a marker");
            let block = block.split("\n```").next().unwrap();
            let mut steps: Vec<Step> = Vec::new();
            for line in block.lines() {
                match line.strip_prefix("$ ") {
                    Some(command) => steps.push((command, Vec::new())),
                    None => steps.last_mut().expect("a command before its output").1.push(line),
                }
            }
            steps
        })
        .collect()
}

fn run(number: usize, steps: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let script: String =
        steps.iter().map(|(command, _)| format!("{command}\nprintf '%s\\n' '{MARK}'\n")).collect();
    let program = Path::new(env!("CARGO_BIN_EXE_sendall")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let shell = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let group = i32::try_from(shell.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    let (sender, finished) = mpsc::channel();
    std::thread::spawn(move || sender.send(shell.wait_with_output()));
    let finished = finished.recv_timeout(LIMIT);
    // Servers that an example leaves behind, or all of an example that hangs.
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let output =
        finished.unwrap_or_else(|_| panic!("example {number} did not end within {LIMIT:?}")).unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = output.split_terminator(&format!("{MARK}\n")).collect();
    assert_eq!(printed.len(), steps.len(), "example {number} ended early:\n{output}");
    for ((command, expected), printed) in steps.iter().zip(printed) {
        let printed: Vec<&str> = printed.lines().collect();
        let is_same = printed.len() == expected.len()
            && printed.iter().zip(expected).all(|(line, pattern)| matches(line, pattern));
        assert!(is_same, "example {number}, $ {command}\nprinted {printed:#?}\nnot {expected:#?}");
    }
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
