//! Answers to clients that speak another protocol.

/// In the form of a refusal that 'upload --wire text' understands: nothing of its file is stored.
const TO_TEXT: &[u8] =
    b"501 refused: this is a sendall transfer server: use 'sendall upload' or 'sendall download'\r\n";
/// A fatal alert, unexpected_message (RFC 8446, 6.2): the client learns that there is no TLS, and that nobody is full.
const TO_TLS: &[u8] = &[21, 3, 3, 0, 2, 2, 10];

/// Why a client is refused whose first bytes are not the magic, and the last bytes for it.
pub fn foreign(first: Option<u8>) -> (String, &'static [u8]) {
    let (what, answer): (_, &[u8]) = match first {
        Some(0x16) => ("TLS", TO_TLS),
        Some(byte) if byte.is_ascii_graphic() || byte.is_ascii_whitespace() => ("text", TO_TEXT),
        _ => ("something else", b""),
    };
    (format!("the client speaks {what}, not sendall's transfer protocol"), answer)
}
