//! Values of options: their names and help, for enums that are defined where they are used; and the places where a stream
//! is cut into datagrams.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::options::size;
use crate::datagram::style::{Each, Frame};
use crate::http::log::LogForm;
use crate::proto::datagram::records::{Cut, LARGEST_BYTES};
use crate::proto::proxy::header::HeaderVersion;
use crate::proto::relay::conversation::Unit;
use crate::proto::relay::ending::EndWhen;
use crate::proto::relay::message::Framing;
use crate::relay::modes::hub::Slow;
use crate::relay::options::FrameOut;
use crate::server::limits::Full;
use crate::store::Links;
use crate::transfer::WireProtocol;

/// Gives each variant its name and its help.
macro_rules! values {
    ($type:ty { $($variant:ident $name:literal $help:literal)+ }) => {
        impl ValueEnum for $type {
            fn value_variants<'a>() -> &'a [Self] {
                &[$(<$type>::$variant),+]
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                Some(match self {
                    $(<$type>::$variant => PossibleValue::new($name).help($help)),+
                })
            }
        }
    };
}

values!(Each {
    Line "line" "The payload and a line end"
    Raw "raw" "The payload alone"
    Json "json" "An object in a line: time, peer, length, and the payload as text or base64"
});

values!(EndWhen {
    Both "both" "Both directions have ended"
    Peer "peer" "The peer has ended and all it sent was written"
    Input "input" "The input has ended and all of it was acknowledged"
});

values!(Frame {
    U16be "u16be" "Two bytes with the length, most significant first"
});

values!(Framing {
    U8 "u8" "Its length in 1 byte before it"
    U16Be "u16be" "In 2 bytes, big-endian"
    U16Le "u16le" "In 2 bytes, little-endian"
    U32Be "u32be" "In 4 bytes, big-endian"
    U32Le "u32le" "In 4 bytes, little-endian"
    U64Be "u64be" "In 8 bytes, big-endian"
    Netstring "netstring" "Its length in digits and a colon before it, a comma behind it"
    OctetCount "octet-count" "Its length in digits and a blank before it, as syslog over TCP has it (RFC 6587)"
    Line "line" "A line feed behind it"
    Nul "nul" "A NUL byte behind it"
});

values!(FrameOut {
    Line "line" "As it is, and a line feed behind it"
    Raw "raw" "As it is, with nothing between two"
    Json "json" "A JSON object, on a line of its own"
});

values!(Full {
    Wait "wait" "They wait, in the system's queue, until somebody leaves"
    Refuse "refuse" "Their connections are reset"
});

values!(HeaderVersion {
    V1 "v1" "A line of text"
    V2 "v2" "Binary"
});

values!(Links {
    Skip "skip" "They are left out"
    Follow "follow" "What they lead to is sent"
    Copy "copy" "They are sent as links"
});

values!(LogForm {
    Common "common" "As web servers write it: the Common Log Format"
    Json "json" "An object for each answer"
});

values!(Slow {
    Drop "drop" "It misses what does not fit into its queue; how much, is told at its end"
    Wait "wait" "All wait for the slowest"
    Cut "cut" "A client that keeps the others waiting and takes nothing for a second is cut"
});

values!(Unit {
    Line "line" "A line; what is said gets a line end where it has none"
    Chunk "chunk" "What is received at once, for peers that send no line ends; texts are sent as they are"
});

values!(WireProtocol {
    Sendall "sendall" "The transfer protocol: names, sizes, digests and outcomes"
    Text "text" "The classic header 'command|name|size' for peers that speak nothing else: content stays unverified"
});

/// Reads where a stream is cut into datagrams. The error says what to type instead.
pub(super) fn cut(text: &str) -> Result<Cut, String> {
    match text {
        "line" => Ok(Cut::Lines),
        "all" => Ok(Cut::All),
        "u16be" => Ok(Cut::U16be),
        _ => match size(text) {
            Ok(size) if (1..=LARGEST_BYTES as u64).contains(&size) => Ok(Cut::Blocks(size as usize)),
            Ok(_) => Err(format!("a datagram holds 1 to {LARGEST_BYTES} bytes")),
            Err(_) => Err("type line, all, u16be, or a size in bytes such as 1400".into()),
        },
    }
}
