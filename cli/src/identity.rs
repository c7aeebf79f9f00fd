//! Whom DTLS shows: one certificate for the supervisor's life, so that a restarted child keeps it.

use volley::control::handover::IdentityDer;
use volley::control::types::{Fingerprint, FingerprintHash};
use volley::transport::dtls::{Identity, IdentityError};
use zeroize::Zeroizing;

/// A new certificate with its key, and what the answers say of it.
pub(crate) fn generate() -> Result<(IdentityDer, Fingerprint), IdentityError> {
    let identity = Identity::generate()?;
    let value = identity.fingerprint_sha256().into_iter().collect();
    let der = IdentityDer {
        certificate: identity.certificate().to_vec(),
        key: Zeroizing::new(identity.key().to_vec()),
    };
    Ok((der, Fingerprint { hash: FingerprintHash::Sha256, value }))
}
