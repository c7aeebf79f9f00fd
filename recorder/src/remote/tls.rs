//! TLS 1.3 between a media host and its recorder, each known by a key that follows from the secret.
//!
//! There are no certificates: both show a raw public key (RFC 7250), and each reckons from the secret
//! which one the other must show. The two keys differ, so neither can be given back what it said itself.

use super::secret::Secret;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::signature::Ed25519KeyPair;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    ServerConfig, SignatureScheme, version,
};
use std::io;
use std::sync::Arc;

/// Changed when keys follow from secrets in another way.
const SALT: &[u8] = b"volley recording offload 1";
const MEDIA_HOST: &[u8] = b"media host";
const RECORDER: &[u8] = b"recorder";

/// For the media host, which calls.
pub(super) fn client(secret: &Secret) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (own, theirs) = (key(secret, MEDIA_HOST, &provider)?, key(secret, RECORDER, &provider)?);
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Expected::new(&theirs, &provider)))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(own)));
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// For the recorder, which is called.
pub(super) fn server(secret: &Secret) -> Result<ServerConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (own, theirs) = (key(secret, RECORDER, &provider)?, key(secret, MEDIA_HOST, &provider)?);
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(Arc::new(Expected::new(&theirs, &provider)))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(own)));
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Whether the other side has another secret.
pub(super) fn is_other_secret(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    matches!(
        error,
        Some(
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
                | Error::AlertReceived(AlertDescription::AccessDenied)
        )
    )
}

fn key(secret: &Secret, of: &[u8], provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, Error> {
    let failed = || Error::General(String::from("no key follows from the secret"));
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    let pseudorandom = Salt::new(HKDF_SHA256, SALT).extract(secret.as_bytes());
    pseudorandom.expand(&[of], HKDF_SHA256).and_then(|okm| okm.fill(&mut seed[..])).map_err(|_| failed())?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed[..]).map_err(|_| failed())?;
    let document = pair.to_pkcs8v1().map_err(|_| failed())?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(document.as_ref().to_vec()));
    let key = provider.key_provider.load_private_key(private)?;
    let public = CertificateDer::from(key.public_key().ok_or_else(failed)?.as_ref().to_vec());
    Ok(Arc::new(CertifiedKey::new(vec![public], key)))
}

/// The one key that the other side must show, and prove.
#[derive(Debug)]
struct Expected {
    public: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Expected {
    fn new(key: &CertifiedKey, provider: &CryptoProvider) -> Expected {
        Expected { public: key.cert[0].clone(), algorithms: provider.signature_verification_algorithms }
    }

    fn judge(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let is_theirs = *shown == self.public;
        is_theirs.then_some(()).ok_or(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let public = SubjectPublicKeyInfoDer::from(shown.as_ref());
        verify_tls13_signature_with_raw_key(message, &public, signature, &self.algorithms)
    }
}

/// Neither side speaks it.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General(String::from("only TLS 1.3 is spoken")))
}

impl ServerCertVerifier for Expected {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(shown).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _shown: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Expected {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(shown).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _shown: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
