//! Elements of EBML (RFC 8794): an id, a size, and content.

/// Ids of Matroska (RFC 9559 §5), as they stand in a file.
pub(super) mod id {
    pub(in crate::mux) const EBML: u32 = 0x1A45_DFA3;
    pub(in crate::mux) const EBML_VERSION: u32 = 0x4286;
    pub(in crate::mux) const EBML_READ_VERSION: u32 = 0x42F7;
    pub(in crate::mux) const EBML_MAX_ID_LENGTH: u32 = 0x42F2;
    pub(in crate::mux) const EBML_MAX_SIZE_LENGTH: u32 = 0x42F3;
    pub(in crate::mux) const DOC_TYPE: u32 = 0x4282;
    pub(in crate::mux) const DOC_TYPE_VERSION: u32 = 0x4287;
    pub(in crate::mux) const DOC_TYPE_READ_VERSION: u32 = 0x4285;
    pub(in crate::mux) const VOID: u32 = 0xEC;
    pub(in crate::mux) const SEGMENT: u32 = 0x1853_8067;
    pub(in crate::mux) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(in crate::mux) const SEEK: u32 = 0x4DBB;
    pub(in crate::mux) const SEEK_ID: u32 = 0x53AB;
    pub(in crate::mux) const SEEK_POSITION: u32 = 0x53AC;
    pub(in crate::mux) const INFO: u32 = 0x1549_A966;
    pub(in crate::mux) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(in crate::mux) const DURATION: u32 = 0x4489;
    pub(in crate::mux) const MUXING_APP: u32 = 0x4D80;
    pub(in crate::mux) const WRITING_APP: u32 = 0x5741;
    pub(in crate::mux) const TRACKS: u32 = 0x1654_AE6B;
    pub(in crate::mux) const TRACK_ENTRY: u32 = 0xAE;
    pub(in crate::mux) const TRACK_NUMBER: u32 = 0xD7;
    pub(in crate::mux) const TRACK_UID: u32 = 0x73C5;
    pub(in crate::mux) const TRACK_TYPE: u32 = 0x83;
    pub(in crate::mux) const FLAG_LACING: u32 = 0x9C;
    pub(in crate::mux) const CODEC_ID: u32 = 0x86;
    pub(in crate::mux) const CODEC_PRIVATE: u32 = 0x63A2;
    pub(in crate::mux) const CODEC_DELAY: u32 = 0x56AA;
    pub(in crate::mux) const SEEK_PRE_ROLL: u32 = 0x56BB;
    pub(in crate::mux) const VIDEO: u32 = 0xE0;
    pub(in crate::mux) const PIXEL_WIDTH: u32 = 0xB0;
    pub(in crate::mux) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(in crate::mux) const AUDIO: u32 = 0xE1;
    pub(in crate::mux) const SAMPLING_FREQUENCY: u32 = 0xB5;
    pub(in crate::mux) const CHANNELS: u32 = 0x9F;
    pub(in crate::mux) const CLUSTER: u32 = 0x1F43_B675;
    pub(in crate::mux) const TIMESTAMP: u32 = 0xE7;
    pub(in crate::mux) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(in crate::mux) const CUES: u32 = 0x1C53_BB6B;
    pub(in crate::mux) const CUE_POINT: u32 = 0xBB;
    pub(in crate::mux) const CUE_TIME: u32 = 0xB3;
    pub(in crate::mux) const CUE_TRACK_POSITIONS: u32 = 0xB7;
    pub(in crate::mux) const CUE_TRACK: u32 = 0xF7;
    pub(in crate::mux) const CUE_CLUSTER_POSITION: u32 = 0xF1;
}

/// RFC 8794 §6.2: all bits of the size are one.
pub(super) const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// A size in eight bytes, whatever it is, so that it can be written over another one.
pub(super) fn long_size(size: u64) -> [u8; 8] {
    (1 << 56 | size).to_be_bytes()
}

pub(super) fn put_id(to: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    let first = bytes.iter().position(|&byte| byte != 0).unwrap_or(3);
    to.extend_from_slice(&bytes[first..]);
}

fn put_size(to: &mut Vec<u8>, size: usize) {
    let size = size as u64;
    // A size whose bits are all one would be an unknown one.
    let length = (1..=8u32).find(|&length| size < (1 << (7 * length)) - 1).unwrap_or(8);
    let marked = size | 1 << (7 * length);
    to.extend_from_slice(&marked.to_be_bytes()[8 - length as usize..]);
}

pub(super) fn element(to: &mut Vec<u8>, id: u32, content: &[u8]) {
    put_id(to, id);
    put_size(to, content.len());
    to.extend_from_slice(content);
}

pub(super) fn unsigned(to: &mut Vec<u8>, id: u32, value: u64) {
    let bytes = value.to_be_bytes();
    let first = bytes.iter().position(|&byte| byte != 0).unwrap_or(7);
    element(to, id, &bytes[first..]);
}

pub(super) fn float(to: &mut Vec<u8>, id: u32, value: f64) {
    element(to, id, &value.to_be_bytes());
}

pub(super) fn text(to: &mut Vec<u8>, id: u32, value: &str) {
    element(to, id, value.as_bytes());
}

/// Nothing, of exactly so many bytes in all: at least two, and less than 128.
pub(super) fn void(to: &mut Vec<u8>, bytes: usize) {
    element(to, id::VOID, &vec![0; bytes.saturating_sub(2)]);
}
