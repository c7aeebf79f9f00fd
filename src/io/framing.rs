//! Datagrams on a byte stream: each behind its length in two bytes (RFC 4571 §2).

/// Longest datagram taken. What browsers send stays below 1,500 bytes on every path; who announces more
/// is no browser, and would only make us hold memory.
pub(super) const LONGEST_FRAME: usize = 2048;

/// What stands before each datagram.
pub(super) const LENGTH_BYTES: usize = 2;

/// A length beyond [`LONGEST_FRAME`]: nothing behind it can be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooLong;

/// Shows `visit` every datagram that is complete with `chunk`. What is not yet stays in `partial`, which
/// holds less than one frame.
pub(super) fn deframe(
    partial: &mut Vec<u8>,
    mut chunk: &[u8],
    mut visit: impl FnMut(&[u8]),
) -> Result<(), TooLong> {
    while !partial.is_empty() {
        let missing = frame_length(partial)?.unwrap_or(LENGTH_BYTES) - partial.len();
        let (head, rest) = chunk.split_at(missing.min(chunk.len()));
        partial.extend_from_slice(head);
        chunk = rest;
        match frame_length(partial)? {
            Some(length) if partial.len() == length => {
                show(partial, &mut visit);
                partial.clear();
            }
            _ if chunk.is_empty() => return Ok(()),
            _ => {}
        }
    }
    while let Some(length) = frame_length(chunk)?.filter(|&length| length <= chunk.len()) {
        let (frame, rest) = chunk.split_at(length);
        show(frame, &mut visit);
        chunk = rest;
    }
    partial.extend_from_slice(chunk);
    Ok(())
}

/// The length of the frame that begins here, its own two bytes included; `None` before both are there.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    let Some(head) = bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*head));
    if length > LONGEST_FRAME { Err(TooLong) } else { Ok(Some(LENGTH_BYTES + length)) }
}

/// RFC 4571 §2: an empty frame is allowed and means nothing.
fn show(frame: &[u8], visit: &mut impl FnMut(&[u8])) {
    let datagram = &frame[LENGTH_BYTES..];
    if !datagram.is_empty() {
        visit(datagram);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(datagrams: &[Vec<u8>]) -> Vec<u8> {
        let frame = |datagram: &Vec<u8>| [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat();
        datagrams.iter().flat_map(frame).collect()
    }

    fn read(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLong> {
        let (mut partial, mut seen) = (Vec::new(), Vec::new());
        for chunk in chunks {
            deframe(&mut partial, chunk, |datagram| seen.push(datagram.to_vec()))?;
            assert!(partial.len() < LENGTH_BYTES + LONGEST_FRAME);
        }
        Ok(seen)
    }

    #[test]
    fn an_empty_frame_is_no_datagram() {
        assert_eq!(read(&[&[0, 0, 0, 1, 7, 0, 0]]), Ok(vec![vec![7]]));
        assert_eq!(read(&[&[0], &[0, 0], &[1], &[7]]), Ok(vec![vec![7]]));
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_before_it_comes() {
        let length = (LONGEST_FRAME as u16 + 1).to_be_bytes();
        assert_eq!(read(&[&length]), Err(TooLong));
        assert_eq!(read(&[&length[..1], &length[1..]]), Err(TooLong));
        assert_eq!(read(&[b"GET / HTTP/1.1\r\n"]), Err(TooLong));
        assert!(read(&[&framed(&[vec![1; LONGEST_FRAME]])]).is_ok());
    }

    proptest! {
        #[test]
        fn datagrams_come_out_as_they_went_in_wherever_the_stream_is_cut(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..8),
            cuts in proptest::collection::vec(1usize..400, 1..40),
        ) {
            let stream = framed(&datagrams);
            let mut chunks = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts {
                let (chunk, behind) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = behind;
            }
            chunks.push(rest);
            prop_assert_eq!(read(&chunks), Ok(datagrams));
        }

        #[test]
        fn whatever_comes_never_makes_it_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let _ = read(&chunks);
        }
    }
}
