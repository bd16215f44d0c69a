//! The names that a client has asked for, and how far they were answered.

use super::entry::Entry;
use super::violation::Violation;

/// Names of a `GET` or `LIST`: each is answered by at least one entry, in their order.
#[derive(Debug)]
pub struct Wanted {
    names: Vec<Vec<u8>>,
    current: usize,
    answered: bool,
}

impl Wanted {
    /// None of them is answered yet.
    pub fn new(names: Vec<Vec<u8>>) -> Wanted {
        Wanted { names, current: 0, answered: false }
    }

    /// Takes an entry for an answer to the name that is due, or to the next one.
    ///
    /// # Errors
    /// No name that is due asked for it.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Violation> {
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

    /// There is nothing more.
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
