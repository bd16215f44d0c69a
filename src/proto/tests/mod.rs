//! Tests of the frames, of the two machines and of the text header.

mod blocks;
mod codec;
mod events;
mod hello;
mod message;
mod offers;
mod pair;
mod proxies;
mod proxy_header;
mod receiving;
mod samples;
mod sending;
mod sides;
mod text_header;
