//! Bytes that never enter the process: sendfile(2) and splice(2).
//!
//! The call depends on the kinds of descriptors: a file to a socket by sendfile; a pipe to a socket and a socket to a
//! pipe by splice; a socket to a file, `/dev/null` or a socket by splice through a pipe of our own. Everything else is
//! copied, as is everything where these calls are missing.

use std::io;

use super::PumpError;
use crate::net::stream::{FdKind, KernelEnd};
use crate::proto::relay::lane::Lane;

/// Upper bound of one call: the capacity of a pipe of our own.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// The result of one step of a pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyProgress {
    /// Bytes were moved: try again.
    Moved,
    /// Nothing was moved; readiness was cleared.
    Blocked,
    /// Nothing was moved, though both ends look ready: try again in the next turn.
    #[cfg_attr(
        any(sendall_portable, not(target_os = "linux")),
        allow(dead_code, reason = "only splice is unclear")
    )]
    Unclear,
    /// The kernel cannot do this for these two: copy.
    Unsupported,
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
pub(crate) use linux::ZeroCopy;
#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
pub(crate) use portable::ZeroCopy;

#[cfg(all(target_os = "linux", not(sendall_portable)))]
mod linux {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::BorrowedFd;

    use rustix::event::PollFlags;
    use rustix::io::Errno;
    use rustix::net::RecvFlags;
    use rustix::pipe::SpliceFlags;

    use super::*;
    use crate::net::pipes::{OwnPipe, enlarge};
    use crate::net::poll::{are_ready, is_ready};
    use crate::net::pump::Side;

    /// The call that moves bytes between two descriptors.
    pub(crate) enum ZeroCopy {
        /// A file to a socket.
        SendFile,
        /// A pipe to a socket or a socket to a pipe; asked for once, a larger pipe.
        Splice { enlarged: bool },
        /// A socket to a file or a socket, through a pipe of our own, which is there while it holds something.
        ThroughPipe(Option<OwnPipe>),
    }

    impl ZeroCopy {
        /// The call for two kinds of descriptors, if there is one.
        pub(crate) fn between(source: FdKind, sink: FdKind) -> Option<ZeroCopy> {
            match (source, sink) {
                (FdKind::File, FdKind::Socket) => Some(ZeroCopy::SendFile),
                (FdKind::Pipe, FdKind::Socket) | (FdKind::Socket, FdKind::Pipe) => {
                    Some(ZeroCopy::Splice { enlarged: false })
                }
                (FdKind::Socket, FdKind::File | FdKind::Null | FdKind::Socket) => {
                    Some(ZeroCopy::ThroughPipe(None))
                }
                _ => None,
            }
        }

        /// Moves up to a chunk.
        pub(crate) fn step(
            &mut self,
            lane: &mut Lane,
            from: KernelEnd<'_>,
            to: KernelEnd<'_>,
        ) -> Result<CopyProgress, PumpError> {
            match self {
                ZeroCopy::SendFile => send_file(lane, from, to),
                ZeroCopy::Splice { enlarged } => {
                    if !std::mem::replace(enlarged, true) {
                        for end in [from, to].iter().filter(|end| end.kind == FdKind::Pipe) {
                            enlarge(end.fd);
                        }
                    }
                    splice_directly(lane, from, to)
                }
                ZeroCopy::ThroughPipe(_) if lane.held() == 0 && !from.readiness.is_readable() => {
                    Ok(CopyProgress::Blocked)
                }
                ZeroCopy::ThroughPipe(own) => {
                    if own.is_none() {
                        *own = OwnPipe::take();
                    }
                    match own {
                        Some(pipe) => splice_through(lane, from, pipe, to),
                        None => Ok(CopyProgress::Unsupported),
                    }
                }
            }
        }

        /// Gives back the pipe. Call it while nothing is held.
        pub(crate) fn rest(&mut self) {
            if let ZeroCopy::ThroughPipe(own) = self
                && let Some(pipe) = own.take()
            {
                pipe.put_back();
            }
        }

        /// Reads the `held` bytes out of our own pipe.
        pub(crate) fn take_held(&mut self, held: usize) -> io::Result<Vec<u8>> {
            let mut bytes = vec![0; held];
            if let ZeroCopy::ThroughPipe(Some(pipe)) = self {
                File::from(pipe.read_end().try_clone_to_owned()?).read_exact(&mut bytes)?;
            }
            Ok(bytes)
        }
    }

    fn fault(side: Side, error: Errno) -> PumpError {
        PumpError { side, error: error.into() }
    }

    fn send_file(lane: &mut Lane, from: KernelEnd<'_>, to: KernelEnd<'_>) -> Result<CopyProgress, PumpError> {
        if !to.readiness.is_writable() {
            return Ok(CopyProgress::Blocked);
        }
        match rustix::fs::sendfile(to.fd, from.fd, None, CHUNK_BYTES) {
            Ok(0) => lane.end_source(),
            Ok(count) => lane.passed(count),
            Err(Errno::AGAIN) => {
                to.readiness.clear_writable();
                return Ok(CopyProgress::Blocked);
            }
            Err(Errno::INTR) => {}
            Err(Errno::INVAL | Errno::NOSYS) => return Ok(CopyProgress::Unsupported),
            Err(error @ (Errno::IO | Errno::ISDIR | Errno::BADF | Errno::OVERFLOW)) => {
                return Err(fault(Side::Source, error));
            }
            Err(error) => return Err(fault(Side::Sink, error)),
        }
        Ok(CopyProgress::Moved)
    }

    const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

    fn splice_directly(
        lane: &mut Lane,
        from: KernelEnd<'_>,
        to: KernelEnd<'_>,
    ) -> Result<CopyProgress, PumpError> {
        if !from.readiness.is_readable() || !to.readiness.is_writable() {
            return Ok(CopyProgress::Blocked);
        }
        let (result, restored) = if from.kind == FdKind::Socket {
            splice_from_socket(from, to.fd, CHUNK_BYTES)
        } else {
            (rustix::pipe::splice(from.fd, None, to.fd, None, CHUNK_BYTES, FLAGS), Ok(()))
        };
        match result {
            Ok(0) => lane.end_source(),
            Ok(count) => {
                lane.passed(count);
                // One of them had no more, or no more room: which one is asked here, not by a call that fails.
                if count < CHUNK_BYTES {
                    find_the_blocked(from, to);
                }
            }
            _ if restored.is_err() => {}
            Err(Errno::AGAIN) => return Ok(find_the_blocked(from, to)),
            Err(Errno::INTR) => {}
            Err(Errno::INVAL | Errno::NOSYS) => return Ok(CopyProgress::Unsupported),
            Err(error @ Errno::PIPE) => return Err(fault(Side::Sink, error)),
            Err(error) if from.kind == FdKind::Socket => return Err(fault(Side::Source, error)),
            Err(error) => return Err(fault(Side::Sink, error)),
        }
        restored.map_err(|error| fault(Side::Source, error))?;
        Ok(CopyProgress::Moved)
    }

    /// Splices what a socket of ours has, and never waits: it is asked first, and EAGAIN if it has nothing.
    ///
    /// During the call the socket is a blocking one. tcp_splice_read() then takes all that comes while it runs, instead
    /// of the first piece: for a stream of small pieces that halves the processor time of both processes.
    ///
    /// The second result is whether it could be put back: if not, that is a failure after the bytes that were moved.
    fn splice_from_socket(
        from: KernelEnd<'_>,
        to: BorrowedFd<'_>,
        length: usize,
    ) -> (Result<usize, Errno>, Result<(), Errno>) {
        if !is_ready(from.fd, PollFlags::IN) {
            return (Err(Errno::AGAIN), Ok(()));
        }
        if rustix::io::ioctl_fionbio(from.fd, false).is_err() {
            return (Err(Errno::INVAL), Ok(()));
        }
        let result = match rustix::pipe::splice(from.fd, None, to, None, length, FLAGS) {
            // The pipe's reader has gone. That is a failure only if there are bytes that it would have missed.
            Err(Errno::PIPE) if is_at_end(from.fd) => Ok(0),
            // 0 is the end; or the mark of urgent data (tcp(7)), which splice does not get past and recv(2) does.
            Ok(0) if !is_at_end(from.fd) => Err(Errno::INVAL),
            result => result,
        };
        (result, rustix::io::ioctl_fionbio(from.fd, true))
    }

    fn is_at_end(socket: BorrowedFd<'_>) -> bool {
        let peeked = rustix::net::recv(socket, &mut [0_u8; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(peeked, Ok((0, _)))
    }

    /// Finds out which end EAGAIN, or a short count, is about.
    fn find_the_blocked(from: KernelEnd<'_>, to: KernelEnd<'_>) -> CopyProgress {
        let [readable, writable] = are_ready([(from.fd, PollFlags::IN), (to.fd, PollFlags::OUT)]);
        if !readable {
            from.readiness.clear_readable();
        }
        if !writable {
            to.readiness.clear_writable();
        }
        if readable && writable { CopyProgress::Unclear } else { CopyProgress::Blocked }
    }

    fn splice_through(
        lane: &mut Lane,
        from: KernelEnd<'_>,
        pipe: &OwnPipe,
        to: KernelEnd<'_>,
    ) -> Result<CopyProgress, PumpError> {
        if lane.held() == 0 {
            let (result, restored) = splice_from_socket(from, pipe.write_end(), lane.room());
            match result {
                Ok(0) => lane.end_source(),
                Ok(count) => lane.filled(count),
                _ if restored.is_err() => {}
                // The pipe is empty, so it is the socket that has nothing.
                Err(Errno::AGAIN) => {
                    from.readiness.clear_readable();
                    return Ok(CopyProgress::Blocked);
                }
                Err(Errno::INTR) => {}
                Err(Errno::INVAL | Errno::NOSYS) => return Ok(CopyProgress::Unsupported),
                Err(error) => return Err(fault(Side::Source, error)),
            }
            restored.map_err(|error| fault(Side::Source, error))?;
        }
        if lane.held() > 0 {
            if !to.readiness.is_writable() {
                return Ok(CopyProgress::Blocked);
            }
            match rustix::pipe::splice(pipe.read_end(), None, to.fd, None, lane.held(), FLAGS) {
                Ok(0) => return Err(PumpError { side: Side::Sink, error: io::ErrorKind::WriteZero.into() }),
                Ok(count) => lane.drained(count),
                // The pipe holds something, so it is the sink that has no room.
                Err(Errno::AGAIN) if to.kind == FdKind::Socket => {
                    to.readiness.clear_writable();
                    return Ok(CopyProgress::Blocked);
                }
                Err(Errno::INTR) => {}
                Err(Errno::INVAL | Errno::NOSYS) => return Ok(CopyProgress::Unsupported),
                Err(error) => return Err(fault(Side::Sink, error)),
            }
        }
        Ok(CopyProgress::Moved)
    }
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
mod portable {
    use super::*;

    /// This system has none of these calls.
    pub(crate) enum ZeroCopy {}

    impl ZeroCopy {
        pub(crate) fn between(_: FdKind, _: FdKind) -> Option<ZeroCopy> {
            None
        }

        pub(crate) fn step(
            &mut self,
            _: &mut Lane,
            _: KernelEnd<'_>,
            _: KernelEnd<'_>,
        ) -> Result<CopyProgress, PumpError> {
            match *self {}
        }

        pub(crate) fn rest(&mut self) {
            match *self {}
        }

        pub(crate) fn take_held(&mut self, _: usize) -> io::Result<Vec<u8>> {
            match *self {}
        }
    }
}
