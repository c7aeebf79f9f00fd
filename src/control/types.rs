//! The values commands and events are made of. All of them are plain data of bounded size.

use crate::base::id::{ParticipantId, PayloadType, Ssrc, TrackId};
use arrayvec::{ArrayString, ArrayVec};
use std::net::SocketAddr;
use std::time::Duration;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Longest ICE user fragment taken; RFC 8839 §5.4 allows 256, peers use 4 to 32.
pub const MAX_UFRAG: usize = 64;
/// Longest ICE password taken; RFC 8839 §5.4 allows 256, peers use 22 to 32.
pub const MAX_PASSWORD: usize = 64;
/// Longest MID or RID taken. One-byte header extensions carry at most 16 bytes (RFC 8285 §4.2).
pub const MAX_MID: usize = 16;
/// Most codecs of one m-line: browsers offer about ten that we know.
pub const MAX_CODECS: usize = 16;
/// Most encodings (simulcast layers) of one track.
pub const MAX_ENCODINGS: usize = 3;

/// An m-line's identification tag (RFC 8843 §15), as RTP packets carry it.
pub type Mid = ArrayString<MAX_MID>;

/// One side's ICE credentials.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IceCredentials {
    /// User fragment.
    pub ufrag: ArrayString<MAX_UFRAG>,
    /// Password: the key of MESSAGE-INTEGRITY.
    pub password: Password,
}

/// An ICE password; not printed, zeroed on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Password {
    bytes: [u8; MAX_PASSWORD],
    len: u8,
}

impl Default for Password {
    fn default() -> Password {
        Password { bytes: [0; MAX_PASSWORD], len: 0 }
    }
}

impl Password {
    /// A password of at most [`MAX_PASSWORD`] bytes.
    pub fn new(password: &[u8]) -> Option<Password> {
        let mut bytes = [0; MAX_PASSWORD];
        bytes.get_mut(..password.len())?.copy_from_slice(password);
        Some(Password { bytes, len: password.len() as u8 })
    }

    /// The password's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The hash a certificate fingerprint was made with (RFC 8122 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FingerprintHash {
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

/// The fingerprint of the certificate the peer will show in DTLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint {
    /// Which hash.
    pub hash: FingerprintHash,
    /// The hash value; its length is that of `hash`.
    pub value: ArrayVec<u8, 64>,
}

/// Sound or picture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Opus and its like.
    Audio,
    /// VP8 and its like.
    Video,
}

/// Codecs Volley forwards. Profiles are signaling's business: a seat's codec list holds only what
/// its owner can decode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// The AV1 RTP payload format of AOMedia.
    Av1,
}

/// One codec of an m-line and how its packets are marked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodecParameters {
    /// Which codec.
    pub codec: Codec,
    /// Tells formats of one codec apart (H.264 profile and packetization mode, VP9 profile):
    /// equal values can stand for each other. Given out by signaling, opaque here.
    pub format: u32,
    /// The payload type on this m-line.
    pub payload_type: PayloadType,
    /// The payload type of its retransmissions (RFC 4588), if any.
    pub rtx: Option<PayloadType>,
    /// The payload type of its packets that carry the one before once more (RFC 2198), if any.
    pub red: Option<PayloadType>,
    /// Ticks a second.
    pub clock_rate: u32,
    /// `a=rtcp-fb nack`.
    pub nack: bool,
    /// `a=rtcp-fb nack pli`.
    pub pli: bool,
    /// `a=rtcp-fb ccm fir`.
    pub fir: bool,
    /// `a=rtcp-fb transport-cc`.
    pub transport_cc: bool,
}

/// How the pictures of one m-line come with what restores lost packets (RFC 5109 §14.1): all of them, and
/// the packets of FEC, as the only block of a packet of redundancy (RFC 2198).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Correction {
    /// The payload type of what they are in.
    pub red: PayloadType,
    /// The payload type of its retransmissions (RFC 4588), if any.
    pub red_rtx: Option<PayloadType>,
    /// The payload type of a packet of FEC in it.
    pub ulpfec: PayloadType,
}

/// Ids of the RTP header extensions of one m-line (RFC 8285): 1–14 for one-byte headers, up to
/// 255 for two-byte ones; `None` where not negotiated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`
    pub rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id`
    pub repaired_rid: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`
    pub transport_cc: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`
    pub abs_send_time: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464)
    pub audio_level: Option<u8>,
    /// `urn:3gpp:video-orientation`
    pub video_orientation: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`
    pub playout_delay: Option<u8>,
    /// `https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension`
    pub dependency_descriptor: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time`
    pub abs_capture_time: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/video-content-type`
    pub video_content_type: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/color-space`
    pub color_space: Option<u8>,
}

/// How long receivers may hold a picture back before they show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlayoutBounds {
    /// At least; zero leaves it to them.
    pub least: Duration,
    /// At most.
    pub most: Duration,
}

/// One encoding of a published track. With neither SSRC nor RID the packets are found by MID.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Encoding {
    /// From `a=ssrc`, when the offer has it.
    pub ssrc: Option<Ssrc>,
    /// From `a=ssrc-group:FID`, when the offer has it.
    pub rtx_ssrc: Option<Ssrc>,
    /// From `a=rid`, when the offer has it.
    pub rid: Option<Mid>,
}

/// What a track shows, as far as placing it needs to know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// A microphone.
    Microphone,
    /// A camera.
    Camera,
    /// A shared screen.
    Screen,
    /// The sound that goes with a shared screen.
    ScreenAudio,
}

/// A word on what a viewer wants to be shown: of a track, else of a participant, else of everybody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wish {
    /// All that they publish.
    pub participant: Option<ParticipantId>,
    /// This one alone.
    pub track: Option<TrackId>,
    /// `None` takes back what was said. A word on everybody replaces all that was said before.
    pub wanted: Option<bool>,
}

/// The SRTP protection profile in use (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SrtpProfile {
    /// SRTP_AEAD_AES_128_GCM, our first choice.
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM.
    AeadAes256Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80.
    Aes128CmSha1_80,
}

/// The DTLS version in use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DtlsVersion {
    /// RFC 6347.
    Dtls12,
    /// RFC 9147.
    Dtls13,
}

/// Who of both begins a handshake (RFC 8842 §5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DtlsRole {
    /// The peer, as nearly all do.
    #[default]
    Server,
    /// We do: the peer insists on being the server.
    Client,
}

/// Why a transport ended or a command was refused. Stable: the names stand in metrics and logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// Signaling asked for it.
    Asked,
    /// Nothing authenticated came for the consent time.
    Silent,
    /// The certificate in DTLS is not the one whose fingerprint was signalled.
    WrongFingerprint,
    /// The DTLS handshake failed.
    DtlsFailed,
    /// The peer closed DTLS, or agreed on new keys from the same address (RFC 9147 §5.11).
    ClosedByPeer,
    /// The command names something that does not exist.
    Unknown,
    /// The command names something that exists already.
    Exists,
    /// A limit would be passed.
    LimitReached,
    /// The command contradicts itself or the state.
    Invalid,
}

/// A transport's life as signaling sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransportState {
    /// Made; no authenticated check yet.
    New,
    /// ICE has a validated path, DTLS is at work.
    Connecting,
    /// Media may flow.
    Connected {
        /// What protects it.
        profile: SrtpProfile,
        /// How the keys were agreed.
        dtls: DtlsVersion,
        /// The peer's address now.
        remote: SocketAddr,
    },
    /// Nothing authenticated came for 8 s; may come back.
    Hidden,
    /// Over; its participant's tracks and seats go with it.
    Ended {
        /// Why.
        reason: Reason,
    },
}

/// What goes to one receiver, since its transport was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkStats {
    /// RTP packets sealed for it, retransmissions included.
    pub packets: u64,
    /// Their bytes, with all that protects them.
    pub bytes: u64,
    /// Bits a second its link is believed to carry; `None` while nothing is known.
    pub estimate_bps: Option<u64>,
    /// There and back, in microseconds; 0 while it is not known.
    pub round_trip_us: u32,
    /// Of ten thousand packets so many were lost in the last seconds.
    pub lost_of_10000: u16,
}

/// Counters of one published track since it was published.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct TrackStats {
    /// Authentic packets received, retransmissions included.
    pub packets: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// Packets never received, retransmission included.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1) in microseconds.
    pub jitter_us: u32,
    /// Packets forwarded to subscribers.
    pub forwarded: u64,
    /// Their bytes.
    pub forwarded_bytes: u64,
    /// Sequence numbers asked for again.
    pub nacks_sent: u64,
    /// Key frames asked for.
    pub key_frame_requests: u64,
}

/// How much of a picture is sent into a seat. All three are counted from 0, the lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShownLayer {
    /// Which of the picture's encodings.
    pub encoding: u8,
    /// The highest spatial layer of it.
    pub spatial: u8,
    /// The highest temporal layer of it.
    pub temporal: u8,
}

/// What one room may take of a worker before it is restrained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomLimits {
    /// Bytes of memory on this worker.
    pub memory_bytes: u64,
    /// Percent of a core. Holds only while the core is short of time and other rooms share it.
    pub cpu_percent: u8,
    /// The server as a whole takes more memory than it may: the largest rooms are to give some up.
    pub is_pressed: bool,
}

/// One of the limits that a room can come up against. Stable: the names stand in metrics and over REST.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RoomLimit {
    /// The memory of one room.
    Memory,
    /// One room's share of a core.
    Cpu,
    /// The memory of the server as a whole.
    Total,
}

/// What is held back of a room that takes more than it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restraint {
    /// So many of the highest layers of each picture are neither shown nor asked for.
    pub layers_cut: u8,
    /// Of the pictures that its viewers are shown, so many sixteenths are forwarded.
    pub pictures: u8,
    /// Nobody else should be let in, for the sake of this limit.
    pub full: Option<RoomLimit>,
}

/// What a room takes of one worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoomLoad {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Percent of a core, over the last second.
    pub cpu_percent: u8,
}
