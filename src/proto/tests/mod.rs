//! Tests of the frames, of the two machines and of the text header.

mod pair;
mod samples;
mod sides;
mod text_header;
