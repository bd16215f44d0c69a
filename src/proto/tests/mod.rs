//! Tests of the frames, of the two machines and of the text header.

mod codec;
mod hello;
mod pair;
mod samples;
mod sides;
mod text_header;
