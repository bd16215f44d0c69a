//! TLS on TCP connections: rustls with its unbuffered interface, certificates and keys.

mod authorities;
mod buffers;
pub mod certificate;
pub mod client;
pub(crate) mod connecting;
mod exporter;
mod failure;
pub mod identity;
pub mod key;
pub(crate) mod layer;
pub mod peer;
mod records;
pub mod server;
mod signatures;
pub(crate) mod socket;

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, SupportedProtocolVersion};

pub use self::failure::{CLIENT_OPTIONS, PINNED_OPTIONS, TARGET_OPTIONS, TlsOptions, WEB_OPTIONS};
use self::layer::Layer;

/// The versions that are spoken.
const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// The cryptography of every connection: the one place that chooses it.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // AES-128-GCM first: the fastest with AES instructions; 128-bit keys are not known to be weaker in practice.
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    provider
}

/// What a handshake has negotiated, for `-vv`.
pub(crate) fn negotiated(layer: &Layer) -> String {
    let state = layer.state();
    let version = state.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    let suite = state.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let group = state.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
    let protocol = state.alpn_protocol().map(String::from_utf8_lossy);
    let mut text = format!("{version}, {}", suite.unwrap_or("an unnamed suite"));
    if let Some(group) = group {
        text += &format!(", {group}");
    }
    if let Some(protocol) = protocol {
        text += &format!(", protocol {}", protocol.escape_debug());
    }
    match layer.peer_pin() {
        Some(key) => text + &format!(", the peer's key {key}"),
        None => text,
    }
}
