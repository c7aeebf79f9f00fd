//! H.264 formats: which can stand for each other (RFC 6184 §8.1).

use crate::sdp::OfferedCodec;
use crate::sdp::codec::{number, parameter};
use sdp_types::Fmtp;
use volley::control::types::Codec;

/// The coding tools a stream may use, told from profile_idc and profile_iop (RFC 6184 table 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Profile {
    ConstrainedBaseline = 1,
    Baseline = 2,
    Main = 3,
    ConstrainedHigh = 4,
    High = 5,
    PredictiveHigh444 = 6,
}

impl Profile {
    fn of(idc: u8, iop: u8) -> Option<Profile> {
        match (idc, iop) {
            (0x42, iop) if iop & 0x4f == 0x40 => Some(Profile::ConstrainedBaseline),
            (0x4d, iop) if iop & 0x8f == 0x80 => Some(Profile::ConstrainedBaseline),
            (0x58, iop) if iop & 0xcf == 0xc0 => Some(Profile::ConstrainedBaseline),
            (0x42, iop) if iop & 0x4f == 0 => Some(Profile::Baseline),
            (0x58, iop) if iop & 0xcf == 0x80 => Some(Profile::Baseline),
            (0x4d, iop) if iop & 0xaf == 0 => Some(Profile::Main),
            (0x64, 0x0c) => Some(Profile::ConstrainedHigh),
            (0x64, 0) => Some(Profile::High),
            (0xf4, 0) => Some(Profile::PredictiveHigh444),
            _ => None,
        }
    }
}

/// What must be the same on both sides of a call (RFC 6184 §8.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Format {
    profile: Profile,
    packetization_mode: u32,
    level_asymmetry: bool,
    /// profile-level-id as offered.
    profile_level_id: u32,
}

impl Format {
    /// `None` for what nobody could send us: unknown profiles, interleaved mode.
    pub(super) fn read(fmtp: Option<&Fmtp>) -> Option<Format> {
        // RFC 6184 §8.1: without profile-level-id it is Baseline, level 1; without a mode, mode 0.
        let text = parameter(fmtp, "profile-level-id").unwrap_or("42000a");
        let hex = text.len() == 6 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let profile_level_id = u32::from_str_radix(text, 16).ok().filter(|_| hex)?;
        let profile = Profile::of((profile_level_id >> 16) as u8, (profile_level_id >> 8) as u8)?;
        let packetization_mode = number(fmtp, "packetization-mode", 0).filter(|&mode| mode <= 1)?;
        let level_asymmetry = number(fmtp, "level-asymmetry-allowed", 0)? == 1;
        Some(Format { profile, packetization_mode, level_asymmetry, profile_level_id })
    }

    /// Equal numbers can stand for each other.
    pub(super) fn number(self) -> u32 {
        (self.profile as u32) << 8 | self.packetization_mode
    }

    pub(super) fn answer(self) -> String {
        format!(
            "level-asymmetry-allowed={};packetization-mode={};profile-level-id={:06x}",
            u8::from(self.level_asymmetry),
            self.packetization_mode,
            self.profile_level_id
        )
    }
}

/// Leaves Baseline out where Constrained Baseline is offered in the same mode, and takes it for that where
/// it is not. Nobody encodes the tools that are only in the former, but Chromium lists it first and Firefox
/// does not know it: answered, it would be chosen and Firefox could not be shown the picture. ffmpeg says
/// Baseline of what x264 makes, which is the constrained one, and no browser would have been shown that.
pub(super) fn settle_baseline(codecs: &mut Vec<OfferedCodec>) {
    let number =
        |codec: &OfferedCodec| (codec.parameters.codec == Codec::H264).then_some(codec.parameters.format);
    let constrained: Vec<u32> =
        codecs.iter().filter_map(number).filter(|n| n >> 8 == Profile::ConstrainedBaseline as u32).collect();
    codecs.retain(|codec| match number(codec) {
        Some(n) if n >> 8 == Profile::Baseline as u32 => !constrained.iter().any(|c| c & 0xff == n & 0xff),
        _ => true,
    });
    for codec in codecs.iter_mut() {
        if let Some(n) = number(codec).filter(|n| n >> 8 == Profile::Baseline as u32) {
            codec.parameters.format = (Profile::ConstrainedBaseline as u32) << 8 | n & 0xff;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_of(fmtp: &str) -> Option<u32> {
        Format::read(Some(&format!("102 {fmtp}").parse::<Fmtp>().expect("the test's own text is right")))
            .map(Format::number)
    }

    #[test]
    fn profiles_are_told_apart_by_their_tools_not_by_their_level() {
        let constrained = number_of("packetization-mode=1;profile-level-id=42e01f");
        assert!(constrained.is_some());
        assert_eq!(constrained, number_of("packetization-mode=1;profile-level-id=42C02A"));
        assert_eq!(constrained, number_of("packetization-mode=1;profile-level-id=4d801f"));
        assert_ne!(constrained, number_of("packetization-mode=0;profile-level-id=42e01f"));
        assert_ne!(constrained, number_of("packetization-mode=1;profile-level-id=42001f"));
        assert_ne!(constrained, number_of("packetization-mode=1;profile-level-id=640c1f"));
    }

    #[test]
    fn what_nobody_could_send_is_not_a_format() {
        for fmtp in [
            "profile-level-id=42e0",
            "profile-level-id=ff001f",
            "packetization-mode=2",
            "profile-level-id=+2e01f",
        ] {
            assert_eq!(number_of(fmtp), None, "{fmtp}");
        }
    }

    #[test]
    fn without_parameters_it_is_baseline_in_single_nal_mode() {
        assert_eq!(
            Format::read(None).map(Format::number),
            number_of("packetization-mode=0;profile-level-id=42001f")
        );
    }
}
