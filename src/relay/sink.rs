//! `--send-only`: a local side that hears nothing.

use std::io;

use crate::net::stream::{KernelEnd, KernelEnds, Stream};
use crate::report::Report;

/// The local side of `--send-only`: what the peer says is thrown away.
pub(super) struct Sink<S> {
    input: S,
    report: Report,
    has_told: bool,
}

impl<S> Sink<S> {
    /// Nothing was thrown away yet.
    pub(super) fn new(input: S, report: Report) -> Sink<S> {
        Sink { input, report, has_told: false }
    }
}

impl<S: Stream> Stream for Sink<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() && !std::mem::replace(&mut self.has_told, true) {
            let text = "the peer said something; it was thrown away: leave --send-only out to see it";
            self.report.wait(text);
        }
        Ok(bytes.len())
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        Ok(())
    }
}

crate::without!([S: Stream] Sink<S>; SocketState);
crate::forwarding!([S: Stream] Sink<S>, this => this.input; Timed RelayHints);

impl<S: Stream> KernelEnds for Sink<S> {
    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        self.input.reading_end()
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        None
    }
}
