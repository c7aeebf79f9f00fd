//! Clients whose certificate has an RSA key, in DTLS 1.3; `tests/dtls_openssl.rs` has them in 1.2.

use super::tests::Pair;
use super::*;
use crate::transport::testing::{Client, Offer, fingerprint};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use dimpl::crypto::{Buf, CryptoProvider, KeyProvider, SigningKey};
use dimpl::{CryptoError, CryptoOperation, HashAlgorithm, SignatureAlgorithm};

/// Gives dimpl's client what it lacks: an RSA key to sign with.
#[derive(Debug)]
struct RsaKeys {
    pss: bool,
}

#[derive(Debug)]
struct RsaSigner {
    key: RsaKeyPair,
    pss: bool,
}

impl KeyProvider for RsaKeys {
    fn load_private_key(&self, key: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let key = RsaKeyPair::from_pkcs8(key).map_err(|_| CryptoError::InvalidPrivateKey)?;
        Ok(Box::new(RsaSigner { key, pss: self.pss }))
    }
}

impl SigningKey for RsaSigner {
    fn sign(&mut self, data: &[u8], _: HashAlgorithm, out: &mut Buf) -> Result<(), CryptoError> {
        out.resize(self.key.public_modulus_len(), 0);
        let padding: &dyn RsaEncoding = if self.pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        self.key
            .sign(padding, &SystemRandom::new(), data, out)
            .map_err(|_| CryptoError::OperationFailed(CryptoOperation::Sign))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

static PSS: RsaKeys = RsaKeys { pss: true };
static PKCS1: RsaKeys = RsaKeys { pss: false };

fn connect(keys: &'static RsaKeys) -> Pair {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
    let key = key.expect("an RSA key");
    let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    let browser = Identity::unchecked(certificate.der().to_vec(), key.serialize_der());
    let provider = CryptoProvider { key_provider: keys, ..dimpl::crypto::aws_lc_rs::default_provider() };
    let config = dimpl::Config::builder().with_crypto_provider(provider);
    let context = DtlsContext::new(Identity::generate().expect("an identity"), None);
    let server = DtlsServer::new(&context, fingerprint(&browser), 1, Time::ZERO);
    let mut pair = Pair::new(Client::with(&browser, Offer::V13, config), server, 1);
    pair.run();
    pair
}

#[test]
fn dtls_1_3_takes_a_client_with_an_rsa_key() {
    let pair = connect(&PSS);
    assert_eq!(pair.connected.map(|(version, _)| version), Some(DtlsVersion::Dtls13));
}

/// RFC 8446 §4.2.3: PKCS#1 v1.5 is for certificates alone.
#[test]
fn dtls_1_3_refuses_an_rsa_signature_of_the_old_form() {
    let pair = connect(&PKCS1);
    assert_eq!(pair.failed, Some(Reason::DtlsFailed));
    assert!(pair.connected.is_none());
}
