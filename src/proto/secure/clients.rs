//! The list of clients that a server lets in by their keys (`--clients`). A line is
//! `sha256:... [rights=store,share] [store=/srv/a] [max-size=1GiB] [# comment]`.

use std::path::{Path, PathBuf};

use super::Rights;
use super::list::{BadLine, LineFault, SPACES, lines};
use super::pin::Pin;

/// What a client may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Everything that the server has, where its line has no `rights=`.
    pub rights: Rights,
    /// The folder in which it stores, in place of the server's. It is absolute.
    pub store: Option<PathBuf>,
    /// The largest file that it may store, in bytes; at least 1.
    pub max_size_bytes: Option<u64>,
}

/// The clients in a list. A million of them take 40 MB.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// In the order of their keys.
    entries: Vec<Entry>,
    terms: Vec<Client>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    pin: Pin,
    /// The first line that lets it in, counted from 1.
    line: u32,
    /// Which of the terms are its own.
    terms: u32,
}

impl Clients {
    /// Reads a list. Its last line must have an end: the beginning of a line may allow more than the whole.
    ///
    /// # Errors
    /// The first bad line. A key that is there twice is one if the two lines say different things.
    pub fn parse(list: &[u8]) -> Result<Clients, BadLine> {
        let (mut entries, mut terms) = (Vec::new(), Vec::<Client>::new());
        for line in lines(list) {
            let (line, text) = line?;
            let (pin, client) = parse(text).map_err(|fault| BadLine { line, fault })?;
            // Most lines say what the one before says.
            if terms.last() != Some(&client) {
                terms.push(client);
            }
            let line = u32::try_from(line).map_err(|_| BadLine { line, fault: LineFault::TooMany })?;
            entries.push(Entry { pin, line, terms: terms.len() as u32 - 1 });
        }
        if list.last().is_some_and(|byte| *byte != b'\n') {
            let line = list.split(|byte| *byte == b'\n').count();
            return Err(BadLine { line, fault: LineFault::Unfinished });
        }
        entries.sort_unstable();
        let terms_of = |entry: &Entry| &terms[entry.terms as usize];
        let same_key =
            |pair: &&[Entry]| pair[0].pin == pair[1].pin && terms_of(&pair[0]) != terms_of(&pair[1]);
        if let Some(pair) = entries.windows(2).filter(same_key).min_by_key(|pair| pair[1].line) {
            let fault = LineFault::Contradiction(pair[0].line as usize);
            return Err(BadLine { line: pair[1].line as usize, fault });
        }
        entries.dedup_by_key(|entry| entry.pin);
        Ok(Clients { entries, terms })
    }

    /// What the client with this key may do. None: it is not let in.
    pub fn get(&self, pin: &Pin) -> Option<&Client> {
        let place = self.entries.binary_search_by_key(pin, |entry| entry.pin).ok()?;
        self.terms.get(self.entries[place].terms as usize)
    }

    /// The folders that clients have of their own; the same one may come several times.
    pub fn stores(&self) -> impl Iterator<Item = &Path> {
        self.terms.iter().filter_map(|client| client.store.as_deref())
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it lets nobody in.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The line for a client that was paired, its newline included. Control characters of the comment become spaces, and it
/// is cut at 200 characters. A client without rights is not let in: its line is a comment.
pub fn line(pin: Pin, rights: Rights, comment: &str) -> String {
    let names: Vec<_> = NAMES.iter().filter(|(_, right)| rights.has(*right)).map(|(name, _)| *name).collect();
    let mut line = if names.is_empty() { format!("# {pin}") } else { pin.to_string() };
    if rights != Rights::ALL {
        line += " rights=";
        line += &names.join(",");
    }
    line += " # ";
    line.extend(comment.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }));
    line.push('\n');
    line
}

const NAMES: [(&str, Rights); 2] = [("store", Rights::STORE), ("share", Rights::SHARE)];

fn parse(text: &str) -> Result<(Pin, Client), LineFault> {
    let (pin, mut rest) = text.split_once(SPACES).unwrap_or((text, ""));
    let pin = pin.parse().map_err(LineFault::Pin)?;
    let (mut rights, mut store, mut max_size_bytes) = (None, None, None);
    while let Some((word, behind)) = next_word(rest)? {
        rest = behind;
        let (name, value) = word.split_once('=').ok_or(LineFault::Word)?;
        let value = value.strip_prefix('"').map_or(value, |value| &value[..value.len() - 1]);
        let is_first = match name {
            "rights" => rights.replace(parse_rights(value)?).is_none(),
            "store" => store.replace(parse_folder(value)?).is_none(),
            "max-size" => max_size_bytes.replace(parse_size(value)?).is_none(),
            _ => return Err(LineFault::Word),
        };
        if !is_first {
            return Err(LineFault::Twice);
        }
    }
    Ok((pin, Client { rights: rights.unwrap_or(Rights::ALL), store, max_size_bytes }))
}

/// The next word, and what is behind it: `name=value` or `name="a value"`. A `#` at the beginning of a word ends the line.
fn next_word(rest: &str) -> Result<Option<(&str, &str)>, LineFault> {
    let rest = rest.trim_start_matches(SPACES);
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(None);
    }
    let end = rest.find(SPACES).unwrap_or(rest.len());
    let Some(quote) = rest[..end].find("=\"").map(|at| at + 2) else { return Ok(Some(rest.split_at(end))) };
    let close = quote + rest[quote..].find('"').ok_or(LineFault::Quotes)? + 1;
    let (word, behind) = rest.split_at(close);
    match behind.is_empty() || behind.starts_with(SPACES) {
        true => Ok(Some((word, behind))),
        false => Err(LineFault::Quotes),
    }
}

fn parse_rights(names: &str) -> Result<Rights, LineFault> {
    let right = |name| NAMES.iter().find(|(known, _)| *known == name).map(|(_, right)| *right);
    names
        .split(',')
        .try_fold(Rights::NONE, |rights, name| Ok(rights.and(right(name).ok_or(LineFault::Rights)?)))
}

fn parse_folder(path: &str) -> Result<PathBuf, LineFault> {
    let path = Path::new(path);
    if path.is_absolute() { Ok(path.into()) } else { Err(LineFault::Folder) }
}

fn parse_size(size: &str) -> Result<u64, LineFault> {
    let begins_with_digit = size.starts_with(|c: char| c.is_ascii_digit());
    let bytes = size.parse::<bytesize::ByteSize>().ok().filter(|_| begins_with_digit);
    bytes.map(|bytes| bytes.as_u64()).filter(|bytes| *bytes > 0).ok_or(LineFault::Size)
}

#[cfg(test)]
mod tests {
    use super::super::pin::BadPin;
    use super::*;
    use proptest::prelude::*;

    const PIN: &str = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    /// The terms of one line behind the key.
    fn terms(words: &str) -> Result<(Rights, Option<PathBuf>, Option<u64>), LineFault> {
        let clients = Clients::parse(format!("\n{PIN}{words}\n").as_bytes()).map_err(|bad| {
            assert_eq!(bad.line, 2);
            bad.fault
        })?;
        let client = clients.get(&Pin::of(b"")).unwrap();
        assert_eq!(clients.len(), 1);
        Ok((client.rights, client.store.clone(), client.max_size_bytes))
    }

    #[test]
    fn a_line_has_a_key_and_terms() {
        assert_eq!(terms(""), Ok((Rights::ALL, None, None)));
        assert_eq!(terms(" # store=x \"").unwrap().0, Rights::ALL);
        assert_eq!(terms("\trights=store").unwrap().0, Rights::STORE);
        assert_eq!(terms(" rights=share,store #").unwrap().0, Rights::STORE.and(Rights::SHARE));
        let all = terms("  max-size=1GiB rights=share  store=/srv/a#b\t# Ann's").unwrap();
        assert_eq!(all, (Rights::SHARE, Some("/srv/a#b".into()), Some(1 << 30)));
        let quoted = terms(" store=\"/srv/my files # 1\" max-size=\"4096\"").unwrap();
        assert_eq!(quoted, (Rights::ALL, Some("/srv/my files # 1".into()), Some(4096)));
        assert_eq!(terms(" store=/a\"b").unwrap().1, Some("/a\"b".into()));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (words, fault) in [
            (" rights", LineFault::Word),
            (" Rights=store", LineFault::Word),
            (" ann", LineFault::Word),
            (" rights=", LineFault::Rights),
            (" rights=store,", LineFault::Rights),
            (" rights=all", LineFault::Rights),
            (" rights=stream", LineFault::Rights),
            (" store=", LineFault::Folder),
            (" store=srv", LineFault::Folder),
            (" store=~/a", LineFault::Folder),
            (" store=\"/srv", LineFault::Quotes),
            (" store=\"", LineFault::Quotes),
            (" store=\"/srv\"x", LineFault::Quotes),
            (" store=/srv/my files", LineFault::Word),
            (" max-size=", LineFault::Size),
            (" max-size=0", LineFault::Size),
            (" max-size=-1", LineFault::Size),
            (" max-size=inf", LineFault::Size),
            (" max-size=1 GiB", LineFault::Word),
            (" max-size=1GiB max-size=1GiB", LineFault::Twice),
            (" \0", LineFault::NotText),
            ("#", LineFault::Pin(BadPin::Digest)),
        ] {
            assert_eq!(terms(words), Err(fault), "{words}");
        }
        assert_eq!(Clients::parse(b"ann\n").unwrap_err().fault, LineFault::Pin(BadPin::Prefix));
        let long = format!(" store=/{}", "a".repeat(4096));
        assert_eq!(terms(&long), Err(LineFault::TooLong));
    }

    #[test]
    fn a_key_that_is_there_twice_has_one_meaning() {
        let same = format!("{PIN} rights=store # a\n{PIN} rights=store # b\n");
        assert_eq!(Clients::parse(same.as_bytes()).unwrap().len(), 1);
        let fault = Clients::parse(format!("{same}{PIN}\n").as_bytes()).unwrap_err();
        assert_eq!(fault, BadLine { line: 3, fault: LineFault::Contradiction(2) });
    }

    #[test]
    fn a_list_cut_anywhere_allows_no_more_than_it_says() {
        let list = format!("\n{PIN} rights=share,store store=/srv/a max-size=1GiB # Ann\n");
        assert!(Clients::parse(&list.as_bytes()[..1]).unwrap().is_empty());
        for end in 2..list.len() {
            let fault = Clients::parse(&list.as_bytes()[..end]).unwrap_err();
            assert_eq!(fault.line, 2, "{end}");
            assert!(end < 1 + PIN.len() || fault.fault != LineFault::Pin(BadPin::Digest), "{end}");
        }
        assert_eq!(Clients::parse(list.trim_end().as_bytes()).unwrap_err().fault, LineFault::Unfinished);
        assert_eq!(Clients::parse(list.as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn a_paired_client_is_let_in() {
        let written = line(Pin::of(b""), Rights::STORE.and(Rights::SHARE), "from 192.0.2.1\nsha256:");
        assert_eq!(written, format!("{PIN} rights=store,share # from 192.0.2.1 sha256:\n"));
        assert_eq!(line(Pin::of(b""), Rights::ALL, "x"), format!("{PIN} # x\n"));
        let none = line(Pin::of(b""), Rights::NONE, "x");
        assert!(Clients::parse(none.as_bytes()).unwrap().is_empty());
        let clients = Clients::parse(written.as_bytes()).unwrap();
        assert_eq!(clients.get(&Pin::of(b"")).unwrap().rights, Rights::STORE.and(Rights::SHARE));
    }

    proptest! {
        #[test]
        fn any_list_is_read_or_refused(list: Vec<u8>, words in "( |rights|store|max-size|=|,|\"|/|#|1|GiB|é|\t){0,12}") {
            let _ = Clients::parse(&list);
            let _ = Clients::parse(format!("{PIN} {words}\n").as_bytes());
        }

        #[test]
        fn what_is_written_is_read(pin: [u8; 32], bits in 1u8..4, comment: String) {
            let rights = Rights::from_bits(bits);
            let list = line(Pin(pin), rights, &comment);
            let clients = Clients::parse(list.as_bytes());
            prop_assert_eq!(clients.unwrap().get(&Pin(pin)).map(|client| client.rights), Some(rights));
        }
    }
}
