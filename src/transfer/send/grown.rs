//! Files that have grown while they were sent: their offered bytes are read again and compared.

use super::Sending;
use crate::net::reactor::{BlockingTask, LongWork};
use crate::proto::transfer::Digest;
use crate::proto::transfer::sender::Ended;
use crate::report::escape_name;
use crate::store::{SourceFile, StoreError, hash_prefix};
use crate::transfer::connection::wire::Failure;

/// The second read of a file's beginning.
pub(super) struct Rereading {
    pub(super) file: u32,
    sent: Digest,
    found: BlockingTask<Result<Digest, StoreError>>,
}

impl Sending {
    /// Reads the first `length` bytes again in a blocking task. The file was stable if they have the same digest.
    pub(super) fn read_again(
        &mut self,
        file: u32,
        source: &SourceFile,
        length: u64,
        sent: Digest,
    ) -> Result<(), Failure> {
        let again = source.try_clone();
        let work = move |long: &LongWork<'_>| {
            Ok(hash_prefix(again?.file(), length, &mut |_| long.goes_on())?.finalize().into())
        };
        self.rereading = Some(Rereading { file, sent, found: self.io.spawn_long(work)? });
        Ok(())
    }

    /// Returns how the file ends; `None` while it is being read, or if there is none.
    pub(super) fn was_read_again(&mut self) -> Result<Option<Ended>, Failure> {
        let Some(rereading) = &mut self.rereading else { return Ok(None) };
        let Some(found) = rereading.found.take() else { return Ok(None) };
        let (file, sent) = (rereading.file, rereading.sent);
        self.rereading = None;
        Ok(Some(match found? {
            Ok(found) if found == sent => {
                let entry = self.machine.entry(file);
                let name = entry.map(|entry| escape_name(&entry.path)).unwrap_or_default();
                let size = entry.and_then(|entry| entry.size).unwrap_or(0);
                self.report.warning(format_args!(
                    "{name} has grown while it was sent: its first {size} bytes arrive"
                ));
                self.digest = Some(sent);
                Ended::Digest(sent)
            }
            Ok(_) => Ended::Changed,
            Err(fault) => {
                self.report.detail(fault);
                Ended::Unreadable
            }
        }))
    }
}
