//! What is reported of a file that has arrived: the words of a session of the native protocol with one file.

use std::time::Duration;

use crate::net::endpoint::PeerName;
use crate::report::{FileEvent, Report, Sums, amount, escape_name, sized};

/// A file that has its name.
pub(super) struct Arrived<'a> {
    pub(super) path: &'a [u8],
    pub(super) peer: &'a PeerName,
    /// The same content was there already.
    pub(super) is_there: bool,
    pub(super) size_bytes: u64,
    /// The bytes that earlier requests have brought.
    pub(super) resumed_bytes: u64,
    /// The time since the last request began.
    pub(super) time: Duration,
    /// BLAKE3 of the content.
    pub(super) digest: [u8; 32],
    /// The client has sent a digest of the whole content, which was the same.
    pub(super) is_verified: bool,
}

impl Arrived<'_> {
    /// Reports the file and the end of its transfer.
    pub(super) fn report(&self, report: &Report) {
        let state = if self.is_there { "there" } else { "received" };
        report.file(&FileEvent {
            path: self.path,
            kind: "file",
            state,
            size: Some(self.size_bytes),
            digest: Some(self.digest),
            reason: None,
            text: None,
        });
        let bytes = self.size_bytes - self.resumed_bytes.min(self.size_bytes);
        let sums = Sums {
            verb: "received",
            peer: self.peer,
            entries: 1,
            done: 1,
            there: u64::from(self.is_there),
            failed: 0,
            skipped: 0,
            bytes,
            resumed_bytes: self.resumed_bytes,
            time: self.time,
            verified: self.is_verified,
            digest: Some(self.digest),
            path: Some(self.path),
        };
        report.summary(self.line(bytes), &sums);
    }

    fn line(&self, bytes: u64) -> String {
        let (name, digest) = (escape_name(self.path), blake3::Hash::from(self.digest));
        if self.is_there {
            return format!("{name} is there already, with the same content, BLAKE3 {digest}");
        }
        let amount = match self.resumed_bytes {
            0 => amount(bytes, self.time),
            before => format!("{}, resumed after {}", amount(bytes, self.time), sized(before)),
        };
        format!("received {name} from {}: {amount}, BLAKE3 {digest}", self.peer)
    }
}
