//! Streams around streams, and streams that are less than a socket: a line for each trait that they forward or lack.

use std::io;

use super::stream::Stream;

/// Implements traits of [`stream`](crate::net::stream) by asking another stream for everything.
///
/// `forwarding!([S: Stream] Wrapper<S>, this => this.inner; SocketState Timed)`. `WritingEnd` stands for `KernelEnds` of a
/// wrapper that must see what is read: only the end that is written is forwarded.
#[macro_export]
macro_rules! forwarding {
    (@ [$($generics:tt)*] $type:ty, $this:ident => $inner:expr; KernelEnds) => {
        impl<$($generics)*> $crate::net::stream::KernelEnds for $type {
            fn reading_end(&self) -> Option<$crate::net::stream::KernelEnd<'_>> {
                let $this = self;
                $inner.reading_end()
            }

            fn writing_end(&self) -> Option<$crate::net::stream::KernelEnd<'_>> {
                let $this = self;
                $inner.writing_end()
            }
        }
    };
    (@ [$($generics:tt)*] $type:ty, $this:ident => $inner:expr; WritingEnd) => {
        impl<$($generics)*> $crate::net::stream::KernelEnds for $type {
            fn reading_end(&self) -> Option<$crate::net::stream::KernelEnd<'_>> {
                None
            }

            fn writing_end(&self) -> Option<$crate::net::stream::KernelEnd<'_>> {
                let $this = self;
                $inner.writing_end()
            }
        }
    };
    (@ [$($generics:tt)*] $type:ty, $this:ident => $inner:expr; SocketState) => {
        impl<$($generics)*> $crate::net::stream::SocketState for $type {
            fn take_error(&mut self) -> std::io::Result<()> {
                let $this = self;
                $inner.take_error()
            }

            fn has_hung_up(&self) -> bool {
                let $this = self;
                $inner.has_hung_up()
            }

            fn reset_on_close(&mut self, reset: bool) -> std::io::Result<()> {
                let $this = self;
                $inner.reset_on_close(reset)
            }

            fn is_acknowledged(&mut self) -> std::io::Result<bool> {
                let $this = self;
                $inner.is_acknowledged()
            }

            fn delivery(&self) -> Option<$crate::proto::relay::half_close_timer::Delivery> {
                let $this = self;
                $inner.delivery()
            }

            fn pace(&mut self, bytes_per_second: u64) -> std::io::Result<bool> {
                let $this = self;
                $inner.pace(bytes_per_second)
            }
        }
    };
    (@ [$($generics:tt)*] $type:ty, $this:ident => $inner:expr; Timed) => {
        impl<$($generics)*> $crate::net::stream::Timed for $type {
            fn tick(&mut self, now: std::time::Instant) {
                let $this = self;
                $inner.tick(now);
            }

            fn wake_up(&self) -> Option<std::time::Instant> {
                let $this = self;
                $inner.wake_up()
            }
        }
    };
    (@ [$($generics:tt)*] $type:ty, $this:ident => $inner:expr; RelayHints) => {
        impl<$($generics)*> $crate::net::stream::RelayHints for $type {
            fn received_bytes(&self) -> Option<u64> {
                let $this = self;
                $inner.received_bytes()
            }

            fn is_exhausted(&self) -> bool {
                let $this = self;
                $inner.is_exhausted()
            }

            fn survives_broken_pipe(&mut self) -> bool {
                let $this = self;
                $inner.survives_broken_pipe()
            }
        }
    };
    ($generics:tt $type:ty, $this:ident => $inner:expr; $($trait:ident)+) => {
        $($crate::forwarding!(@ $generics $type, $this => $inner; $trait);)+
    };
}

/// Implements traits of [`stream`](crate::net::stream) for a stream that has nothing to say in them.
///
/// `without!([] Plain; KernelEnds SocketState Timed RelayHints)`. Without a socket, what was written counts as
/// acknowledged.
#[macro_export]
macro_rules! without {
    (@ [$($generics:tt)*] $type:ty; KernelEnds) => {
        impl<$($generics)*> $crate::net::stream::KernelEnds for $type {
            fn reading_end(&self) -> Option<$crate::net::stream::KernelEnd<'_>> {
                None
            }

            fn writing_end(&self) -> Option<$crate::net::stream::KernelEnd<'_>> {
                None
            }
        }
    };
    (@ [$($generics:tt)*] $type:ty; SocketState) => {
        impl<$($generics)*> $crate::net::stream::SocketState for $type {
            fn take_error(&mut self) -> std::io::Result<()> {
                Ok(())
            }

            fn has_hung_up(&self) -> bool {
                false
            }

            fn reset_on_close(&mut self, _reset: bool) -> std::io::Result<()> {
                Ok(())
            }

            fn is_acknowledged(&mut self) -> std::io::Result<bool> {
                Ok(true)
            }

            fn delivery(&self) -> Option<$crate::proto::relay::half_close_timer::Delivery> {
                None
            }

            fn pace(&mut self, _bytes_per_second: u64) -> std::io::Result<bool> {
                Ok(false)
            }
        }
    };
    (@ [$($generics:tt)*] $type:ty; Timed) => {
        impl<$($generics)*> $crate::net::stream::Timed for $type {
            fn tick(&mut self, _now: std::time::Instant) {}

            fn wake_up(&self) -> Option<std::time::Instant> {
                None
            }
        }
    };
    (@ [$($generics:tt)*] $type:ty; RelayHints) => {
        impl<$($generics)*> $crate::net::stream::RelayHints for $type {
            fn received_bytes(&self) -> Option<u64> {
                None
            }

            fn is_exhausted(&self) -> bool {
                false
            }

            fn survives_broken_pipe(&mut self) -> bool {
                false
            }
        }
    };
    ($generics:tt $type:ty; $($trait:ident)+) => {
        $($crate::without!(@ $generics $type; $trait);)+
    };
}

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (**self).write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        (**self).finish_writing()
    }
}

crate::forwarding!([S: Stream + ?Sized] Box<S>, this => (**this); KernelEnds SocketState Timed RelayHints);

/// Takes everything, and says nothing.
pub(crate) struct Sink;

impl Stream for Sink {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        Ok(())
    }
}

crate::without!([] Sink; KernelEnds SocketState Timed RelayHints);
