//! How the values of options are typed, for enums of the folders below.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::store::Links;
use crate::transfer::WireProtocol;

/// A value and its line of help.
fn value(name: &'static str, help: &'static str) -> Option<PossibleValue> {
    Some(PossibleValue::new(name).help(help))
}

/// `--wire`
impl ValueEnum for WireProtocol {
    fn value_variants<'a>() -> &'a [WireProtocol] {
        &[WireProtocol::Sendall, WireProtocol::Text]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            WireProtocol::Sendall => {
                value("sendall", "The transfer protocol: names, sizes, digests and outcomes")
            }
            WireProtocol::Text => value(
                "text",
                "The classic header 'command|name|size' for peers that speak nothing else: content stays unverified",
            ),
        }
    }
}

/// `--links`
impl ValueEnum for Links {
    fn value_variants<'a>() -> &'a [Links] {
        &[Links::Skip, Links::Follow, Links::Copy]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Links::Skip => value("skip", "They are left out"),
            Links::Follow => value("follow", "What they lead to is sent"),
            Links::Copy => value("copy", "They are sent as links"),
        }
    }
}
