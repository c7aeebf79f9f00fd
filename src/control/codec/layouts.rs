//! The layout of every message and of the structs and enums in it.

#[cfg(test)]
use super::Sampler;
use super::{Corrupt, Layout, Reader, Writer};
use crate::base::Time;
use crate::base::id::{
    ParticipantId, PayloadType, RoomId, SlotId, Ssrc, StreamId, TrackId, TransportId, WorkerId,
};
use crate::control::message::{
    Command, Event, MAX_CNAME, MAX_WISHES_AT_ONCE, OpenSlot, OpenTransport, Publish, Want,
};
use crate::control::tap::{TapWish, Tapped, TappedPacket};
use crate::control::types::{
    Codec, CodecParameters, Correction, DtlsRole, DtlsVersion, Encoding, ExtensionIds, Fingerprint,
    FingerprintHash, IceCredentials, Kind, LinkStats, MAX_CODECS, MAX_ENCODINGS, MAX_UFRAG, Mid, Password,
    Reason, Restraint, RoomLimit, RoomLimits, RoomLoad, ShownLayer, Source, SrtpProfile, TrackStats,
    TransportState, Wish,
};
use arrayvec::{ArrayString, ArrayVec};
use std::net::SocketAddr;

/// A struct: its fields, in order.
macro_rules! layout {
    ($name:ty { $($field:tt: $kind:ty),* $(,)? }) => {
        impl Layout for $name {
            const MAX: usize = 0 $(+ <$kind as Layout>::MAX)*;

            fn write(&self, to: &mut Writer<'_>) {
                $(<$kind as Layout>::write(&self.$field, to);)*
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
                Ok(Self { $($field: <$kind as Layout>::read(from)?),* })
            }

            #[cfg(test)]
            fn sample(by: &mut Sampler) -> Self {
                Self { $($field: <$kind as Layout>::sample(by)),* }
            }
        }
    };
}

/// An enum: one byte for the variant, then its fields, in order.
macro_rules! variants {
    ($name:ty {
        $($tag:literal => $variant:ident
            $({ $($field:ident: $kind:ty),* $(,)? })?
            $(($inner:ident: $inner_kind:ty))?
        ),* $(,)?
    }) => {
        impl Layout for $name {
            const MAX: usize = {
                let mut max = 0;
                $(
                    let size = 0 $($(+ <$kind as Layout>::MAX)*)? $(+ <$inner_kind as Layout>::MAX)?;
                    if size > max {
                        max = size;
                    }
                )*
                1 + max
            };

            fn write(&self, to: &mut Writer<'_>) {
                match self {
                    $(Self::$variant $({ $($field),* })? $(($inner))? => {
                        to.put(&[$tag]);
                        $($(<$kind as Layout>::write($field, to);)*)?
                        $(<$inner_kind as Layout>::write($inner, to);)?
                    })*
                }
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
                match u8::read(from)? {
                    $($tag => Ok(Self::$variant
                        $({ $($field: <$kind as Layout>::read(from)?),* })?
                        $((<$inner_kind as Layout>::read(from)?))?
                    ),)*
                    _ => Err(Corrupt::Tag),
                }
            }

            #[cfg(test)]
            fn sample(by: &mut Sampler) -> Self {
                let tags = [$($tag),*];
                match tags[by.random.below(tags.len() as u64) as usize] {
                    $($tag => Self::$variant
                        $({ $($field: <$kind as Layout>::sample(by)),* })?
                        $((<$inner_kind as Layout>::sample(by)))?
                    ,)*
                    _ => unreachable!("the tag comes from the list"),
                }
            }
        }
    };
}

layout!(RoomId { 0: u64 });
layout!(ParticipantId { 0: u64 });
layout!(TransportId { 0: u64 });
layout!(TrackId { 0: u64 });
layout!(SlotId { 0: u64 });
layout!(StreamId { 0: u64 });
layout!(WorkerId { 0: u16 });
layout!(Ssrc { 0: u32 });

variants!(Kind { 0 => Audio, 1 => Video });
variants!(Codec { 0 => Opus, 1 => Vp8, 2 => Vp9, 3 => H264, 4 => Av1 });
variants!(Source { 0 => Microphone, 1 => Camera, 2 => Screen, 3 => ScreenAudio });
variants!(SrtpProfile { 0 => AeadAes128Gcm, 1 => AeadAes256Gcm, 2 => Aes128CmSha1_80 });
variants!(DtlsVersion { 0 => Dtls12, 1 => Dtls13 });
variants!(DtlsRole { 0 => Server, 1 => Client });
variants!(FingerprintHash { 0 => Sha256, 1 => Sha384, 2 => Sha512 });
variants!(Reason {
    0 => Asked,
    1 => Silent,
    2 => WrongFingerprint,
    3 => DtlsFailed,
    4 => ClosedByPeer,
    5 => Unknown,
    6 => Exists,
    7 => LimitReached,
    8 => Invalid,
});
variants!(TransportState {
    0 => New,
    1 => Connecting,
    2 => Connected { profile: SrtpProfile, dtls: DtlsVersion, remote: SocketAddr },
    3 => Hidden,
    4 => Ended { reason: Reason },
});

layout!(IceCredentials { ufrag: ArrayString<MAX_UFRAG>, password: Password });
layout!(CodecParameters {
    codec: Codec,
    format: u32,
    payload_type: PayloadType,
    rtx: Option<PayloadType>,
    red: Option<PayloadType>,
    clock_rate: u32,
    nack: bool,
    pli: bool,
    fir: bool,
    transport_cc: bool,
});
layout!(Correction { red: PayloadType, red_rtx: Option<PayloadType>, ulpfec: PayloadType });
layout!(ExtensionIds {
    mid: Option<u8>,
    rid: Option<u8>,
    repaired_rid: Option<u8>,
    transport_cc: Option<u8>,
    abs_send_time: Option<u8>,
    audio_level: Option<u8>,
    video_orientation: Option<u8>,
    playout_delay: Option<u8>,
    dependency_descriptor: Option<u8>,
    abs_capture_time: Option<u8>,
    video_content_type: Option<u8>,
    color_space: Option<u8>,
});
layout!(Encoding { ssrc: Option<Ssrc>, rtx_ssrc: Option<Ssrc>, rid: Option<Mid> });
layout!(TrackStats {
    packets: u64,
    bytes: u64,
    lost: u64,
    jitter_us: u32,
    forwarded: u64,
    forwarded_bytes: u64,
    nacks_sent: u64,
    key_frame_requests: u64,
});
layout!(LinkStats {
    packets: u64,
    bytes: u64,
    estimate_bps: Option<u64>,
    round_trip_us: u32,
    lost_of_10000: u16,
});
variants!(RoomLimit { 0 => Memory, 1 => Cpu, 2 => Total });
layout!(RoomLimits { memory_bytes: u64, cpu_percent: u8, is_pressed: bool });
layout!(Restraint { layers_cut: u8, pictures: u8, full: Option<RoomLimit> });
layout!(RoomLoad { memory_bytes: u64, cpu_percent: u8 });
layout!(ShownLayer { encoding: u8, spatial: u8, temporal: u8 });
layout!(OpenTransport {
    participant: ParticipantId,
    transport: TransportId,
    local: IceCredentials,
    remote: IceCredentials,
    fingerprint: Fingerprint,
    role: DtlsRole,
    cname: ArrayString<MAX_CNAME>,
});
layout!(Publish {
    transport: TransportId,
    track: TrackId,
    stream: StreamId,
    kind: Kind,
    source: Source,
    mid: Mid,
    muted: bool,
    encodings: ArrayVec<Encoding, MAX_ENCODINGS>,
    codecs: ArrayVec<CodecParameters, MAX_CODECS>,
    correction: Option<Correction>,
    extensions: ExtensionIds,
});
layout!(OpenSlot {
    transport: TransportId,
    slot: SlotId,
    stream: StreamId,
    kind: Kind,
    mid: Mid,
    ssrc: Ssrc,
    rtx_ssrc: Option<Ssrc>,
    codecs: ArrayVec<CodecParameters, MAX_CODECS>,
    extensions: ExtensionIds,
});
layout!(Wish { participant: Option<ParticipantId>, track: Option<TrackId>, wanted: Option<bool> });
layout!(Want { viewer: ParticipantId, wishes: ArrayVec<Wish, MAX_WISHES_AT_ONCE> });

variants!(Command {
    0 => OpenRoom { room: RoomId },
    1 => CloseRoom { room: RoomId },
    2 => Join { room: RoomId, participant: ParticipantId },
    3 => Leave { participant: ParticipantId },
    4 => OpenTransport(open: Box<OpenTransport>),
    5 => RestartIce { transport: TransportId, local: IceCredentials, remote: IceCredentials },
    6 => CloseTransport { transport: TransportId },
    7 => Publish(publish: Box<Publish>),
    8 => Unpublish { track: TrackId },
    9 => Mute { track: TrackId, muted: bool },
    10 => OpenSlot(open: Box<OpenSlot>),
    11 => CloseSlot { slot: SlotId },
    12 => BindSlot { slot: SlotId, track: Option<TrackId> },
    13 => Pin { viewer: ParticipantId, target: Option<ParticipantId> },
    14 => QueryRoom { request: u64, room: RoomId },
    15 => Resync { request: u64 },
    16 => SpanRoom { room: RoomId, worker: WorkerId },
    17 => Limit { slot: SlotId, max_height: Option<u16> },
    18 => Record { track: TrackId, most_bps: Option<u32> },
    19 => LimitRooms { limits: RoomLimits },
    20 => Want(want: Box<Want>),
    21 => ShowSpeakersOnly { room: RoomId, only: bool },
});
variants!(Event {
    0 => Ready { worker: u16 },
    1 => Refused { id: u64, reason: Reason },
    2 => Transport { transport: TransportId, state: TransportState },
    3 => Slot { slot: SlotId, track: Option<TrackId> },
    4 => TrackStats { request: u64, track: TrackId, stats: TrackStats },
    5 => Answered { request: u64 },
    6 => Lost { events: u64 },
    7 => Load { pictures: u8, busy: u8 },
    8 => Speaks { participant: ParticipantId, speaks: bool },
    9 => Layers { track: TrackId, wanted: u8 },
    10 => LinkStats { request: u64, transport: TransportId, stats: LinkStats },
    11 => Media { transport: TransportId },
    12 => Restrained { room: RoomId, restraint: Restraint },
    13 => RoomLoad { request: u64, load: RoomLoad },
    14 => SlotLayer { slot: SlotId, layer: Option<ShownLayer> },
});

layout!(TappedPacket {
    track: TrackId,
    layer: u8,
    codec: Codec,
    starts_key_frame: bool,
    is_aim: bool,
    index: u64,
    received: Time,
});
variants!(Tapped {
    0 => Began,
    1 => Packet(packet: TappedPacket),
    2 => Report { track: TrackId, layer: u8, timestamp: u32, unix_nanos: u64 },
    3 => Restarted { track: TrackId, layer: u8 },
    4 => Muted { track: TrackId, muted: bool },
    5 => Ended { track: TrackId },
    6 => Lost { values: u64 },
});
variants!(TapWish { 0 => KeyFrame { track: TrackId, layer: u8 } });
