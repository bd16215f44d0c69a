//! `--workers`.

use std::num::NonZero;

/// A number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    Count(usize),
    OnePerCore,
}

impl Workers {
    pub(in crate::run) fn count(self) -> usize {
        match self {
            Workers::Count(count) => count,
            Workers::OnePerCore => std::thread::available_parallelism().map_or(1, NonZero::get),
        }
    }
}
