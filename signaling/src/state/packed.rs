//! A text that is kept for long and hardly ever read: an offer, whose m-lines are nearly alike.
//!
//! Knows nothing of what the text says, but how an offer begins: records once held it as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// No text is longer: an offer has 192 KiB at most. Whatever else a record says is nonsense.
const MAX_TEXT: usize = 1 << 20;

/// How an offer begins (RFC 8866 §5.1). Nothing packed does: `=` stands in base64 at the end alone.
const PLAIN: &str = "v=";

/// A text, packed. In records it stands as base64.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    /// Packs a text.
    pub(crate) fn new(text: &str) -> Packed {
        Packed(lz4_flex::compress_prepend_size(text.as_bytes()).into_boxed_slice())
    }

    /// The text; empty when there is none, or the record it comes from is broken.
    pub(crate) fn text(&self) -> String {
        let claimed = self.0.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
        if claimed > MAX_TEXT {
            return String::new();
        }
        let text = lz4_flex::decompress_size_prepended(&self.0).ok();
        text.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Packed, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.starts_with(PLAIN) {
            return Ok(Packed::new(&text));
        }
        let bytes = STANDARD_NO_PAD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Packed(bytes.into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An offer with `lines` m-lines.
    fn offer(lines: usize) -> String {
        let line = |mid| {
            format!(
                "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=recvonly\r\n\
                 a=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\n"
            )
        };
        "v=0\r\n".to_owned() + &(0..lines).map(line).collect::<String>()
    }

    #[test]
    fn an_offer_of_many_m_lines_comes_back_and_takes_a_fifth() {
        let text = offer(18);
        let packed = Packed::new(&text);
        assert_eq!(packed.text(), text);
        assert!(packed.0.len() * 5 < text.len(), "{} of {}", packed.0.len(), text.len());
        assert_eq!(Packed::default().text(), "");
    }

    #[test]
    fn a_record_holds_it_packed_and_one_that_holds_it_as_it_is_is_read_too() {
        let text = offer(2);
        let record = serde_json::to_string(&Packed::new(&text)).unwrap();
        assert!(record.len() < text.len());
        for record in [record, serde_json::to_string(&text).unwrap()] {
            assert_eq!(serde_json::from_str::<Packed>(&record).unwrap().text(), text);
        }
        assert_eq!(serde_json::from_str::<Packed>("\"\"").unwrap().text(), "");
    }

    #[test]
    fn a_broken_record_is_an_empty_text_and_takes_no_memory() {
        for bytes in [&[0xff; 8][..], &[0xff; 3], &[9, 0, 0, 0, 1], &[0, 0, 0, 0x40, 0x10, b'a']] {
            assert_eq!(Packed(bytes.into()).text(), "", "{bytes:?}");
        }
        assert!(serde_json::from_str::<Packed>("\"!\"").is_err());
    }
}
