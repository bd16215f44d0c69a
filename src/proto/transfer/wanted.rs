//! The names that a client has asked for, and which of them were answered.

use super::entry::Entry;
use super::violation::Violation;

/// Names of a `GET` or `LIST`: each is answered by at least one entry, in their order.
#[derive(Debug)]
pub struct RequestedNames {
    names: Vec<Vec<u8>>,
    current: usize,
    answered: bool,
}

impl RequestedNames {
    /// Creates the list with no name answered.
    pub fn new(names: Vec<Vec<u8>>) -> RequestedNames {
        RequestedNames { names, current: 0, answered: false }
    }

    /// Matches an entry with the current name, or with the next one.
    ///
    /// # Errors
    /// No name that is due asked for it.
    pub fn check(&mut self, entry: &Entry) -> Result<(), Violation> {
        while let Some(name) = self.names.get(self.current) {
            let rest = entry.path.strip_prefix(name.as_slice());
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")) {
                self.answered = true;
                return Ok(());
            }
            if !std::mem::take(&mut self.answered) {
                break;
            }
            self.current += 1;
        }
        Err(Violation::Contradiction("an entry that was not asked for"))
    }

    /// Checks at the end that every name was answered.
    ///
    /// # Errors
    /// A name was not answered.
    pub fn finish(&self) -> Result<(), Violation> {
        if self.current + usize::from(self.answered) >= self.names.len() {
            return Ok(());
        }
        Err(Violation::Contradiction("a name was not answered"))
    }
}
