//! `--send-only`: a local side that discards the peer's bytes.

use std::io;

use crate::net::stream::{KernelEnd, KernelEnds, Stream};
use crate::report::Report;

/// The local side of `--send-only`: the peer's bytes are discarded.
pub(super) struct SendOnly<S> {
    input: S,
    report: Report,
    has_reported: bool,
}

impl<S> SendOnly<S> {
    /// A local side that reads `input`.
    pub(super) fn new(input: S, report: Report) -> SendOnly<S> {
        SendOnly { input, report, has_reported: false }
    }
}

impl<S: Stream> Stream for SendOnly<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() && !std::mem::replace(&mut self.has_reported, true) {
            let text = "the peer sent data, which was discarded: leave --send-only out to see it";
            self.report.notice(text);
        }
        Ok(bytes.len())
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        Ok(())
    }
}

crate::without!([S: Stream] SendOnly<S>; SocketState);
crate::forwarding!([S: Stream] SendOnly<S>, this => this.input; Timed RelayHints);

impl<S: Stream> KernelEnds for SendOnly<S> {
    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        self.input.reading_end()
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::net::stream::Timed;
    use crate::report::Level;

    /// Asks to be called again at the time of its turn.
    #[derive(Default)]
    struct Terminal(Option<Instant>);

    impl Stream for Terminal {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn finish_writing(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    crate::without!([] Terminal; KernelEnds SocketState RelayHints);

    impl Timed for Terminal {
        fn tick(&mut self, now: Instant) {
            self.0 = Some(now);
        }

        fn wake_up(&self) -> Option<Instant> {
            self.0
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn an_input_that_waits_for_time_gets_it() {
        let report = Report::new(Level::Quiet, crate::net::clock::read_clock);
        let (mut sink, now) = (SendOnly::new(Terminal::default(), report), Instant::now());
        sink.tick(now);
        assert_eq!(sink.wake_up(), Some(now));
    }
}
