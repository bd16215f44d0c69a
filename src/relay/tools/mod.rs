//! What may be done to a raw stream on its way, and what may be written down of it.
//!
//! Each tool is a stream around another one. All that change bytes stand where bytes are read, on the local side for what
//! goes out and around the peer for what comes in: what is written was ready before, so the relay's rules for the last
//! byte, the half-close and the rate hold as they are. Without a tool nothing stands there, and the kernel moves the bytes.

mod filter;
mod line_delay;
mod record;
mod stages;
mod telnet;

use std::rc::Rc;
use std::time::Instant;

pub use self::filter::{Filtered, Stage};
pub use self::line_delay::LineDelay;
pub use self::stages::{Decoding, Encoding, ToCrlf};
pub use self::telnet::Telnet;

use self::record::{Recorded, Records};
use super::options::{FrameIn, RecordOptions, RelayOptions};
use crate::error::Error;
use crate::net::endpoint::PeerName;
use crate::net::stream::Stream;
use crate::proto::relay::ending::{Ending, InputKind};
use crate::report::{Report, escape};

/// The tools of one command, their files open. A clone has the same files. By default there are none.
#[derive(Clone, Default)]
pub(crate) struct Tools {
    records: Rc<Records>,
}

impl Tools {
    /// Opens the files that will be written.
    pub(crate) fn new(options: &RecordOptions, report: &Report) -> Result<Tools, Error> {
        Ok(Tools { records: Rc::new(Records::open(options, report)?) })
    }

    /// Records the bytes of a connection, if that was asked for. With a `label`, as one of several. The first connection
    /// empties the files.
    pub(crate) fn recorded(
        &self,
        peer: impl Stream + 'static,
        label: Option<&PeerName>,
        now: Instant,
    ) -> Result<Box<dyn Stream>, Error> {
        if self.records.is_empty() {
            return Ok(Box::new(peer));
        }
        self.records.begin()?;
        let label = label.map(|name| format!("{} ", escape(&name.to_string()))).unwrap_or_default();
        Ok(Box::new(Recorded::new(peer, (Rc::clone(&self.records), label), now)))
    }
}

/// The local side and the peer with the tools around them that change bytes.
pub(crate) fn around(
    mut local: Box<dyn Stream>,
    mut peer: Box<dyn Stream>,
    options: &RelayOptions,
    ending: Ending,
    (report, now): (&Report, Instant),
) -> (Box<dyn Stream>, Box<dyn Stream>) {
    let tools = &options.tools;
    if let Some(delay) = tools.line_delay {
        local = Box::new(LineDelay::new(local, delay, now));
    }
    if tools.crlf {
        local = Box::new(Filtered::new(local, ToCrlf::default(), now));
    }
    if let Some(framing) = tools.frame {
        let is_nothing = ending.input == InputKind::Nothing;
        let form = tools.each.unwrap_or(FrameIn::Lines);
        let mut encoding = Encoding::new(framing, form, tools.max_message, is_nothing);
        if tools.each.is_none() {
            encoding.expect_text(report);
        }
        local = Box::new(Filtered::new(local, encoding, now));
        // With --send-only nobody hears what the peer says.
        if !options.send_only {
            let decoding = Decoding::new(framing, tools.frame_out, tools.max_message);
            peer = Box::new(Filtered::new(peer, decoding, now));
        }
    }
    if tools.telnet {
        let telnet = Telnet::new(ending, !options.recv_only);
        return (telnet.local(local, now), telnet.peer(peer, now));
    }
    (local, peer)
}
