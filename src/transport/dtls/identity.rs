//! The server's certificate and key, and what a peer's certificate is compared with.

use crate::control::types::{Fingerprint, FingerprintHash};
use aws_lc_rs::{constant_time, digest};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A certificate with its private key: self-signed ECDSA P-256, which every browser takes
/// (RFC 8827 §6.5). The key is zeroed on drop and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Identity {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Why an identity could not be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdentityError {
    /// Making the key or signing the certificate failed.
    #[error("the certificate could not be generated")]
    Generate,
    /// The key is not PKCS#8 with an ECDSA P-256 key, or the certificate is not of that key.
    #[error("the private key is not an ECDSA P-256 key in PKCS#8, or not the certificate's")]
    Key,
}

impl Identity {
    /// A new key and a certificate for it that names nobody.
    pub fn generate() -> Result<Identity, IdentityError> {
        let failed = |_| IdentityError::Generate;
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "WebRTC");
        let certificate = parameters.self_signed(&key).map_err(failed)?;
        Ok(Identity { certificate: certificate.der().to_vec(), key: key.serialize_der() })
    }

    /// An identity that was generated before: the certificate in DER, the key in PKCS#8 DER.
    pub fn from_der(certificate: Vec<u8>, key: Vec<u8>) -> Result<Identity, IdentityError> {
        let identity = Identity { certificate, key };
        let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(algorithm, &identity.key)
            .map_err(|_| IdentityError::Key)?;
        // An uncompressed point of 65 bytes does not stand in a certificate by chance.
        let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref();
        let certified = identity.certificate.windows(public.len()).any(|window| window == public);
        certified.then_some(identity).ok_or(IdentityError::Key)
    }

    /// For peers in tests, whose keys may be of other kinds.
    #[cfg(test)]
    pub(super) fn unchecked(certificate: Vec<u8>, key: Vec<u8>) -> Identity {
        Identity { certificate, key }
    }

    /// The certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key in PKCS#8 DER.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What `a=fingerprint:sha-256` says (RFC 8122 §5).
    pub fn fingerprint_sha256(&self) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, &self.certificate).as_ref());
        fingerprint
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// Whether `certificate` (DER) is the one that was signalled (RFC 8122 §5, RFC 8827 §6.5).
pub fn is_certified(certificate: &[u8], expected: &Fingerprint) -> bool {
    let algorithm = match expected.hash {
        FingerprintHash::Sha256 => &digest::SHA256,
        FingerprintHash::Sha384 => &digest::SHA384,
        FingerprintHash::Sha512 => &digest::SHA512,
    };
    let actual = digest::digest(algorithm, certificate);
    constant_time::verify_slices_are_equal(actual.as_ref(), &expected.value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_being_kept_as_der() {
        let identity = Identity::generate().expect("a new identity");
        let back = Identity::from_der(identity.certificate().to_vec(), identity.key().to_vec());
        assert_eq!(back.map(|back| back.fingerprint_sha256()), Ok(identity.fingerprint_sha256()));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (one, two) = (Identity::generate().expect("one"), Identity::generate().expect("two"));
        let mixed = Identity::from_der(one.certificate().to_vec(), two.key().to_vec());
        assert_eq!(mixed.err(), Some(IdentityError::Key));
        assert_eq!(
            Identity::from_der(one.certificate().to_vec(), vec![1, 2, 3]).err(),
            Some(IdentityError::Key)
        );
    }

    #[test]
    fn every_hash_is_compared_whole() {
        let identity = Identity::generate().expect("a new identity");
        for (hash, algorithm) in [
            (FingerprintHash::Sha256, &digest::SHA256),
            (FingerprintHash::Sha384, &digest::SHA384),
            (FingerprintHash::Sha512, &digest::SHA512),
        ] {
            let value = digest::digest(algorithm, identity.certificate()).as_ref().try_into();
            let mut expected = Fingerprint { hash, value: value.expect("at most 64 bytes") };
            assert!(is_certified(identity.certificate(), &expected));
            *expected.value.last_mut().expect("a value") ^= 1;
            assert!(!is_certified(identity.certificate(), &expected));
            expected.value.clear();
            assert!(!is_certified(identity.certificate(), &expected));
        }
    }
}
