//! What stands before the first cluster, with room for what is known at the end only.

use super::ebml::{self, UNKNOWN_SIZE, element, float, id, put_id, text, unsigned, void};
use volley::control::types::Codec;

/// Room for three entries of ten and some bytes each; less than 128, so that what is left over is one void
/// element with a size of one byte.
const SEEK_HEAD_BYTES: usize = 100;

/// An id of two bytes, a size of one, a number of eight.
const DURATION_BYTES: usize = 11;

/// Time stamps are milliseconds.
const TIMESTAMP_SCALE: u64 = 1_000_000;

/// RFC 7845 §4.6, RFC 9559: what a decoder of Opus is to be fed before a place that was sought.
const OPUS_PRE_ROLL_NANOS: u64 = 80_000_000;

/// Where the things lie that are written later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Layout {
    pub(super) segment_size: u64,
    /// Where the segment's content begins: places in the file are counted from here.
    pub(super) content: u64,
    pub(super) seek_head: u64,
    pub(super) info: u64,
    pub(super) duration: u64,
    pub(super) tracks: u64,
}

/// A track of sound, always Opus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Audio {
    /// 1 or 2.
    pub channels: u8,
}

/// A track of pictures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Video {
    /// In which codec.
    pub codec: Codec,
    /// Columns and lines of the first picture.
    pub size: (u16, u16),
    /// What a decoder must know before it.
    pub parameters: Vec<u8>,
}

pub(super) fn header(audio: Option<&Audio>, video: Option<&Video>) -> (Vec<u8>, Layout) {
    let is_webm = video.is_none_or(|video| video.codec != Codec::H264);
    let mut bytes = Vec::with_capacity(512);
    element(&mut bytes, id::EBML, &document(is_webm));
    let mut layout = Layout::default();
    put_id(&mut bytes, id::SEGMENT);
    layout.segment_size = bytes.len() as u64;
    bytes.extend(UNKNOWN_SIZE);
    layout.content = bytes.len() as u64;
    layout.seek_head = bytes.len() as u64;
    void(&mut bytes, SEEK_HEAD_BYTES);
    layout.info = bytes.len() as u64;
    let (info, duration) = info();
    element(&mut bytes, id::INFO, &info);
    layout.duration = bytes.len() as u64 - (info.len() - duration) as u64;
    layout.tracks = bytes.len() as u64;
    let mut tracks = Vec::new();
    video.iter().for_each(|video| element(&mut tracks, id::TRACK_ENTRY, &video_entry(video)));
    audio.iter().for_each(|audio| element(&mut tracks, id::TRACK_ENTRY, &audio_entry(audio)));
    element(&mut bytes, id::TRACKS, &tracks);
    (bytes, layout)
}

fn document(is_webm: bool) -> Vec<u8> {
    let mut head = Vec::new();
    unsigned(&mut head, id::EBML_VERSION, 1);
    unsigned(&mut head, id::EBML_READ_VERSION, 1);
    unsigned(&mut head, id::EBML_MAX_ID_LENGTH, 4);
    unsigned(&mut head, id::EBML_MAX_SIZE_LENGTH, 8);
    text(&mut head, id::DOC_TYPE, if is_webm { "webm" } else { "matroska" });
    unsigned(&mut head, id::DOC_TYPE_VERSION, 4);
    unsigned(&mut head, id::DOC_TYPE_READ_VERSION, 2);
    head
}

/// The content, and where in it the duration lies.
fn info() -> (Vec<u8>, usize) {
    let mut info = Vec::new();
    unsigned(&mut info, id::TIMESTAMP_SCALE, TIMESTAMP_SCALE);
    text(&mut info, id::MUXING_APP, "Volley");
    text(&mut info, id::WRITING_APP, concat!("Volley ", env!("CARGO_PKG_VERSION")));
    let duration = info.len();
    void(&mut info, DURATION_BYTES);
    (info, duration)
}

fn video_entry(video: &Video) -> Vec<u8> {
    let codec = match video.codec {
        Codec::Vp9 => "V_VP9",
        Codec::Av1 => "V_AV1",
        Codec::H264 => "V_MPEG4/ISO/AVC",
        Codec::Vp8 | Codec::Opus => "V_VP8",
    };
    let mut entry = entry(1, 1, codec);
    if !video.parameters.is_empty() {
        element(&mut entry, id::CODEC_PRIVATE, &video.parameters);
    }
    let mut size = Vec::new();
    unsigned(&mut size, id::PIXEL_WIDTH, u64::from(video.size.0.max(1)));
    unsigned(&mut size, id::PIXEL_HEIGHT, u64::from(video.size.1.max(1)));
    element(&mut entry, id::VIDEO, &size);
    entry
}

fn audio_entry(audio: &Audio) -> Vec<u8> {
    let mut entry = entry(2, 2, "A_OPUS");
    element(&mut entry, id::CODEC_PRIVATE, &opus_head(audio.channels));
    unsigned(&mut entry, id::CODEC_DELAY, 0);
    unsigned(&mut entry, id::SEEK_PRE_ROLL, OPUS_PRE_ROLL_NANOS);
    let mut sound = Vec::new();
    float(&mut sound, id::SAMPLING_FREQUENCY, 48_000.0);
    unsigned(&mut sound, id::CHANNELS, u64::from(audio.channels));
    element(&mut entry, id::AUDIO, &sound);
    entry
}

fn entry(number: u8, kind: u8, codec: &str) -> Vec<u8> {
    let mut entry = Vec::new();
    unsigned(&mut entry, id::TRACK_NUMBER, u64::from(number));
    unsigned(&mut entry, id::TRACK_UID, u64::from(number));
    unsigned(&mut entry, id::TRACK_TYPE, u64::from(kind));
    unsigned(&mut entry, id::FLAG_LACING, 0);
    text(&mut entry, id::CODEC_ID, codec);
    entry
}

/// RFC 7845 §5.1, without pre-skip: a recording begins in the middle of a stream.
fn opus_head(channels: u8) -> Vec<u8> {
    let mut head = b"OpusHead".to_vec();
    head.extend([1, channels]);
    head.extend(0u16.to_le_bytes());
    head.extend(48_000u32.to_le_bytes());
    head.extend([0, 0, 0]);
    head
}

/// What takes the place of the void where the duration belongs.
pub(super) fn duration(ms: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    float(&mut bytes, id::DURATION, ms.max(0) as f64);
    debug_assert_eq!(bytes.len(), DURATION_BYTES);
    bytes
}

/// What takes the place of the first void: where the parts of the file are.
pub(super) fn seek_head(layout: &Layout, cues: Option<u64>) -> Vec<u8> {
    let mut seeks = Vec::new();
    let places = [
        (id::INFO, Some(layout.info - layout.content)),
        (id::TRACKS, Some(layout.tracks - layout.content)),
        (id::CUES, cues),
    ];
    for (which, place) in places {
        let Some(place) = place else { continue };
        let mut name = Vec::new();
        put_id(&mut name, which);
        let mut seek = Vec::new();
        element(&mut seek, id::SEEK_ID, &name);
        unsigned(&mut seek, id::SEEK_POSITION, place);
        element(&mut seeks, id::SEEK, &seek);
    }
    let mut bytes = Vec::new();
    element(&mut bytes, id::SEEK_HEAD, &seeks);
    let left = SEEK_HEAD_BYTES - bytes.len();
    ebml::void(&mut bytes, left);
    bytes
}
