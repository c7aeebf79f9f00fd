//! HTTPS and WSS: the certificate that is shown, which may be another one tomorrow, and connections
//! that are handed on once their handshake is over.
//!
//! Knows neither files nor when they change: the supervisor reads them, and `acme` brings others.

use crate::accepting::{self, Counted, Crowd, Ready, Sender};
use crate::access::Tally;
use crate::acme::{Challenges, TLS_PROTOCOL};
use crate::media_tcp::{MediaDoor, begins_as_media};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

/// A connection after its handshake.
pub(crate) type Secure = TlsStream<Counted<TcpStream>>;

/// A client that has not finished its handshake in so long will not.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Handshakes at once: others wait in the kernel, so that strangers who say nothing cost little.
const HANDSHAKES: usize = 512;

/// A certificate with its chain, and its key, both PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsIdentity {
    /// The certificate first, then those that signed it.
    pub certificate: String,
    /// PKCS #8, PKCS #1 or SEC 1.
    pub key: String,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(…)")
    }
}

/// Why a certificate cannot be shown.
#[derive(thiserror::Error, Debug)]
pub enum TlsError {
    /// There is none in the text.
    #[error("there is no certificate in PEM form in it: {0}")]
    NoCertificate(String),
    /// There is none in the text.
    #[error("there is no private key in PEM form in it: {0}")]
    NoKey(String),
    /// They are not of one another, or of a kind that is not known.
    #[error("certificate and key cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
}

impl TlsIdentity {
    /// Whether it can be shown.
    pub fn check(&self) -> Result<(), TlsError> {
        self.certified_key().map(|_| ())
    }

    fn certified_key(&self) -> Result<CertifiedKey, TlsError> {
        let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .map(|one| one.map(CertificateDer::into_owned))
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::NoCertificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(String::from("it has none at all")));
        }
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .map_err(|error| TlsError::NoKey(error.to_string()))?;
        Ok(CertifiedKey::from_der(chain, key, &provider())?)
    }
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// The certificate that is shown now.
#[derive(Debug)]
pub(crate) struct Certificates {
    shown: RwLock<Arc<CertifiedKey>>,
    challenges: Arc<Challenges>,
}

impl Certificates {
    pub(crate) fn new(
        identity: &TlsIdentity,
        challenges: Arc<Challenges>,
    ) -> Result<Arc<Certificates>, TlsError> {
        let shown = RwLock::new(Arc::new(identity.certified_key()?));
        Ok(Arc::new(Certificates { shown, challenges }))
    }

    /// Shows another one to whoever comes from now on.
    pub(crate) fn replace(&self, identity: &TlsIdentity) -> Result<(), TlsError> {
        let key = Arc::new(identity.certified_key()?);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if Challenges::is_wanted(&hello) {
            return self.challenges.certificate(hello.server_name()?);
        }
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Gives out connections whose handshake is over. Must be called inside the runtime.
pub(crate) fn listen(
    listener: TcpListener,
    certificates: Arc<Certificates>,
    crowd: Crowd,
    door: Option<MediaDoor>,
) -> anyhow::Result<Ready<Secure>> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    // A WebSocket over HTTP/2 (RFC 8441) would gain nothing here.
    config.alpn_protocols = vec![b"http/1.1".to_vec(), TLS_PROTOCOL.to_vec()];
    let (sender, ready) = Ready::at(listener.local_addr()?);
    tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), crowd, door, sender));
    Ok(ready)
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    crowd: Crowd,
    door: Option<MediaDoor>,
    ready: Sender<Secure>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let of_address = Arc::new(Tally::default());
    while let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await {
        let (stream, address) = accepting::next(&listener).await;
        let Some(stream) = crowd.admit(stream, address) else { continue };
        let limited = crowd.limits_of(address.ip());
        let held = limited.map(|(address, limits)| of_address.hold(address, limits.handshakes));
        if matches!(held, Some(None)) {
            tracing::debug!(%address, "an address has too many TLS handshakes under way; this one is closed");
            continue;
        }
        let (acceptor, door, ready) = (acceptor.clone(), door.clone(), ready.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE_WITHIN, welcome(stream, &acceptor, door)).await {
                Ok(Ok(Some(stream))) => drop(ready.send((stream, address)).await),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::debug!(%error, %address, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
            }
            drop((permit, held));
        });
    }
}

/// Shakes hands; `None`: it was media, and was handed on, or wanted to see a proof, and has.
async fn welcome(
    stream: Counted<TcpStream>,
    acceptor: &TlsAcceptor,
    door: Option<MediaDoor>,
) -> io::Result<Option<Secure>> {
    if let Some(door) = door
        && begins_as_media(stream.get_ref()).await?
    {
        let (stream, _until_handed_on) = stream.into_parts();
        door.take(stream).await;
        return Ok(None);
    }
    let stream = acceptor.accept(stream).await?;
    let is_served = stream.get_ref().1.alpn_protocol() != Some(TLS_PROTOCOL);
    Ok(is_served.then_some(stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::AddressLimits;
    use std::net::IpAddr;

    fn identity() -> TlsIdentity {
        let made = rcgen::generate_simple_self_signed(vec![String::from("localhost")]).unwrap();
        TlsIdentity { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    #[test]
    fn a_certificate_is_shown_with_its_own_key_only() {
        let (one, other) = (identity(), identity());
        one.check().unwrap();
        let mixed = TlsIdentity { key: other.key, ..one.clone() };
        assert!(matches!(mixed.check(), Err(TlsError::Unusable(_))));
        let swapped = TlsIdentity { certificate: one.key.clone(), key: one.certificate.clone() };
        assert!(matches!(swapped.check(), Err(TlsError::NoCertificate(_))));
        let keyless = TlsIdentity { key: String::from("nothing"), ..one };
        assert!(matches!(keyless.check(), Err(TlsError::NoKey(_))));
    }

    #[tokio::test]
    async fn an_address_with_too_many_handshakes_under_way_is_closed_and_others_are_not() {
        use tokio::io::AsyncReadExt as _;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = AddressLimits { handshakes: 2, ..AddressLimits::default() };
        let limited = |peer: IpAddr| (peer == IpAddr::from([127, 0, 0, 1])).then_some(peer);
        let crowd = Crowd::new(move |peer| Some((limited(peer)?, limits)));
        let _kept =
            listen(listener, Certificates::new(&identity(), Arc::default()).unwrap(), crowd, None).unwrap();
        let connect = async |from: [u8; 4]| {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind((from, 0).into()).unwrap();
            socket.connect(address).await.unwrap()
        };
        let _silent = [connect([127, 0, 0, 1]).await, connect([127, 0, 0, 1]).await];
        let mut third = connect([127, 0, 0, 1]).await;
        assert_eq!(third.read(&mut [0; 1]).await.unwrap(), 0, "closed at once");
        let mut other = connect([127, 0, 0, 2]).await;
        let waits = tokio::time::timeout(Duration::from_millis(300), other.read(&mut [0; 1])).await;
        assert!(waits.is_err(), "somebody else is waited for");
    }

    #[test]
    fn a_certificate_that_cannot_be_shown_leaves_the_one_before() {
        let certificates = Certificates::new(&identity(), Arc::default()).unwrap();
        let shown = || certificates.shown.read().unwrap().cert[0].clone();
        let before = shown();
        let broken = TlsIdentity { certificate: String::new(), ..identity() };
        assert!(certificates.replace(&broken).is_err());
        assert_eq!(shown(), before);
        certificates.replace(&identity()).unwrap();
        assert_ne!(shown(), before);
    }
}
