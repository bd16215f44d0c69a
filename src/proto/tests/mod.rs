//! Tests of the frames and of the two machines.

mod codec;
mod machines;
mod pair;
mod samples;
