//! Stdin and stdout as `nc` uses them, and `-W`.

use std::io;

use crate::net::stdio::Stdio;
use crate::net::stream::{KernelEnd, KernelEnds, Stream, would_block};

/// Stdin and stdout, for one session or for several.
pub(super) struct NcStdio {
    stdio: Stdio,
    /// Once the peer has ended, stdin ends where it has nothing more at once.
    ends_with_peer: bool,
    /// Stdout stays open for the next session.
    keeps_output: bool,
    has_peer_ended: bool,
}

impl NcStdio {
    pub(super) fn new(stdio: Stdio, ends_with_peer: bool, keeps_output: bool) -> NcStdio {
        NcStdio { stdio, ends_with_peer, keeps_output, has_peer_ended: false }
    }
}

impl Stream for NcStdio {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.stdio.read(buffer);
        if self.ends_with_peer && self.has_peer_ended && would_block(&result) { Ok(0) } else { result }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdio.write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.has_peer_ended = true;
        if self.keeps_output { Ok(()) } else { self.stdio.finish_writing() }
    }
}

crate::forwarding!([] NcStdio, this => this.stdio; SocketState Timed RelayHints);

impl KernelEnds for NcStdio {
    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        if self.ends_with_peer { None } else { self.stdio.reading_end() }
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        self.stdio.writing_end()
    }
}

/// A peer whose end is there after a number of receives.
pub(super) struct ReceiveLimit {
    peer: Box<dyn Stream>,
    left: u64,
}

impl ReceiveLimit {
    pub(super) fn new(peer: Box<dyn Stream>, limit: u64) -> ReceiveLimit {
        ReceiveLimit { peer, left: limit }
    }
}

impl Stream for ReceiveLimit {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let result = self.peer.read(buffer);
        self.left -= u64::from(result.is_ok());
        result
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.peer.write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.peer.finish_writing()
    }
}

crate::forwarding!([] ReceiveLimit, this => this.peer; WritingEnd SocketState Timed RelayHints);
