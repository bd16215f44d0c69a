//! packaging/ names commands that the program takes, and Cargo.toml the oldest Rust that its dependencies allow.

use std::fs;
use std::process::Command;

use clap::Parser;
use sendall::cli::Cli;
use serde_json::Value;

use crate::commands::words;
use crate::pages::{read, root};

/// As the pages of tldr-pages may have.
const MOST_EXAMPLES: usize = 8;

#[test]
fn the_pages_for_tldr_are_in_its_format_and_their_commands_are_command_lines() {
    let pages: Vec<String> = names("packaging/tldr");
    assert!(pages.len() >= 5, "{pages:?}");
    for name in pages {
        let text = read(&format!("packaging/tldr/{name}"));
        let title = name.trim_end_matches(".md").replacen('-', " ", 1);
        let (head, examples) = text.split_once("\n- ").unwrap();
        assert!(head.starts_with(&format!("# {title}\n\n> ")), "{name}: {head}");
        assert!(
            head.trim_end().lines().skip(2).all(|line| line.starts_with("> ") && line.ends_with('.')),
            "{name}: {head}"
        );
        let examples: Vec<&str> = examples.split("\n- ").collect();
        assert!(examples.len() <= MOST_EXAMPLES, "{name}: {} examples", examples.len());
        for example in examples {
            let (what, command) = example.trim_end().split_once("\n\n").unwrap();
            assert!(what.ends_with(':') && !what.contains('\n'), "{name}: {what}");
            let command = command.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
            let command = command.unwrap_or_else(|| panic!("{name}: {example}"));
            assert_eq!(command.matches("{{").count(), command.matches("}}").count(), "{name}: {command}");
            // Files that are redirected to are made.
            let line = command.replace("{{", "").replace("}}", "").replace("path/to/", "").replace("< ", "<");
            let calls = words(&line);
            calls.into_iter().for_each(|words| assert_is_taken(words, command));
        }
    }
}

#[test]
fn the_units_and_the_container_run_command_lines() {
    let service = read("packaging/systemd/sendall.service");
    let starts: Vec<&str> =
        service.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/bin/sendall ")).collect();
    assert_eq!(starts.len(), 1, "{service}");
    let line = starts[0].replace("%S", "/var/lib").replace("%d", "/run/credentials");
    assert!(!line.contains('%'), "{line}");
    assert_is_taken(line.split(' ').map(str::to_owned).collect(), &line);

    let container = read("packaging/Containerfile");
    let list = |key: &str| {
        let line =
            container.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key}"));
        serde_json::from_str::<Vec<String>>(line).unwrap()
    };
    assert_eq!(list("ENTRYPOINT "), ["sendall"]);
    assert_is_taken(list("CMD "), "CMD");
}

/// clippy's `incompatible_msrv` looks at what is used of the standard library.
#[test]
fn the_oldest_rust_is_the_one_that_the_dependencies_need() {
    let cargo = ["metadata", "--locked", "--offline", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(cargo).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let array = |value: &Value| value.as_array().unwrap().clone();
    let (packages, nodes) = (array(&metadata["packages"]), array(&metadata["resolve"]["nodes"]));
    let root = &metadata["resolve"]["root"];
    // What `cargo install` compiles: not what tests need.
    let (mut linked, mut waiting) = (Vec::new(), vec![root.clone()]);
    while let Some(id) = waiting.pop() {
        if linked.contains(&id) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id).unwrap();
        let is_needed = |dep: &&Value| array(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
        waiting.extend(array(&node["deps"]).iter().filter(is_needed).map(|dep| dep["pkg"].clone()));
        linked.push(id);
    }
    let of = |package: &Value| package["rust_version"].as_str().map(version);
    let needed = packages
        .iter()
        .filter(|package| linked.contains(&package["id"]) && package["id"] != *root)
        .filter_map(of);
    let ours =
        packages.iter().find(|package| package["id"] == *root).unwrap()["rust_version"].as_str().unwrap();
    assert_eq!(
        Some(version(ours)),
        needed.max(),
        "rust-version in Cargo.toml, and the highest of the dependencies"
    );
    for page in ["README.md", "docs/guide.md", "CONTRIBUTING.md"] {
        assert!(
            read(page).contains(&format!("Rust {ours} or later")),
            "{page} names another Rust than {ours}"
        );
    }
}

fn assert_is_taken(words: Vec<String>, line: &str) {
    let parsed = Cli::try_parse_from(std::iter::once("sendall".to_owned()).chain(words));
    let refused = parsed.err().filter(clap::Error::use_stderr);
    assert!(refused.is_none(), "{line}\n{}", refused.unwrap());
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Of Rust: its parts as numbers.
fn version(text: &str) -> [u32; 3] {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    [(); 3].map(|()| parts.next().unwrap_or(0))
}
