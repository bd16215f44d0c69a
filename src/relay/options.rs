//! Options of a relay of raw bytes, free of the command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::proto::relay::ending::EndWhen;
use crate::proto::relay::message::Framing;

/// Options of a relay between a local side and a peer.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// Fail when nothing was sent or received for this long.
    pub idle_timeout: Option<Duration>,
    /// Bytes per second, each way.
    pub limit_rate: Option<u64>,
    /// The peer's bytes are discarded. The session is over when all input was acknowledged.
    pub send_only: bool,
    /// The input is not read.
    pub recv_only: bool,
    /// The end of file that ends the session; without it, kind of input and direction decide.
    pub end_when: Option<EndWhen>,
    /// The end of the input is not passed on.
    pub no_half_close: bool,
    /// The session is over when the input has ended and the peer was silent for this long.
    pub linger: Option<Duration>,
    /// The input is not read before the peer has sent something.
    pub wait_greeting: bool,
    /// Tools that change the bytes.
    pub tools: ToolOptions,
    /// Files in which the bytes are recorded.
    pub records: RecordOptions,
}

/// Options of tools that change bytes.
#[derive(Clone, Debug)]
pub struct ToolOptions {
    /// Line ends of the input go out as CR LF.
    pub crlf: bool,
    /// A pause before each line of the input.
    pub line_delay: Option<Duration>,
    /// The peer speaks Telnet.
    pub telnet: bool,
    /// The framing of messages on the wire.
    pub frame: Option<Framing>,
    /// The split of the input into messages; without it, at line feeds.
    pub input_split: Option<InputSplit>,
    /// The format of messages from the peer on stdout.
    pub output_format: OutputFormat,
    /// The longest message, in bytes.
    pub max_message: u64,
}

/// The files in which bytes are recorded.
#[derive(Clone, Debug, Default)]
pub struct RecordOptions {
    /// All that is received.
    pub tee_in: Option<PathBuf>,
    /// All that is sent.
    pub tee_out: Option<PathBuf>,
    /// The files are appended to, not emptied first.
    pub tee_append: bool,
    /// Both directions in hexadecimal; `-` is stderr.
    pub hex_dump: Option<PathBuf>,
}

/// The split of the input into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputSplit {
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

/// The format of messages from the peer on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// As it is, and a line feed after it.
    Line,
    /// As it is, with nothing between two.
    Raw,
    /// A JSON object, on a line of its own.
    Json,
}
