//! Tools of a raw stream: they change its bytes, or record them.
//!
//! Each tool is a stream around another one. A tool that changes bytes does so where they are read: around the local side
//! for the bytes that are sent, around the peer for those received. So the relay's rules for the last byte, the half-close
//! and the rate apply to the changed bytes. Without tools nothing is wrapped, and the kernel moves the bytes.

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
pub use self::telnet::TelnetFilters;

use self::record::{Recorded, Records};
use super::options::{InputSplit, RecordOptions, RelayOptions};
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

    /// Records the bytes of a connection, if there are files for it. With a `label`, as one of several. The first connection
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

/// Wraps the local side and the peer with the tools that change bytes.
pub(crate) fn wrap(
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
        let has_no_input = ending.input == InputKind::Nothing;
        let input_split = tools.input_split.unwrap_or(InputSplit::Lines);
        let mut encoding = Encoding::new(framing, input_split, tools.max_message, has_no_input);
        if tools.input_split.is_none() {
            encoding.warn_of_binary(report);
        }
        local = Box::new(Filtered::new(local, encoding, now));
        // With --send-only the peer's bytes are discarded.
        if !options.send_only {
            let decoding = Decoding::new(framing, tools.output_format, tools.max_message);
            peer = Box::new(Filtered::new(peer, decoding, now));
        }
    }
    if tools.telnet {
        let telnet = TelnetFilters::new(ending, !options.recv_only);
        return (telnet.local(local, now), telnet.peer(peer, now));
    }
    (local, peer)
}
