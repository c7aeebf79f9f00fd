//! The layout of every type that crosses.

#[cfg(test)]
use super::Sampler;
use super::{Corrupt, Layout, Reader, Writer};
use crate::base::id::{ParticipantId, PayloadType, RoomId, SlotId, Ssrc, StreamId, TrackId, TransportId};
use crate::control::message::{Command, Event, MAX_CNAME, OpenSlot, OpenTransport, Publish};
use crate::control::types::{
    Codec, CodecParameters, DtlsVersion, Encoding, ExtensionIds, Fingerprint, FingerprintHash,
    IceCredentials, Kind, MAX_CODECS, MAX_ENCODINGS, MAX_PASSWORD, MAX_UFRAG, Mid, Password, Reason, Source,
    SrtpProfile, TrackStats, TransportState,
};
use arrayvec::{ArrayString, ArrayVec};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

macro_rules! numbers {
    ($($name:ident)*) => {$(
        impl Layout for $name {
            const MAX: usize = size_of::<$name>();

            fn write(&self, to: &mut Writer<'_>) {
                to.put(&self.to_le_bytes());
            }

            fn read(from: &mut Reader<'_>) -> Result<$name, Corrupt> {
                Ok($name::from_le_bytes(from.array()?))
            }

            #[cfg(test)]
            fn sample(by: &mut Sampler) -> $name {
                by.random.next_u64() as $name
            }
        }
    )*};
}

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

numbers! { u8 u16 u32 u64 }

layout!(RoomId { 0: u64 });
layout!(ParticipantId { 0: u64 });
layout!(TransportId { 0: u64 });
layout!(TrackId { 0: u64 });
layout!(SlotId { 0: u64 });
layout!(StreamId { 0: u64 });
layout!(Ssrc { 0: u32 });

variants!(Kind { 0 => Audio, 1 => Video });
variants!(Codec { 0 => Opus, 1 => Vp8, 2 => Vp9, 3 => H264, 4 => Av1 });
variants!(Source { 0 => Microphone, 1 => Camera, 2 => Screen, 3 => ScreenAudio });
variants!(SrtpProfile { 0 => AeadAes128Gcm, 1 => AeadAes256Gcm, 2 => Aes128CmSha1_80 });
variants!(DtlsVersion { 0 => Dtls12, 1 => Dtls13 });
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
    clock_rate: u32,
    nack: bool,
    pli: bool,
    fir: bool,
    transport_cc: bool,
});
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
layout!(OpenTransport {
    participant: ParticipantId,
    transport: TransportId,
    local: IceCredentials,
    remote: IceCredentials,
    fingerprint: Fingerprint,
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
});
variants!(Event {
    0 => Ready { worker: u16 },
    1 => Refused { id: u64, reason: Reason },
    2 => Transport { transport: TransportId, state: TransportState },
    3 => Slot { slot: SlotId, track: Option<TrackId> },
    4 => TrackStats { request: u64, track: TrackId, stats: TrackStats },
    5 => Answered { request: u64 },
    6 => Lost { events: u64 },
});

impl Layout for bool {
    const MAX: usize = 1;

    fn write(&self, to: &mut Writer<'_>) {
        to.put(&[u8::from(*self)]);
    }

    fn read(from: &mut Reader<'_>) -> Result<bool, Corrupt> {
        match u8::read(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Corrupt::Tag),
        }
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> bool {
        by.random.chance(0.5)
    }
}

impl<T: Layout> Layout for Option<T> {
    const MAX: usize = 1 + T::MAX;

    fn write(&self, to: &mut Writer<'_>) {
        self.is_some().write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Option<T>, Corrupt> {
        Ok(if bool::read(from)? { Some(T::read(from)?) } else { None })
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> Option<T> {
        (by.full || by.random.chance(0.5)).then(|| T::sample(by))
    }
}

impl<T: Layout> Layout for Box<T> {
    const MAX: usize = T::MAX;

    fn write(&self, to: &mut Writer<'_>) {
        (**self).write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Box<T>, Corrupt> {
        T::read(from).map(Box::new)
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> Box<T> {
        Box::new(T::sample(by))
    }
}

/// One byte for the count; no list here is longer than 255.
impl<T: Layout, const N: usize> Layout for ArrayVec<T, N> {
    const MAX: usize = {
        assert!(N <= u8::MAX as usize, "the count is one byte");
        1 + N * T::MAX
    };

    fn write(&self, to: &mut Writer<'_>) {
        to.put(&[self.len() as u8]);
        self.iter().for_each(|item| item.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<ArrayVec<T, N>, Corrupt> {
        let count = usize::from(u8::read(from)?);
        if count > N {
            return Err(Corrupt::Count);
        }
        (0..count).map(|_| T::read(from)).collect()
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> ArrayVec<T, N> {
        let count = by.count(N);
        (0..count).map(|_| T::sample(by)).collect()
    }
}

impl<const N: usize> Layout for ArrayString<N> {
    const MAX: usize = <ArrayVec<u8, N> as Layout>::MAX;

    fn write(&self, to: &mut Writer<'_>) {
        to.put(&[self.len() as u8]);
        to.put(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<ArrayString<N>, Corrupt> {
        let count = usize::from(u8::read(from)?);
        if count > N {
            return Err(Corrupt::Count);
        }
        let text = std::str::from_utf8(from.take(count)?).map_err(|_| Corrupt::Text)?;
        ArrayString::from(text).map_err(|_| Corrupt::Count)
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> ArrayString<N> {
        let count = by.count(N);
        let mut text = ArrayString::new();
        while text.len() < count {
            let letter = if count - text.len() >= 2 && by.random.chance(0.2) { 'ß' } else { 'v' };
            text.push(letter);
        }
        text
    }
}

impl Layout for Password {
    const MAX: usize = 1 + MAX_PASSWORD;

    fn write(&self, to: &mut Writer<'_>) {
        to.put(&[self.as_bytes().len() as u8]);
        to.put(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Password, Corrupt> {
        let count = usize::from(u8::read(from)?);
        if count > MAX_PASSWORD {
            return Err(Corrupt::Count);
        }
        Password::new(from.take(count)?).ok_or(Corrupt::Count)
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> Password {
        let bytes = ArrayVec::<u8, MAX_PASSWORD>::sample(by);
        Password::new(&bytes).expect("as long as a password may be")
    }
}

/// RFC 3550 §5.1: seven bits.
impl Layout for PayloadType {
    const MAX: usize = 1;

    fn write(&self, to: &mut Writer<'_>) {
        to.put(&[self.0]);
    }

    fn read(from: &mut Reader<'_>) -> Result<PayloadType, Corrupt> {
        let number = u8::read(from)?;
        if number < 128 { Ok(PayloadType(number)) } else { Err(Corrupt::Range) }
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> PayloadType {
        PayloadType(by.random.below(128) as u8)
    }
}

/// The hash decides the length, so none is written.
impl Layout for Fingerprint {
    const MAX: usize = FingerprintHash::MAX + 64;

    fn write(&self, to: &mut Writer<'_>) {
        self.hash.write(to);
        to.put(&self.value);
    }

    fn read(from: &mut Reader<'_>) -> Result<Fingerprint, Corrupt> {
        let hash = FingerprintHash::read(from)?;
        let value = from.take(hash_length(hash))?.try_into().map_err(|_| Corrupt::Count)?;
        Ok(Fingerprint { hash, value })
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> Fingerprint {
        let hash = if by.full { FingerprintHash::Sha512 } else { FingerprintHash::sample(by) };
        let value = (0..hash_length(hash)).map(|_| u8::sample(by)).collect();
        Fingerprint { hash, value }
    }
}

/// RFC 6234 §3.
const fn hash_length(hash: FingerprintHash) -> usize {
    match hash {
        FingerprintHash::Sha256 => 32,
        FingerprintHash::Sha384 => 48,
        FingerprintHash::Sha512 => 64,
    }
}

impl Layout for SocketAddr {
    const MAX: usize = 1 + 16 + 2 + 4 + 4;

    fn write(&self, to: &mut Writer<'_>) {
        match self {
            SocketAddr::V4(address) => {
                to.put(&[4]);
                to.put(&address.ip().octets());
                address.port().write(to);
            }
            SocketAddr::V6(address) => {
                to.put(&[6]);
                to.put(&address.ip().octets());
                address.port().write(to);
                address.flowinfo().write(to);
                address.scope_id().write(to);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<SocketAddr, Corrupt> {
        match u8::read(from)? {
            4 => {
                let ip = Ipv4Addr::from(from.array::<4>()?);
                Ok(SocketAddrV4::new(ip, u16::read(from)?).into())
            }
            6 => {
                let ip = Ipv6Addr::from(from.array::<16>()?);
                let (port, flow, scope) = (u16::read(from)?, u32::read(from)?, u32::read(from)?);
                Ok(SocketAddrV6::new(ip, port, flow, scope).into())
            }
            _ => Err(Corrupt::Tag),
        }
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> SocketAddr {
        let port = u16::sample(by);
        if by.full || by.random.chance(0.5) {
            let ip = Ipv6Addr::from(u128::from(by.random.next_u64()) << 40);
            SocketAddrV6::new(ip, port, u32::sample(by), u32::sample(by)).into()
        } else {
            SocketAddrV4::new(Ipv4Addr::from(u32::sample(by)), port).into()
        }
    }
}
