//! Streams around streams: what they pass on. And one around nothing.

use std::io;
use std::time::Instant;

use super::stream::{KernelEnd, Stream};
use crate::proto::relay::farewell::Delivery;

/// For a stream around another, in a field: what it leaves as it is, but for `tick`, `wake_up` and the kernel's ends.
macro_rules! passes_on {
    ($field:ident) => {
        fn finish_writing(&mut self) -> io::Result<()> {
            self.$field.finish_writing()
        }

        fn goes_on_unread(&mut self) -> bool {
            self.$field.goes_on_unread()
        }

        fn take_error(&mut self) -> io::Result<()> {
            self.$field.take_error()
        }

        fn reset_on_close(&mut self, reset: bool) -> io::Result<()> {
            self.$field.reset_on_close(reset)
        }

        fn is_acknowledged(&mut self) -> io::Result<bool> {
            self.$field.is_acknowledged()
        }

        fn delivery(&self) -> Option<crate::proto::relay::farewell::Delivery> {
            self.$field.delivery()
        }

        fn pace(&mut self, bytes_per_second: u64) -> io::Result<bool> {
            self.$field.pace(bytes_per_second)
        }
    };
}
pub(crate) use passes_on;

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read(buffer)
    }

    fn drained(&mut self) -> bool {
        (**self).drained()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (**self).write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        (**self).finish_writing()
    }

    fn goes_on_unread(&mut self) -> bool {
        (**self).goes_on_unread()
    }

    fn take_error(&mut self) -> io::Result<()> {
        (**self).take_error()
    }

    fn reset_on_close(&mut self, reset: bool) -> io::Result<()> {
        (**self).reset_on_close(reset)
    }

    fn is_acknowledged(&mut self) -> io::Result<bool> {
        (**self).is_acknowledged()
    }

    fn delivery(&self) -> Option<Delivery> {
        (**self).delivery()
    }

    fn pace(&mut self, bytes_per_second: u64) -> io::Result<bool> {
        (**self).pace(bytes_per_second)
    }

    fn tick(&mut self, now: Instant) {
        (**self).tick(now);
    }

    fn wake_up(&self) -> Option<Instant> {
        (**self).wake_up()
    }

    fn is_exhausted(&self) -> bool {
        (**self).is_exhausted()
    }

    fn received_bytes(&self) -> Option<u64> {
        (**self).received_bytes()
    }

    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        (**self).reading_end()
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        (**self).writing_end()
    }
}

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
