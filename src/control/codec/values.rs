//! The layout of numbers, text, lists and the values whose layout is no list of fields.

#[cfg(test)]
use super::Sampler;
use super::{Corrupt, Layout, Reader, Writer};
use crate::base::Time;
use crate::base::id::PayloadType;
use crate::control::types::{Fingerprint, FingerprintHash, MAX_PASSWORD, Password};
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

numbers! { u8 u16 u32 u64 }

impl Layout for Time {
    const MAX: usize = <u64 as Layout>::MAX;

    fn write(&self, to: &mut Writer<'_>) {
        self.as_nanos().write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Time, Corrupt> {
        u64::read(from).map(Time::from_nanos)
    }

    #[cfg(test)]
    fn sample(by: &mut Sampler) -> Time {
        Time::from_nanos(u64::sample(by))
    }
}

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
