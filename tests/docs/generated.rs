//! `completions/` and `man/` are rendered here, and the test fails when what was committed was stale.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use sendall::cli::Cli;

type Files = BTreeMap<PathBuf, Vec<u8>>;

#[test]
fn generated_files_are_those_that_were_committed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    completions(&mut files);
    manual(&mut files);
    let mut stale = Vec::new();
    for folder in ["completions", "man"] {
        fs::create_dir_all(root.join(folder)).unwrap();
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = Path::new(folder).join(entry.unwrap().file_name());
            if !files.contains_key(&path) {
                fs::remove_file(root.join(&path)).unwrap();
                stale.push(format!("{} (removed)", path.display()));
            }
        }
    }
    for (path, content) in files {
        if fs::read(root.join(&path)).ok().as_ref() != Some(&content) {
            fs::write(root.join(&path), content).unwrap();
            stale.push(path.display().to_string());
        }
    }
    assert!(stale.is_empty(), "these files were stale and have been rewritten, commit them: {stale:#?}");
}

fn completions(files: &mut Files) {
    for shell in Shell::value_variants() {
        let mut text = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "sendall", &mut text);
        let name = match shell {
            Shell::Bash => "sendall.bash",
            Shell::Elvish => "sendall.elv",
            Shell::Fish => "sendall.fish",
            Shell::PowerShell => "_sendall.ps1",
            Shell::Zsh => "_sendall",
            other => panic!("a shell without a file name: {other}"),
        };
        let text = String::from_utf8(text).unwrap();
        let text = match shell {
            Shell::Bash => arguments_in_bash(&text),
            Shell::Fish => help_in_fish(text),
            _ => text,
        };
        files.insert(Path::new("completions").join(name), text.into_bytes());
    }
}

/// Where nothing but an argument can stand, clap_complete offers options, and their common `-` is typed for the user.
/// Of a command's arguments the shell's own completion knows more: it lists files.
fn arguments_in_bash(text: &str) -> String {
    let (mut lines, mut is_of_command) = (Vec::new(), false);
    let all = "            COMPREPLY=( $(compgen -W \"${opts}\" -- \"${cur}\") )";
    for line in text.lines() {
        if let Some(case) = line.strip_prefix("        sendall") {
            is_of_command = case.starts_with("__subcmd__") && !case.starts_with("__subcmd__help");
        }
        let line = match line.split_once(" || ${COMP_CWORD} -eq ") {
            Some((start, _)) if is_of_command => format!("{start} ]] ; then"),
            _ if is_of_command && line == all => "            COMPREPLY=()".into(),
            _ => line.to_owned(),
        };
        lines.push(line + "\n");
    }
    lines.concat()
}

/// `help` has commands behind it and never files. clap_complete asks that none of a list was typed, in which `help` is.
fn help_in_fish(text: String) -> String {
    let text = text.replace(" help\" -f -a ", "\" -f -a ");
    text + "complete -c sendall -n \"__fish_sendall_using_subcommand help\" -f\n"
}

fn manual(files: &mut Files) {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let commands: Vec<Command> = program.get_subcommands().cloned().collect();
    for command in commands {
        page(files, command);
    }
    page(files, program);
}

fn page(files: &mut Files, command: Command) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let more = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man = Man::new(command);
    // clap_mangen's own title line leaves an empty date out instead of quoting it.
    let version = concat!("sendall ", env!("CARGO_PKG_VERSION"));
    let title = format!(".TH {} 1 \"\" \"{version}\" \"User Commands\"\n", name.to_uppercase());
    let mut text = title.into_bytes();
    man.render_name_section(&mut text).unwrap();
    man.render_synopsis_section(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    man.render_options_section(&mut text).unwrap();
    if has_commands {
        man.render_subcommands_section(&mut text).unwrap();
    }
    sections(&more).to_writer(&mut text).unwrap();
    files.insert(Path::new("man").join(format!("{name}.1")), text);
}

/// The long help's last part: a line in capitals is a heading; an indented one is shown as it is, or, where a gap
/// divides it, as a term and its description.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut verbatim = false;
    let mut has_heading = false;
    for line in text.lines() {
        let indented = line.strip_prefix("    ");
        let term = indented.and_then(|rest| rest.split_once("  "));
        let is_verbatim = indented.is_some() && term.is_none();
        if is_verbatim != verbatim {
            let (outer, inner) = if is_verbatim { ("RS", "nf") } else { ("fi", "RE") };
            roff.control(outer, is_verbatim.then_some("4"));
            roff.control(inner, []);
            verbatim = is_verbatim;
        }
        match (indented, term) {
            (_, Some((term, description))) => {
                roff.control("TP", ["8"]);
                roff.text([roman(term)]);
                roff.text([roman(description.trim_start())]);
            }
            (Some(rest), None) => {
                roff.text([roman(rest)]);
            }
            _ if is_heading(line) => {
                roff.control("SH", [line]);
                has_heading = true;
            }
            _ if line.is_empty() => {}
            _ => {
                let what = if std::mem::replace(&mut has_heading, true) {
                    ("PP", None)
                } else {
                    ("SH", Some("NOTES"))
                };
                roff.control(what.0, what.1);
                roff.text([roman(line)]);
            }
        }
    }
    if verbatim {
        roff.control("fi", []);
        roff.control("RE", []);
    }
    roff
}

fn is_heading(line: &str) -> bool {
    !line.is_empty() && line.chars().all(|c| c.is_ascii_uppercase() || c == ' ')
}
