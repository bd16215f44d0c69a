//! Letters and operands as getopt(3) of glibc separates them: in clusters, with a value that may be attached, and with
//! operands between them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Letters that stand alone.
const ALONE: &[u8] = b"46bCDdhklNntUuvz";
/// Letters that have a value.
const WITH_VALUE: &[u8] = b"cesGiIMOpPqTwWxX";
/// Letters of other netcats, and of this one, that are not here, and what there is in their place.
const ELSEWHERE: &[(u8, &str)] = &[
    (
        b'F',
        "it passes a descriptor on: 'sendall connect --exec-socket -- CMD' gives a process the connection",
    ),
    (b'm', "there is no limit on the TTL of what arrives: 'sendall serve --allow' admits networks"),
    (b'r', "ports are tried in their order"),
    (b'S', "there are no TCP MD5 signatures: 'sendall serve --code' and '--tls' say who is trusted"),
    (b'V', "there are no routing tables: 'sendall connect --interface NAME' sets the interface"),
    (b'Z', "there is no DCCP"),
    (b'o', "it is another nc's: 'sendall connect --hex-dump FILE' records a stream"),
    (b'g', "there is no source routing"),
    (b'R', "there is no TLS in this dialect: 'sendall connect --tls --ca FILE'"),
    (b'H', "there is no TLS in this dialect: 'sendall connect --tls --pin sha256:...'"),
];

/// What was typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Letters {
    /// Each letter with its value; of several values the last.
    letters: BTreeMap<u8, OsString>,
    pub(super) operands: Vec<OsString>,
}

impl Letters {
    /// Separates letters from operands. The error is a line without the program's name.
    pub(super) fn parse(words: &[OsString]) -> Result<Letters, String> {
        let mut found = Letters::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_bytes() {
                b"--" => {
                    found.operands.extend(words.cloned());
                    break;
                }
                b"--help" => _ = found.letters.insert(b'h', OsString::new()),
                [b'-', b'-', ..] => return Err(no_long_option(word)),
                [b'-', cluster @ ..] if !cluster.is_empty() => found.cluster(cluster, &mut words)?,
                _ => found.operands.push(word.clone()),
            }
        }
        Ok(found)
    }

    fn cluster<'a>(
        &mut self,
        mut cluster: &[u8],
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<(), String> {
        while let [letter, after @ ..] = cluster {
            let value = match letter {
                _ if ALONE.contains(letter) => OsString::new(),
                _ if !WITH_VALUE.contains(letter) => return Err(unknown(*letter)),
                _ if !after.is_empty() => OsString::from_vec(after.to_vec()),
                _ => rest.next().cloned().ok_or_else(|| {
                    format!("option requires an argument -- '{}' (see nc -h)", *letter as char)
                })?,
            };
            let takes_rest = WITH_VALUE.contains(letter);
            self.letters.insert(*letter, value);
            cluster = if takes_rest { &[] } else { after };
        }
        Ok(())
    }

    /// True if the letter was typed.
    pub(super) fn has(&self, letter: char) -> bool {
        self.letters.contains_key(&(letter as u8))
    }

    /// The value of a letter as it was typed.
    pub(super) fn raw(&self, letter: char) -> Option<&OsStr> {
        self.letters.get(&(letter as u8)).map(OsString::as_os_str)
    }

    /// The value of a letter as text.
    pub(super) fn text(&self, letter: char) -> Result<Option<&str>, String> {
        self.raw(letter)
            .map(|value| value.to_str().ok_or_else(|| format!("the value of -{letter} is not UTF-8")))
            .transpose()
    }

    /// The first letter of `letters` that was typed.
    pub(super) fn first_of(&self, letters: &str) -> Option<char> {
        letters.chars().find(|letter| self.has(*letter))
    }
}

fn unknown(letter: u8) -> String {
    let shown = (letter as char).escape_debug();
    match ELSEWHERE.iter().find(|(other, _)| *other == letter) {
        Some((_, why)) => format!("-{shown} is not in this nc: {why}"),
        None => format!("invalid option -- '{shown}' (see nc -h)"),
    }
}

fn no_long_option(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    format!(
        "'{}': nc has letters only, see nc -h; long options are ncat's, see 'COMING FROM OTHER NETCATS' in 'sendall --help'",
        word.escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(String, String), String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let letters = Letters::parse(&words)?;
        let shown = letters
            .letters
            .iter()
            .map(|(letter, value)| format!("{}{}", *letter as char, value.to_string_lossy()));
        let operands: Vec<_> = letters.operands.iter().map(|word| word.to_string_lossy()).collect();
        Ok((shown.collect::<Vec<_>>().join(" "), operands.join(" ")))
    }

    #[test]
    fn clusters_values_and_operands_are_separated_as_getopt_does() {
        for (line, letters, operands) in [
            ("-lvnp4444", "l n p4444 v", ""),
            ("-lvnp 4444", "l n p4444 v", ""),
            ("-zvw5 host 22", "v w5 z", "host 22"),
            ("host 22 -zv -w 5", "v w5 z", "host 22"),
            ("-l -- -v 22", "l", "-v 22"),
            ("-w1 -w2 h 1", "w2", "h 1"),
            ("-e/bin/sh -vv h 1", "e/bin/sh v", "h 1"),
            ("-q -1 h 1", "q-1", "h 1"),
            ("- 1", "", "- 1"),
            ("-p -l", "p-l", ""),
            ("-l --help", "h l", ""),
            ("-e --help -- --help", "e--help", "--help"),
            ("", "", ""),
        ] {
            assert_eq!(parsed(line), Ok((letters.into(), operands.into())), "{line}");
        }
    }

    #[test]
    fn letters_that_are_not_here_are_refused_by_name() {
        for (line, hint) in [
            ("-lY 1", "invalid option -- 'Y'"),
            ("-vr h 1-9", "-r is not in this nc"),
            ("-F h 1", "--exec-socket"),
            ("-lp", "option requires an argument -- 'p'"),
            ("-l --keep-open 1", "'--keep-open': nc has letters only"),
            ("-l\u{7} 1", "'\\u{7}'"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(hint), "{line}: {error}");
        }
        for letter in ALONE.iter().chain(WITH_VALUE) {
            assert!(!ELSEWHERE.iter().any(|(other, _)| other == letter), "{}", *letter as char);
        }
    }
}
