//! A certificate in files, for servers and clients of TLS.

use base64::Engine as _;
use rustls::pki_types::ServerName;
use sendall::net::tls::certificate::self_signed;
use sendall::net::tls::key::Key;
use tempfile::TempDir;

/// A certificate that was signed with its own key, and what to type.
pub(crate) struct IdentityFiles {
    _folder: TempDir,
    names: Vec<ServerName<'static>>,
    /// The file of the certificate, which is also that of the authority.
    pub(crate) certificate: String,
    /// The file of its key.
    pub(crate) key: String,
    /// `sha256:...` of the key.
    pub(crate) pin: String,
}

impl IdentityFiles {
    /// For `localhost` and `127.0.0.1`.
    pub(crate) fn new() -> IdentityFiles {
        IdentityFiles::named(&["localhost", "127.0.0.1"])
    }

    /// For these names and addresses.
    pub(crate) fn named(names: &[&str]) -> IdentityFiles {
        let name = |name: &&str| ServerName::try_from((*name).to_owned()).expect("a name");
        let names = names.iter().map(name).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (certificate, key) = (path("certificate"), path("key"));
        let mut files = IdentityFiles { _folder: folder, names, certificate, key, pin: String::new() };
        files.renew();
        files
    }

    /// Puts another certificate and key into the files.
    pub(crate) fn renew(&mut self) {
        let key = Key::generate().expect("a key");
        let der = self_signed(&key, &self.names).expect("DER");
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        std::fs::write(&self.certificate, pem).expect("written");
        std::fs::write(&self.key, key.to_pem().expect("PEM").as_bytes()).expect("written");
        self.pin = key.pin().to_string();
    }

    /// The options of a server that presents it.
    pub(crate) fn shown(&self) -> [&str; 5] {
        ["--tls", "--cert", &self.certificate, "--cert-key", &self.key]
    }

    /// The options of a client that expects it.
    pub(crate) fn expected(&self) -> [&str; 3] {
        ["--tls", "--pin", &self.pin]
    }
}
