//! Responses that the socket has not accepted yet.

use std::io;
use std::sync::Arc;

use crate::net::stream::{Stream, Transport};

/// Unsent bytes, and an optional large body after them, which many responses share.
#[derive(Default)]
pub(crate) struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    large: Option<(Arc<[u8]>, usize)>,
    /// Bytes of TLS that the stream has taken, but not the kernel.
    below: usize,
}

/// The progress of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Everything was sent.
    All,
    /// Something was sent.
    Some,
    /// Nothing was sent.
    None,
}

impl Unsent {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.large.is_none() && self.below == 0
    }

    /// True if a large body must be sent before anything else.
    pub(crate) fn is_large(&self) -> bool {
        self.large.is_some()
    }

    /// Sets a large body, which follows the bytes sent next.
    pub(crate) fn set_large(&mut self, body: Option<Arc<[u8]>>) {
        self.large = body.map(|body| (body, 0));
    }

    /// Sends `first`, then the large body. No other bytes may be waiting. Keeps what is not sent.
    pub(crate) fn send_first(&mut self, first: &[u8], stream: &mut Transport) -> io::Result<Written> {
        let mut sent = 0;
        if !write_all(first, &mut sent, stream)? {
            self.bytes = first[sent..].to_vec();
            return Ok(Written::Some);
        }
        self.send(stream)
    }

    /// Sends the waiting bytes.
    pub(crate) fn send(&mut self, stream: &mut Transport) -> io::Result<Written> {
        let (before, mut is_all) = (self.sent, true);
        if !self.bytes.is_empty() {
            is_all = write_all(&self.bytes, &mut self.sent, stream)?;
        }
        let mut has_moved = self.sent > before;
        if is_all {
            (self.bytes, self.sent) = (Vec::new(), 0);
            if let Some((body, sent)) = &mut self.large {
                let before = *sent;
                is_all = write_all(body, sent, stream)?;
                has_moved |= *sent > before;
            }
        }
        if is_all {
            self.large = None;
        }
        let below = stream.flush()?;
        has_moved |= below < self.below;
        is_all &= below == 0;
        self.below = below;
        Ok(match (is_all, has_moved) {
            (true, _) => Written::All,
            (false, true) => Written::Some,
            (false, false) => Written::None,
        })
    }
}

/// Writes from `sent` on. Returns false if the socket accepts no more for now.
fn write_all(bytes: &[u8], sent: &mut usize, stream: &mut Transport) -> io::Result<bool> {
    while *sent < bytes.len() {
        match stream.write(&bytes[*sent..]) {
            Ok(count) => *sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
