//! `--digests`: the received files, in the lines that `b3sum --check` reads.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::receive::Naming;
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::proto::transfer::Digest;
use crate::proto::transfer::entry::EntryKind;
use crate::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use crate::proto::web::proof::push_sum_line;
use crate::report::{Report, escape_name};
use crate::store::{StoreError, TextPlace, nameless};

/// Bytes of lines that are written at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// Creates the sink of a client: the digests of what arrived replace the file. `-` is stdout.
pub(crate) fn replaced(path: &Path) -> Result<DigestSink, Error> {
    sink(path, |place| place.check().map(|()| DigestSink::Replaced(place)))
}

/// Creates the sink of a server, to which each session appends. `-` is stdout.
pub(crate) fn appended(path: &Path) -> Result<DigestSink, Error> {
    // Appends nothing, to check that the file can be written.
    sink(path, |place| place.append(b"").map(|()| DigestSink::Appended(place)))
}

fn sink(
    path: &Path,
    of_file: impl FnOnce(TextPlace) -> Result<DigestSink, StoreError>,
) -> Result<DigestSink, Error> {
    if path.as_os_str() == "-" {
        crate::net::stdio::check_stdout()?;
        return Ok(DigestSink::Stdout);
    }
    let place = TextPlace::new(path).map_err(|fault| unusable(path, "its folder ", &fault))?;
    of_file(place).map_err(|fault| unusable(path, "", &fault))
}

fn unusable(path: &Path, what: &str, fault: &StoreError) -> Error {
    let shown = escape_name(path.as_os_str().as_bytes());
    Error::new(Exit::Usage, format!("--digests {shown}: {what}{fault}"))
}

/// Destination of digests.
#[derive(Clone)]
pub(crate) enum DigestSink {
    Stdout,
    /// A file that each session replaces at its end.
    Replaced(TextPlace),
    /// A file to which each session appends at its end.
    Appended(TextPlace),
}

impl DigestSink {
    /// Starts the digests of one session.
    pub(crate) fn begin(&self, naming: Naming) -> Digests {
        Digests { sink: self.clone(), naming, notes: None, revoked: Vec::new(), fault: None }
    }
}

impl DigestSink {
    /// Writes the digest of the only file of a session.
    pub(crate) fn write_one(&self, name: &[u8], digest: Digest, report: &Report) -> Result<(), Error> {
        let mut digests = self.begin(Naming::AsSent);
        digests.fault = digests.write_record(0, digest, name).err();
        digests.finish(report)
    }
}

/// The digests of a session. They wait in an unnamed file until it ends, so that memory is bounded.
pub(crate) struct Digests {
    sink: DigestSink,
    naming: Naming,
    notes: Option<BufWriter<File>>,
    /// One bit for each file id: its line is dropped.
    revoked: Vec<u64>,
    fault: Option<String>,
}

impl Digests {
    /// Records a closed entry.
    pub(super) fn record(&mut self, closed: &FinishedEntry, digest: Option<Digest>) {
        if closed.revokes {
            let word = closed.file as usize / 64;
            if self.revoked.len() <= word {
                self.revoked.resize(word + 1, 0);
            }
            self.revoked[word] |= 1 << (closed.file % 64);
            return;
        }
        let is_there = matches!(closed.outcome, EntryOutcome::Done | EntryOutcome::AlreadyThere);
        let Some(digest) = digest.filter(|_| is_there && matches!(closed.kind, EntryKind::File)) else {
            return;
        };
        if self.fault.is_none()
            && let Err(error) = self.write_record(closed.file, digest, &self.naming.stored_path(&closed.path))
        {
            self.fault = Some(error);
        }
    }

    fn write_record(&mut self, file: u32, digest: Digest, path: &[u8]) -> Result<(), String> {
        let notes = match &mut self.notes {
            Some(notes) => notes,
            none => {
                let beside = match &self.sink {
                    DigestSink::Stdout => None,
                    DigestSink::Replaced(place) | DigestSink::Appended(place) => Some(place),
                };
                let file = nameless(beside).map_err(|fault| fault.to_string())?;
                none.insert(BufWriter::new(file))
            }
        };
        let length = path.len() as u32;
        let parts: [&[u8]; 4] = [&file.to_be_bytes(), &length.to_be_bytes(), &digest, path];
        parts.into_iter().try_for_each(|part| notes.write_all(part)).map_err(|error| error.to_string())
    }

    /// Writes the lines at the end of the session.
    pub(super) fn finish(&mut self, report: &Report) -> Result<(), Error> {
        let failed = |text| Error::new(Exit::CannotWrite, format!("--digests: {text}"));
        if let Some(text) = self.fault.take() {
            return Err(failed(text));
        }
        let of_fault = |fault: StoreError| failed(fault.to_string());
        match &self.sink.clone() {
            DigestSink::Stdout => {
                self.blocks(failed, |block| report.print_lines(block).map_err(|error| cannot_write(&error)))
            }
            DigestSink::Appended(place) => {
                self.blocks(failed, |block| place.append(block.as_bytes()).map_err(of_fault))
            }
            DigestSink::Replaced(place) => {
                let mut text = place.replacement().map_err(of_fault)?;
                self.blocks(failed, |block| text.write_all(block.as_bytes()).map_err(of_fault))?;
                place.replace(text).map_err(of_fault)
            }
        }
    }

    /// Passes the lines to `write` in blocks of whole lines.
    fn blocks(
        &mut self,
        failed: impl Fn(String) -> Error,
        mut write: impl FnMut(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let of_io = |error: io::Error| failed(error.to_string());
        let Some(notes) = self.notes.take() else { return Ok(()) };
        let mut notes = notes.into_inner().map_err(|error| of_io(error.into_error()))?;
        let end = notes.stream_position().map_err(of_io)?;
        notes.rewind().map_err(of_io)?;
        let mut notes = BufReader::new(notes.take(end));
        let mut block = String::new();
        while let Some((file, digest, path)) = next_note(&mut notes).map_err(of_io)? {
            let revoked = self.revoked.get(file as usize / 64).copied().unwrap_or(0);
            if revoked & (1 << (file % 64)) == 0 {
                push_sum_line(&digest, &path, &mut block);
            }
            if block.len() >= BLOCK_BYTES {
                write(&block)?;
                block.clear();
            }
        }
        if block.is_empty() { Ok(()) } else { write(&block) }
    }
}

/// Reads a record of [`Digests::record`]: file id, digest and path.
fn next_note(notes: &mut impl BufRead) -> io::Result<Option<(u32, Digest, Vec<u8>)>> {
    if notes.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let (mut file, mut length, mut digest) = ([0; 4], [0; 4], Digest::default());
    notes.read_exact(&mut file)?;
    notes.read_exact(&mut length)?;
    notes.read_exact(&mut digest)?;
    let mut path = vec![0; u32::from_be_bytes(length) as usize];
    notes.read_exact(&mut path)?;
    Ok(Some((u32::from_be_bytes(file), digest, path)))
}
