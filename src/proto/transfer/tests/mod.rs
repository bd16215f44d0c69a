//! Tests of the frames, of the two machines and of the text header.

mod blocks;
mod codec;
mod events;
mod hello;
mod offers;
mod pair;
mod receiving;
mod samples;
mod sending;
mod sides;
mod text_header;
