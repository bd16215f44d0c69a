//! Answers to clients that speak another protocol.

/// In the form of a refusal that 'upload --wire text' understands: nothing of its file is stored.
const TO_TEXT: &[u8] =
    b"501 refused: this is a sendall transfer server: use 'sendall upload' or 'sendall download'\r\n";
/// For browsers and curl: methods are in capitals (RFC 9110, 9.1).
const TO_HTTP: &[u8] =
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 151\r\n\
Cache-Control: no-store\r\nConnection: close\r\n\r\n\
403 Forbidden: this sendall server has no HTTP. Start it with --http, or type\n\
'sendall download HOST:PORT' or 'sendall upload FILE HOST:PORT' instead.\n";
/// A fatal alert, unexpected_message (RFC 8446, 6.2): the client learns that there is no TLS, and that nobody is full.
const TO_TLS: &[u8] = &[21, 3, 3, 0, 2, 2, 10];

/// Why a client is refused whose first bytes are not the magic, and the last bytes for it.
pub fn foreign(first: Option<u8>) -> (String, &'static [u8]) {
    let (what, answer): (_, &[u8]) = match first {
        Some(0x16) => ("TLS", TO_TLS),
        Some(byte) if byte.is_ascii_uppercase() => ("HTTP or other text", TO_HTTP),
        Some(byte) if byte.is_ascii_graphic() || byte.is_ascii_whitespace() => ("text", TO_TEXT),
        _ => ("something else", b""),
    };
    (format!("the client speaks {what}, not sendall's transfer protocol"), answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_http_has_the_length_that_it_says() {
        let text = std::str::from_utf8(TO_HTTP).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
