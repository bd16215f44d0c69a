//! Calls of nc and ncat, as calls of sendall. What is not understood gives nothing, rather than half of it.

use super::netcat_options::{Does, LONG, MODES, NC, NCAT, is_ncats};
use super::{is_own_option, own_option_takes_value};
use crate::net::endpoint::{Endpoint, EndpointUse};

#[derive(Default)]
struct Call {
    command: Option<String>,
    is_ncat: bool,
    /// Something that sendall's parser does not take as it was typed.
    is_foreign: bool,
    listens: bool,
    keeps_open: bool,
    datagrams: bool,
    unix: bool,
    vsock: bool,
    probes: bool,
    tls: Option<bool>,
    port: Option<String>,
    source: Option<String>,
    proxy: Option<String>,
    proxy_type: Option<String>,
    proxy_user: Option<String>,
    wait: Option<String>,
    options: Vec<String>,
    places: Vec<String>,
    /// The words of `--exec` or `--sh`.
    program: Vec<String>,
}

/// The call as words of sendall. `command`: the command of sendall that was typed before, whose own options are kept.
pub(super) fn translate(command: Option<&str>, words: &[String]) -> Option<Vec<String>> {
    let mut call = Call {
        command: command.map(str::to_owned),
        is_ncat: words
            .iter()
            .take_while(|word| *word != "--")
            .any(|word| is_ncats(word) && command.is_none()),
        listens: matches!(command, Some("serve" | "udp-listen")),
        datagrams: matches!(command, Some("udp-listen" | "udp-send")),
        ..Call::default()
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            call.program = ["--exec", "--"].map(str::to_owned).into();
            call.program.extend(words.by_ref().cloned());
        } else if let Some(long) = word.strip_prefix("--") {
            call.take_long(word, long, &mut words)?;
        } else if word.len() > 1 && word.starts_with('-') {
            call.take_letters(&word[1..], &mut words)?;
        } else {
            call.places.push(word.clone());
        }
    }
    (call.is_foreign || command.is_none()).then(|| call.line()).flatten()
}

type Words<'a> = std::slice::Iter<'a, String>;

impl Call {
    fn take_long(&mut self, word: &str, long: &str, words: &mut Words<'_>) -> Option<()> {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        if let Some(command) = &self.command
            && is_own_option(command, name)
        {
            // With -- it is ours; the words after it are kept.
            if !matches!(name, "exec" | "sh") {
                self.options.push(word.to_owned());
                if value.is_none() && own_option_takes_value(command, name) {
                    self.options.push(words.next()?.clone());
                }
            } else if name == "sh" {
                self.program =
                    vec!["--sh".into(), value.map_or_else(|| words.next().cloned(), |v| Some(v.into()))?];
            }
            return Some(());
        }
        let (_, takes_value, does) = LONG.iter().find(|(known, ..)| *known == name)?;
        let value = match (takes_value, value) {
            (true, Some(value)) => value.to_owned(),
            (true, None) => words.next()?.clone(),
            (false, None) => String::new(),
            (false, Some(_)) => return None,
        };
        self.is_foreign = true;
        self.apply(*does, &value)
    }

    fn take_letters(&mut self, letters: &str, words: &mut Words<'_>) -> Option<()> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            let is_known = |entry: &&(char, bool, Does)| entry.0 == letter;
            let of_ncat = NCAT.iter().find(is_known).filter(|_| self.is_ncat);
            let (_, takes_value, does) = *of_ncat.or_else(|| NC.iter().find(is_known))?;
            self.is_foreign |= !matches!(letter, 'v' | '4' | '6');
            if takes_value {
                let value = if rest.is_empty() { words.next()?.clone() } else { rest.to_owned() };
                return self.apply(does, &value);
            }
            self.apply(does, "")?;
        }
        Some(())
    }

    fn apply(&mut self, does: Does, value: &str) -> Option<()> {
        let owned = || Some(value.to_owned());
        match does {
            Does::Listen => self.listens = true,
            Does::KeepOpen => self.keeps_open = true,
            Does::Datagrams => self.datagrams = true,
            Does::UnixSocket => self.unix = true,
            Does::Vsock => self.vsock = true,
            Does::Probe => self.probes = true,
            Does::Nothing => {}
            Does::Add(words) => self.options.extend(words.iter().map(|word| (*word).to_owned())),
            Does::With(option) => self.add(option, value),
            Does::Lasting(option) => self.add(option, &lasting(value)?),
            Does::FromFile(option) => self.add(option, &format!("@{value}")),
            Does::Wait => self.wait = Some(lasting(value)?),
            Does::Quit if value.starts_with('-') => {}
            Does::Quit if value == "0" => self.add("--end-when", "input"),
            Does::Quit => self.add("--linger", &lasting(value)?),
            Does::Port => self.port = owned(),
            Does::Source => self.source = owned(),
            Does::Proxy => self.proxy = owned(),
            Does::ProxyType => self.proxy_type = owned(),
            Does::ProxyUser => self.proxy_user = owned(),
            Does::Packets => self.add(if self.listens { "--count" } else { "--replies" }, value),
            Does::Class => self.add("--dscp", &class(value)?),
            Does::Command => {
                self.program = ["--exec", "--"].map(str::to_owned).into();
                self.program.extend(value.split_whitespace().map(str::to_owned));
            }
            Does::Shell => self.program = vec!["--sh".into(), value.to_owned()],
            Does::Tls { verified } => self.tls = Some(verified || self.tls == Some(true)),
            Does::Authorities => {
                self.tls = Some(true);
                self.add("--ca", value);
            }
        }
        Some(())
    }

    fn add(&mut self, option: &str, value: &str) {
        self.options.extend([option.to_owned(), value.to_owned()]);
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|word| word == option)
    }

    /// The line of sendall.
    fn line(mut self) -> Option<Vec<String>> {
        let mut line: Vec<String> = Vec::new();
        let has_mode = !self.program.is_empty() || MODES.iter().any(|mode| self.has(mode));
        let verb: &[&str] = match (self.listens, self.datagrams, self.probes) {
            (true, false, false) => &["serve"],
            (true, true, false) => &["udp-listen"],
            (false, true, false) => &["udp-send"],
            (false, _, true) if self.has("--probe") => &["connect"],
            (false, _, true) => &["connect", "--probe"],
            (false, false, false) => &["connect"],
            (true, _, true) => return None,
        };
        line.extend(verb.iter().map(|word| (*word).to_owned()));
        if self.listens && !self.datagrams {
            let is_one_at_a_time = self.command.as_deref() != Some("serve") && !self.keeps_open;
            if self.proxy_type.as_deref() == Some("http") {
                line.push("--socks".into());
            } else if self.keeps_open && !has_mode {
                line.push("--keep-open".into());
            } else if !self.program.is_empty() && is_one_at_a_time {
                line.extend(["--count", "1"].map(str::to_owned));
            }
        }
        self.add_waiting();
        self.add_tls();
        let place = match (self.place()?, self.probes && self.datagrams) {
            (place, true) => format!("udp:{place}"),
            (place, false) => place,
        };
        self.add_proxy()?;
        if !self.listens && (self.source.is_some() || self.port.is_some()) {
            let (address, port) = (self.source.take(), self.port.take());
            let source = match (address, port) {
                (Some(v6), Some(port)) if v6.contains(':') => format!("[{v6}]:{port}"),
                (Some(address), Some(port)) => format!("{address}:{port}"),
                (Some(address), None) => address,
                (None, port) => format!(":{}", port?),
            };
            self.add("--source", &source);
        }
        line.append(&mut self.options);
        line.push(place);
        line.append(&mut self.program);
        Some(line)
    }

    /// nc's `-w`: it limits connecting and, once that is done, silence, which ends the call without an error.
    fn add_waiting(&mut self) {
        let Some(wait) = self.wait.take() else { return };
        let is_ncat = self.is_ncat;
        match (self.listens, self.datagrams, self.probes) {
            // It ends with its input.
            (false, true, false) => {}
            (true, true, _) => self.add("--idle-timeout", &wait),
            (true, false, _) => self.add("--linger", &wait),
            (false, _, true) => self.add("--timeout", &wait),
            (false, ..) => {
                self.add("--timeout", &wait);
                if !is_ncat && !self.has("--linger") && !self.has("--end-when") {
                    self.add("--linger", &wait);
                }
            }
        }
    }

    fn add_tls(&mut self) {
        match self.tls {
            Some(_) if self.listens => self.options.push("--tls".into()),
            Some(true) => self.options.push("--tls".into()),
            Some(false) => {
                self.options.extend(["--tls", "--insecure", "--lax-end"].map(str::to_owned));
            }
            None => {}
        }
    }

    fn add_proxy(&mut self) -> Option<()> {
        let Some(proxy) = self.proxy.take() else { return Some(()) };
        if proxy.contains("://") {
            self.add("--proxy", &proxy);
            return Some(());
        }
        let (scheme, port) = match self.proxy_type.as_deref() {
            None if self.is_ncat => ("http", 3128),
            None | Some("5" | "socks5") => ("socks5", 1080),
            Some("4" | "4A" | "socks4") => ("socks4", 1080),
            Some("connect" | "http") => ("http", 3128),
            Some(_) => return None,
        };
        let user = self.proxy_user.take().map_or_else(String::new, |user| format!("{user}@"));
        let port = if proxy.contains(':') { String::new() } else { format!(":{port}") };
        self.add("--proxy", &format!("{scheme}://{user}{proxy}{port}"));
        Some(())
    }

    /// The endpoint.
    fn place(&mut self) -> Option<String> {
        let places: Vec<&str> = self.places.iter().map(String::as_str).collect();
        if self.unix {
            let [path] = places[..] else { return None };
            return Some(if path.starts_with("unix:") { path.to_owned() } else { format!("unix:{path}") });
        }
        let bracketed = |host: &str| match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        if self.vsock {
            return match places[..] {
                [cid, port] => Some(format!("vsock:{cid}:{port}")),
                [port] if self.listens => Some(format!("vsock::{port}")),
                _ => None,
            };
        }
        if self.listens {
            let source = self.source.take();
            return Some(match (places[..].split_last(), self.port.take()) {
                (None, Some(port)) => format!(":{port}"),
                (Some((host, [])), Some(port)) if !is_port(host) => format!("{}:{port}", bracketed(host)),
                (Some((port, [host])), None) if is_port(port) => format!("{}:{port}", bracketed(host)),
                (Some((port, [])), None) if is_port(port) => format!(":{port}"),
                (Some((place, [])), None) if Endpoint::parse(place, EndpointUse::Listen).is_ok() => {
                    return source.is_none().then(|| (*place).to_owned());
                }
                _ => return None,
            })
            .map(|place| match (source, place.strip_prefix(':')) {
                (Some(source), Some(port)) => format!("{}:{port}", bracketed(&source)),
                _ => place,
            });
        }
        match places[..] {
            [place] => Some(place.to_owned()),
            [host, port] => Some(format!("{}:{port}", bracketed(host))),
            [host, ref ports @ ..] if self.probes => Some(format!("{}:{}", bracketed(host), ports.join(","))),
            _ => None,
        }
    }
}

fn is_port(word: &str) -> bool {
    Endpoint::parse(&format!(":{word}"), EndpointUse::Listen).is_ok()
}

/// A time of nc or ncat: seconds, unless it has a unit.
fn lasting(value: &str) -> Option<String> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty();
    let has_unit = value.starts_with(|c: char| c.is_ascii_digit()) && value.ends_with(['s', 'm', 'h']);
    (digits || has_unit).then(|| if digits { format!("{value}s") } else { value.to_owned() })
}

/// nc's `-T`: the byte of the type of service, or a name; the class is its upper six bits.
fn class(value: &str) -> Option<String> {
    let byte = match value {
        "lowdelay" => 0x10,
        "throughput" => 0x08,
        "reliability" => 0x04,
        _ => {
            match value.strip_prefix("0x").map_or_else(|| value.parse(), |hex| u8::from_str_radix(hex, 16)) {
                Ok(byte) => byte,
                Err(_) => return Some(value.to_owned()),
            }
        }
    };
    Some((byte >> 2).to_string())
}
