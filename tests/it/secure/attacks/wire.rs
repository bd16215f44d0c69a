//! Somebody on the way who has no keys: passes records on, cuts, repeats and changes them, and keeps all bytes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::harness::{LIMIT, wait_for_fd};

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Server,
    Client,
}

/// What is done to a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// Both directions end in front of this byte of it.
    End(usize),
    /// Both are reset there.
    Reset(usize),
    /// This byte is changed, counted from its last one.
    Flip(usize),
    /// It comes twice.
    Repeat,
    /// It is left out.
    Drop,
}

/// What is done, to the record of this number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    pub(super) to: To,
    pub(super) record: usize,
    pub(super) how: How,
}

/// What has passed: records to the server, and to the client.
pub(super) struct Passed(pub(super) [Vec<Vec<u8>>; 2]);

/// Stands before a server for one connection.
pub(super) struct Wire {
    pub(super) address: String,
    passing: JoinHandle<Passed>,
}

struct Lane {
    from: TcpStream,
    to: TcpStream,
    deed: Option<Deed>,
    /// The deed was done: nothing passes any more.
    is_cut: Arc<AtomicBool>,
}

impl Wire {
    pub(super) fn new(server: &str, deed: Option<Deed>) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = server.to_owned();
        let passing = std::thread::spawn(move || {
            assert!(wait_for_fd(listener.as_fd(), PollFlags::IN, LIMIT), "no client");
            let (client, _) = listener.accept().expect("a client");
            let server = TcpStream::connect(server).expect("the server");
            let is_cut = Arc::new(AtomicBool::new(false));
            let lane = |from: &TcpStream, to: &TcpStream, direction| {
                let twin = |stream: &TcpStream| stream.try_clone().expect("a clone");
                let deed = deed.filter(|deed| deed.to == direction);
                Lane { from: twin(from), to: twin(to), deed, is_cut: Arc::clone(&is_cut) }
            };
            let up = lane(&client, &server, To::Server);
            let down = lane(&server, &client, To::Client);
            let up = std::thread::spawn(move || up.pass());
            let down = down.pass();
            Passed([up.join().expect("records"), down])
        });
        Wire { address, passing }
    }

    /// What has passed, once both ends have gone.
    pub(super) fn passed(self) -> Passed {
        self.passing.join().expect("a thread")
    }
}

impl Lane {
    fn record(&mut self) -> Option<Vec<u8>> {
        let mut record = vec![0; 5];
        self.from.read_exact(&mut record).ok()?;
        let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
        record.resize(5 + length, 0);
        self.from.read_exact(&mut record[5..]).ok()?;
        Some(record)
    }

    fn pass(mut self) -> Vec<Vec<u8>> {
        self.from.set_read_timeout(Some(LIMIT)).expect("a limit");
        self.to.set_nodelay(true).expect("an option");
        let mut records = Vec::new();
        while let Some(mut record) = self.record() {
            records.push(record.clone());
            let deed = self.deed.filter(|deed| deed.record + 1 == records.len());
            match deed.map(|deed| deed.how) {
                None | Some(How::Repeat) => {}
                Some(How::Drop) => record.clear(),
                Some(How::Flip(back)) => {
                    let at = record.len() - 1 - back.min(record.len() - 1);
                    // The version in a record's header means nothing (RFC 8446, 5.1).
                    let at = if matches!(at, 1 | 2) { 0 } else { at };
                    record[at] ^= 0x10;
                }
                Some(How::End(at) | How::Reset(at)) => {
                    record.truncate(at);
                    let _ = self.to.write_all(&record);
                    self.is_cut.store(true, Ordering::SeqCst);
                    self.cut(matches!(deed.map(|deed| deed.how), Some(How::Reset(_))));
                    break;
                }
            }
            let again = matches!(deed.map(|deed| deed.how), Some(How::Repeat)) as usize;
            if (0..=again).any(|_| self.to.write_all(&record).is_err()) {
                break;
            }
        }
        if !self.is_cut.load(Ordering::SeqCst) {
            let _ = self.to.shutdown(Shutdown::Write);
        }
        records
    }

    fn cut(&self, resets: bool) {
        for end in [&self.from, &self.to] {
            let how = match resets {
                false => Shutdown::Both,
                // Wakes who reads it here. When all have closed it, it is reset.
                true => {
                    socket2::SockRef::from(end).set_linger(Some(Duration::ZERO)).expect("an option");
                    Shutdown::Read
                }
            };
            let _ = end.shutdown(how);
        }
    }
}
