//! Line ends and messages, as stages.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::filter::Stage;
use crate::commands::options::FrameOut;
use crate::error::{Error, Exit};
use crate::proto::lines::Crlf;
use crate::proto::message::{Breach, Decoder, Encoder, Framing, Unfit};
use crate::report::escape_json;

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

/// Each line becomes a message.
pub struct Encoding {
    encoder: Encoder,
    framing: Framing,
}

impl Encoding {
    /// Lines are at most `max_bytes` long.
    pub fn new(framing: Framing, max_bytes: u64) -> Encoding {
        Encoding { encoder: Encoder::new(framing, max_bytes), framing }
    }
}

impl Stage for Encoding {
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error> {
        self.encoder.take(input, output).map_err(|unfit| {
            let line = self.encoder.line_number();
            let text = match unfit {
                Unfit::TooLong(most) if most == self.framing.longest() => {
                    format!("line {line} of stdin is longer than the {most} bytes that its length can say: choose another --frame")
                }
                Unfit::TooLong(most) => {
                    format!("line {line} of stdin is longer than {most} bytes (see --max-message)")
                }
                Unfit::HasEndMark => {
                    format!("line {line} of stdin has a NUL byte in it, which would end its message: choose another --frame")
                }
            };
            Error::new(Exit::Failed, text)
        })
    }

    fn end(&mut self, output: &mut Vec<u8>) -> Result<(), Error> {
        self.encoder.end(output);
        Ok(())
    }
}

/// Each message is written in its form, once it is whole.
pub struct Decoding {
    decoder: Decoder,
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
        Decoding { decoder: Decoder::new(framing, max_bytes), form, max_bytes }
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
            Breach::NotANetstring(what) => {
                Error::new(Exit::Integrity, format!("what the peer sends is not a netstring: {what}"))
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
        let cut = |cut| Error::new(Exit::Lost, format!("the peer ended within a message: {cut}"));
        self.decoder.end().map_err(cut)
    }
}
