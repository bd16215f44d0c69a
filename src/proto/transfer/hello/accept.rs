//! ACCEPT: what a server grants a client, or why it refuses it.

use super::{Capabilities, FIXED_BYTES, Hello, MAGIC, MAJOR, Operation, STREAM, check_magic};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;
use crate::proto::transfer::wire::FieldReader;
use crate::proto::{Parsed, SessionId};

const KEEPS: u8 = 4;

/// The server's first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accept {
    /// The reason of a refusal; an `ERROR` frame follows then.
    pub refused: Option<Reason>,
    /// The files are sent in a stream: in a `PUT` whose client has named its roots, or in a `GET` whose client has
    /// asked for it.
    pub stream: bool,
    /// The capabilities that both sides use.
    pub capabilities: Capabilities,
    /// Of a `PUT`: existing files are not replaced, whatever the client asks for.
    pub keeps: bool,
    /// The session's id, random.
    pub session: SessionId,
}

impl Accept {
    /// Creates a refusal of the session.
    pub fn refusal(reason: Reason) -> Accept {
        Accept { refused: Some(reason), ..Accept::plain() }
    }

    /// Creates an acceptance without any capability.
    pub fn plain() -> Accept {
        let capabilities = Capabilities::default();
        Accept { refused: None, stream: false, capabilities, keeps: false, session: [0; 16] }
    }

    /// Encodes the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let flags = u8::from(self.stream) * STREAM + u8::from(self.keeps) * KEEPS;
        bytes.extend([MAJOR, 0, self.refused.map_or(0, Reason::code), flags]);
        bytes.extend(self.capabilities.encode());
        bytes.extend(self.session);
        bytes
    }

    /// Checks an answer against the request.
    ///
    /// # Errors
    /// The server grants what the client did not ask for, or adds the connection to another session.
    pub fn check(&self, hello: &Hello) -> Result<(), Violation> {
        let (may_stream, is_its_session) = match hello.operation {
            Operation::Put { .. } => (!hello.roots.is_empty(), true),
            Operation::Get { stream } => (stream, true),
            Operation::List => (false, true),
            Operation::Join(session) => (false, self.session == session && self.capabilities.tree),
        };
        let fault = if self.refused.is_some() {
            return Ok(());
        } else if self.stream && !may_stream {
            "a stream that was not asked for"
        } else if let Some(fault) = self.capabilities.unrequested(hello.capabilities) {
            fault
        } else if !is_its_session {
            "the session that was joined"
        } else {
            return Ok(());
        };
        Err(Violation::Contradiction(fault))
    }

    /// Parses an `ACCEPT` at the beginning of `bytes`. The magic is rejected at its first wrong byte.
    ///
    /// # Errors
    /// The bytes are not ours, or a server of another major version accepted.
    pub fn parse(bytes: &[u8]) -> Result<Parsed<Accept>, Violation> {
        check_magic(bytes)?;
        if bytes.len() < FIXED_BYTES {
            return Ok(Parsed::Incomplete { needed: FIXED_BYTES });
        }
        let mut fields = FieldReader::new(bytes);
        fields.bytes(MAGIC.len())?;
        let (major, _minor, status) = (fields.u8()?, fields.u8()?, fields.u8()?);
        let flags = fields.u8()?;
        let (stream, keeps) = (flags & STREAM != 0, flags & KEEPS != 0);
        let capabilities = Capabilities::parse(fields.u32()?);
        let refused = Some(status).filter(|status| *status != 0).map(Reason::from_code);
        if refused.is_none() && major != MAJOR {
            return Err(Violation::Version(major));
        }
        Ok(Parsed::Complete {
            value: Accept { refused, stream, capabilities, keeps, session: fields.array()? },
            used: FIXED_BYTES,
        })
    }
}
