//! Credentials for relays: whoever stays longer than theirs last is told new ones.

use crate::common::{Lab, config};
use std::time::Duration;
use volley_signaling::protocol::{IceServerView, ServerMessage};
use volley_signaling::settings::IceServer;
use volley_signaling::state::SocketId;
use volley_signaling::store::MemoryStore;

const TTL: Duration = Duration::from_secs(4000);

fn lab(secret: Option<&str>) -> Lab {
    let mut config = config();
    config.settings.turn_ttl = TTL;
    let fixed = secret.is_none().then(|| String::from("fixed"));
    config.settings.ice_servers = vec![IceServer {
        urls: vec![String::from("turn:turn.example.org")],
        username: fixed.clone(),
        credential: fixed,
        secret: secret.map(str::to_owned),
    }];
    Lab::after(MemoryStore::default(), config)
}

fn renewals(lab: &mut Lab, socket: SocketId) -> Vec<Vec<IceServerView>> {
    let told = |message| match message {
        ServerMessage::IceServers { ice_servers } => Some(ice_servers),
        _ => None,
    };
    lab.heard(socket).into_iter().filter_map(told).collect()
}

#[test]
fn credentials_are_renewed_before_they_end_as_often_as_it_takes() {
    let mut lab = lab(Some("north"));
    let page = lab.join(1, "room", "one");
    for _ in 0..3 {
        lab.pass(200);
        lab.pass(2_900_000);
        assert_eq!(renewals(&mut lab, page.socket).len(), 0, "they are good for long");
        lab.pass(200_000);
        let told = renewals(&mut lab, page.socket);
        assert!(matches!(&told[..], [servers] if servers[0].credential.is_some()), "{told:?}");
    }
}

#[test]
fn whoever_came_back_has_new_ones_already() {
    let mut lab = lab(Some("north"));
    let page = lab.join(1, "room", "one");
    lab.pass(200);
    lab.pass(2_900_000);
    let (page, _) = lab.resume(2, &page);
    lab.pass(200);
    lab.pass(2_900_000);
    assert_eq!(renewals(&mut lab, page.socket).len(), 0);
}

#[test]
fn people_in_calls_are_told_of_other_servers_as_soon_as_they_are_configured() {
    let mut lab = lab(Some("north"));
    let page = lab.join(1, "room", "one");
    lab.pass(200);
    let mut settings = lab.state.config().settings.clone();
    settings.max_rooms += 1;
    lab.state.reconfigure(settings.clone());
    lab.turn();
    assert_eq!(renewals(&mut lab, page.socket).len(), 0, "nothing about relays has changed");

    settings.ice_servers[0].urls = vec![String::from("turn:turn2.example.org")];
    lab.state.reconfigure(settings.clone());
    lab.turn();
    let told = renewals(&mut lab, page.socket);
    assert!(
        matches!(&told[..], [servers] if servers[0].urls == ["turn:turn2.example.org"]
            && servers[0].credential.is_some()),
        "{told:?}"
    );
    lab.pass(200);
    lab.pass(2_900_000);
    assert_eq!(renewals(&mut lab, page.socket).len(), 0, "the new ones are as good for long");

    settings.ice_servers.clear();
    lab.state.reconfigure(settings);
    lab.turn();
    assert_eq!(renewals(&mut lab, page.socket), [vec![]], "and none are none");
}

#[test]
fn what_is_configured_for_everybody_never_ends() {
    let mut lab = lab(None);
    let page = lab.join(1, "room", "one");
    (0..5).for_each(|_| lab.pass(2_900_000));
    assert_eq!(renewals(&mut lab, page.socket).len(), 0);
}
