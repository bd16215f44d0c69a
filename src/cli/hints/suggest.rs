//! What to type instead: lines of sendall with the user's own words, each of which the parser has taken.

use std::ffi::OsString;

use clap::Parser;

use super::{Cli, netcat, socat};
use crate::cli::nc::{self, Nc};
use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::proto::http::HttpUrl;

/// Of other programs that copy or connect.
const NETCATS: [&str; 3] = ["netcat", "ncat", "nc.openbsd"];

/// One line of advice.
pub(super) struct Advice {
    /// Lines of sendall, without the program's name, with what each is for.
    lines: Vec<(Vec<String>, &'static str)>,
    /// After them.
    note: &'static str,
}

impl Advice {
    /// `None` if one of the lines would be refused.
    fn of(lines: Vec<(Vec<String>, &'static str)>) -> Option<Advice> {
        let is_taken = !lines.is_empty() && lines.iter().all(|(words, _)| is_taken(words));
        is_taken.then_some(Advice { lines, note: "" })
    }

    fn one(words: Option<Vec<String>>) -> Option<Advice> {
        Advice::of(vec![(words?, "")])
    }

    /// `type 'sendall serve :8080'`.
    pub(super) fn text(&self) -> String {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|(words, purpose)| format!("'sendall {}'{purpose}", shown(words)))
            .collect();
        format!("type {}{}", lines.join(", or "), self.note)
    }

    /// The lines as words.
    #[cfg(test)]
    pub(super) fn lines(&self) -> impl Iterator<Item = &[String]> {
        self.lines.iter().map(|(words, _)| &words[..])
    }
}

/// True if the parser takes such a line, and all its words make sense together.
pub(super) fn is_taken(words: &[String]) -> bool {
    if words.iter().any(|word| word.chars().any(char::is_control)) {
        return false;
    }
    let words = words.iter().filter(|word| !is_redirection(word)).map(String::as_str);
    let args: Vec<OsString> = std::iter::once("sendall").chain(words).map(OsString::from).collect();
    match nc::words(&args) {
        Some(letters) => Nc::parse(&letters).is_ok(),
        None => Cli::try_parse_from(args).is_ok_and(|cli| cli.check().is_ok()),
    }
}

fn is_redirection(word: &str) -> bool {
    word.starts_with(['<', '>'])
}

/// The words as a shell takes them.
fn shown(words: &[String]) -> String {
    let is_plain = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./:=@,+%[]#".contains(c))
    };
    let quoted = |word: &String| match word.strip_prefix(['<', '>']) {
        Some(rest) if is_plain(rest) => word.clone(),
        _ if is_plain(word) && !word.starts_with('#') => word.clone(),
        _ => {
            // What has a meaning between double quotes.
            let escape = |c: char| "\"$`\\".contains(c).then_some('\\').into_iter().chain([c]);
            format!("\"{}\"", word.chars().flat_map(escape).collect::<String>())
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// What to type instead of these words, which follow the program's name. `command`: the command among them, and where.
pub(super) fn advice(typed: &[String], command: Option<(usize, &str)>) -> Option<Advice> {
    let Some((at, command)) = command else { return without_command(typed) };
    let rest = [&typed[..at], &typed[at + 1..]].concat();
    match command {
        "connect" | "serve" | "udp-listen" | "udp-send" => {
            let url = if command == "connect" { web_stream(&rest) } else { None };
            url.or_else(|| {
                Advice::one(socat::translate(&rest))
                    .filter(|_| rest.iter().any(|word| socat::is_address(word)))
            })
            .or_else(|| Advice::one(netcat::translate(Some(command), &rest)))
        }
        "upload" => upload_elsewhere(&rest),
        "download" => {
            let (mut line, port) = without_scp_options(&rest)?;
            let there = line.iter().position(|word| is_of_scp(word))?;
            line[there] = over_ssh(&line[there], port.as_deref());
            line.insert(0, "download".into());
            Advice::one(Some(line))
        }
        _ => None,
    }
}

/// The line for words of another program, or a word that people take for a command.
fn without_command(typed: &[String]) -> Option<Advice> {
    if typed.iter().any(|word| socat::is_address(word)) {
        let is_named = typed.first().is_some_and(|word| word == "socat");
        return Advice::one(socat::translate(&typed[usize::from(is_named)..]));
    }
    let first = typed.iter().position(|word| !word.starts_with('-'));
    if let Some(at) = first {
        let rest = [&typed[..at], &typed[at + 1..]].concat();
        let word = typed[at].as_str();
        if NETCATS.contains(&word) {
            return Advice::one(netcat::translate(None, &rest));
        }
        if let Some(advice) = verb(word, &rest) {
            return Some(advice);
        }
        if HttpUrl::is_begun(word) && rest.is_empty() {
            return of_url(word);
        }
        if is_of_scp(word) && rest.is_empty() {
            let there = format!("ssh:{word}");
            let upload = vec!["upload".into(), "FILE".into(), there.clone()];
            return Advice::of(vec![(vec!["download".into(), there], ""), (upload, "")]);
        }
    }
    let is_nc = typed.iter().any(|word| word.starts_with('-') && word.len() > 1);
    if !is_nc {
        return None;
    }
    let ours = netcat::translate(None, typed)?;
    let mut lines = vec![(ours, "")];
    let as_nc = [&["nc".to_owned()], typed].concat();
    if is_taken(&as_nc) {
        lines.push((as_nc, ""));
    }
    Advice::of(lines)
}

/// A verb that is no command here, with the words that were typed with it.
fn verb(word: &str, rest: &[String]) -> Option<Advice> {
    let with = |line: &str, more: &[String]| Some([words(line), more.to_vec()].concat());
    let is_listening = |word: &String| Endpoint::parse(word, EndpointUse::Listen).is_ok();
    let is_server = |word: &String| Endpoint::is_whole(word, EndpointUse::Connect);
    let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
    let everywhere = |word: &String| if is_number(word) { format!(":{word}") } else { word.clone() };
    let line = match (word, rest) {
        ("send" | "put" | "push" | "up" | "copy" | "cp" | "scp", [.., last]) if is_of_scp(last) => {
            return upload_elsewhere(rest);
        }
        ("scp" | "copy" | "cp" | "get" | "fetch", [.., _]) if rest.iter().any(|word| is_of_scp(word)) => {
            download_over_ssh(rest)
        }
        ("send" | "put" | "push" | "up" | "copy" | "cp" | "scp", [_, .., last])
            if is_server(last) || is_number(last) =>
        {
            with("upload", rest)
        }
        ("send", [path]) if !is_server(path) => {
            let offer = with("serve --share", &[path.clone(), ":7255".into()])?;
            let advice = Advice::of(vec![(offer, "")]);
            return advice
                .map(|it| Advice { note: ", and on the other machine 'sendall download HOST'", ..it });
        }
        ("receive" | "recv", []) => with("serve --store . :7255", &[]),
        ("receive" | "recv", [place]) if is_listening(place) => with("serve --store .", &[everywhere(place)]),
        ("receive" | "recv" | "get" | "fetch" | "pull" | "down", [server, ..]) if is_server(server) => {
            with("download", rest)
        }
        ("get" | "fetch" | "pull" | "down" | "curl" | "wget", [url, ..]) if HttpUrl::is_begun(url) => {
            with("download", rest)
        }
        ("get" | "fetch" | "pull" | "down", [_, ..]) => with("download", rest),
        ("store", [dir]) => with("serve --store", &[dir.clone(), ":7255".into()]),
        ("store", [dir, place]) => with("serve --store", &[dir.clone(), everywhere(place)]),
        ("share" | "offer", [path]) => with("serve --share", &[path.clone(), ":7255".into()]),
        ("share" | "offer", [path, place]) => with("serve --share", &[path.clone(), everywhere(place)]),
        ("list" | "ls" | "dir", [_, ..]) => with("download --list", rest),
        ("listen" | "server" | "bind", [_, ..]) => {
            netcat::translate(None, &[words("-l"), rest.to_vec()].concat())
        }
        ("client" | "open" | "dial" | "telnet", [_, ..]) => netcat::translate(None, rest),
        ("probe" | "scan" | "check", [_, ..]) => {
            netcat::translate(None, &[words("-z"), rest.to_vec()].concat())
        }
        ("wait", [_, ..]) => with("connect --probe --within 60s", rest),
        ("forward" | "relay" | "tunnel", [one, other]) => {
            let (here, there) = if is_server(one) { (other, one) } else { (one, other) };
            with("serve --forward", &[there.clone(), here.clone()])
        }
        ("proxy" | "socks", [place]) => with("serve --socks", std::slice::from_ref(place)),
        ("chat" | "broker", [place]) => with("serve --broker --chat", &[everywhere(place)]),
        ("echo", [place]) => with("serve --echo", std::slice::from_ref(place)),
        ("discard", [place]) => with("serve --discard", std::slice::from_ref(place)),
        ("http" | "web" | "hello", [place]) => with("http-hello", std::slice::from_ref(place)),
        _ => None,
    };
    Advice::one(line)
}

/// What a word is to another program: `'http://h/' is a URL`. `None` for words that may be an endpoint, or anything else.
pub(super) fn foreign(word: &str) -> Option<&'static str> {
    match word {
        _ if HttpUrl::is_begun(word) => Some("is a URL"),
        _ if is_of_scp(word) => Some("names a path, as scp does"),
        _ if socat::is_address(word) => Some("is an address of socat's"),
        _ => None,
    }
}

/// The words without scp's letters for what is done anyway, and the port of its `-P`. `None` if that is no port.
fn without_scp_options(rest: &[String]) -> Option<(Vec<String>, Option<String>)> {
    let (mut line, mut port) = (Vec::new(), None);
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-r" | "-p" | "-a" | "-R" | "--recursive" | "--archive" | "--progress" => {}
            "-P" => port = Some(words.next()?.clone()),
            _ => line.push(word.clone()),
        }
    }
    let is_port = port.as_ref().is_none_or(|port| port.parse::<u16>().is_ok());
    is_port.then_some((line, port))
}

/// The endpoint for a `[user@]host:path` of scp's. A path in the home folder begins with `/~/` in a URL.
fn over_ssh(word: &str, port: Option<&str>) -> String {
    match (port, word.split_once(':')) {
        (Some(port), Some((place, path))) => {
            let begin = if path.starts_with('/') {
                ""
            } else if path.starts_with('~') {
                "/"
            } else {
                "/~/"
            };
            format!("ssh://{place}:{port}{begin}{path}")
        }
        _ => format!("ssh:{word}"),
    }
}

/// `scp user@host:path .`
fn download_over_ssh(rest: &[String]) -> Option<Vec<String>> {
    let (line, port) = without_scp_options(rest)?;
    let (there, here) = line.split_first().filter(|(there, here)| is_of_scp(there) && here.len() < 2)?;
    let place = here.first().map(|here| vec!["-o".to_owned(), here.clone()]).unwrap_or_default();
    Some([vec!["download".into(), over_ssh(there, port.as_deref())], place].concat())
}

/// `[user@]host:path`, as scp has it.
fn is_of_scp(word: &str) -> bool {
    let Some((place, path)) = word.split_once(':') else { return false };
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    let is_port = path.is_empty() || Endpoint::parse(&format!(":{path}"), EndpointUse::Listen).is_ok();
    let is_known =
        ["unix", "unix-seqpacket", "systemd", "fd", "ssh", "stdio", "tty", "pty", "vsock", "udp", "tls"];
    let has_user = host.len() < place.len();
    // `C:/file` is one of Windows.
    let is_drive = place.len() == 1;
    let is_path = path.starts_with(['/', '~', '.']) || path.contains('/') || has_user;
    is_name(host)
        && !host.starts_with('-')
        && !path.starts_with("//")
        && !is_known.contains(&place)
        && is_path
        && !is_drive
        && (!is_port || has_user)
}

/// `upload FILE user@host:dir` and `upload FILE https://host/dir`.
fn upload_elsewhere(rest: &[String]) -> Option<Advice> {
    let (mut line, port) = without_scp_options(rest)?;
    let last = line.pop()?;
    line.insert(0, "upload".into());
    if is_of_scp(&last) {
        // From one server to another is nothing that is done here.
        if line.iter().any(|word| is_of_scp(word)) {
            return None;
        }
        line.push(over_ssh(&last, port.as_deref()));
        return Advice::one(Some(line));
    }
    if !HttpUrl::is_begun(&last) {
        return None;
    }
    let server = HttpUrl::parse(&last).ok()?;
    line.push(place_of(&server));
    let advice = Advice::of(vec![(line, " if sendall listens there")]);
    advice.map(|it| Advice { note: "; to other web servers 'curl -T FILE URL' uploads", ..it })
}

fn place_of(url: &HttpUrl) -> String {
    let host = url.host();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{host}:{}", url.port())
}

/// A URL for which no command was typed.
fn of_url(word: &str) -> Option<Advice> {
    let file = download_of(word);
    if is_taken(&file) { Advice::one(Some(file)) } else { web_stream(&[word.to_owned()]) }
}

fn download_of(url: &str) -> Vec<String> {
    let has_name =
        HttpUrl::parse(url).is_ok_and(|url| url.last_segment().is_some() || url.folder_name().is_some());
    let name = if has_name { Vec::new() } else { words("-o index.html") };
    [words("download"), name, vec![url.to_owned()]].concat()
}

/// `connect https://host/path`.
fn web_stream(rest: &[String]) -> Option<Advice> {
    let at = rest.iter().position(|word| HttpUrl::is_begun(word))?;
    let url = HttpUrl::parse(&rest[at]).ok()?;
    let mut stream = words("connect");
    stream.extend_from_slice(&rest[..at]);
    if url.is_tls() && !rest.iter().any(|word| word == "--tls") {
        stream.push("--tls".into());
    }
    stream.push(place_of(&url));
    stream.extend_from_slice(&rest[at + 1..]);
    let file = download_of(&rest[at]);
    let mut lines = vec![(stream, " for the stream")];
    if is_taken(&file) {
        lines.push((file, " for the file"));
    }
    Advice::of(lines)
}
