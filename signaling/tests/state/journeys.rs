//! The ways of those who come, as traces tell them.

use crate::common::{Lab, config, connected, fixture};
use serde_json::json;
use std::time::Duration;
use volley::control::Event;
use volley::control::types::TransportState;
use volley_signaling::settings::TraceSettings;
use volley_signaling::state::{BridgeRole, Caller, Config, Journey, Outcome};
use volley_signaling::store::MemoryStore;

fn lab() -> Lab {
    let mut config: Config = config();
    config.settings.traces = Some(TraceSettings { endpoint: String::from("http://collector:4318") });
    Lab::after(MemoryStore::default(), config)
}

/// The names of its parts, and how many milliseconds each took.
fn legs(journey: &Journey) -> Vec<(&'static str, u128)> {
    journey.legs.iter().map(|leg| (leg.name, leg.to.since(leg.from).as_millis())).collect()
}

fn after(lab: &mut Lab, millis: u64, state: TransportState) {
    lab.now += Duration::from_millis(millis);
    let transport = lab.transport();
    lab.event(0, Event::Transport { transport, state });
}

#[test]
fn a_join_is_told_from_the_message_to_the_first_packet() {
    let mut lab = lab();
    let page = lab.join(1, "room", "one");
    let from = lab.now;
    lab.now += Duration::from_millis(30);
    lab.offer(&page, &fixture("chromium-example-client"));
    after(&mut lab, 2, TransportState::New);
    after(&mut lab, 40, TransportState::Connecting);
    after(&mut lab, 60, connected());
    assert_eq!(lab.journeys, []);
    lab.now += Duration::from_millis(5);
    let transport = lab.transport();
    lab.event(0, Event::Media { transport });
    let [journey] = &lab.journeys[..] else { panic!("{:?}", lab.journeys) };
    assert_eq!((&*journey.room, journey.by, journey.outcome), ("room", "websocket", Outcome::Arrived));
    assert_eq!((journey.participant, journey.worker), (page.participant(), Some(0)));
    assert_eq!((journey.from, journey.to), (from, lab.now));
    let expected = [
        ("wait for the offer", 30),
        ("hand over to the worker", 2),
        ("ICE", 40),
        ("DTLS", 60),
        ("first media", 5),
    ];
    assert_eq!(legs(journey), expected);
}

#[test]
fn who_only_watches_has_arrived_with_the_keys() {
    let mut lab = lab();
    let offer = fixture("firefox-example-client");
    lab.state.open_bridge("room", "Viewer", BridgeRole::Viewer, Caller::default(), offer, lab.now).unwrap();
    lab.turn();
    after(&mut lab, 2, TransportState::New);
    after(&mut lab, 2, TransportState::Connecting);
    after(&mut lab, 2, connected());
    let [journey] = &lab.journeys[..] else { panic!("{:?}", lab.journeys) };
    assert_eq!((journey.by, journey.legs.len(), journey.outcome), ("whep", 4, Outcome::Arrived));
}

#[test]
fn whoever_leaves_or_finds_no_way_is_told_as_far_as_they_came() {
    let mut lab = lab();
    let page = lab.join(1, "room", "one");
    lab.say(page.socket, json!({"type":"leave"}));
    let other = lab.call(2, "chromium-example-client");
    after(&mut lab, 2, TransportState::New);
    for _ in 0..31 {
        lab.pass(1000);
    }
    let told: Vec<_> = lab.journeys.iter().map(|one| (one.outcome, one.legs.len())).collect();
    assert_eq!(told, [(Outcome::Left, 0), (Outcome::Lost, 2)]);
    lab.say(other.socket, json!({"type":"leave"}));
    assert_eq!(lab.journeys.len(), 2, "each is told once");
}

#[test]
fn nothing_is_noted_where_nobody_wants_to_know() {
    let mut lab = Lab::new();
    lab.call(1, "chromium-example-client");
    after(&mut lab, 2, connected());
    let transport = lab.transport();
    lab.event(0, Event::Media { transport });
    assert_eq!(lab.journeys, []);
}
