//! What somebody in a room takes of signaling's memory: what the state keeps of them, and their record.
//! What their socket keeps is tested beside it.

mod common;

use allocation_counter::measure;
use common::{Lab, config, connected, fixture};
use volley::control::Event;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

/// With so many pairs of m-lines, at most so many bytes: an ordinary page, and one in a large room. By the
/// memory table of `src/ARCHITECTURE.md`.
const MOST_KEPT: [(usize, i64); 2] = [(1, 10 << 10), (9, 20 << 10)];

/// Chromium's offer with so many m-lines of sound and as many of pictures.
fn offer(pairs: usize) -> String {
    let text = fixture("chromium-example-client");
    let mut sections = text.split_inclusive("\r\n").fold(vec![String::new()], |mut sections, line| {
        if line.starts_with("m=") {
            sections.push(String::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push_str(line);
        }
        sections
    });
    let head = sections.remove(0);
    let lines = (0..pairs).flat_map(|_| &sections).enumerate().map(|(mid, section)| {
        let own = |line: &&str| !line.starts_with("a=ssrc") && !line.starts_with("a=msid:");
        let line = |line: &str| match line {
            line if line.starts_with("a=mid:") => format!("a=mid:{mid}\r\n"),
            line if line.starts_with("a=sendrecv") => "a=recvonly\r\n".to_owned(),
            line => line.to_owned(),
        };
        section.split_inclusive("\r\n").filter(own).map(line).collect::<String>()
    });
    let mids: Vec<_> = (0..2 * pairs).map(|mid| mid.to_string()).collect();
    let head = head.split_inclusive("\r\n").map(|line| match line {
        line if line.starts_with("a=group:BUNDLE") => format!("a=group:BUNDLE {}\r\n", mids.join(" ")),
        line => line.to_owned(),
    });
    head.chain(lines).collect()
}

/// Bytes that a room of so many keeps, each of whom has offered and is connected.
fn kept(people: u64, offer: &str) -> i64 {
    let settings = Settings { max_participants: 1_000, ..config().settings };
    let mut lab = Lab::after(MemoryStore::default(), Config { settings, ..config() });
    let kept = measure(|| {
        for person in 0..people {
            let page = lab.join(person, "room", "somebody");
            lab.offer(&page, offer);
            let transport = lab.transport();
            lab.event(0, Event::Transport { transport, state: connected() });
            lab.forget();
        }
    });
    assert_eq!(lab.state.counts(), (1, people as usize));
    kept.bytes_current
}

#[test]
fn somebody_who_watches_takes_little_memory() {
    // Tables double: both numbers just fill theirs.
    let (few, many) = (7, 28);
    for (pairs, most) in MOST_KEPT {
        let offer = offer(pairs);
        let each = (kept(many, &offer) - kept(few, &offer)) / (many - few) as i64;
        let bytes = offer.len();
        assert!((1 << 10..most).contains(&each), "{each} bytes for each, with an offer of {bytes}");
    }
}
