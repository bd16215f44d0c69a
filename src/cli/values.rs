//! Values of options: names and help of enums that are defined elsewhere, and the boundaries of datagrams in a stream.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::options::size;
use crate::datagram::style::{LengthPrefix, PrintFormat};
use crate::http::log::LogForm;
use crate::proto::datagram::records::{MAX_DATAGRAM_BYTES, SplitAt};
use crate::proto::proxy::header::HeaderVersion;
use crate::proto::relay::conversation::Unit;
use crate::proto::relay::ending::EndWhen;
use crate::proto::relay::message::Framing;
use crate::proto::starttls::StartTlsProtocol;
use crate::relay::modes::hub::Slow;
use crate::relay::options::OutputFormat;
use crate::run::workers::Workers;
use crate::server::limits::OverloadPolicy;
use crate::store::SymlinkPolicy;
use crate::transfer::WireProtocol;
use crate::web::terms::ETagSource;

/// Implements `ValueEnum`: each variant with its name and its help.
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

values!(PrintFormat {
    Line "line" "The payload and a line feed"
    Raw "raw" "The payload alone"
    Json "json" "One object per line: time, peer, length, and the payload as text or base64"
});

values!(EndWhen {
    Both "both" "When both directions have ended"
    Peer "peer" "When the peer has ended and everything it sent is written"
    Input "input" "When the input has ended and all of it is acknowledged"
});

values!(LengthPrefix {
    U16be "u16be" "Two bytes with the length, most significant first"
});

values!(Framing {
    U8 "u8" "A length of 1 byte before each message"
    U16Be "u16be" "A length of 2 bytes, big-endian"
    U16Le "u16le" "A length of 2 bytes, little-endian"
    U32Be "u32be" "A length of 4 bytes, big-endian"
    U32Le "u32le" "A length of 4 bytes, little-endian"
    U64Be "u64be" "A length of 8 bytes, big-endian"
    Netstring "netstring" "A length in digits and a colon before each message, a comma after it"
    OctetCount "octet-count" "A length in digits and a space before each message, as in syslog over TCP (RFC 6587)"
    Line "line" "A line feed after each message"
    Nul "nul" "A NUL byte after each message"
});

values!(OutputFormat {
    Line "line" "The message and a line feed"
    Raw "raw" "The message alone"
    Json "json" "One JSON object per line"
});

values!(StartTlsProtocol {
    Smtp "smtp" "STARTTLS after EHLO (RFC 3207)"
    Imap "imap" "STARTTLS (RFC 9051)"
    Pop3 "pop3" "STLS (RFC 2595)"
    Ldap "ldap" "The extended operation StartTLS (RFC 4511)"
    Postgres "postgres" "SSLRequest of PostgreSQL"
    Xmpp "xmpp" "starttls of a client's stream (RFC 6120)"
});

values!(OverloadPolicy {
    Queue "wait" "They wait in the system's queue until another client leaves"
    Reset "refuse" "Their connections are reset"
});

values!(HeaderVersion {
    V1 "v1" "A line of text"
    V2 "v2" "Binary"
});

values!(LogForm {
    Common "common" "The Common Log Format of web servers"
    Json "json" "One JSON object per answer"
});

values!(SymlinkPolicy {
    Skip "skip" "They are left out"
    Follow "follow" "Their targets are sent"
    Copy "copy" "They are sent as links"
});

values!(ETagSource {
    Metadata "metadata" "Its identity, size and times"
    Content "content" "The BLAKE3 digest of its content: each file is read once, and copies have the same ETag on every server"
});

values!(Slow {
    Drop "drop" "It misses what does not fit into its queue; the server reports how much at its end"
    Wait "wait" "All clients wait for it"
    Cut "cut" "It is disconnected when it keeps others waiting and reads nothing for a second"
});

values!(Unit {
    Line "line" "A line; texts without a line end get one"
    Chunk "chunk" "The bytes received at once, for peers that send no line ends; texts are sent as they are"
});

/// Parses the boundaries of datagrams in a stream. The error suggests what to type instead.
pub(super) fn split_at(text: &str) -> Result<SplitAt, String> {
    match text {
        "line" => Ok(SplitAt::Lines),
        "all" => Ok(SplitAt::All),
        "u16be" => Ok(SplitAt::U16be),
        "json" => Ok(SplitAt::Objects),
        _ => match size(text) {
            Ok(size) if (1..=MAX_DATAGRAM_BYTES as u64).contains(&size) => Ok(SplitAt::Blocks(size as usize)),
            Ok(_) => Err(format!("a datagram holds 1 to {MAX_DATAGRAM_BYTES} bytes")),
            Err(_) => Err("type line, all, u16be, json, or a size in bytes such as 1400".into()),
        },
    }
}

values!(WireProtocol {
    Sendall "sendall" "The transfer protocol: names, sizes, digests and outcomes"
    Text "text" "The classic header 'command|name|size', for peers that know nothing else; content is not verified"
});

/// Parses a number of threads.
pub(super) fn workers(text: &str) -> Result<Workers, String> {
    match (text, text.parse()) {
        ("auto", _) => Ok(Workers::OnePerCore),
        (_, Ok(count @ 1..=1024)) => Ok(Workers::Count(count)),
        _ => Err("type a number from 1 to 1024, or auto for one per core".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_counted() {
        assert_eq!((workers("1"), workers("8")), (Ok(Workers::Count(1)), Ok(Workers::Count(8))));
        assert_eq!(workers("auto"), Ok(Workers::OnePerCore));
        assert!(workers("0").is_err() && workers("-1").is_err() && workers("many").is_err());
    }
}
