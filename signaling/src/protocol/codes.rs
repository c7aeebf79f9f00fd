//! The codes of `error`: all there are, once, for the page that explains them and for tests.

/// What the codes beside it mean, several where they call for the same.
pub const ERROR_CODES: &[(&[&str], &str)] = &[
    (
        &["bad-json", "unknown-type", "bad-message"],
        "It is no message, or none we know, or one with a mistake.",
    ),
    (&["too-large", "too-fast"], "More than is taken. Whoever goes on is cut off."),
    (
        &["bad-room-id", "bad-name", "already-joined", "bad-resume-token"],
        "Nobody was let in: the `join` says what it may not.",
    ),
    (
        &["token-missing", "token-invalid", "token-algorithm", "token-expired", "token-room", "token-grant"],
        "The token is none, or none for this: ask for another one.",
    ),
    (&["token-revoked"], "Whom the token names was taken out of the room after it was made."),
    (
        &["room-full", "room-limit", "too-many-participants", "too-many-rooms"],
        "The room, or your address, has as many people or rooms as it may; somebody must leave first.",
    ),
    (
        &["server-busy", "server-draining"],
        "The server takes nobody else at the moment, or is stopping; try again in a few seconds.",
    ),
    (&["room-not-found"], "On this server rooms are made over REST first, and there is none with this id."),
    (
        &["room-encrypted", "not-encrypted"],
        "The room is encrypted end to end and you are not, or the other way round.",
    ),
    (&["not-joined", "wrong-room"], "Join first; leave the other room first."),
    (&["bad-sdp"], "The offer cannot be answered; the sentence says why."),
    (&["media-ended"], "Make a new RTCPeerConnection and send its offer."),
    (
        &["unknown-track", "unknown-slot", "unknown-participant", "bad-chat"],
        "The message names what is not there, or says too much.",
    ),
    (&["too-many-subscriptions"], "More is said of whom to be sent than is kept; take something back first."),
    (
        &["not-direct", "bad-signal"],
        "This room's media goes through the server; or there is more to pass on than is taken.",
    ),
    (
        &["room-closed", "removed", "resumed-elsewhere"],
        "It is over: the room was ended, you were taken out, or you came back on another socket.",
    ),
];

/// Whether it is one of them.
pub fn is_error_code(code: &str) -> bool {
    ERROR_CODES.iter().any(|(codes, _)| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// What a file, or all files of a folder, say first in a pair, tell as an error, or call a kind of them, and
    /// looks like a code; tests and comments aside.
    fn quoted(path: &Path, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).unwrap();
            return entries.for_each(|entry| quoted(&entry.unwrap().path(), found));
        }
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let starts = ["(\"", "error(\"", "=> \"", "refuse(\""];
            let bare = line.trim().strip_prefix('"').filter(|rest| rest.ends_with("\","));
            let rests = starts.iter().flat_map(|start| line.split(start).skip(1)).chain(bare);
            let words = rests.filter_map(|rest| rest.split('"').next());
            found.extend(words.filter(|word| looks_like_one(word)).map(str::to_owned));
        }
    }

    fn looks_like_one(word: &str) -> bool {
        word.contains('-') && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    }

    #[test]
    fn every_code_that_the_state_tells_is_in_the_list() {
        /// Of HTTP alone: `no-media` tells WHIP and WHEP.
        const OTHERS: [&str; 1] = ["no-media"];
        let mut found = BTreeSet::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for place in ["state", "access/token.rs"] {
            quoted(&source.join(place), &mut found);
        }
        assert!(found.len() > 30, "{found:?}");
        for code in found.iter().filter(|code| !OTHERS.contains(&code.as_str())) {
            assert!(is_error_code(code), "{code} is missing");
        }
    }

    #[test]
    fn no_code_is_explained_twice() {
        let all: Vec<&str> = ERROR_CODES.iter().flat_map(|(codes, _)| codes.iter().copied()).collect();
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len());
    }
}
