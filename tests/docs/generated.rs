//! `completions/` and `man/` are rendered here, and the test fails when what was committed was stale.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use sendall::cli::Cli;

use super::manual::manual;

type Files = BTreeMap<PathBuf, Vec<u8>>;

#[test]
fn generated_files_are_those_that_were_committed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    completions(&mut files);
    files.extend(manual().into_iter().map(|(name, page)| (Path::new("man").join(name), page)));
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
