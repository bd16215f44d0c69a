//! The layout of manual pages: man-pages(7), with the examples before the options.

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use sendall::cli::Cli;

use super::page_texts::PAGES;

const EXAMPLES: &str = "EXAMPLES";
const EXIT_STATUS: &str = "EXIT STATUS";

/// Part of a page. The text before the first heading has none.
struct Section<'a> {
    heading: Option<&'a str>,
    lines: Vec<&'a str>,
}

/// The kinds of lines in a section.
#[derive(Debug, PartialEq)]
enum Block<'a> {
    Paragraph(&'a str),
    /// A term and its description, or an example and its comment.
    Row(&'a str, &'a str),
    /// Shown as it is.
    Verbatim(&'a str),
}

/// The pages: their names and texts.
pub(crate) fn manual() -> Vec<(String, Vec<u8>)> {
    let mut program = Cli::command().disable_help_subcommand(true).subcommand_help_heading("COMMANDS");
    program.build();
    let overview = long_help(&program);
    let commands: Vec<Command> = program.get_subcommands().cloned().collect();
    commands.into_iter().chain([program]).map(|command| page(command, &overview)).collect()
}

fn long_help(command: &Command) -> String {
    command.get_after_long_help().map(ToString::to_string).unwrap_or_default()
}

fn page(command: Command, overview: &str) -> (String, Vec<u8>) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let page = PAGES.iter().find(|page| page.name == name).expect("a command without a page");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let details = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let details = details.strip_prefix(&about).unwrap_or_default();
    let (help, has_commands) = (long_help(&command), command.has_subcommands());
    let sections = split(&help);
    let man = Man::new(command);

    let mut start = Roff::new();
    start.control("SH", ["NAME"]).text([roman(format!("{name} - {about}"))]);
    start.control("SH", ["SYNOPSIS"]).control("nf", []);
    for line in page.synopsis {
        start.text(usage(line));
    }
    start.control("fi", []).control("SH", ["DESCRIPTION"]).text([roman(format!("{about}."))]);
    let (details, is_start) = (split(details), |section: &&Section| section.heading.is_none());
    for section in details.iter().chain(sections.iter().filter(is_start)) {
        body(&mut start, section);
    }
    for section in sections.iter().filter(|section| section.heading == Some(EXAMPLES)) {
        whole(&mut start, section);
    }

    let mut end = Roff::new();
    let is_other = |section: &&Section| !matches!(section.heading, None | Some(EXAMPLES | EXIT_STATUS));
    sections.iter().filter(is_other).for_each(|section| whole(&mut end, section));
    let of_program = split(overview);
    let is_status = |section: &&Section| section.heading == Some(EXIT_STATUS);
    let own = sections.iter().find(is_status).or_else(|| of_program.iter().find(is_status));
    own.into_iter().for_each(|section| whole(&mut end, section));
    for (heading, rows) in [("ENVIRONMENT", page.environment), ("FILES", page.files)] {
        end.control("SH", [heading]);
        for (term, description) in rows {
            end.control("TP", ["8"]).text([bold(*term)]).text([roman(*description)]);
        }
    }
    end.control("SH", ["SEE ALSO"]).text(references(page.see_also));

    // clap_mangen's own title line leaves an empty date out instead of quoting it.
    let version = concat!("sendall ", env!("CARGO_PKG_VERSION"));
    let mut text =
        format!(".TH {} 1 \"\" \"{version}\" \"User Commands\"\n", name.to_uppercase()).into_bytes();
    start.to_writer(&mut text).unwrap();
    // nc has letters, which its text lists.
    if !page.has_letters {
        man.render_options_section(&mut text).unwrap();
    }
    if has_commands {
        man.render_subcommands_section(&mut text).unwrap();
    }
    end.to_writer(&mut text).unwrap();
    (format!("{name}.1"), text)
}

/// A line of the synopsis: values in italics, all else in bold but for the marks of what may be left out.
fn usage(line: &str) -> Vec<Inline> {
    let kind = |c: char| match c {
        '[' | ']' | '|' | ' ' | '{' | '}' => 0,
        _ => 1,
    };
    let mut parts: Vec<(u8, String)> = Vec::new();
    for c in line.chars() {
        match parts.last_mut().filter(|(last, _)| *last == kind(c)) {
            Some((_, part)) => part.push(c),
            None => parts.push((kind(c), c.into())),
        }
    }
    let is_value = |word: &str| word.chars().any(|c| c.is_ascii_uppercase());
    parts
        .into_iter()
        .map(|(kind, part)| match kind {
            0 => roman(part),
            _ if is_value(&part) => italic(part),
            _ => bold(part),
        })
        .collect()
}

/// `sendall(1), nc(1)`, with the names in bold.
fn references(names: &[&str]) -> Vec<Inline> {
    let mut line = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let (page, section) = name.split_once('(').expect("a name as in nc(1)");
        line.extend([roman(if index == 0 { "" } else { ", " }), bold(page), roman(format!("({section}"))]);
    }
    line
}

/// A line in capitals is a heading.
fn split(text: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section { heading: None, lines: Vec::new() }];
    for line in text.lines() {
        match sections.last_mut() {
            Some(section) if !is_heading(line) => section.lines.push(line),
            _ => sections.push(Section { heading: Some(line), lines: Vec::new() }),
        }
    }
    sections
}

fn is_heading(line: &str) -> bool {
    !line.is_empty() && line.chars().all(|c| c.is_ascii_uppercase() || c == ' ')
}

/// An indented line is shown as it is, or, where a gap divides it or a line with a deeper indent follows, it is a row.
fn blocks<'a>(section: &Section<'a>) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    for line in section.lines.iter().filter(|line| !line.is_empty()) {
        let block = match line.strip_prefix("    ") {
            None => Block::Paragraph(line),
            Some(description) if description.starts_with(' ') => match blocks.pop() {
                Some(Block::Verbatim(term)) => Block::Row(term, description.trim_start()),
                other => panic!("no term above '{line}', but {other:?}"),
            },
            Some(row) => match row.split_once("  ") {
                Some((term, description)) => Block::Row(term, description.trim_start()),
                None => Block::Verbatim(row),
            },
        };
        blocks.push(block);
    }
    blocks
}

fn whole(roff: &mut Roff, section: &Section) {
    roff.control("SH", section.heading);
    body(roff, section);
}

fn body(roff: &mut Roff, section: &Section) {
    let are_examples = section.heading == Some(EXAMPLES);
    let mut is_verbatim = false;
    for block in blocks(section) {
        if is_verbatim && !matches!(block, Block::Verbatim(_)) {
            roff.control("fi", []).control("RE", []);
        }
        match block {
            Block::Paragraph(text) => {
                roff.control("PP", []).text([roman(text)]);
            }
            Block::Row(command, comment) if are_examples => {
                roff.control("PP", []).text([roman(sentence(comment))]);
                roff.control("RS", ["4"]).control("nf", []).text([bold(command)]);
                roff.control("fi", []).control("RE", []);
            }
            Block::Row(term, description) => {
                roff.control("TP", ["8"]).text([roman(term)]).text([roman(description)]);
            }
            Block::Verbatim(text) => {
                if !is_verbatim {
                    roff.control("RS", ["4"]).control("nf", []);
                }
                roff.text([if are_examples { bold(text) } else { roman(text) }]);
            }
        }
        is_verbatim = matches!(block, Block::Verbatim(_));
    }
    if is_verbatim {
        roff.control("fi", []).control("RE", []);
    }
}

/// A comment as the line before its example: with a capital and a colon.
fn sentence(comment: &str) -> String {
    let mut chars = comment.chars();
    chars.next().map(|first| format!("{}{}:", first.to_uppercase(), chars.as_str())).unwrap_or_default()
}

#[test]
fn a_term_stands_beside_its_description_or_above_it() {
    let section = Section {
        heading: None,
        lines: vec!["Text:", "", "    a, b", "        long terms", "    c  one   gap", "    as it is"],
    };
    let rows = [Block::Row("a, b", "long terms"), Block::Row("c", "one   gap"), Block::Verbatim("as it is")];
    let wanted: Vec<Block> = [Block::Paragraph("Text:")].into_iter().chain(rows).collect();
    assert_eq!(blocks(&section), wanted);
}
