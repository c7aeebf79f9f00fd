//! The handshake against a server that is not ours: `openssl s_server`, DTLS 1.2.

use super::secure::{DtlsContext, Handshake, Keys, MAX_DATAGRAM, Step};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use volley::control::types::{Fingerprint, FingerprintHash, SrtpProfile};
use volley::transport::dtls::Identity;
use volley::transport::srtp::{MasterKeys, Role, SrtpSender, exporter_len};
use volley::worker::clock::Clock;

/// A handshake on loopback takes milliseconds; a busy machine is given more.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn openssl_agrees_on_each_profile_and_on_its_keys() {
    for (name, profile) in [
        ("SRTP_AEAD_AES_128_GCM", SrtpProfile::AeadAes128Gcm),
        ("SRTP_AEAD_AES_256_GCM", SrtpProfile::AeadAes256Gcm),
        ("SRTP_AES128_CM_SHA1_80", SrtpProfile::Aes128CmSha1_80),
    ] {
        let server = Server::start(name, exporter_len(profile));
        let mut keys = connect(&server, server.fingerprint()).expect("the handshake ends well");
        assert_eq!(keys.profile, profile);
        let theirs = MasterKeys::from_exporter(profile, &server.exported(), Role::Server);
        let sender = SrtpSender::new(&theirs.expect("as many bytes as asked for").local);
        let (mut packet, mut plain) = ([0; 100], [0; 100]);
        packet[0] = 0x80;
        let len = sender.seal_rtp(0, 12, &b"hello"[..], &mut packet).expect("there is room");
        let opened = keys.receiver.open_rtp(&packet[..len], 12, &mut plain).expect("the keys fit");
        assert_eq!(&plain[12..opened.len], b"hello");
    }
}

#[test]
fn an_openssl_server_with_another_certificate_is_refused() {
    let server = Server::start("SRTP_AEAD_AES_128_GCM", 56);
    let mut other = server.fingerprint();
    other.value[0] ^= 1;
    let refusal = connect(&server, other).err().expect("the certificate is another");
    assert!(refusal.contains("another certificate"), "{refusal}");
}

/// Carries datagrams between a handshake and the server until it ends.
fn connect(server: &Server, expected: Fingerprint) -> Result<Keys, String> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has UDP");
    socket.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout can be set");
    let (clock, identity) = (Clock::new(), Identity::generate().expect("a new identity"));
    let context = DtlsContext::new(&identity, clock.now());
    let mut handshake = Handshake::new(&context, expected, clock.now());
    let (start, mut buffer) = (Instant::now(), [0; 2048]);
    while start.elapsed() < PATIENCE {
        let due = loop {
            match handshake.poll(&context, &mut buffer[..MAX_DATAGRAM]) {
                Step::Send(len) => {
                    // Before the server listens, the kernel answers for it.
                    let _ = socket.send_to(&buffer[..len], server.address);
                }
                Step::Connected(keys) => return Ok(*keys),
                Step::Failed(why) => return Err(why),
                Step::Wait(until) => break until,
            }
        };
        if let Ok((len, _)) = socket.recv_from(&mut buffer) {
            let datagram = buffer[..len].to_vec();
            handshake.on_datagram(&context, clock.now(), &datagram);
        } else if clock.now() >= due {
            handshake.on_timeout(&context, clock.now());
        }
    }
    Err("no answer".to_owned())
}

/// `openssl s_server` with a certificate of its own.
struct Server {
    folder: PathBuf,
    address: SocketAddr,
    process: Child,
}

impl Server {
    fn start(profile: &str, exported: usize) -> Server {
        let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = port.expect("loopback has UDP");
        let folder =
            std::env::temp_dir().join(format!("volley-bench-{}-{}", std::process::id(), address.port()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=test"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status();
        assert!(made.expect("openssl is installed").success(), "no certificate");
        let process = Command::new("openssl")
            .args(["s_server", "-dtls1_2", "-Verify", "1", "-use_srtp", profile])
            .args(["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", &exported.to_string()])
            .args(["-accept", &address.to_string(), "-key"])
            .arg(&key)
            .arg("-cert")
            .arg(&certificate)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        Server { folder, address, process }
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut openssl = Command::new("openssl");
        openssl.args(["x509", "-outform", "DER", "-in"]).arg(self.folder.join("certificate.pem"));
        let der = openssl.output().expect("openssl is installed").stdout;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        Fingerprint { hash: FingerprintHash::Sha256, value: digest.as_ref().iter().copied().collect() }
    }

    /// The keys as OpenSSL prints them once it is connected.
    fn exported(&self) -> Vec<u8> {
        let stdout = self.process.stdout.as_ref().expect("it is piped");
        let stdout = std::os::fd::AsFd::as_fd(stdout).try_clone_to_owned().expect("it is open");
        let lines = BufReader::new(std::fs::File::from(stdout).take(1 << 20)).lines();
        for line in lines.map_while(Result::ok) {
            if let Some((_, hexadecimal)) = line.split_once("Keying material: ") {
                let pair = |at: usize| u8::from_str_radix(&hexadecimal[at..at + 2], 16).expect("hexadecimal");
                return (0..hexadecimal.trim().len()).step_by(2).map(pair).collect();
            }
        }
        panic!("openssl printed no keying material");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
