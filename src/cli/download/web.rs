//! `download http(s)://...`: which options make sense there, and what the URLs say together.

use super::DownloadArgs;
use crate::cli::proxy_args::connector;
use crate::error::{Error, Exit};
use crate::net::tls::WEB_OPTIONS;
use crate::proto::http::HttpUrl;
use crate::proto::transfer::names::CleanPath;
use crate::proto::web::hex;
use crate::report::{escape, escape_name};
use crate::run::download::web::{WebPlan, endpoint_of};
use crate::run::tls::{ClientTlsPlan, ServerCheckPlan};

/// The most URLs of one file.
const MAX_URLS: usize = 16;

fn usage(text: impl Into<String>) -> Error {
    Error::new(Exit::Usage, text.into())
}

impl DownloadArgs {
    /// Returns whether the file comes from a web server.
    pub(super) fn is_web(&self) -> bool {
        HttpUrl::is_begun(&self.server())
    }

    /// Validates the arguments of a download from web servers.
    pub(super) fn web_plan(&self) -> Result<WebPlan, Error> {
        let urls = self.urls()?;
        self.refuse_for_web(&urls)?;
        let (name, digest) = (self.name_in(&urls)?, digest_in(&urls)?);
        let server = connector(&endpoint_of(&urls[0]), &self.proxy, &self.local)?;
        let pins = self.trust.pins();
        let check = if pins.is_empty() {
            ServerCheckPlan::Authorities(self.ca.clone())
        } else {
            ServerCheckPlan::Pins(pins.to_vec())
        };
        let tls = ClientTlsPlan {
            check,
            server_name: None,
            identity: None,
            alpn: vec!["http/1.1".into()],
            // Where an answer ends is said in it.
            accepts_bare_end: false,
            starttls: None,
            options: &WEB_OPTIONS,
        };
        Ok(WebPlan {
            urls,
            name,
            digest,
            download: self.fetched(),
            server,
            tls,
            limits: self.limits.limits(),
            connections: self.local.connections(self.limits.connections.map(usize::from))?,
        })
    }

    /// Parses all words: the URLs of one file.
    fn urls(&self) -> Result<Vec<HttpUrl>, Error> {
        let mut words = vec![self.server().into_owned()];
        for name in &self.names {
            let word = name.to_str().filter(|word| HttpUrl::is_begun(word)).map(str::to_owned);
            let shown = || escape_name(name.as_encoded_bytes());
            words.push(word.ok_or_else(|| {
                usage(format!("'{}' is no URL: after a URL come only further URLs of the same file", shown()))
            })?);
        }
        if words.len() > MAX_URLS {
            return Err(usage(format!("a file can come from {MAX_URLS} URLs at most")));
        }
        let parse = |word: &String| {
            HttpUrl::parse(word)
                .map_err(|fault| usage(format!("'{}' cannot be fetched: {fault}", escape(word))))
        };
        words.iter().map(parse).collect()
    }

    /// Fails for an option that a web server has nothing for.
    fn refuse_for_web(&self, urls: &[HttpUrl]) -> Result<(), Error> {
        let given = [
            (self.list, "--list", "a web server has no list that can be relied on: type the URL of one file"),
            (self.max_entries.is_some(), "--max-entries", "one file is fetched: leave it out"),
            (self.trust.is_code_typed(), "--code", "web servers know no codes: type an https:// URL"),
            (self.trust.is_key_typed(), "--key", "web servers know no keys of clients: leave it out"),
            (self.trust.trusts_new(), "--trust-new", "type --pin KEY with an https:// URL"),
            (self.trust.is_plain(), "--plain", "the URL says it: type http:// or https://"),
        ];
        if let Some((_, option, text)) = given.iter().find(|(is_given, ..)| *is_given) {
            return Err(usage(format!("{option} is not for URLs: {text}")));
        }
        let has_tls = urls.iter().any(HttpUrl::is_tls);
        let pins = !self.trust.pins().is_empty();
        match (has_tls, pins, self.ca.is_some()) {
            (false, true, _) => {
                Err(usage("--pin is about the server of an https:// URL: type https://, or leave it out"))
            }
            (false, _, true) => {
                Err(usage("--ca is about the server of an https:// URL: type https://, or leave it out"))
            }
            (_, true, true) => Err(usage("--pin and --ca exclude each other: type one of them")),
            _ => Ok(()),
        }
    }

    /// The name of the file in its URLs; `None` if they have none, and `-o` may name one.
    fn name_in(&self, urls: &[HttpUrl]) -> Result<Option<Vec<u8>>, Error> {
        let mut names = urls.iter().map(name_of);
        let first = names.next().flatten();
        if let Some(other) = names.find(|name| *name != first) {
            // Which one holds is for -o to say; whether it names a file is found out later.
            if self.output.as_os_str() == "." {
                let shown = |name: &Option<Vec<u8>>| name.as_deref().map_or_else(|| "-".into(), escape_name);
                let (first, other) = (shown(&first), shown(&other));
                let text = "several URLs are places of the same file";
                return Err(usage(format!(
                    "{text}, and these name {first} and {other}: type -o FILE if it is the same, or fetch one after the other"
                )));
            }
            return Ok(None);
        }
        let Some(name) = first else { return Ok(None) };
        let is_safe = CleanPath::parse(&name).is_ok_and(|path| path.is_single());
        if !is_safe && self.output.as_os_str() == "." {
            let name = escape_name(&name);
            return Err(usage(format!(
                "the URL ends with {name}, which is no name for a file: type -o FILE"
            )));
        }
        Ok(Some(name).filter(|_| is_safe))
    }
}

/// The name of a file in its URL: the last segment, with `.tar` or `.zip` for a folder's archive.
fn name_of(url: &HttpUrl) -> Option<Vec<u8>> {
    let archive = url.query().filter(|query| matches!(*query, "tar" | "zip"));
    match archive {
        None => url.last_segment(),
        Some(form) => {
            let folder = url.folder_name()?;
            Some([&folder[..], b".", form.as_bytes()].concat())
        }
    }
}

/// The digest that a URL names: `?b3=HEX`.
fn digest_in(urls: &[HttpUrl]) -> Result<Option<[u8; 32]>, Error> {
    let mut digest = None;
    for digits in urls.iter().filter_map(|url| url.query()?.strip_prefix("b3=")) {
        let found = hex::decode(digits.as_bytes())
            .ok_or_else(|| usage("?b3= is followed by the 64 digits of a BLAKE3 digest"))?;
        if digest.replace(found).is_some_and(|other| other != found) {
            return Err(usage("the URLs name different digests: they are not of the same file"));
        }
    }
    Ok(digest)
}
