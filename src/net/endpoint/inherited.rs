//! `systemd:`, `fd:N` and `stdio:`.

use super::{FIRST_INHERITED, Inherited, is_number};

impl Inherited {
    /// Parses `systemd:`, `systemd:NAME`, `fd:N` and `stdio:`; `None` for any other word.
    pub(super) fn parse(word: &str) -> Option<Result<Inherited, String>> {
        if let Some(name) = word.strip_prefix("systemd:") {
            return Some(Ok(Inherited::Systemd(Some(name.to_owned()).filter(|name| !name.is_empty()))));
        }
        if word == "stdio:" {
            return Some(Ok(Inherited::Stdio));
        }
        let number = word.strip_prefix("fd:")?;
        Some(match number.parse() {
            Ok(number) if number >= FIRST_INHERITED && is_number(word.trim_start_matches("fd:")) => {
                Ok(Inherited::Descriptor(number))
            }
            _ => Err(format!("'{word}' is not a descriptor of a socket: type fd:3 or a higher number")),
        })
    }
}
