//! A file as an answer, whole or the part that is asked for (RFC 9110 §14).

use crate::http::problem::Problem;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::collections::BTreeMap;
use std::io::{self, SeekFrom};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

/// Bytes that are read at once: a tenth of a second of a good picture.
const CHUNK: u64 = 64 << 10;

/// What a file may be answered with, for the description of the API.
pub(crate) struct Ranged;

impl IntoResponses for Ranged {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let file = |text: &str| {
            let content = || ContentBuilder::new().build();
            ResponseBuilder::new()
                .description(text)
                .content("video/webm", content())
                .content("video/x-matroska", content())
        };
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let unsatisfiable = ResponseBuilder::new()
            .description("The file is not so long")
            .content("application/problem+json", problem);
        [("200", file("The file")), ("206", file("The part that was asked for")), ("416", unsatisfiable)]
            .map(|(status, response)| (status.to_owned(), response.into()))
            .into()
    }
}

/// Answers with `file`, which is called `name`; `tag` changes with what is in it, where that is known.
pub(crate) async fn serve(
    file: std::fs::File,
    name: &str,
    tag: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let unreadable = |error: io::Error| {
        tracing::error!(%error, name, "a file of a recording cannot be read");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "recordings-unreadable", "the file cannot be read")
    };
    let mut file = File::from_std(file);
    let length = file.metadata().await.map_err(unreadable)?.len();
    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    // RFC 9110 §13.1.5: a part of another version is of no use.
    let is_same =
        headers.get(header::IF_RANGE).is_none_or(|known| tag.is_some_and(|tag| known == &quoted(tag)));
    let range = asked.filter(|_| is_same).and_then(|range| parse(range, length));
    let kind = if name.ends_with(".mkv") { "video/x-matroska" } else { "video/webm" };
    let mut response = match range {
        Some(Err(Unsatisfiable)) => {
            let text = format!("the file has {length} bytes");
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", text);
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{length}"))], problem).into_response());
        }
        Some(Ok((first, last))) => {
            file.seek(SeekFrom::Start(first)).await.map_err(unreadable)?;
            let range = format!("bytes {first}-{last}/{length}");
            let place = [(header::CONTENT_RANGE, range)];
            (StatusCode::PARTIAL_CONTENT, place, body(file, last - first + 1)).into_response()
        }
        None => body(file, length).into_response(),
    };
    let sent = range.and_then(Result::ok).map_or(length, |(first, last)| last - first + 1);
    let fixed = response.headers_mut();
    fixed.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    fixed.insert(header::ACCEPT_RANGES, header::HeaderValue::from_static("bytes"));
    fixed.insert(header::CONTENT_LENGTH, sent.into());
    // Whose it is may change with the token; what it is does not.
    fixed.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("private, no-cache"));
    if let Some(tag) = tag.and_then(|tag| header::HeaderValue::from_str(&quoted(tag)).ok()) {
        fixed.insert(header::ETAG, tag);
    }
    Ok(response)
}

fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

fn body(file: File, length: u64) -> Body {
    Body::from_stream(stream::try_unfold((file, length), async |(mut file, left)| {
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; left.min(CHUNK) as usize];
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        chunk.truncate(read);
        Ok(Some((Bytes::from(chunk), (file, left - read as u64))))
    }))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Unsatisfiable;

/// The first and the last byte that are asked for. `None`: everything, also where several parts are asked
/// for, or something that makes no sense (RFC 9110 §14.2 lets both be ignored).
fn parse(range: &str, length: u64) -> Option<Result<(u64, u64), Unsatisfiable>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (first, last) = match (first, last) {
        ("", last) => {
            let count: u64 = number(last)?;
            if count == 0 || length == 0 {
                return Some(Err(Unsatisfiable));
            }
            (length.saturating_sub(count), length - 1)
        }
        (first, "") => (number(first)?, length.saturating_sub(1)),
        (first, last) => {
            let (first, last): (u64, u64) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.min(length.saturating_sub(1)))
        }
    };
    Some(if first < length { Ok((first, last)) } else { Err(Unsatisfiable) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_told_apart() {
        let parse = |range| parse(range, 100);
        assert_eq!(parse("bytes=0-9"), Some(Ok((0, 9))));
        assert_eq!(parse("bytes=90-"), Some(Ok((90, 99))));
        assert_eq!(parse("bytes=90-1000"), Some(Ok((90, 99))));
        assert_eq!(parse("bytes=-10"), Some(Ok((90, 99))));
        assert_eq!(parse("bytes=-1000"), Some(Ok((0, 99))));
        assert_eq!(parse("bytes=100-"), Some(Err(Unsatisfiable)));
        assert_eq!(parse("bytes=-0"), Some(Err(Unsatisfiable)));
        for whole in ["bytes=9-1", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b", "bytes=-", "bytes=+1-2", ""] {
            assert_eq!(parse(whole), None, "{whole}");
        }
    }

    #[tokio::test]
    async fn a_part_of_a_file_is_sent_with_its_place_in_it() {
        let path = std::env::temp_dir().join(format!("volley-file-{}", std::process::id()));
        std::fs::write(&path, [7u8; 200_000]).unwrap();
        let headers: HeaderMap = [(header::RANGE, "bytes=100-199999".parse().unwrap())].into_iter().collect();
        let response =
            serve(std::fs::File::open(&path).unwrap(), "a.webm", Some("t"), &headers).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 100-199999/200000");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert_eq!(body.len(), 199_900);
    }
}
