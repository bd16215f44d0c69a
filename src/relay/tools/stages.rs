//! Line ends and messages, as stages.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::filter::Stage;
use crate::error::{Error, Exit};
use crate::proto::relay::lines::Crlf;
use crate::proto::relay::message::{Breach, Cut, Decoder, Encoder, Framing, Split, Unfit};
use crate::relay::options::{FrameIn, FrameOut};
use crate::report::{Report, escape_json};

/// Each line ends with CR LF.
#[derive(Default)]
pub struct ToCrlf(Crlf);

impl Stage for ToCrlf {
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error> {
        self.0.take(input, output);
        Ok(input.len())
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }
}

/// What is read becomes messages.
pub struct Encoding {
    encoder: Encoder,
    form: FrameIn,
    framing: Framing,
    /// Finds the messages that have a framing of their own already, or are objects in lines.
    decoder: Option<Decoder>,
    /// There is no input that could be a message by having nothing in it.
    is_nothing: bool,
    /// Lines were not asked for: the first one that is no text is told.
    unasked: Option<Report>,
}

/// A message with `--each json`: what `--frame-out json` writes, in so far as it says what the message is.
#[derive(Deserialize)]
struct Said {
    text: Option<String>,
    base64: Option<String>,
}

impl Encoding {
    /// Messages are at most `max_bytes` long. `is_nothing`: the input is none.
    pub fn new(framing: Framing, form: FrameIn, max_bytes: u64, is_nothing: bool) -> Encoding {
        let (split, decoder) = match form {
            FrameIn::Lines => (Split::Lines, None),
            FrameIn::All => (Split::All, None),
            FrameIn::Blocks(size) => (Split::Blocks(size), None),
            // Base64, escapes and the names of fields: the message itself is measured later.
            FrameIn::Json => (
                Split::Lines,
                Some(Decoder::new(Framing::Line, max_bytes.saturating_mul(8).saturating_add(1024))),
            ),
            FrameIn::Framed(own) => (Split::Lines, Some(Decoder::new(own, max_bytes))),
        };
        Encoding {
            encoder: Encoder::new(framing, split, max_bytes),
            form,
            framing,
            decoder,
            is_nothing,
            unasked: None,
        }
    }

    /// Nobody has said that stdin has lines: warns once if it has bytes that no text has.
    pub(super) fn expect_text(&mut self, report: &Report) {
        self.unasked = Some(report.clone());
    }

    /// What is called a line, if this piece of it shows that it is none, and nobody was told before.
    fn no_text(&self, piece: &[u8]) -> Option<String> {
        // A NUL, and what is nowhere in UTF-8. Other encodings have few of these, or none.
        let is_foreign = |byte: &u8| matches!(byte, 0 | 0xc0 | 0xc1 | 0xf5..);
        (self.unasked.is_some() && piece.iter().any(is_foreign)).then(|| self.name())
    }

    /// The message that is being taken, as it is called.
    fn name(&self) -> String {
        let number = self.encoder.number();
        match self.form {
            FrameIn::Lines | FrameIn::Json => format!("line {number} of stdin"),
            FrameIn::All => "stdin".into(),
            FrameIn::Blocks(_) => format!("block {number} of stdin"),
            FrameIn::Framed(_) => format!("message {number} of stdin"),
        }
    }

    fn unfit(&self, unfit: Unfit) -> Error {
        let name = self.name();
        let text = match unfit {
            Unfit::TooLong(most) if most == self.framing.longest() => {
                format!(
                    "{name} is longer than the {most} bytes that its length can say: choose another --frame"
                )
            }
            Unfit::TooLong(most) => format!("{name} is longer than {most} bytes (see --max-message)"),
            Unfit::HasEndMark => {
                let mark = if self.framing == Framing::Nul { "NUL byte" } else { "line feed" };
                format!("{name} has a {mark} in it, which would end its message: choose another --frame")
            }
            Unfit::Empty => {
                format!("{name} is empty, which octet counting does not allow: choose another --frame")
            }
        };
        Error::new(Exit::Failed, text)
    }

    /// What `--each` finds is no message.
    fn malformed(&self, breach: Breach) -> Error {
        let name = self.name();
        let text = match breach {
            Breach::TooLong(_) | Breach::TooLongYet(_) | Breach::Endless => {
                format!("{name} is longer than it may be (see --max-message)")
            }
            Breach::Malformed(what) => format!("{name} is not framed as --each says: {what}"),
        };
        Error::new(Exit::Failed, text)
    }

    fn said(&self, line: &[u8]) -> Result<Vec<u8>, Error> {
        let wrong = |why: &str| {
            let text = format!(
                r#"{} is not a message: {why}; type {{"text":"..."}} or {{"base64":"..."}}"#,
                self.name()
            );
            Error::new(Exit::Failed, text)
        };
        match serde_json::from_slice(line) {
            Ok(Said { text: Some(text), base64: None }) => Ok(text.into_bytes()),
            Ok(Said { text: None, base64: Some(code) }) => {
                BASE64_STANDARD.decode(code).map_err(|_| wrong("it is not base64"))
            }
            Ok(_) => Err(wrong("it has neither or both of text and base64")),
            Err(_) => Err(wrong("it is not such an object")),
        }
    }
}

impl Stage for Encoding {
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error> {
        self.is_nothing = false;
        let Some(decoder) = &mut self.decoder else {
            let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
            let no_text = self.no_text(&input[..end]);
            let used = self.encoder.take(input, output).map_err(|unfit| self.unfit(unfit))?;
            if let Some((report, name)) = self.unasked.take_if(|_| no_text.is_some()).zip(no_text) {
                report.warning(format_args!(
                    "{name} is not text, and stdin is split at line feeds: type --each all to send it as one message, or --each line"
                ));
            }
            return Ok(used);
        };
        let (used, is_complete) = decoder.take(input).map_err(|breach| self.malformed(breach))?;
        if is_complete {
            self.pass_on(output)?;
        }
        Ok(used)
    }

    fn end(&mut self, output: &mut Vec<u8>) -> Result<(), Error> {
        match &mut self.decoder {
            None if self.is_nothing => Ok(()),
            None => self.encoder.end(output).map_err(|unfit| self.unfit(unfit)),
            // A last line may be without its end.
            Some(decoder) if self.form == FrameIn::Json && decoder.end().is_err() => {
                decoder.take(b"\n").map_err(|breach| self.malformed(breach))?;
                self.pass_on(output)
            }
            Some(decoder) => decoder.end().map_err(|cut| {
                let text = format!(
                    "stdin ended within message {}, which was not sent: {cut}",
                    self.encoder.number()
                );
                Error::new(Exit::Failed, text)
            }),
        }
    }
}

impl Encoding {
    /// The message that was found goes out.
    fn pass_on(&mut self, output: &mut Vec<u8>) -> Result<(), Error> {
        let Some(decoder) = &self.decoder else { return Ok(()) };
        let message = match self.form {
            FrameIn::Json => self.said(decoder.message())?,
            _ => decoder.message().to_vec(),
        };
        self.encoder.message(&message, output).map_err(|unfit| self.unfit(unfit))
    }
}

/// Each message is written in its form, once it is whole.
pub struct Decoding {
    decoder: Decoder,
    framing: Framing,
    form: FrameOut,
    max_bytes: u64,
}

/// A message with `--frame-out json`. Of text and base64 one is null.
#[derive(Serialize)]
struct Object<'a> {
    length: usize,
    text: Option<&'a str>,
    base64: Option<String>,
}

impl Decoding {
    /// Messages are at most `max_bytes` long.
    pub fn new(framing: Framing, form: FrameOut, max_bytes: u64) -> Decoding {
        Decoding { decoder: Decoder::new(framing, max_bytes), framing, form, max_bytes }
    }

    fn write(&self, output: &mut Vec<u8>) -> Result<(), Error> {
        let message = self.decoder.message();
        match self.form {
            FrameOut::Line | FrameOut::Raw => output.extend_from_slice(message),
            FrameOut::Json => {
                let text = std::str::from_utf8(message).ok();
                let base64 = text.is_none().then(|| BASE64_STANDARD.encode(message));
                let object = Object { length: message.len(), text, base64 };
                let json = serde_json::to_string(&object).map_err(|error| Error::new(Exit::Failed, error))?;
                output.extend_from_slice(escape_json(&json).as_bytes());
            }
        }
        if self.form != FrameOut::Raw {
            output.push(b'\n');
        }
        Ok(())
    }

    fn refused(&self, breach: Breach) -> Error {
        let most = format!("at most {} bytes are taken (see --max-message)", self.max_bytes);
        let too_long = |text| Error::new(Exit::Refused, format!("{text}: {most}"));
        match breach {
            Breach::TooLong(length) => too_long(format!("the peer announces a message of {length} bytes")),
            Breach::TooLongYet(length) => {
                too_long(format!("the peer announces a message of {length} bytes or more"))
            }
            Breach::Endless => too_long("the peer sends a message without an end".into()),
            Breach::Malformed(what) => {
                let framing =
                    if self.framing == Framing::OctetCount { "octet-counted" } else { "a netstring" };
                Error::new(Exit::Integrity, format!("the peer's data is not {framing}: {what}"))
            }
        }
    }
}

impl Stage for Decoding {
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error> {
        let (used, is_complete) = self.decoder.take(input).map_err(|breach| self.refused(breach))?;
        if is_complete {
            self.write(output)?;
        }
        Ok(used)
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        let cut = |cut| {
            let hint = match cut {
                Cut::OctetCounted(_) => "; its length comes first: type --frame octet-count",
                _ => "",
            };
            Error::new(Exit::Lost, format!("the peer ended within a message: {cut}{hint}"))
        };
        self.decoder.end().map_err(cut)
    }
}
