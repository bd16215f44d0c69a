//! `--fastopen`: the first bytes of stdin go with the SYN (RFC 7413).

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use crate::error::{Error, Exit};
use crate::net::connecting::Connect;
use crate::net::dial::Dial;
use crate::net::stdio::Stdio;
use crate::net::stream::{Stream, Timed, Transport};

/// Most bytes that a SYN has room for.
const MAX_FIRST_BYTES: usize = 1400;

/// The bytes of stdin that were read before there was a connection. They are kept for the next try.
#[derive(Clone, Debug, Default)]
pub(crate) struct First {
    bytes: Vec<u8>,
    has_ended: bool,
}

impl First {
    fn is_known(&self) -> bool {
        self.has_ended || !self.bytes.is_empty()
    }
}

/// Waits for the first bytes of stdin, then connects with them.
pub(crate) struct Early {
    stdio: Rc<RefCell<Stdio>>,
    first: Rc<RefCell<First>>,
    dial: Dial,
    is_dialling: bool,
}

impl Early {
    pub(crate) fn new(stdio: &Rc<RefCell<Stdio>>, first: &Rc<RefCell<First>>, dial: Dial) -> Early {
        Early { stdio: Rc::clone(stdio), first: Rc::clone(first), dial, is_dialling: false }
    }
}

impl Connect for Early {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        if !self.is_dialling {
            let mut first = self.first.borrow_mut();
            if !first.is_known() {
                let mut buffer = [0; MAX_FIRST_BYTES];
                let mut stdio = self.stdio.borrow_mut();
                stdio.tick(now);
                match stdio.read(&mut buffer) {
                    Ok(0) => first.has_ended = true,
                    Ok(count) => first.bytes.extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                    Err(error) => {
                        return Err(Error::new(Exit::Failed, format!("cannot read stdin: {error}")));
                    }
                }
            }
            self.dial.send_first(&first.bytes);
            self.is_dialling = true;
        }
        self.dial.advance(now)
    }

    fn deadline(&self) -> Option<Instant> {
        if self.is_dialling { self.dial.deadline() } else { self.stdio.borrow().wake_up() }
    }
}

/// Stdin from its beginning, and stdout.
pub(crate) struct FromFirst {
    stdio: Rc<RefCell<Stdio>>,
    first: First,
}

impl FromFirst {
    pub(crate) fn new(stdio: &Rc<RefCell<Stdio>>, first: &Rc<RefCell<First>>) -> FromFirst {
        FromFirst { stdio: Rc::clone(stdio), first: first.borrow().clone() }
    }
}

impl Stream for FromFirst {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.first.is_known() {
            return self.stdio.borrow_mut().read(buffer);
        }
        let count = buffer.len().min(self.first.bytes.len());
        buffer[..count].copy_from_slice(&self.first.bytes[..count]);
        self.first.bytes.drain(..count);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdio.borrow_mut().write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.stdio.borrow_mut().finish_writing()
    }
}

// The first bytes come from here: the kernel cannot move them.
crate::without!([] FromFirst; KernelEnds SocketState RelayHints);
crate::forwarding!([] FromFirst, this => this.stdio.borrow_mut(); Timed);
