//! What servers say before TLS, nearly right, whole and in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::handshake::Handshake;
use sendall::proto::starttls::{StartTls, StartTlsFault, StartTlsProtocol};

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (protocol, piece, bytes) = input;
    let protocol = StartTlsProtocol::ALL[usize::from(protocol) % StartTlsProtocol::ALL.len()];
    let whole = outcome(protocol, &bytes, bytes.len());
    assert_eq!(whole, outcome(protocol, &bytes, usize::from(piece)));
    if whole == Ok(true) {
        let more = [&bytes[..], b"x"].concat();
        assert_eq!(outcome(protocol, &more, more.len()), Err(StartTlsFault::Injected));
    }
});

/// True once the server has consented.
fn outcome(protocol: StartTlsProtocol, bytes: &[u8], piece: usize) -> Result<bool, StartTlsFault> {
    let mut machine = StartTls::new(protocol, "a.example");
    for part in bytes.chunks(piece.clamp(1, 512)) {
        if machine.wanted() == 0 {
            return Err(StartTlsFault::Injected);
        }
        machine.take(part)?;
    }
    Ok(machine.wanted() == 0)
}
