//! The page of a folder, and of a message: its template, style and script, and the header fields that keep them harmless.

use core::fmt::Write;
use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};

use super::names::{html, push_html};

const TEMPLATE: &str = include_str!("page/page.html");
const MESSAGE: &str = include_str!("page/message.html");
/// The style and the script, as they are sent.
static STYLE: LazyLock<String> = LazyLock::new(|| compact(include_str!("page/page.css")));
static SCRIPT: LazyLock<String> = LazyLock::new(|| compact(include_str!("page/page.js")));

/// A folder, and what can be done with it.
#[derive(Clone, Copy, Debug)]
pub struct PageContext<'a> {
    /// The name of the outermost folder: what is shared, or stored into.
    pub root: &'a [u8],
    /// The path of the folder below it, without slashes at its ends. Empty for the outermost folder itself.
    pub path: &'a [u8],
    /// The place of files that are uploaded.
    pub uploads: Uploads,
    /// True if it is shared; false for a page from which files are sent, and that lists nothing.
    pub is_listed: bool,
    /// True if it can be had with `?tar` and `?zip`.
    pub has_archives: bool,
}

/// Where the files go that are uploaded from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploads {
    /// Nowhere: none are taken.
    No,
    /// Into the folder that the page lists.
    Here,
    /// Into a folder that is not listed.
    Elsewhere,
}

/// The value of `Content-Security-Policy` of a page that can be written to.
static WRITABLE_POLICY: LazyLock<String> = LazyLock::new(|| policy("connect-src 'self'; form-action 'self'"));
/// The one of a page that cannot. Its buttons for archives are forms.
static READABLE_POLICY: LazyLock<String> = LazyLock::new(|| policy("form-action 'self'"));
/// The one of a message.
static MESSAGE_POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = digest(&STYLE);
    format!(
        "default-src 'none'; style-src {style}; img-src data:; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// Leaves out indentation, empty lines, and lines that are comments. No text in these files has more than one line.
fn compact(source: &str) -> String {
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Makes a policy that allows the page's own style and script, images in the page itself, and `more`.
fn policy(more: &str) -> String {
    let (style, script) = (digest(&STYLE), digest(&SCRIPT));
    format!(
        "default-src 'none'; style-src {style}; script-src {script}; img-src data:; {more}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// Returns the source expression for a text between two tags (CSP 3, 2.3.1).
fn digest(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// The header fields of a page other than its type: what it may load and run, and what browsers may conclude from it.
pub fn fields(is_writable: bool) -> [(&'static str, &'static str); 4] {
    let policy = if is_writable { &WRITABLE_POLICY } else { &READABLE_POLICY };
    // With `no-referrer` browsers send `Origin: null` with a form. With `strict-origin` they name the origin, and no path.
    let referrer = if is_writable { "strict-origin" } else { "no-referrer" };
    fields_with(policy, referrer)
}

/// The header fields of a page that [`message`] has made, other than its type.
pub fn message_fields() -> [(&'static str, &'static str); 4] {
    fields_with(&MESSAGE_POLICY, "no-referrer")
}

fn fields_with(policy: &'static str, referrer: &'static str) -> [(&'static str, &'static str); 4] {
    [
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", referrer),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
}

/// Renders the page of a folder around the rows of its table, which are HTML. `summary` is text.
pub(super) fn render(context: &PageContext<'_>, summary: &str, is_empty: bool, rows: &str) -> Vec<u8> {
    let mut path = Vec::from(b"/");
    path.extend_from_slice(context.path);
    let shown = |name: &str| match name {
        "archives" => context.has_archives && !is_empty,
        "upload" => context.uploads != Uploads::No,
        "elsewhere" => context.uploads == Uploads::Elsewhere,
        "empty" => context.is_listed && is_empty,
        _ => !is_empty,
    };
    let value = |out: &mut String, name: &str| match name {
        "title" => push_html(out, name_of(context)),
        "path" => push_html(out, &path),
        "crumbs" => push_crumbs(out, context),
        "summary" => push_html(out, summary.as_bytes()),
        "style" => out.push_str(&STYLE),
        "script" => out.push_str(&SCRIPT),
        "rows" => out.push_str(rows),
        _ => {}
    };
    fill(TEMPLATE, rows.len(), shown, value).into_bytes()
}

/// Renders a page with a heading and a line for each of several names, such as the files of an upload, or a text alone
/// (with an empty name). `back` is a relative link.
pub fn message(heading: &str, lines: &[(&[u8], &str)], back: Option<&str>) -> Vec<u8> {
    let value = |out: &mut String, name: &str| match name {
        "heading" => push_html(out, heading.as_bytes()),
        "style" => out.push_str(&STYLE),
        "lines" => push_lines(out, lines),
        "back" => push_html(out, back.unwrap_or_default().as_bytes()),
        _ => {}
    };
    fill(MESSAGE, 0, |_| back.is_some(), value).into_bytes()
}

fn push_lines(out: &mut String, lines: &[(&[u8], &str)]) {
    for (name, text) in lines {
        // Writing to a String cannot fail.
        let _ = match name.is_empty() {
            true => writeln!(out, "<p>{}</p>", html(text.as_bytes())),
            false => writeln!(out, "<p><b>{}</b> {}</p>", html(name), html(text.as_bytes())),
        };
    }
}

/// Returns the name of the folder.
fn name_of<'a>(context: &PageContext<'a>) -> &'a [u8] {
    match context.path.rsplit(|&byte| byte == b'/').next() {
        Some(name) if !name.is_empty() => name,
        _ => context.root,
    }
}

/// Appends the way from the outermost folder to this one, with a link to each but the last.
fn push_crumbs(out: &mut String, context: &PageContext<'_>) {
    let below = context.path.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    let names: Vec<&[u8]> = core::iter::once(context.root).chain(below).collect();
    for (name, ups) in names.iter().zip((0..names.len()).rev()) {
        if ups > 0 {
            let _ = write!(out, "<a href=\"{}\">{}</a> <i>/</i> ", "../".repeat(ups), html(name));
        } else {
            let _ = write!(out, "<b>{}</b>", html(name));
        }
    }
}

/// Fills in a template in one pass, so that no value is taken for a part of it. `{name}` is replaced by what `value`
/// appends; a line `{?name}` begins lines that are there if `shown`, up to a line `{/}`.
fn fill(
    template: &str,
    more_bytes: usize,
    shown: impl Fn(&str) -> bool,
    value: impl Fn(&mut String, &str),
) -> String {
    let mut out = String::with_capacity(template.len() + STYLE.len() + SCRIPT.len() + more_bytes + (1 << 10));
    let mut is_shown = true;
    for line in template.split_inclusive('\n') {
        match line.trim_end().strip_prefix("{?").and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => is_shown = shown(name),
            None if line.trim_end() == "{/}" => is_shown = true,
            None if is_shown => fill_line(&mut out, line, &value),
            None => {}
        }
    }
    out
}

fn fill_line(out: &mut String, mut line: &str, value: &impl Fn(&mut String, &str)) {
    while let Some((before, rest)) = line.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = rest.split_once('}') else {
            line = rest;
            break;
        };
        value(out, name);
        line = after;
    }
    out.push_str(line);
}

/// Formats a size: `17 B`, `1.2 KiB`, `340 MiB`. It is rounded down.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let step = |index: usize| 10 * (index as u32 + 1);
    let largest = (0..UNITS.len()).rev().find(|&index| bytes >> step(index) > 0);
    let Some(index) = largest else { return format!("{bytes} B") };
    let whole = bytes >> step(index);
    // The bits below the last unit count less than a tenth of it.
    let tenth = (((bytes >> (step(index) - 10)) & 1023) * 10) >> 10;
    if whole < 100 {
        format!("{whole}.{tenth} {}", UNITS[index])
    } else {
        format!("{whole} {}", UNITS[index])
    }
}

#[cfg(test)]
mod tests;
