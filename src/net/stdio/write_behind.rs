//! Writes to stdout by a thread of their own: a disk that is slow, or stuck, holds up nothing else.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::stdio;

use crate::net::reactor::ThreadWaker;

/// The most buffers that are kept to be filled again.
const MAX_SPARE: usize = 4;

/// The queue of the thread, and its end.
///
/// Dropping it ends the thread: what was not begun is not written any more.
pub(crate) struct WriteBehind(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Wakes the session that fills the queue.
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// Bytes that were queued and not written yet.
    pending_bytes: usize,
    /// Bytes that were written since the last query.
    written_bytes: usize,
    /// The session is to be woken when no more bytes than this are pending.
    wake_at: Option<usize>,
    failure: Option<io::Error>,
    /// The thread waits for bytes.
    is_idle: bool,
    /// Nothing more is written: stdout has failed, or the queue was dropped.
    has_ended: bool,
}

impl WriteBehind {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is no thread.
    pub(crate) fn start(waker: ThreadWaker) -> io::Result<WriteBehind> {
        WriteBehind::start_with(Stdout, move || waker.wake())
    }

    fn start_with(
        mut sink: impl Write + Send + 'static,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<WriteBehind> {
        let wake = Box::new(wake);
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), wake });
        let writer = WriteBehind(Arc::clone(&shared));
        std::thread::Builder::new().name("stdout".into()).spawn(move || shared.write_all(&mut sink))?;
        Ok(writer)
    }

    /// Queues the content of `bytes`, and leaves it empty. The caller sees to the bound of the queue.
    pub(crate) fn push(&self, bytes: &mut Vec<u8>) {
        let mut state = self.0.lock();
        state.pending_bytes += bytes.len();
        match state.waiting.back_mut() {
            // Few bytes do not get a buffer of their own.
            Some(last) if last.capacity() - last.len() >= bytes.len() => {
                last.extend_from_slice(bytes);
                bytes.clear();
            }
            _ => {
                let spare = state.spare.pop().unwrap_or_default();
                state.waiting.push_back(std::mem::replace(bytes, spare));
            }
        }
        if std::mem::take(&mut state.is_idle) {
            drop(state);
            self.0.changed.notify_all();
        }
    }

    /// Returns how many bytes were written since the last call.
    ///
    /// # Errors
    /// Stdout has failed: with the error of write(2), once.
    pub(crate) fn take_written(&self) -> (usize, io::Result<()>) {
        let mut state = self.0.lock();
        (std::mem::take(&mut state.written_bytes), state.failure.take().map_or(Ok(()), Err))
    }

    /// Wakes the session when at most `pending_bytes` are left to write.
    pub(crate) fn wake_at(&self, pending_bytes: usize) {
        let mut state = self.0.lock();
        state.wake_at = state.wake_at.max(Some(pending_bytes));
        self.0.wake_if_wanted(&mut state);
    }

    /// Blocks until everything is written or stdout has failed, for at most `limit`. Nothing more is written then,
    /// except for a call that is running.
    pub(crate) fn finish(&self, limit: Duration) {
        let is_busy = |state: &mut State| state.pending_bytes > 0 && !state.has_ended;
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), limit, is_busy);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_ended = true;
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_if_wanted(&self, state: &mut State) {
        let is_due = |most: usize| state.pending_bytes <= most || state.failure.is_some();
        if state.wake_at.is_some_and(is_due) {
            state.wake_at = None;
            (self.wake)();
        }
    }

    /// Writes what is queued, in order, until it is ended.
    fn write_all(&self, sink: &mut impl Write) {
        let is_idle = |state: &mut State| {
            state.is_idle = state.waiting.is_empty() && !state.has_ended;
            state.is_idle
        };
        loop {
            let waited = self.changed.wait_while(self.lock(), is_idle);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            let Some(mut bytes) = state.waiting.pop_front().filter(|_| !state.has_ended) else { return };
            drop(state);
            let result = self.write(&bytes, sink);
            bytes.clear();
            let mut state = self.lock();
            if state.spare.len() < MAX_SPARE {
                state.spare.push(bytes);
            }
            if let Err(error) = result {
                // The session must learn of it even if it waits for nothing.
                (state.failure, state.has_ended, state.wake_at) = (Some(error), true, Some(0));
            }
            self.wake_if_wanted(&mut state);
            if state.pending_bytes == 0 || state.has_ended {
                self.changed.notify_all();
            }
        }
    }

    fn write(&self, mut bytes: &[u8], sink: &mut impl Write) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = match sink.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            bytes = &bytes[count..];
            let mut state = self.lock();
            state.pending_bytes -= count;
            state.written_bytes += count;
        }
        Ok(())
    }
}

/// Stdout as it is, without a buffer.
struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(stdio::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_secs(20);

    /// A disk that takes as many bytes as the test lets it, and then waits; fails when the test has gone.
    struct Disk {
        let_through: Receiver<usize>,
        content: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let most = self.let_through.recv().map_err(|_| io::ErrorKind::StorageFull)?;
            let count = most.min(bytes.len());
            self.content.lock().unwrap().extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct World {
        writer: WriteBehind,
        lets: Sender<usize>,
        woken: Receiver<()>,
        content: Arc<Mutex<Vec<u8>>>,
    }

    fn world() -> World {
        let (lets, let_through) = channel();
        let (wakes, woken) = channel();
        let content = Arc::new(Mutex::default());
        let disk = Disk { let_through, content: Arc::clone(&content) };
        let writer = WriteBehind::start_with(disk, move || wakes.send(()).unwrap_or_default()).unwrap();
        World { writer, lets, woken, content }
    }

    #[test]
    fn a_disk_that_waits_holds_up_nobody_and_gets_everything_in_order() {
        let World { writer, lets, woken, content } = world();
        let mut expected = Vec::new();
        for number in 0..1000_u32 {
            let mut piece = Vec::with_capacity(512);
            piece.extend_from_slice(&number.to_be_bytes());
            expected.extend_from_slice(&piece);
            writer.push(&mut piece);
            assert!(piece.is_empty());
        }
        assert_eq!(writer.take_written().0, 0);
        let waiting = writer.0.lock().waiting.len();
        assert!(waiting <= 10, "small pieces take {waiting} buffers");
        writer.wake_at(2000);
        assert!(woken.try_recv().is_err(), "too many are left");
        for _ in 0..expected.len() {
            lets.send(7).unwrap();
        }
        woken.recv_timeout(LONG).unwrap();
        writer.wake_at(0);
        woken.recv_timeout(LONG).unwrap();
        let (count, result) = writer.take_written();
        assert_eq!((count, result.is_ok()), (expected.len(), true));
        assert_eq!(*content.lock().unwrap(), expected);
        writer.wake_at(0);
        woken.try_recv().expect("there is nothing to wait for");
        assert!(writer.0.lock().spare.len() <= MAX_SPARE);
    }

    #[test]
    fn a_failure_is_reported_once_and_ends_it() {
        let World { writer, lets, woken, content } = world();
        writer.push(&mut b"written".to_vec());
        lets.send(5).unwrap();
        drop(lets);
        woken.recv_timeout(LONG).unwrap();
        let (count, result) = writer.take_written();
        assert_eq!((count, result.unwrap_err().kind()), (5, io::ErrorKind::StorageFull));
        writer.push(&mut b"later".to_vec());
        writer.finish(LONG);
        assert!(matches!(writer.take_written(), (0, Ok(()))));
        assert_eq!(*content.lock().unwrap(), b"writt");
    }

    #[test]
    fn the_end_waits_for_a_limited_time() {
        let World { writer, lets, content, .. } = world();
        writer.push(&mut b"one".to_vec());
        lets.send(3).unwrap();
        writer.finish(LONG);
        assert_eq!((writer.take_written().0, &content.lock().unwrap()[..]), (3, &b"one"[..]));
        let World { writer, lets, content, woken } = world();
        writer.push(&mut b"two".to_vec());
        writer.finish(Duration::from_millis(1));
        assert_eq!(writer.take_written().0, 0);
        writer.push(&mut b"three".to_vec());
        drop(writer);
        // A call that was running may end; the next is not begun.
        let _ = lets.send(3);
        while woken.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            std::thread::yield_now();
        }
        assert!([&b"two"[..], b""].contains(&&content.lock().unwrap()[..]));
    }
}
