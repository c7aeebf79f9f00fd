//! What this server must show for an ACME server to believe that it is whom a name leads to: a text over
//! HTTP (RFC 8555 §8.3), or a certificate over TLS (RFC 8737).

use anyhow::Context as _;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::ClientHello;
use tokio_rustls::rustls::sign::CertifiedKey;

/// The protocol that is spoken by whoever wants to see such a certificate (RFC 8737 §6.2).
pub(crate) const TLS_PROTOCOL: &[u8] = b"acme-tls/1";

/// How a name is proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proof {
    /// Port 443 of the name leads to our HTTPS.
    Tls,
    /// Port 80 of the name leads to our HTTP.
    Http,
}

/// All that is to be shown now; mostly nothing.
#[derive(Debug, Default)]
pub(crate) struct Challenges(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    /// By token.
    texts: HashMap<String, String>,
    /// By name.
    certificates: HashMap<String, Arc<CertifiedKey>>,
}

impl Challenges {
    /// Shows, until [`Self::clear`], a text by its token.
    pub(super) fn show_text(&self, token: &str, text: &str) {
        self.shown().texts.insert(token.to_owned(), text.to_owned());
    }

    /// Shows, until [`Self::clear`], a certificate of `name` that carries `digest`.
    pub(super) fn show_certificate(&self, name: &str, digest: &[u8]) -> anyhow::Result<()> {
        let made = make(name, digest).context("no certificate can be made for the proof")?;
        self.shown().certificates.insert(name.to_ascii_lowercase(), Arc::new(made));
        Ok(())
    }

    /// Nothing has to be shown any more.
    pub(super) fn clear(&self) {
        *self.shown() = Shown::default();
    }

    /// The text for a token.
    pub(crate) fn text(&self, token: &str) -> Option<String> {
        self.shown().texts.get(token).cloned()
    }

    /// Whether a client is here for a proof and nothing else (RFC 8737 §3: it names one protocol).
    pub(crate) fn is_wanted(hello: &ClientHello<'_>) -> bool {
        hello.alpn().is_some_and(|mut named| named.next() == Some(TLS_PROTOCOL) && named.next().is_none())
    }

    /// The certificate for a name.
    pub(crate) fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.shown().certificates.get(&name.to_ascii_lowercase()).cloned()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(name: &str, digest: &[u8]) -> anyhow::Result<CertifiedKey> {
    let mut parameters = CertificateParams::new(vec![name.to_owned()])?;
    parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key.into())?;
    // Without a look at whether both belong together, which refuses critical extensions that it does not know.
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_found_until_it_is_over() {
        let challenges = Challenges::default();
        challenges.show_text("token", "token.thumbprint");
        challenges.show_certificate("Sfu.Example.org", &[7; 32]).unwrap();
        assert_eq!(challenges.text("token").as_deref(), Some("token.thumbprint"));
        assert!(challenges.text("other").is_none() && challenges.certificate("other.example").is_none());
        let shown = challenges.certificate("sfu.example.org").expect("names have no case");
        // RFC 8737 §3: id-pe-acmeIdentifier, critical, with the digest as an octet string.
        let extension = [&[0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32][..], &[7; 32]].concat();
        assert!(
            shown.cert[0].windows(extension.len()).any(|part| part == extension),
            "{:02x?}",
            shown.cert[0]
        );
        challenges.clear();
        assert!(challenges.text("token").is_none() && challenges.certificate("sfu.example.org").is_none());
    }
}
