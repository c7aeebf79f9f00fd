//! What the configuration leaves of an offer: which codecs, in which order, repaired how.

use crate::sdp::{Offer, OfferedCodec, RtpSection};
use crate::settings::CodecSettings;
use volley::control::types::Codec;

impl Offer {
    /// The offer as if the peer had offered only what is configured.
    #[must_use]
    pub fn restricted(mut self, settings: &CodecSettings) -> Offer {
        for section in &mut self.sections {
            if let Some(rtp) = &mut section.rtp {
                restrict(rtp, settings);
            }
            section.rtp.take_if(|rtp| rtp.codecs.is_empty());
        }
        self
    }
}

fn restrict(section: &mut RtpSection, settings: &CodecSettings) {
    let priority = |codec: &OfferedCodec| settings.priority(codec.parameters.codec);
    section.codecs.retain(|codec| priority(codec).is_some());
    // Stable: among equals the peer's order holds (RFC 3264 §6.1).
    section.codecs.sort_by_key(|codec| std::cmp::Reverse(priority(codec)));
    // libwebrtc corrects nothing that has no picture numbers, where packets are sent again as well.
    let is_numbered = |codec: &OfferedCodec| matches!(codec.parameters.codec, Codec::Vp8 | Codec::Vp9);
    let corrects = settings.fec && section.codecs.iter().any(is_numbered);
    section.correction.take_if(|_| !corrects);
    if let Some(correction) = section.correction.as_mut().filter(|_| !settings.nack) {
        correction.red_rtx = None;
    }
    for codec in &mut section.codecs {
        if !settings.nack {
            codec.parameters.nack = false;
            codec.parameters.rtx = None;
        }
        if !settings.fec {
            codec.parameters.red = None;
        }
        if codec.parameters.codec == Codec::Opus {
            codec.answer_fmtp = Some(opus_parameters(settings));
        }
    }
}

/// RFC 7587 §6.1. What we say we like, publishers send.
fn opus_parameters(settings: &CodecSettings) -> String {
    let fec = if settings.fec { ";useinbandfec=1" } else { "" };
    let dtx = if settings.dtx { ";usedtx=1" } else { "" };
    format!("minptime=10{fec}{dtx}")
}
