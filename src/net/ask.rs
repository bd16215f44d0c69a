//! A question to the person at the terminal, whatever stdin and stdout are.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};

use zeroize::Zeroizing;

/// Longer answers are cut here, in bytes.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Asks on `/dev/tty`, and returns the answer without its end of line. Blocks until there is one.
///
/// # Errors
/// There is no terminal; it has ended.
pub(crate) fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(question.as_bytes())?;
    let mut answer = Zeroizing::new(String::with_capacity(MAX_ANSWER_BYTES as usize));
    let mut reader = BufReader::new(io::Read::take(terminal, MAX_ANSWER_BYTES));
    if reader.read_line(&mut answer)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let length = answer.trim_end_matches(['\r', '\n']).len();
    answer.truncate(length);
    Ok(answer)
}
