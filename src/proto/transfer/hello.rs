//! HELLO and ACCEPT, the first bytes of each side.

mod accept;
mod capabilities;

pub use self::accept::Accept;
pub use self::capabilities::Capabilities;
use super::names::MAX_PATH_BYTES;
use super::violation::Violation;
use super::wire::{FieldReader, length_u16};
use crate::proto::{Parsed, SessionId};

/// The first bytes of both sides.
pub const MAGIC: [u8; 8] = *b"\x89SALL\r\n\x1a";
/// The size of `HELLO` without its tail, and of `ACCEPT`, in bytes.
pub const FIXED_BYTES: usize = 32;

const MAJOR: u8 = 1;
const REPLACE: u8 = 1;
const STREAM: u8 = 2;
const ROOT_EXTENSION: u16 = 0x0002;
const RATE_EXTENSION: u16 = 0x0003;
const RUN_EXTENSION: u16 = 0x0005;
const NAME_EXTENSION: u16 = 0x8001;
/// Size of the RUN extension, in bytes.
const RUN_BYTES: usize = 4 + 16;
const MUST_BE_UNDERSTOOD: u16 = 0x8000;
/// Size of the RATE extension, in bytes.
const RATE_BYTES: usize = 12;

/// The client's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The client sends files.
    Put {
        /// Existing files may be replaced.
        replace: bool,
    },
    /// The client receives files.
    Get {
        /// The client has none of the files: they may be sent without offers.
        stream: bool,
    },
    /// The client lists files.
    List,
    /// The client adds a connection to the session with this id.
    Join(SessionId),
}

/// The id of a client's run, shared by all its sessions: random and secret.
pub type RunId = [u8; 16];

/// The client's first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The operation.
    pub operation: Operation,
    /// Bytes of all files; `None`: unknown. Only an announcement.
    pub total_size: Option<u64>,
    /// Number of entries; `None`: unknown. Only an announcement.
    pub entries: Option<u32>,
    /// The capabilities of the client that it wants to use.
    pub capabilities: Capabilities,
    /// The highest rate that the client of a `GET` wants, in bytes per second.
    pub rate: Option<u64>,
    names: Vec<Vec<u8>>,
    roots: Vec<Vec<u8>>,
    run: Option<RunId>,
}

/// The wanted names do not fit into a `HELLO`: one is empty or over 4096 bytes, or all are over 64 KiB together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamesDoNotFit;

impl std::fmt::Display for NamesDoNotFit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the names do not fit one session: at most 4096 bytes each and about 64 KiB in all")
    }
}

impl std::error::Error for NamesDoNotFit {}

impl Hello {
    /// Creates the HELLO of a client that sends files.
    pub fn put(replace: bool, total_size: Option<u64>, entries: Option<u32>) -> Hello {
        let operation = Operation::Put { replace };
        Hello::new(operation, total_size, entries)
    }

    /// Sets the roots, one component each: everything that the client sends lies below one of them. The client then
    /// waits for `ACCEPT`, which may allow a stream. If the roots do not fit, none is sent.
    #[must_use]
    pub fn with_roots(mut self, roots: Vec<Vec<u8>>) -> Hello {
        let bytes: usize = roots.iter().map(|root| 4 + root.len()).sum();
        if bytes + RATE_BYTES + RUN_BYTES <= u16::MAX.into() {
            self.roots = roots;
        }
        self
    }

    /// Sets the highest wanted rate, in bytes per second.
    #[must_use]
    pub fn with_rate(mut self, rate: Option<u64>) -> Hello {
        self.rate = rate;
        self
    }

    /// Creates the HELLO of a client that receives or lists these names, or everything if there are none.
    ///
    /// # Errors
    /// The names do not fit.
    pub fn get(operation: Operation, names: Vec<Vec<u8>>) -> Result<Hello, NamesDoNotFit> {
        let extensions: usize = names.iter().skip(1).map(|name| 4 + name.len()).sum();
        let one_does_not_fit = names.iter().any(|name| name.is_empty() || name.len() > MAX_PATH_BYTES);
        if one_does_not_fit || extensions + RATE_BYTES + RUN_BYTES > u16::MAX.into() {
            return Err(NamesDoNotFit);
        }
        Ok(Hello { names, ..Hello::new(operation, None, None) })
    }

    /// Creates the HELLO of a further connection.
    pub fn join(session: SessionId) -> Hello {
        Hello::new(Operation::Join(session), None, None)
    }

    fn new(operation: Operation, total_size: Option<u64>, entries: Option<u32>) -> Hello {
        let (names, roots) = (Vec::new(), Vec::new());
        let capabilities = Capabilities { totals: false, ..Capabilities::ALL };
        Hello { operation, total_size, entries, capabilities, rate: None, names, roots, run: None }
    }

    /// Marks the session as the successor of an earlier one of the same run, which the server may still hold.
    #[must_use]
    pub fn of_run(mut self, run: RunId) -> Hello {
        self.run = Some(run);
        self
    }

    /// Returns the run of a client that may reconnect.
    pub fn run(&self) -> Option<RunId> {
        self.run
    }

    /// Returns the wanted names; none: everything. Each has 1 to 4096 bytes and is not checked further.
    pub fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    /// Returns the roots of a `PUT`, see [`Hello::with_roots`]. Not checked.
    pub fn roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    /// Encodes the message.
    pub fn encode(&self) -> Vec<u8> {
        let (operation, flags) = match self.operation {
            Operation::Put { replace } => (1, if replace { REPLACE } else { 0 }),
            Operation::Get { stream } => (2, if stream { STREAM } else { 0 }),
            Operation::List => (3, 0),
            Operation::Join(_) => (4, 0),
        };
        let (name, others) = match (&self.operation, self.names.split_first()) {
            (Operation::Join(session), _) => (&session[..], &[][..]),
            (_, Some((name, others))) => (name.as_slice(), others),
            (_, None) => (&[][..], &[][..]),
        };
        let mut extensions = Vec::new();
        let others = others.iter().map(|name| (NAME_EXTENSION, &name[..]));
        let roots = self.roots.iter().map(|root| (ROOT_EXTENSION, &root[..]));
        let run = self.run.iter().map(|run| (RUN_EXTENSION, &run[..]));
        for (code, value) in others.chain(roots).chain(run) {
            extensions.extend(code.to_be_bytes());
            extensions.extend(length_u16(value));
            extensions.extend(value);
        }
        if let Some(rate) = self.rate {
            extensions.extend(RATE_EXTENSION.to_be_bytes());
            extensions.extend(length_u16(&rate.to_be_bytes()));
            extensions.extend(rate.to_be_bytes());
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend([MAJOR, 0, operation, flags]);
        bytes.extend(self.capabilities.encode());
        bytes.extend(self.total_size.unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend(self.entries.unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(length_u16(name));
        bytes.extend(length_u16(&extensions));
        bytes.extend(name);
        bytes.extend(extensions);
        bytes
    }

    /// Parses a `HELLO` at the beginning of `bytes`. The magic is rejected at its first wrong byte, another major
    /// version at its byte.
    ///
    /// # Errors
    /// [`Violation::NotOurs`]: close, after a line of text if the bytes look like text. Everything else: answer
    /// with an `ACCEPT` of the violation's reason and an `ERROR`.
    pub fn parse(bytes: &[u8]) -> Result<Parsed<Hello>, Violation> {
        check_magic(bytes)?;
        if let Some(major) = bytes.get(MAGIC.len()).filter(|major| **major != MAJOR) {
            return Err(Violation::Version(*major));
        }
        if bytes.len() < FIXED_BYTES {
            return Ok(Parsed::Incomplete { needed: FIXED_BYTES });
        }
        let mut fields = FieldReader::new(bytes);
        fields.bytes(10)?;
        let (operation, flags) = (fields.u8()?, fields.u8()?);
        let operation = match operation {
            1 => Operation::Put { replace: flags & REPLACE != 0 },
            2 => Operation::Get { stream: flags & STREAM != 0 },
            3 => Operation::List,
            4 => Operation::Join([0; 16]),
            code => return Err(Violation::Operation(code)),
        };
        let capabilities = Capabilities::parse(fields.u32()?);
        let total_size = Some(fields.u64()?).filter(|size| *size != u64::MAX);
        let entries = Some(fields.u32()?).filter(|entries| *entries != u32::MAX);
        let name_length = usize::from(fields.u16()?);
        let extensions_length = usize::from(fields.u16()?);
        if name_length > MAX_PATH_BYTES {
            return Err(Violation::Length { what: "a name", length: name_length as u64 });
        }
        let needed = FIXED_BYTES + name_length + extensions_length;
        if bytes.len() < needed {
            return Ok(Parsed::Incomplete { needed });
        }
        let first = fields.bytes(name_length)?;
        let (operation, first) = match (operation, SessionId::try_from(first)) {
            (Operation::Join(_), Ok(session)) => (Operation::Join(session), &[][..]),
            (Operation::Join(_), Err(_)) => return Err(Violation::Malformed("the session of a JOIN")),
            _ => (operation, first),
        };
        let mut value = Hello { capabilities, ..Hello::new(operation, total_size, entries) };
        value.read_tail(first, fields.bytes(extensions_length)?)?;
        if matches!(operation, Operation::Put { .. } | Operation::Join(_)) && !value.names.is_empty() {
            return Err(Violation::Malformed("names in a PUT"));
        }
        Ok(Parsed::Complete { value, used: needed })
    }

    fn read_tail(&mut self, first: &[u8], extensions: &[u8]) -> Result<(), Violation> {
        if !first.is_empty() {
            self.names.push(first.to_vec());
        }
        let mut fields = FieldReader::new(extensions);
        while let Some((code, value)) = fields.extension()? {
            match code {
                NAME_EXTENSION if value.is_empty() || value.len() > MAX_PATH_BYTES => {
                    return Err(Violation::Length { what: "a name", length: value.len() as u64 });
                }
                NAME_EXTENSION if self.names.is_empty() => {
                    return Err(Violation::Malformed("a second name without a first"));
                }
                NAME_EXTENSION => self.names.push(value.to_vec()),
                ROOT_EXTENSION => self.roots.push(value.to_vec()),
                RATE_EXTENSION => self.rate = Some(FieldReader::new(value).u64()?),
                RUN_EXTENSION => {
                    let wrong = |_| Violation::Length { what: "a run", length: value.len() as u64 };
                    self.run = Some(RunId::try_from(value).map_err(wrong)?);
                }
                code if code & MUST_BE_UNDERSTOOD != 0 => return Err(Violation::Extension(code)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn check_magic(bytes: &[u8]) -> Result<(), Violation> {
    if bytes.iter().zip(MAGIC).all(|(byte, ours)| *byte == ours) { Ok(()) } else { Err(Violation::NotOurs) }
}
