//! Usage errors as one line that suggests what to type instead.
//!
//! A line of sendall that is suggested has the user's own words in it where they are understood, and was parsed before it is
//! shown. Where they are not, the line is one that names the parts in capitals.

mod netcat;
mod netcat_options;
mod socat;
mod suggest;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;
use super::manual::NETCATS;
use crate::net::endpoint::{Endpoint, EndpointUse};

/// Words that people type instead of a command, and their replacements.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["send", "put", "push", "copy", "cp", "scp", "up"],
        "'sendall upload PATH HOST' for files, 'sendall connect HOST:PORT' for a stream",
    ),
    (
        &["receive", "recv", "store"],
        "'sendall serve --store DIR :7255' for files, 'sendall serve :PORT' for a stream",
    ),
    (&["get", "fetch", "pull", "down"], "'sendall download HOST NAME'"),
    (&["share", "offer"], "'sendall serve --share PATH :7255'"),
    (&["list", "ls", "dir"], "'sendall download --list HOST'"),
    (&["listen", "server", "bind"], "'sendall serve :PORT'"),
    (&["client", "open", "dial", "telnet"], "'sendall connect HOST:PORT'"),
    (&["probe", "scan", "check", "wait"], "'sendall connect --probe HOST:PORT'"),
    (&["forward", "relay", "tunnel"], "'sendall serve --forward HOST:PORT PORT'"),
    (&["proxy", "socks"], "'sendall serve --socks PORT'"),
    (&["chat", "broker"], "'sendall serve --broker --chat :PORT'"),
    (&["echo", "discard"], "'sendall serve --echo PORT' or '--discard'"),
    (&["exec"], "'sendall serve PORT --exec -- COMMAND'"),
    (&["udp"], "'sendall udp-listen PORT' or 'sendall udp-send HOST:PORT TEXT'"),
    (&["http", "web", "hello"], "'sendall http-hello PORT'"),
    (&["man", "manual", "usage"], "'sendall --help' or 'man sendall'"),
    (&["version"], "'sendall --version'"),
];

const EACH_COMMAND: &str =
    "'sendall serve', 'connect', 'upload', 'download', 'udp-listen', 'udp-send' or 'http-hello'";

/// Options that need `--tls`.
const OF_TLS: &[&str] =
    &["--alpn", "--ca", "--cert", "--client-ca", "--insecure", "--lax-end", "--server-name"];

/// The words that must follow a command, for commands without a default endpoint.
const AT_LEAST: &[(&str, &str)] = &[
    ("connect", "no server: type 'sendall connect HOST:PORT'"),
    ("upload", "no files and no server: type 'sendall upload PATH HOST:PORT'"),
    ("download", "no server: type 'sendall download HOST:PORT', and NAMEs unless you want everything"),
    (
        "udp-listen",
        "no endpoint: type 'sendall udp-listen :PORT', or 'sendall udp-listen PORT' for this machine only",
    ),
    ("udp-send", "no receiver: type 'sendall udp-send HOST:PORT TEXT'"),
];

/// Options of nc and of copying tools, by the commands that they are typed for. Those of `connect`, and of `serve` as far
/// as they are not here, are in the manual's table.
const OPTIONS: &[(&[&str], &[&str], &str)] = &[
    (&["serve"], &["-l", "--listen"], "leave it out: 'sendall serve :PORT' listens"),
    (&["serve"], &["-p", "--port"], "type the port by itself: 'sendall serve :PORT'"),
    (&["serve"], &["-s"], "type the address before the port: 'sendall serve ADDR:PORT'"),
    (&["serve"], &["-k"], "--keep-open joins many clients to stdin and stdout"),
    (&["serve", "connect"], &["-w"], "--timeout 10s limits connecting, --idle-timeout 10s limits silence"),
    (&["connect"], &["-l", "--listen"], "'sendall serve :PORT' listens"),
    (&["connect"], &["-k"], "'sendall serve --keep-open :PORT' takes many clients"),
    (
        &["connect"],
        &["-p", "--port"],
        "the server's port follows its host, as in HOST:PORT; --source :PORT is this side's",
    ),
    (&["connect"], &["-r", "--recursive"], "'sendall upload DIR HOST' sends folders"),
    (&["udp-listen", "udp-send"], &["-u", "--udp"], "leave it out: these are datagrams"),
    (&["udp-send"], &["-l", "--listen"], "'sendall udp-listen :PORT' listens"),
    (&["udp-listen"], &["-l", "--listen"], "leave it out: 'sendall udp-listen :PORT' listens"),
    (&["udp-send"], &["-w"], "--wait 1s waits for replies"),
    (
        &["upload", "download"],
        &["-r", "-R", "-a", "--recursive", "--archive"],
        "leave it out: folders are sent with everything in them",
    ),
    (
        &["upload", "download"],
        &["-p", "--preserve", "-t", "--times"],
        "leave it out: times and modes are kept",
    ),
    (
        &["upload", "download"],
        &["-P", "--port"],
        "the port follows the host, as in HOST:PORT; ssh's, as in ssh://HOST:PORT/DIR",
    ),
    (&["upload", "download"], &["-l", "--bwlimit"], "--limit-rate 500KB limits the rate"),
    (&["upload", "download"], &["-f", "--overwrite"], "--force replaces files"),
    (&["upload", "download"], &["--progress"], "leave it out: progress is shown at a terminal"),
    (&["upload"], &["-o", "--output"], "--name NAME names a file there"),
    (&["download"], &["-O"], "-o FILE or -o DIR names the destination"),
    (
        &["upload", "download"],
        &["-z", "-C", "--compress"],
        "sendall does not compress: type 'gzip <FILE | sendall upload - --name FILE.gz HOST:PORT'",
    ),
];

/// The line for a usage error of the parser. `words` follow the program's name.
pub fn usage_line(error: &clap::Error, words: &[OsString]) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    if let Some(line) = quiet_number(&texts(words)) {
        return line;
    }
    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            format!("no command: type {EACH_COMMAND}, or 'sendall --help'")
        }
        ErrorKind::InvalidSubcommand => unknown_command(error, words).unwrap_or_else(|| one_line(error)),
        ErrorKind::MissingRequiredArgument => {
            no_endpoint(error, words).or_else(|| no_partner(error, words)).unwrap_or_else(|| one_line(error))
        }
        ErrorKind::UnknownArgument => {
            unknown_option(context(ContextKind::InvalidArg).unwrap_or_default(), words)
                .unwrap_or_else(|| one_line(error))
        }
        ErrorKind::ValueValidation => plain_words(&one_line(error)),
        _ => one_line(error),
    }
}

/// The line for words that the parser takes and that cannot be meant so: `-q 1`, which nc's users take for its time limit;
/// what is no endpoint here, but one of scp, socat or a browser. `None` if there is none.
pub fn better_line(words: &[OsString]) -> Option<String> {
    let typed = texts(words);
    quiet_number(&typed).or_else(|| {
        let (word, what) = typed.iter().find_map(|word| Some((word, suggest::foreign(word)?)))?;
        let advice = suggest::advice(&typed, command_of(&typed))?;
        Some(format!("'{}' {what}: {}", word.escape_debug(), advice.text()))
    })
}

fn quiet_number(typed: &[String]) -> Option<String> {
    let is_number = |word: &String| word.parse::<u16>().is_ok();
    let [_, number] = typed.windows(2).find(|pair| pair[0] == "-q" && is_number(&pair[1]))? else {
        return None;
    };
    let advice = match suggest::advice(typed, command_of(typed)) {
        Some(advice) => advice.text(),
        None if number == "0" => "for nc's '-q 0' type --end-when input".to_owned(),
        None => format!("for nc's '-q {number}' type --linger {number}s"),
    };
    Some(format!("-q is --quiet and takes no number: {advice}"))
}

/// Text that is no UTF-8 is nothing that is known here.
fn texts(words: &[OsString]) -> Vec<String> {
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The command among these words, and where it stands: only options for all commands may stand before it.
fn command_of(words: &[String]) -> Option<(usize, &str)> {
    let is_global =
        |word: &String| matches!(word.as_str(), "-v" | "-vv" | "-q" | "--verbose" | "--quiet" | "--json");
    let at = words.iter().position(|word| !is_global(word))?;
    let word = words[at].as_str();
    Cli::command().find_subcommand(word).map(|_| (at, word))
}

/// True if the command has a long option of this name.
fn is_own_option(command: &str, name: &str) -> bool {
    of_command(command, name, |_| true)
}

/// True if that option has a value, which may be the next word.
fn own_option_takes_value(command: &str, name: &str) -> bool {
    of_command(command, name, |option| {
        option.get_action().takes_values() && option.get_num_args().is_none_or(|count| count.min_values() > 0)
    })
}

fn of_command(command: &str, name: &str, is_true: impl Fn(&clap::Arg) -> bool) -> bool {
    let mut program = Cli::command();
    // Options for all commands are among those of each.
    program.build();
    let command = program.find_subcommand(command);
    command.is_some_and(|command| {
        command.get_arguments().any(|option| option.get_long() == Some(name) && is_true(option))
    })
}

/// The line for a command that was typed without its endpoint. `None` if something else is missing.
fn no_endpoint(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_endpoint = |name: &String| name.contains("ENDPOINT");
    let command = words.iter().filter_map(|word| word.to_str()).find(|word| !word.starts_with('-'))?;
    let (_, what) = AT_LEAST.iter().find(|(name, _)| *name == command && missing.iter().any(is_endpoint))?;
    let line = one_line(error);
    let usage = line.find("; usage:").map_or("", |start| &line[start..]);
    Some(format!("{what}{usage}"))
}

/// The line for an option of TLS without what belongs to it. `None` if something else is missing.
fn no_partner(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else { return None };
    let lacks = |begin: &str| missing.iter().any(|name| name.starts_with(begin));
    let mut words = words.iter().filter_map(|word| word.to_str());
    if lacks("--cert ") {
        let code = match words.any(|word| word == "serve") {
            true => "; if all clients are sendall's, type --code instead",
            false => "",
        };
        return Some(format!("--tls needs a certificate: type --cert FILE --cert-key FILE{code}"));
    }
    if lacks("--cert-key ") {
        return Some("--cert needs the key of the certificate: type --cert-key FILE".to_owned());
    }
    let name = |word: &'_ str| word.split('=').next().unwrap_or_default().to_owned();
    let option = words.map(name).find(|word| OF_TLS.contains(&&word[..])).filter(|_| lacks("<--tls"))?;
    Some(format!("{option} goes with --tls: type both"))
}

fn unknown_command(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    if let Some(advice) = suggest::advice(&texts(words), None) {
        return Some(format!("'{}' is not a command: {}", word.escape_debug(), advice.text()));
    }
    let suggest = |hint: &str| Some(format!("'{}' is not a command: type {hint}", word.escape_debug()));
    if let Some((_, hint)) = COMMANDS.iter().find(|(words, _)| words.contains(&word.as_str())) {
        return suggest(hint);
    }
    let second = words.iter().skip_while(|other| *other != word.as_str()).nth(1);
    let server = Endpoint::parse_first(word, second.and_then(|second| second.to_str()), EndpointUse::Connect);
    match server {
        Ok((server, 1)) => return suggest(&format!("'sendall connect {server}'")),
        Ok((server, _)) => {
            return suggest(&format!("'sendall connect {server}' if it is a host, or see 'sendall --help'"));
        }
        Err(_) => {}
    }
    let has_advice = error.get(ContextKind::SuggestedSubcommand).is_some();
    if has_advice { None } else { suggest(&format!("{EACH_COMMAND}, or 'sendall --help'")) }
}

fn unknown_option(option: &str, words: &[OsString]) -> Option<String> {
    // Of a group of letters the parser names the first that it does not know.
    let option = option.split('=').next().unwrap_or(option);
    let typed = texts(words);
    let command = command_of(&typed);
    let advice = suggest::advice(&typed, command).map(|advice| advice.text());
    let command = command.map(|(_, command)| command);
    if let (Some(advice), None) = (&advice, command) {
        return Some(format!("'{option}' is not an option of sendall: {advice}"));
    }
    let Some(command) = command else {
        let hint = netcat_option(option)?;
        return Some(format!("'{option}' is not an option of sendall: {hint}; see 'sendall --help'"));
    };
    let listed = |(commands, options, _): &&(&[&str], &[&str], &str)| {
        commands.contains(&command) && options.contains(&option)
    };
    let hint = match OPTIONS.iter().find(listed) {
        _ if advice.is_some() => advice?,
        Some((_, _, hint)) => (*hint).to_owned(),
        None if matches!(command, "connect" | "serve") => netcat_option(option)?,
        None => return None,
    };
    Some(format!(
        "'{option}' is not an option of 'sendall {command}': {hint}; see 'sendall {command} --help'"
    ))
}

/// Finds an option of nc in the manual's table: "nc's '-z HOST 20-25' is here: connect --probe HOST:20-25".
fn netcat_option(option: &str) -> Option<String> {
    let rows = NETCATS.lines().filter_map(|line| line.strip_prefix("    ")?.split_once("  "));
    let mut rows = rows.filter(|(theirs, _)| theirs.starts_with("nc "));
    let names = |theirs: &str| {
        theirs.split([' ', ',']).filter(|word| word.starts_with('-')).any(|word| word == option)
    };
    // The first row that begins with the option, or else the first that contains it.
    let (theirs, ours) = rows
        .clone()
        .find(|(theirs, _)| {
            theirs.split_whitespace().nth(1).map(|word| word.trim_end_matches(',')) == Some(option)
        })
        .or_else(|| rows.find(|(theirs, _)| names(theirs)))?;
    let theirs = theirs.trim_start_matches("nc ").trim();
    Some(format!("nc's '{theirs}' is here: {}", ours.trim()))
}

/// Joins the paragraphs of clap's message, without its advice to pass an option as a value.
fn one_line(error: &clap::Error) -> String {
    let mut line = String::new();
    let text = error.render().to_string();
    let is_advice = |part: &&str| part.starts_with("For more") || part.starts_with("tip: to pass '");
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty() && !is_advice(part)) {
        let part = part.strip_prefix("error: ").unwrap_or(part);
        let separator = match part {
            _ if line.is_empty() => "",
            _ if part.starts_with("tip:") || part.starts_with("Usage:") => "; ",
            _ => " ",
        };
        line += separator;
        line += &part.replace("Usage:", "usage:");
    }
    line
}

/// Replaces messages of Rust's and clap's parsers by plain ones.
fn plain_words(line: &str) -> String {
    for (raw, plain) in [
        ("invalid digit found in string", "type a whole number"),
        ("cannot parse integer from empty string", "type a whole number"),
        ("number too large to fit in target type", "that is too large"),
        ("value was not a boolean", "type on or off"),
        ("invalid IP address syntax", "type an address, as in 192.0.2.1 or 2001:db8::1"),
    ] {
        if let Some(start) = line.strip_suffix(raw) {
            return format!("{start}{plain}");
        }
    }
    let parts = line
        .rsplit_once(" is not in ")
        .and_then(|(start, range)| Some((start.rsplit_once(": ")?.0, range.split_once("..")?)));
    match parts {
        Some((start, (least, most))) => match most.trim_start_matches('=') {
            most if most == u64::MAX.to_string() => format!("{start}: type a number from {least} on"),
            most => format!("{start}: type a number from {least} to {most}"),
        },
        None => line.to_owned(),
    }
}
