//! Tests of the frames, of the two machines and of the text header.

mod codec;
mod machines;
mod pair;
mod samples;
mod text_header;
