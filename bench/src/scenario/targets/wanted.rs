//! The figures that Volley wants on two cores, each with what holds it back.

use super::{Bound, EVERY, Figure, Target};
use crate::report::format::{count, factor, kibibytes, milliseconds, percent};
use serde_json::Value;

/// All of them.
pub(super) const TARGETS: &[Target] = &[
    Target {
        command: "compare-meeting",
        name: "times cheaper than the best other",
        figure: ratio_within_five_milliseconds,
        bound: Bound::AtLeast(5.0),
        unit: factor,
        held_back: "within 5 ms a receiver in a meeting of 20 is owed some 10 packets a turn, so a train cannot be longer",
    },
    Target {
        command: "compare-meeting",
        name: "of limit",
        figure: of_limit,
        bound: Bound::AtLeast(0.6),
        unit: percent,
        held_back: "the limit seals and sends only; the rest is receiving, opening, choosing and feedback",
    },
    Target {
        command: "compare-meeting",
        name: "P99 added at half of the highest load",
        figure: added_at_half_load,
        bound: Bound::AtMost(0.001),
        unit: milliseconds,
        held_back: "half of the packets is not half of the core: the fewer there are, the more each costs, and a core that \
                    is three quarters busy has turns to wait for. At a quarter of the load, where it is half busy, it was 0.7 ms",
    },
    Target {
        command: "compare-meeting",
        name: "cost of a packet more with adaptation",
        figure: |figures| {
            let counts = figures["adaptationWithinBounds"] != false;
            Some(Figure { value: figures["costOfAdaptation"].as_f64()?, counts })
        },
        bound: Bound::AtMost(0.1),
        unit: percent,
        held_back: "each packet is numbered and remembered until feedback tells what came of it, feedback is read from \
                    every receiver and sent to every publisher, and a link's estimate is kept for each",
    },
    Target {
        command: "compare-webinar",
        name: "times cheaper than the best other, 2.5 Mbit/s",
        figure: |figures| ratio_at(figures, 2_500_000.0),
        bound: Bound::AtLeast(4.0),
        unit: factor,
        held_back: "sealing and the kernel's way of a train over the veth are three quarters of the core, and no server \
                    can do without them: \"of limit\" in the table is how near to that floor it is",
    },
    Target {
        command: "compare-webinar",
        name: "times cheaper than the best other, 1.2 Mbit/s",
        figure: |figures| ratio_at(figures, 1_200_000.0),
        bound: Bound::AtLeast(2.5),
        unit: factor,
        held_back: "a frame of 1.2 Mbit/s is few packets, so trains are short",
    },
    Target {
        command: "compare-audio",
        name: "times cheaper than the best other",
        figure: ratio,
        bound: Bound::AtLeast(1.3),
        unit: factor,
        held_back: "sound is one small packet at a time: nearly all is the kernel's way of a datagram",
    },
    Target {
        command: "rooms",
        name: "rooms",
        figure: rooms,
        bound: Bound::AtLeast(800.0),
        unit: count,
        held_back: "rooms of three have trains of one; of the core a third is the interrupts by which a veth hands \
                    packets between two virtual cores, a fifth is the program",
    },
    Target {
        command: "rooms",
        name: "times the rooms of the best other",
        figure: ratio,
        bound: Bound::AtLeast(1.3),
        unit: factor,
        held_back: "rooms of three have trains of one, which cost the kernel the same for every server",
    },
    Target {
        command: "recorded",
        name: "cost of a packet more where it is recorded",
        figure: |figures| number(&figures["costOfRecording"]),
        bound: Bound::AtMost(0.05),
        unit: percent,
        held_back: "of every packet that is recorded the worker puts one copy into shared memory",
    },
    Target {
        command: "recorded",
        name: "packets missing in the recordings",
        figure: |figures| number(&figures["droppedFromRecordings"]),
        bound: Bound::AtMost(0.0),
        unit: count,
        held_back: "the recorder shares a core with the load generator here, and gives way to it",
    },
    Target {
        command: "growth",
        name: "subscribers",
        figure: |figures| number(&figures["mostSubscribers"]),
        bound: Bound::AtLeast(2000.0),
        unit: count,
        held_back: "a subscriber of 400 kbit/s costs half a millisecond of a virtual core each second: 108 packets in \
                    trains of two; a fifth of it is writing the interrupts by which a veth hands each train to the other core, \
                    a quarter the program",
    },
    Target {
        command: "growth",
        name: "cost at the most subscribers against the fewest",
        figure: |figures| number(&figures["costGrowth"]),
        bound: Bound::AtMost(1.15),
        unit: factor,
        held_back: "more subscribers than caches hold the state of",
    },
    Target {
        command: "growth",
        name: "memory of a subscriber",
        figure: |figures| number(&figures["memoryPerSubscriber"]),
        bound: Bound::AtMost(65_536.0),
        unit: kibibytes,
        held_back: "src/ARCHITECTURE.md counts it by its parts (Memory): media and signaling take some 40 KB of who watches \
                    one picture and has lost packets. What is resident beyond that is what the allocator rounds up and \
                    pages that are not full; it is more of each subscriber the fewer there are",
    },
    Target {
        command: "join-storm",
        name: "not connected",
        figure: |figures| difference(&figures["joins"], &figures["connected"]),
        bound: Bound::AtMost(0.0),
        unit: count,
        held_back: "the notes count refusals by their reason: server-busy is the server's care for those who are in calls \
                    already, on a core that signaling, handshakes and media share. Who was not refused had not ended ICE \
                    and DTLS 15 s later: datagrams that the generator dropped, or its lateness, tell whether it is its fault",
    },
    Target {
        command: "join-storm",
        name: "time to connect, P95",
        figure: |figures| number(&figures["connect"]["p95"]),
        bound: Bound::AtMost(1.0),
        unit: milliseconds,
        held_back: "handshakes of 500 DTLS connections share one core with signaling",
    },
    Target {
        command: "join-storm",
        name: "longest gap of calls before",
        figure: |figures| number(&figures["longestGapOfCallsBefore"]),
        bound: Bound::AtMost(0.1),
        unit: milliseconds,
        held_back: "a gap is the server's only as far as it is longer than the generator's own lateness",
    },
    Target {
        command: "churn",
        name: "descriptors that stay",
        figure: |figures| difference(&figures["descriptorsAfter"], &figures["descriptorsBefore"]),
        bound: Bound::AtMost(0.0),
        unit: count,
        held_back: "the table has descriptors before, at most and after: each that is more is a socket or file that nobody \
                    closes, or one of a connection that had not timed out 35 s after everybody had left",
    },
    Target {
        command: "churn",
        name: "memory that stays",
        figure: |figures| number(&figures["memoryGrowth"]),
        bound: Bound::AtMost(0.05),
        unit: percent,
        held_back: "the curve tells whether it grows with each join or has found its size: the allocator keeps pages",
    },
    Target {
        command: "overload",
        name: "sound lost of those admitted",
        figure: |figures| number(&figures["audioLoss"]),
        bound: Bound::AtMost(0.005),
        unit: percent,
        held_back: "the notes tell where: datagrams dropped at the server's socket came faster than it read, sound among \
                    them; those at the generator's are not the server's; no-buffer among its own counters is what it could \
                    not send",
    },
    Target {
        command: "overload",
        name: "slowest refusal",
        figure: |figures| number(&figures["slowestRefusal"]),
        bound: Bound::AtMost(0.1),
        unit: milliseconds,
        held_back: "signaling shares the core that is too full",
    },
    Target {
        command: "overload",
        name: "pictures lost a second after",
        figure: |figures| number(&figures["videoLossAfter"]),
        bound: Bound::AtMost(0.001),
        unit: percent,
        held_back: "pictures come back with the next key frame",
    },
    Target {
        command: "overload",
        name: "pictures forwarded a second after",
        figure: |figures| number(&figures["videoShownAfter"]),
        bound: Bound::AtLeast(0.99),
        unit: percent,
        held_back: "pictures come back an eighth at a time, each with a key frame",
    },
    Target {
        command: "arrivals",
        name: "key frames asked of a layer within a second",
        figure: |figures| number(&figures["keyFrameRequestsPerSecond"]),
        bound: Bound::AtMost(2.0),
        unit: count,
        held_back: "all who want a key frame of a layer ask for it together, once in 550 ms: more than two within a second \
                    were not joined, or a pause of the host brought them close together",
    },
    Target {
        command: "arrivals",
        name: "time to the first frame, P95",
        figure: |figures| number(&figures["firstFrame"]["p95"]),
        bound: Bound::AtMost(1.2),
        unit: milliseconds,
        held_back: "handshakes of 500 DTLS connections share one core with signaling",
    },
    Target {
        command: EVERY,
        name: "packets of another room",
        figure: |figures| number(&figures["foreignRoom"]),
        bound: Bound::AtMost(0.0),
        unit: count,
        held_back: "somebody got what was published in a room they are not in: a fault of the server's, by which the \
                    whole run has failed",
    },
    Target {
        command: EVERY,
        name: "packets back at their sender",
        figure: |figures| number(&figures["echoes"]),
        bound: Bound::AtMost(0.0),
        unit: count,
        held_back: "somebody got what they had published themselves: a fault of the server's, by which the whole run \
                    has failed",
    },
    Target {
        command: EVERY,
        name: "packets that are not authentic",
        figure: |figures| number(&figures["notAuthentic"]),
        bound: Bound::AtMost(0.0),
        unit: count,
        held_back: "they were sealed with the wrong key or broken on their way; \"problems\" in JSON tells to whom they \
                    went and how long after the join. The whole run has failed",
    },
];

/// A figure that always counts.
fn number(value: &Value) -> Option<Figure> {
    value.as_f64().map(|value| Figure { value, counts: true })
}

/// How much more one figure is than another.
fn difference(more: &Value, less: &Value) -> Option<Figure> {
    Some(Figure { value: more.as_f64()? - less.as_f64()?, counts: true })
}

/// A ratio of Volley's, which stands apart when its run was outside the bounds of its load.
fn ratio_called(name: &str, figures: &Value) -> Option<Figure> {
    let outside = figures["outsideBounds"][name].as_f64().map(|value| Figure { value, counts: false });
    number(&figures[name]).or(outside)
}

/// Against a server that may do better than its run says, no ratio counts.
fn ratio(figures: &Value) -> Option<Figure> {
    let figure = ratio_of_quiet_run("ratioToBestOther", figures)?;
    Some(Figure { counts: figure.counts && figures["bestOtherUnderstated"] != true, ..figure })
}

fn of_limit(figures: &Value) -> Option<Figure> {
    ratio_of_quiet_run("ofLimit", figures)
}

/// A server that is kept waiting for its core gathers longer trains: a run that was disturbed may flatter it.
fn ratio_of_quiet_run(name: &str, figures: &Value) -> Option<Figure> {
    let figure = ratio_called(name, figures)?;
    Some(Figure { counts: figure.counts && figures["disturbed"] != true, ..figure })
}

/// The promise is made for pictures of this many bits a second.
fn ratio_at(figures: &Value, bits_per_second: f64) -> Option<Figure> {
    (figures["videoBitsPerSecond"].as_f64()? == bits_per_second).then(|| ratio(figures))?
}

fn rooms(figures: &Value) -> Option<Figure> {
    Some(Figure { value: figures["rooms"].as_f64()?, counts: figures["withinBounds"] != false })
}

/// The cheapest of Volley's entries with P95 of 5 ms at most, against the best of the others; one of which that
/// was asked and which took longer, where there is no such.
pub(super) fn ratio_within_five_milliseconds(figures: &Value) -> Option<Figure> {
    let cheapest = |volley: bool, counts: fn(&Value, &Value) -> bool| {
        figures["servers"]
            .as_array()?
            .iter()
            .filter(|server| (server["server"] == "volley") == volley && server["adapts"] != false)
            .filter_map(|server| highest_load(server).filter(|load| counts(server, load)))
            .filter_map(|load| Some((load["perCpuSecond"].as_f64()?, load)))
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
    };
    let (other, of_other) = cheapest(false, |_, load| load["withinBounds"] != false)?;
    let kept =
        cheapest(true, |_, load| load["withinBounds"] != false && is_within_five(&load["delay"]["p95"]));
    let asked = cheapest(true, |server, _| is_within_five(&server["maxDelay"]));
    let figure = kept.map(|kept| (kept, true)).or(asked.map(|asked| (asked, false)));
    figure.map(|((value, of_volley), is_kept)| {
        let counts = is_kept && of_volley["disturbed"] != true && of_other["understated"] != true;
        Figure { value: value / other, counts }
    })
}

/// Of seconds, in milliseconds.
fn is_within_five(seconds: &Value) -> bool {
    seconds.as_f64().is_some_and(|seconds| seconds <= 0.005)
}

fn highest_load(server: &Value) -> Option<&Value> {
    server["loads"].as_array()?.iter().max_by_key(|load| load["loadPercent"].as_u64())
}

/// Where half of the highest load was measured (`--gathering auto --loads 50,100`): for as long as it is told to
/// gather, a server adds what it is told to, at any load.
pub(super) fn added_at_half_load(figures: &Value) -> Option<Figure> {
    let mut servers = figures["servers"].as_array()?.iter();
    let volley = servers.find(|server| server["server"] == "volley" && server["gathering"] == "auto")?;
    let half = volley["loads"].as_array()?.iter().find(|load| load["loadPercent"] == 50)?;
    Some(Figure { value: half["addedDelay"][2].as_f64()?, counts: half["withinBounds"] != false })
}
