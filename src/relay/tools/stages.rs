//! Stages for line ends and messages.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::filter::Stage;
use crate::error::{Error, Exit};
use crate::proto::message_object;
use crate::proto::relay::lines::Crlf;
use crate::proto::relay::message::{Breach, Decoder, Encoder, Framing, Split, Truncated, Unfit};
use crate::relay::options::{InputSplit, OutputFormat};
use crate::report::{Report, escape_json};

/// Ends each line with CR LF.
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

/// Splits the input into messages and encodes them.
pub struct Encoding {
    encoder: Encoder,
    input_split: InputSplit,
    framing: Framing,
    /// Finds the messages that have a framing of their own already, or are objects in lines.
    decoder: Option<Decoder>,
    /// There is no input: not even an empty message.
    has_no_input: bool,
    /// Lines were not asked for: the first one that is not text is reported here.
    binary_warning: Option<Report>,
}

impl Encoding {
    /// Messages are at most `max_bytes` long. `has_no_input`: stdin is closed or `/dev/null`.
    pub fn new(framing: Framing, input_split: InputSplit, max_bytes: u64, has_no_input: bool) -> Encoding {
        let (split, decoder) = match input_split {
            InputSplit::Lines => (Split::Lines, None),
            InputSplit::All => (Split::All, None),
            InputSplit::Blocks(size) => (Split::Blocks(size), None),
            // Base64, escapes and the names of fields: the message itself is measured later.
            InputSplit::Json => (
                Split::Lines,
                Some(Decoder::new(Framing::Line, max_bytes.saturating_mul(8).saturating_add(1024))),
            ),
            InputSplit::Framed(own) => (Split::Lines, Some(Decoder::new(own, max_bytes))),
        };
        Encoding {
            encoder: Encoder::new(framing, split, max_bytes),
            input_split,
            framing,
            decoder,
            has_no_input,
            binary_warning: None,
        }
    }

    /// Warns once if a line has bytes that no text has. For lines by default, without `--each`.
    pub(super) fn warn_of_binary(&mut self, report: &Report) {
        self.binary_warning = Some(report.clone());
    }

    /// The name of a line for that warning, if this piece of it is not text and the warning was not given before.
    fn binary_name(&self, piece: &[u8]) -> Option<String> {
        // NUL, and bytes that UTF-8 never has. Other encodings have few of these, or none.
        let is_foreign = |byte: &u8| matches!(byte, 0 | 0xc0 | 0xc1 | 0xf5..);
        (self.binary_warning.is_some() && piece.iter().any(is_foreign)).then(|| self.message_name())
    }

    /// The name of the current message, for errors.
    fn message_name(&self) -> String {
        let number = self.encoder.number();
        match self.input_split {
            InputSplit::Lines | InputSplit::Json => format!("line {number} of stdin"),
            InputSplit::All => "stdin".into(),
            InputSplit::Blocks(_) => format!("block {number} of stdin"),
            InputSplit::Framed(_) => format!("message {number} of stdin"),
        }
    }

    fn unfit_error(&self, unfit: Unfit) -> Error {
        let name = self.message_name();
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

    /// The error for input that does not have the framing of `--each`.
    fn split_error(&self, breach: Breach) -> Error {
        let name = self.message_name();
        let text = match breach {
            Breach::TooLong(_) | Breach::TooLongYet(_) | Breach::Endless => {
                format!("{name} is longer than it may be (see --max-message)")
            }
            Breach::Malformed(what) => format!("{name} is not framed as --each says: {what}"),
        };
        Error::new(Exit::Failed, text)
    }

    fn parse_json(&self, line: &[u8]) -> Result<Vec<u8>, Error> {
        let wrong =
            |why| Error::new(Exit::Failed, format!("{} is not a message: {why}", self.message_name()));
        message_object::parse(line).map_err(wrong)
    }
}

impl Stage for Encoding {
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error> {
        self.has_no_input = false;
        let Some(decoder) = &mut self.decoder else {
            let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
            let binary_name = self.binary_name(&input[..end]);
            let used = self.encoder.take(input, output).map_err(|unfit| self.unfit_error(unfit))?;
            if let Some((report, name)) =
                self.binary_warning.take_if(|_| binary_name.is_some()).zip(binary_name)
            {
                report.warning(format_args!(
                    "{name} is not text, and stdin is split at line feeds: type --each all to send it as one message, or --each line"
                ));
            }
            return Ok(used);
        };
        let (used, is_complete) = decoder.take(input).map_err(|breach| self.split_error(breach))?;
        if is_complete {
            self.encode_message(output)?;
        }
        Ok(used)
    }

    fn end(&mut self, output: &mut Vec<u8>) -> Result<(), Error> {
        match &mut self.decoder {
            None if self.has_no_input => Ok(()),
            None => self.encoder.end(output).map_err(|unfit| self.unfit_error(unfit)),
            // A last line may be without its end.
            Some(decoder) if self.input_split == InputSplit::Json && decoder.end().is_err() => {
                decoder.take(b"\n").map_err(|breach| self.split_error(breach))?;
                self.encode_message(output)
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
    /// Encodes the message that the decoder holds.
    fn encode_message(&mut self, output: &mut Vec<u8>) -> Result<(), Error> {
        let Some(decoder) = &self.decoder else { return Ok(()) };
        let message = match self.input_split {
            InputSplit::Json => self.parse_json(decoder.message())?,
            _ => decoder.message().to_vec(),
        };
        self.encoder.message(&message, output).map_err(|unfit| self.unfit_error(unfit))
    }
}

/// Decodes messages, and writes each in the output format once it is complete.
pub struct Decoding {
    decoder: Decoder,
    framing: Framing,
    output_format: OutputFormat,
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
    pub fn new(framing: Framing, output_format: OutputFormat, max_bytes: u64) -> Decoding {
        Decoding { decoder: Decoder::new(framing, max_bytes), framing, output_format, max_bytes }
    }

    fn write(&self, output: &mut Vec<u8>) -> Result<(), Error> {
        let message = self.decoder.message();
        match self.output_format {
            OutputFormat::Line | OutputFormat::Raw => output.extend_from_slice(message),
            OutputFormat::Json => {
                let text = std::str::from_utf8(message).ok();
                let base64 = text.is_none().then(|| BASE64_STANDARD.encode(message));
                let object = Object { length: message.len(), text, base64 };
                let json = serde_json::to_string(&object).map_err(|error| Error::new(Exit::Failed, error))?;
                output.extend_from_slice(escape_json(&json).as_bytes());
            }
        }
        if self.output_format != OutputFormat::Raw {
            output.push(b'\n');
        }
        Ok(())
    }

    fn breach_error(&self, breach: Breach) -> Error {
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
        let (used, is_complete) = self.decoder.take(input).map_err(|breach| self.breach_error(breach))?;
        if is_complete {
            self.write(output)?;
        }
        Ok(used)
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        let cut = |cut| {
            let hint = match cut {
                Truncated::OctetCounted(_) => "; its length comes first: type --frame octet-count",
                _ => "",
            };
            Error::new(Exit::Lost, format!("the peer ended within a message: {cut}{hint}"))
        };
        self.decoder.end().map_err(cut)
    }
}
