//! README.md and docs/*.md: their blocks, their headings, and where their links lead.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Before the block that each example of its page begins with.
const SETUP: &str = "<!-- setup -->";

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
fn the_table_of_peers_has_the_events_of_its_script() {
    let (script, readme, page) = (read("benches/peers.sh"), read("README.md"), read("docs/comparison.md"));
    let mut count = 0;
    for (name, title) in script.lines().filter_map(|line| line.split_once("_is=")) {
        let title = title.trim_matches(['\'', '"']);
        assert!(readme.contains(&format!("\n| {title} |")), "README.md has no line for: {title}");
        assert!(page.contains(&format!("\n| `{name}` |")), "docs/comparison.md does not explain: {name}");
        count += 1;
    }
    assert!(count >= 10, "only {count} events were found");
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

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// README.md, SECURITY.md and the pages in docs/.
pub(crate) fn files() -> Vec<String> {
    let mut files = vec!["README.md".to_owned(), "SECURITY.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files.extend(name.ends_with(".md").then(|| format!("docs/{name}")));
    }
    files.sort_unstable();
    files
}

/// `docs/../README.md` is `README.md`.
pub(crate) fn normal(path: &Path) -> PathBuf {
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
pub(crate) fn headings(text: &str) -> Vec<String> {
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

pub(crate) struct Block {
    pub(crate) kind: String,
    pub(crate) is_setup: bool,
    /// Where it begins.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The fenced blocks of a page.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
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

pub(crate) fn setup(text: &str) -> Option<String> {
    blocks(text).into_iter().find(|block| block.is_setup).map(|block| block.text)
}

/// Inline code: what stands between two backquotes in a line.
pub(crate) fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("```")).flat_map(|line| line.split('`').skip(1).step_by(2))
}
