//! What a relay of raw bytes was asked for, without a word of the command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::proto::relay::ending::EndWhen;
use crate::proto::relay::message::Framing;

/// How a local side and a peer are joined.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// Fail when nothing was sent or received for this long.
    pub idle_timeout: Option<Duration>,
    /// Bytes per second, each way.
    pub limit_rate: Option<u64>,
    /// What the peer says is discarded; over when all input was acknowledged.
    pub send_only: bool,
    /// The input is not read.
    pub recv_only: bool,
    /// Which end of file ends the session; without it, kind of input and direction decide.
    pub end_when: Option<EndWhen>,
    /// The end of the input is not passed on.
    pub no_half_close: bool,
    /// Over when the input has ended and the peer was silent for this long.
    pub linger: Option<Duration>,
    /// The input is not read before the peer has spoken.
    pub wait_greeting: bool,
    /// What changes the bytes.
    pub tools: ToolOptions,
    /// What is written down of them.
    pub records: RecordOptions,
}

/// What changes bytes on their way.
#[derive(Clone, Debug)]
pub struct ToolOptions {
    /// Line ends of the input go out as CR LF.
    pub crlf: bool,
    /// A pause before each line of the input.
    pub line_delay: Option<Duration>,
    /// The peer speaks Telnet.
    pub telnet: bool,
    /// How messages are told apart.
    pub frame: Option<Framing>,
    /// Where the input is cut into messages; at line feeds unless it says otherwise.
    pub each: Option<FrameIn>,
    /// How a message from the peer is written.
    pub frame_out: FrameOut,
    /// The longest message, in bytes.
    pub max_message: u64,
}

/// The files in which bytes are written down.
#[derive(Clone, Debug, Default)]
pub struct RecordOptions {
    /// All that is received.
    pub tee_in: Option<PathBuf>,
    /// All that is sent.
    pub tee_out: Option<PathBuf>,
    /// The files are added to, not emptied first.
    pub tee_append: bool,
    /// Both directions in hexadecimal; `-` is stderr.
    pub hex_dump: Option<PathBuf>,
}

/// Where the input is cut into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameIn {
    /// At line feeds.
    Lines,
    /// Nowhere.
    All,
    /// After this many bytes.
    Blocks(u64),
    /// Objects, one a line.
    Json,
    /// It has a framing already.
    Framed(Framing),
}

/// How a message from the peer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameOut {
    /// As it is, and a line feed after it.
    Line,
    /// As it is, with nothing between two.
    Raw,
    /// A JSON object, on a line of its own.
    Json,
}
