//! Our SRTP against two others, `webrtc-srtp` and libsrtp2: 10^5 random packets per profile, lost,
//! reordered, repeated and wrapping, sealed and opened by both sides.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use volley::base::id::{PayloadType, Ssrc};
use volley::base::random::Random;
use volley::control::types::SrtpProfile;
use volley::transport::srtp::{MasterKey, MasterKeys, Role, SrtpReceiver, SrtpSender, exporter_len};
use volley::wire::extension::Element;
use volley::wire::rtp::{RtpHeader, RtpView};

const PACKETS: usize = 100_000;
/// Half of what either side's replay window spans, so that no packet is too old for one alone.
const REORDERING: usize = 60;
const BATCH: usize = 1_000;

#[test]
fn aes_128_gcm_agrees_with_webrtc_srtp() {
    compare(SrtpProfile::AeadAes128Gcm, &mut WebrtcSrtp::new(SrtpProfile::AeadAes128Gcm), 1);
}

#[test]
fn aes_256_gcm_agrees_with_webrtc_srtp() {
    compare(SrtpProfile::AeadAes256Gcm, &mut WebrtcSrtp::new(SrtpProfile::AeadAes256Gcm), 2);
}

#[test]
fn aes_128_cm_agrees_with_webrtc_srtp() {
    compare(SrtpProfile::Aes128CmSha1_80, &mut WebrtcSrtp::new(SrtpProfile::Aes128CmSha1_80), 3);
}

#[test]
fn aes_128_gcm_agrees_with_libsrtp() {
    compare(SrtpProfile::AeadAes128Gcm, &mut LibSrtp::new(SrtpProfile::AeadAes128Gcm), 4);
}

#[test]
fn aes_256_gcm_agrees_with_libsrtp() {
    compare(SrtpProfile::AeadAes256Gcm, &mut LibSrtp::new(SrtpProfile::AeadAes256Gcm), 5);
}

#[test]
fn aes_128_cm_agrees_with_libsrtp() {
    compare(SrtpProfile::Aes128CmSha1_80, &mut LibSrtp::new(SrtpProfile::Aes128CmSha1_80), 6);
}

/// What another implementation is asked to do with packets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    SealRtp,
    OpenRtp,
    SealRtcp,
    OpenRtcp,
}

trait Peer {
    /// Does one task with each packet in turn; `None` where it refuses.
    fn work(&mut self, task: Task, packets: &[Vec<u8>]) -> Vec<Option<Vec<u8>>>;
}

fn compare(profile: SrtpProfile, peer: &mut dyn Peer, seed: u64) {
    let mut random = Random::new(seed);
    let mut streams = Stream::three(&mut random);
    let master = master(profile);
    let mut ours = Ours { sender: SrtpSender::new(&master), receiver: SrtpReceiver::new(&master) };
    let mut wire = Wire::default();
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..PACKETS / BATCH {
        let plain: Vec<_> =
            (0..BATCH).map(|_| random_stream(&mut streams, &mut random).next(&mut random)).collect();
        let packets: Vec<_> = plain.iter().map(|packet| packet.bytes.clone()).collect();
        let sealed: Vec<_> = plain.iter().map(|packet| ours.seal(packet)).collect();
        let theirs = peer.work(Task::SealRtp, &packets);
        for (ours, theirs) in sealed.iter().zip(theirs) {
            assert_eq!(Some(ours), theirs.as_ref(), "both seal alike, byte for byte");
        }
        wire.push(sealed, packets);
        let arriving = wire.take(BATCH, &mut random);
        let theirs = peer.work(Task::OpenRtp, &arriving.sealed);
        for ((sealed, theirs), plain) in arriving.sealed.iter().zip(theirs).zip(&arriving.plain) {
            let ours = ours.open(sealed);
            assert_eq!(ours, theirs, "both open alike");
            match ours {
                Some(packet) => {
                    assert_eq!(packet, *plain);
                    opened += 1;
                }
                None => refused += 1,
            }
        }
        assert_eq!(refused, wire.repeated, "exactly what comes again is refused");
        compare_rtcp(&mut ours, peer, &mut random);
    }
    assert!(opened > PACKETS * 8 / 10 && refused > PACKETS / 100, "{opened} opened, {refused} refused");
    assert!(streams.iter().all(|stream| stream.index >> 16 >= 3), "every stream wraps more than once");
}

fn compare_rtcp(ours: &mut Ours, peer: &mut dyn Peer, random: &mut Random) {
    let compounds: Vec<_> = (0..10).map(|_| random_compound(random)).collect();
    for (sealed, plain) in peer.work(Task::SealRtcp, &compounds).iter().zip(&compounds) {
        let sealed = sealed.as_ref().expect("the peer seals RTCP");
        let mut out = vec![0; sealed.len()];
        let len = ours.receiver.open_rtcp(sealed, &mut out).expect("it is authentic");
        assert_eq!(&out[..len], plain);
        assert!(ours.receiver.open_rtcp(sealed, &mut out).is_err(), "it came before");
    }
    let sealed = compounds.iter().map(|plain| {
        let mut out = vec![0; plain.len() + ours.sender.rtcp_overhead()];
        let len = ours.sender.seal_rtcp(plain, &mut out).expect("there is room");
        assert_eq!(len, out.len());
        out
    });
    let sealed: Vec<_> = sealed.collect();
    let opened: Vec<_> = peer.work(Task::OpenRtcp, &sealed).into_iter().flatten().collect();
    assert_eq!(opened, compounds);
}

struct Ours {
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Ours {
    fn seal(&self, packet: &Plain) -> Vec<u8> {
        let mut out = vec![0; packet.bytes.len() + self.sender.overhead()];
        let header_len = RtpView::parse_header(&packet.bytes).expect("it is RTP").header_len();
        out[..header_len].copy_from_slice(&packet.bytes[..header_len]);
        let payload = &packet.bytes[header_len..];
        let len = self.sender.seal_rtp(packet.index, header_len, payload, &mut out).expect("there is room");
        assert_eq!(len, out.len());
        out
    }

    fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let header_len = RtpView::parse_header(packet).expect("it is RTP").header_len();
        let mut out = vec![0; packet.len()];
        let opened = self.receiver.open_rtp(packet, header_len, &mut out).ok()?;
        out.truncate(opened.len);
        Some(out)
    }
}

/// A packet before it is sealed.
struct Plain {
    index: u64,
    bytes: Vec<u8>,
}

/// One SSRC's packets: rising indices with gaps, so that the sequence number wraps often.
struct Stream {
    ssrc: u32,
    index: u64,
}

impl Stream {
    /// One that starts low, one in the middle, and one that soon wraps.
    fn three(random: &mut Random) -> Vec<Stream> {
        let starts = [0, 20_000, 65_000];
        starts.map(|index| Stream { ssrc: random.next_u32(), index }).into()
    }

    fn next(&mut self, random: &mut Random) -> Plain {
        self.index += if random.chance(0.3) { 1 + random.below(60) } else { 1 };
        let header = RtpHeader {
            marker: random.chance(0.5),
            payload_type: PayloadType(96 + random.below(20) as u8),
            sequence: self.index as u16,
            timestamp: random.next_u32(),
            ssrc: Ssrc(self.ssrc),
        };
        let elements = [Element { id: 1, data: b"mid" }, Element { id: 3, data: &[1, 2] }];
        let mut bytes = vec![0; 60];
        let elements = &elements[..random.below(3) as usize];
        let len = header.write(elements, &mut bytes).expect("there is room");
        bytes.truncate(len);
        let most = if random.chance(0.1) { 1_200 } else { 160 };
        bytes.extend((0..random.below(most)).map(|at| at as u8 ^ self.index as u8));
        Plain { index: self.index, bytes }
    }
}

fn random_stream<'a>(streams: &'a mut [Stream], random: &mut Random) -> &'a mut Stream {
    let count = streams.len() as u64;
    &mut streams[random.below(count) as usize]
}

/// Loses, repeats and reorders.
#[derive(Default)]
struct Wire {
    flying: Arriving,
    repeated: usize,
}

#[derive(Default)]
struct Arriving {
    sealed: Vec<Vec<u8>>,
    plain: Vec<Vec<u8>>,
}

impl Wire {
    fn push(&mut self, sealed: Vec<Vec<u8>>, plain: Vec<Vec<u8>>) {
        self.flying.sealed.extend(sealed);
        self.flying.plain.extend(plain);
    }

    fn take(&mut self, count: usize, random: &mut Random) -> Arriving {
        let mut arriving = Arriving::default();
        for _ in 0..count {
            let at = random.below(self.flying.sealed.len().min(REORDERING) as u64) as usize;
            // In order more often than not.
            let at = if random.chance(0.2) { at } else { 0 };
            let (sealed, plain) = (self.flying.sealed.remove(at), self.flying.plain.remove(at));
            if random.chance(0.05) {
                continue;
            }
            if random.chance(0.02) {
                self.repeated += 1;
                arriving.sealed.push(sealed.clone());
                arriving.plain.push(plain.clone());
            }
            arriving.sealed.push(sealed);
            arriving.plain.push(plain);
        }
        arriving
    }
}

/// A receiver report, which every implementation passes through unread.
fn random_compound(random: &mut Random) -> Vec<u8> {
    let blocks = random.below(3) as u8;
    let mut compound = vec![0x80 | blocks, 201, 0, 1 + 6 * blocks];
    compound.extend((random.below(4) as u32 + 7).to_be_bytes());
    compound.extend((0..24 * u32::from(blocks)).map(|_| random.next_u32() as u8));
    compound
}

fn master(profile: SrtpProfile) -> MasterKey {
    let mut random = Random::new(42);
    let exported: Vec<u8> = (0..exporter_len(profile)).map(|_| random.next_u32() as u8).collect();
    MasterKeys::from_exporter(profile, &exported, Role::Client).expect("the right length").local
}

/// The crate `webrtc-srtp`.
struct WebrtcSrtp {
    sender: webrtc_srtp::context::Context,
    receiver: webrtc_srtp::context::Context,
}

impl WebrtcSrtp {
    fn new(profile: SrtpProfile) -> WebrtcSrtp {
        use webrtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
        use webrtc_srtp::protection_profile::ProtectionProfile;
        let theirs = match profile {
            SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProfile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
            SrtpProfile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        let master = master(profile);
        let context = || {
            let (rtp, rtcp) = (srtp_replay_protection(1_024), srtcp_replay_protection(64));
            webrtc_srtp::context::Context::new(master.key(), master.salt(), theirs, Some(rtp), Some(rtcp))
                .expect("the profile is supported")
        };
        WebrtcSrtp { sender: context(), receiver: context() }
    }
}

impl Peer for WebrtcSrtp {
    fn work(&mut self, task: Task, packets: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
        let one = |packet: &Vec<u8>| match task {
            Task::SealRtp => self.sender.encrypt_rtp(packet),
            Task::OpenRtp => self.receiver.decrypt_rtp(packet),
            Task::SealRtcp => self.sender.encrypt_rtcp(packet),
            Task::OpenRtcp => self.receiver.decrypt_rtcp(packet),
        };
        packets.iter().map(one).map(|packet| packet.ok().map(|packet| packet.to_vec())).collect()
    }
}

/// Debian's libsrtp2, behind pipes: `tests/peers/libsrtp.c`.
struct LibSrtp {
    process: Child,
    requests: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
}

impl LibSrtp {
    fn new(profile: SrtpProfile) -> LibSrtp {
        let name = match profile {
            SrtpProfile::AeadAes128Gcm => "gcm128",
            SrtpProfile::AeadAes256Gcm => "gcm256",
            SrtpProfile::Aes128CmSha1_80 => "cm80",
        };
        let master = master(profile);
        let key: String =
            [master.key(), master.salt()].concat().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut process = Command::new(peer_program())
            .args([name, &key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program that was just built starts");
        let requests = process.stdin.take().map(BufWriter::new);
        let answers = BufReader::new(process.stdout.take().expect("it has a pipe"));
        LibSrtp { process, requests, answers }
    }

    fn answer(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut header = [0; 3];
        self.answers.read_exact(&mut header)?;
        let mut packet = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
        self.answers.read_exact(&mut packet)?;
        Ok((header[0] == 0).then_some(packet))
    }
}

impl Peer for LibSrtp {
    fn work(&mut self, task: Task, packets: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
        let what = match task {
            Task::SealRtp => b'p',
            Task::OpenRtp => b'u',
            Task::SealRtcp => b'P',
            Task::OpenRtcp => b'U',
        };
        let mut request = (packets.len() as u32).to_be_bytes().to_vec();
        for packet in packets {
            request.push(what);
            request.extend((packet.len() as u16).to_be_bytes());
            request.extend(packet);
        }
        let pipe = self.requests.as_mut().expect("it is open until the end");
        pipe.write_all(&request).and_then(|()| pipe.flush()).expect("the peer listens");
        packets.iter().map(|_| self.answer().expect("the peer answers")).collect()
    }
}

impl Drop for LibSrtp {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.requests = None;
        let _ = self.process.wait();
    }
}

/// Compiles the C program once per run of the tests.
fn peer_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libsrtp-peer");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/libsrtp.c");
        let built = Command::new("cc").args(["-O2", "-o"]).arg(&program).arg(source).arg("-lsrtp2").status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "the libsrtp peer could not be compiled: install a C compiler and Debian's package libsrtp2-dev"
        );
        program
    })
}
