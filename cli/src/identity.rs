//! Whom DTLS shows: one certificate for the supervisor's life, so that a restarted child keeps it.

use anyhow::Context as _;
use volley::control::handover::IdentityDer;
use volley::control::types::{Fingerprint, FingerprintHash};
use zeroize::Zeroizing;

/// A new self-signed ECDSA P-256 certificate and what the answers say of it.
pub(crate) fn generate() -> anyhow::Result<(IdentityDer, Fingerprint)> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).context("no key for DTLS")?;
    let certificate = rcgen::CertificateParams::new(Vec::<String>::new())
        .and_then(|parameters| parameters.self_signed(&key))
        .context("no certificate for DTLS")?;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der());
    let value = hash.as_ref().try_into().context("a SHA-256 value has 32 bytes")?;
    let der =
        IdentityDer { certificate: certificate.der().to_vec(), key: Zeroizing::new(key.serialize_der()) };
    Ok((der, Fingerprint { hash: FingerprintHash::Sha256, value }))
}
