//! Several encodings of one picture: `a=rid` and `a=simulcast` (RFC 8851, RFC 8853).

use arrayvec::ArrayVec;
use sdp_types::Media;
use volley::control::types::{Encoding, MAX_ENCODINGS, Mid};

/// The encodings that the peer will send, the lowest quality first; none without simulcast. Of
/// alternatives (RFC 8853 §5.1) the first is taken. That an encoding begins paused is no matter:
/// which are sent changes all the time.
pub(super) fn read(media: &Media) -> ArrayVec<Encoding, MAX_ENCODINGS> {
    let declared = rids(media);
    let Some(list) = media.get_first_attribute_value("simulcast").flatten().and_then(send_list) else {
        return ArrayVec::new();
    };
    let mut encodings = ArrayVec::<Encoding, MAX_ENCODINGS>::new();
    for stream in list.split(';') {
        let rid = stream.split(',').next().unwrap_or_default().trim_start_matches('~');
        let known = declared.iter().find(|declared| declared.as_str() == rid);
        let is_new = |rid: &&Mid| encodings.iter().all(|one| one.rid != Some(**rid));
        let Some(&rid) = known.filter(is_new) else { continue };
        if encodings.try_push(Encoding { rid: Some(rid), ..Encoding::default() }).is_err() {
            break;
        }
    }
    if begins_with_the_best(&encodings) {
        encodings.reverse();
    }
    encodings
}

/// The lines of an answer that takes all of `encodings` (RFC 8853 §5.3.2), none where they have no
/// RIDs.
pub(super) fn answer(encodings: &[Encoding]) -> Vec<(&'static str, String)> {
    let rids: Vec<&str> =
        encodings.iter().filter_map(|encoding| encoding.rid.as_ref()).map(|rid| rid.as_str()).collect();
    let mut lines: Vec<_> = rids.iter().map(|rid| ("rid", format!("{rid} recv"))).collect();
    if !rids.is_empty() {
        lines.push(("simulcast", format!("recv {}", rids.join(";"))));
    }
    lines
}

/// RFC 8851 §4: those the peer sends. A packet can carry no more than 16 bytes of a RID (RFC 8285
/// §4.2), and letters, digits, - and _ are all it may have (RFC 8851 §10).
fn rids(media: &Media) -> Vec<Mid> {
    let values = media.get_attribute_values("rid").flatten();
    let sent = values.filter_map(|value| {
        let mut words = value.split_ascii_whitespace();
        let rid = words.next()?;
        let plain = rid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (words.next() == Some("send") && plain).then(|| rid.try_into().ok())?
    });
    sent.collect()
}

/// RFC 8853 §5.1: `send` and its list stand before or behind `recv` and its own.
fn send_list(value: &str) -> Option<&str> {
    let mut words = value.split_ascii_whitespace();
    words.find(|word| *word == "send")?;
    words.next()
}

/// Pages list encodings in either order, and no rule says which; the usual names do.
fn begins_with_the_best(encodings: &[Encoding]) -> bool {
    let name = |encoding: Option<&Encoding>| encoding.and_then(|encoding| encoding.rid);
    let (Some(first), Some(last)) = (name(encodings.first()), name(encodings.last())) else { return false };
    match (first.parse::<u8>(), last.parse::<u8>()) {
        (Ok(first), Ok(last)) => first > last,
        _ => ["f", "hi", "high", "h"].contains(&first.as_str()) && first != last,
    }
}
