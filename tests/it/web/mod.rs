//! `serve --http`: files and folders for browsers and curl.

mod qr_code;
