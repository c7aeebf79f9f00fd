//! The page's files as the build compressed them, and who takes them so.

use axum::http::{HeaderMap, header};

/// By name, sorted; what gains too little is left out.
static PACKED: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/gzip.rs"));

/// A file compressed. A debug build reads the page from the disk, where it may be newer than this.
pub(super) fn packed(path: &str) -> Option<&'static [u8]> {
    if cfg!(debug_assertions) {
        return None;
    }
    let place = PACKED.binary_search_by_key(&path, |file| file.0).ok()?;
    Some(PACKED[place].1)
}

/// Whether the client takes gzip (RFC 9110 §12.5.3): what is named counts before `*`, and a weight of 0 is a no.
pub(super) fn is_taken(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut by_name = None;
    let mut by_star = None;
    for (coding, is_wanted) in lines.flat_map(|line| line.split(',')).map(read) {
        if ["gzip", "x-gzip"].iter().any(|name| coding.eq_ignore_ascii_case(name)) {
            by_name = Some(is_wanted);
        } else if coding == "*" {
            by_star = Some(is_wanted);
        }
    }
    by_name.or(by_star).unwrap_or(false)
}

/// A coding, and whether its weight is more than nothing.
fn read(one: &str) -> (&str, bool) {
    let (coding, parameters) = one.split_once(';').unwrap_or((one, ""));
    let mut pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    let weight = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let is_wanted = weight.is_none_or(|(_, weight)| weight.trim().parse::<f32>().is_ok_and(|q| q > 0.0));
    (coding.trim(), is_wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lines: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT_ENCODING, line.parse().unwrap());
        }
        is_taken(&headers)
    }

    #[test]
    fn who_names_gzip_or_takes_everything_gets_it() {
        for lines in [
            &["gzip"][..],
            &["gzip, deflate, br, zstd"],
            &["br;q=1.0, GZIP;q=0.001"],
            &["br", "x-gzip"],
            &["*"],
            &["*;q=0.5, identity;q=0"],
            &["*;q=0, gzip"],
        ] {
            assert!(taken(lines), "{lines:?}");
        }
    }

    #[test]
    fn who_does_not_name_it_or_refuses_it_does_not() {
        for lines in [
            &[][..],
            &[""],
            &["br"],
            &["identity"],
            &["gzip;q=0"],
            &["gzip ; q=0.000"],
            &["gzip;q=0, *"],
            &["*;q=0"],
            &["gzip;q=nonsense"],
        ] {
            assert!(!taken(lines), "{lines:?}");
        }
    }

    #[test]
    fn what_is_found_is_found_by_name() {
        assert!(PACKED.is_sorted_by_key(|file| file.0) && PACKED.len() > 5, "{}", PACKED.len());
        assert!(packed("index.html").is_some() && packed("nothing").is_none());
    }
}
