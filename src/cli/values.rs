//! Values of options that are enums of other folders, with their names and help texts; and other values that several
//! commands read.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::options::size;
use crate::datagram::style::{Each, Frame};
use crate::http::log::LogForm;
use crate::proto::datagram::records::{Cut, LARGEST_BYTES};

/// Implements `ValueEnum`: for each variant its name and its help text.
macro_rules! values {
    ($kind:ident { $($variant:ident: $name:literal, $help:literal;)+ }) => {
        impl ValueEnum for $kind {
            fn value_variants<'a>() -> &'a [$kind] {
                &[$($kind::$variant),+]
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                Some(match self {
                    $($kind::$variant => PossibleValue::new($name).help($help),)+
                })
            }
        }
    };
}

values!(Each {
    Line: "line", "The payload and a line end";
    Raw: "raw", "The payload alone";
    Json: "json", "An object in a line: time, peer, length, and the payload as text or base64";
});

values!(Frame {
    U16be: "u16be", "Two bytes with the length, most significant first";
});

values!(LogForm {
    Common: "common", "As web servers write it: the Common Log Format";
    Json: "json", "An object for each answer";
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
