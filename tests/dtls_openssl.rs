//! A peer that is not ours and not a browser: `openssl s_client` behind a small ICE shim.
//!
//! The shim is one UDP socket. It first sends the transport an authenticated check, so that its
//! address is proved, and from then on carries datagrams between `s_client` and the transport.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path as FilePath, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use volley::base::{Path, SocketIndex, Time};
use volley::control::types::{
    DtlsVersion, Fingerprint, FingerprintHash, IceCredentials, Password, Reason, SrtpProfile, TransportState,
};
use volley::transport::dtls::{DtlsContext, Identity, MAX_DATAGRAM};
use volley::transport::{DropCause, Transport};
use volley::wire::stun::{Class, StunView, StunWriter, attribute};

const PROFILES: &str = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM";

#[test]
fn an_rsa_2048_certificate_connects_with_aes_128_gcm() {
    let files = Files::new("rsa-2048", &["rsa:2048"]);
    let mut call = Call::new(&files, files.fingerprint(), PROFILES, 56);
    call.run_until_connected(SrtpProfile::AeadAes128Gcm);
    call.compare_with_openssl("SRTP_AEAD_AES_128_GCM");
}

#[test]
fn rsa_signatures_with_longer_hashes_are_verified_too() {
    for hash in ["SHA384", "SHA512"] {
        let files = Files::new(&format!("rsa-{hash}"), &["rsa:3072"]);
        let mut call = Call::with(
            &files,
            files.fingerprint(),
            PROFILES,
            56,
            &["-client_sigalgs", &format!("RSA+{hash}")],
        );
        call.run_until_connected(SrtpProfile::AeadAes128Gcm);
        call.compare_with_openssl("SRTP_AEAD_AES_128_GCM");
    }
}

#[test]
fn an_ecdsa_certificate_connects_with_aes_128_gcm() {
    let files = Files::new("ecdsa", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let mut call = Call::new(&files, files.fingerprint(), PROFILES, 56);
    call.run_until_connected(SrtpProfile::AeadAes128Gcm);
    call.compare_with_openssl("SRTP_AEAD_AES_128_GCM");
}

#[test]
fn the_other_profiles_are_taken_when_nothing_better_is_offered() {
    let files = Files::new("profiles", &["rsa:2048"]);
    for (offered, profile, chosen, len) in [
        (
            "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM",
            SrtpProfile::AeadAes256Gcm,
            "SRTP_AEAD_AES_256_GCM",
            88,
        ),
        ("SRTP_AES128_CM_SHA1_80", SrtpProfile::Aes128CmSha1_80, "SRTP_AES128_CM_SHA1_80", 60),
    ] {
        let mut call = Call::new(&files, files.fingerprint(), offered, len);
        call.run_until_connected(profile);
        call.compare_with_openssl(chosen);
    }
}

#[test]
fn an_rsa_certificate_that_was_not_signalled_is_refused() {
    let files = Files::new("rsa-wrong", &["rsa:2048"]);
    let mut other = files.fingerprint();
    other.value[0] ^= 1;
    let mut call = Call::new(&files, other, PROFILES, 56);
    call.run_until(|state| matches!(state, TransportState::Ended { .. }));
    assert_eq!(call.transport.state(), TransportState::Ended { reason: Reason::WrongFingerprint });
}

#[test]
fn an_rsa_1024_certificate_is_refused() {
    let files = Files::new("rsa-1024", &["rsa:1024"]);
    let mut call = Call::with(
        &files,
        files.fingerprint(),
        PROFILES,
        56,
        &["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0"],
    );
    call.run_until(|state| matches!(state, TransportState::Ended { .. }));
    assert_eq!(call.transport.state(), TransportState::Ended { reason: Reason::DtlsFailed });
    assert!(call.certificate_was_seen);
}

/// A key and a self-signed certificate in a folder of their own, removed on drop.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn new(name: &str, new_key: &[&str]) -> Files {
        let folder = std::env::temp_dir().join(format!("volley-openssl-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let files = Files { folder };
        let made = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=test", "-newkey"])
            .args(new_key)
            .arg("-keyout")
            .arg(files.key())
            .arg("-out")
            .arg(files.certificate())
            .stderr(Stdio::null())
            .status();
        assert!(made.expect("openssl is installed").success(), "no certificate");
        files
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut openssl = Command::new("openssl");
        openssl.args(["x509", "-outform", "DER", "-in"]).arg(self.certificate());
        let der = openssl.output().expect("openssl is installed").stdout;
        let value = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        Fingerprint { hash: FingerprintHash::Sha256, value: value.as_ref().try_into().expect("32 bytes") }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `s_client`, the shim, and a transport on a loopback socket.
struct Call {
    transport: Transport,
    server: UdpSocket,
    shim: UdpSocket,
    openssl: Child,
    printed: Receiver<String>,
    client: Option<SocketAddr>,
    certificate_was_seen: bool,
    started: Instant,
}

impl Call {
    fn new(files: &Files, expected: Fingerprint, profiles: &str, exported: usize) -> Call {
        Call::with(files, expected, profiles, exported, &[])
    }

    fn with(files: &Files, expected: Fingerprint, profiles: &str, exported: usize, more: &[&str]) -> Call {
        let context = DtlsContext::new(Identity::generate().expect("an identity"), None);
        let ice = (credentials("server"), credentials("shim"));
        let shim = socket();
        let at = shim.local_addr().expect("bound");
        let mut openssl = s_client(at, files, profiles, exported, more);
        let (lines, printed) = channel();
        let stdout = BufReader::new(openssl.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        Call {
            transport: Transport::new(&context, Time::ZERO, ice, expected, 1),
            server: socket(),
            shim,
            openssl,
            printed,
            client: None,
            certificate_was_seen: false,
            started: Instant::now(),
        }
    }

    fn run_until_connected(&mut self, expected: SrtpProfile) {
        self.run_until(|state| {
            matches!(state, TransportState::Connected { .. } | TransportState::Ended { .. })
        });
        let TransportState::Connected { profile, dtls, .. } = self.transport.state() else {
            panic!("not connected but {:?}", self.transport.state());
        };
        assert_eq!((profile, dtls), (expected, DtlsVersion::Dtls12));
    }

    /// What `s_client` prints about the handshake must agree with what the transport says.
    fn compare_with_openssl(&mut self, profile: &str) {
        let (mut negotiated, mut exported) = (None, None);
        while negotiated.is_none() || exported.is_none() {
            self.pump();
            let Ok(line) = self.printed.recv_timeout(Duration::from_millis(5)) else {
                assert!(
                    self.started.elapsed() < Duration::from_secs(60),
                    "s_client does not say what it did"
                );
                continue;
            };
            let line = line.trim();
            negotiated =
                negotiated.or(line.strip_prefix("SRTP Extension negotiated, profile=").map(str::to_owned));
            exported = exported.or(line.strip_prefix("Keying material: ").map(str::to_owned));
        }
        assert_eq!(negotiated.as_deref(), Some(profile));
        let ours = self.transport.keys().expect("connected").exported();
        let ours: String = ours.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(exported, Some(ours));
    }

    fn run_until(&mut self, reached: impl Fn(TransportState) -> bool) {
        self.refuses_dtls_before_the_check();
        self.prove();
        while !reached(self.transport.state()) {
            assert!(self.started.elapsed() < Duration::from_secs(60), "still {:?}", self.transport.state());
            self.pump();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn refuses_dtls_before_the_check(&mut self) {
        let path = self.path();
        let refused = self.transport.on_dtls(self.now(), &path, &[22; 100]);
        assert_eq!(refused, Err(DropCause::DtlsUnproved));
    }

    /// Sends the check that proves the shim's address and takes the answer.
    fn prove(&mut self) {
        let mut buffer = [0; 256];
        let len = StunWriter::new(&mut buffer, Class::Request, &[7; 12])
            .attribute(attribute::USERNAME, b"server:shim")
            .attribute(attribute::ICE_CONTROLLING, &1u64.to_be_bytes())
            .attribute(attribute::PRIORITY, &1u32.to_be_bytes())
            .attribute(attribute::USE_CANDIDATE, &[])
            .integrity(credentials("server").password.as_bytes())
            .fingerprint()
            .expect("room enough");
        let server = self.server.local_addr().expect("bound");
        self.shim.send_to(&buffer[..len], server).expect("loopback sends");
        while self.transport.path().is_none() {
            assert!(self.started.elapsed() < Duration::from_secs(60), "no answer to the check");
            self.pump();
        }
    }

    /// Carries what has arrived, and lets the transport have its time.
    fn pump(&mut self) {
        let server = self.server.local_addr().expect("bound");
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = self.shim.recv_from(&mut buffer) {
            if from != server {
                self.client = Some(from);
                self.shim.send_to(&buffer[..len], server).expect("loopback sends");
            } else if buffer[0] >= 20 {
                let client = self.client.expect("an answer follows a question");
                self.shim.send_to(&buffer[..len], client).expect("loopback sends");
            } else {
                let answer = StunView::parse(&buffer[..len]).expect("a valid answer");
                assert_eq!(answer.xor_mapped_address(), self.shim.local_addr().ok());
            }
        }
        while let Ok((len, from)) = self.server.recv_from(&mut buffer) {
            self.receive(from, &buffer[..len]);
        }
        self.transport.on_timeout(self.now());
        while let Some(len) = self.transport.poll(&mut buffer[..MAX_DATAGRAM]) {
            let path = self.transport.path().expect("DTLS comes after ICE");
            self.server.send_to(&buffer[..len], path.remote).expect("loopback sends");
        }
    }

    fn receive(&mut self, remote: SocketAddr, datagram: &[u8]) {
        let path = Path { socket: SocketIndex(0), remote };
        if datagram[0] < 20 {
            let check = StunView::parse(datagram).expect("a valid check");
            let mut answer = [0; 256];
            let checked = self.transport.on_stun(self.now(), &path, &check, &mut answer).expect("accepted");
            self.server.send_to(&answer[..checked.answer], remote).expect("loopback sends");
        } else {
            // Handshake record, message type certificate (RFC 5246 §7.4).
            self.certificate_was_seen |= datagram.len() > 13 && datagram[0] == 22 && datagram[13] == 11;
            let now = self.now();
            let _ = self.transport.on_dtls(now, &path, datagram);
        }
    }

    fn path(&self) -> Path {
        Path { socket: SocketIndex(0), remote: self.shim.local_addr().expect("bound") }
    }

    fn now(&self) -> Time {
        Time::from_nanos(self.started.elapsed().as_nanos() as u64)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.openssl.stdin.take() {
            let _ = stdin.write_all(b"Q\n");
        }
        let _ = self.openssl.kill();
        let _ = self.openssl.wait();
    }
}

fn s_client(at: SocketAddr, files: &Files, profiles: &str, exported: usize, more: &[&str]) -> Child {
    let file = |path: &FilePath| path.to_str().expect("a plain path").to_owned();
    Command::new("openssl")
        .args(["s_client", "-dtls1_2", "-connect", &at.to_string(), "-use_srtp", profiles])
        .args(["-cert", &file(&files.certificate()), "-key", &file(&files.key())])
        .args(["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", &exported.to_string()])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed")
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
    socket.set_nonblocking(true).expect("non-blocking");
    socket
}

fn credentials(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: name.try_into().expect("a short name"),
        password: Password::new(format!("{name}-password-of-22-chars").as_bytes()).expect("short"),
    }
}
