//! Commands and options that README.md and docs/*.md name without running them.
//!
//! Every line `sendall ...` of a block marked `sh`, and every inline `sendall ...`, must be a command line that the program
//! takes. Every option in inline code must exist.

use std::fs;
use std::process::{Command, Stdio};

use clap::{CommandFactory, Parser};
use sendall::cli::Cli;

use crate::pages::{blocks, files, read, spans};
use crate::readme::prompt;

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
fn the_options_that_are_named_exist() {
    let mut program = Cli::command();
    program.build();
    let all = options(&program);
    let mut count = 0;
    for file in files() {
        for code in spans(&read(&file)) {
            let first = code.split(' ').next().unwrap();
            let options = match program.find_subcommand(first) {
                Some(command) => options(command),
                None if first.starts_with("--") => all.clone(),
                None => continue,
            };
            let words = code.split(' ').take_while(|word| *word != "--");
            for word in words.filter_map(|word| word.strip_prefix("--")) {
                let name = word.split(['=', '|']).next().unwrap();
                assert!(options.iter().any(|option| option == name), "{file}: {code}: no option --{name}");
                count += 1;
            }
        }
    }
    assert!(count >= 60, "only {count} options were found");
}

/// The long options of a command and of those below it.
fn options(command: &clap::Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|option| option.get_long().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(options)).collect()
}

/// The arguments of each `sendall` in a line of shell: bash prints them, and finds no other program.
pub(crate) fn words(line: &str) -> Vec<Vec<String>> {
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
