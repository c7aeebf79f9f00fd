//! What somebody with a right to it mutes, and when whoever is muted learns of it.

use crate::common::{Lab, Page};
use serde_json::json;
use volley_signaling::protocol::{MediaKind, ServerMessage, TrackView};
use volley_signaling::state::Selection;

#[test]
fn whoever_was_muted_while_their_socket_was_away_is_told_when_they_come_back() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    lab.close(page.socket);
    let sounds = Selection { kind: Some(MediaKind::Audio), track_id: None };
    lab.state.moderate("room", &page.id, &sounds, true).unwrap();
    lab.turn();
    let (page, tracks, silenced) = back(&mut lab, 2, &page);
    let sound = tracks.iter().find(|track| track.kind == MediaKind::Audio).unwrap();
    assert!(sound.muted);
    assert_eq!(silenced, std::slice::from_ref(&sound.track_id), "the picture is still theirs");

    lab.say(page.socket, json!({"type":"unmute","trackId":sound.track_id}));
    lab.close(page.socket);
    let (_, tracks, silenced) = back(&mut lab, 3, &page);
    assert!(silenced.is_empty() && tracks.iter().all(|track| !track.muted), "{tracks:?}");
}

#[test]
fn what_somebody_muted_themselves_was_muted_by_nobody_else() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    let (page, tracks, _) = back(&mut lab, 2, &page);
    lab.say(page.socket, json!({"type":"mute","trackId":tracks[0].track_id}));
    lab.state.moderate("room", &page.id, &Selection::default(), true).unwrap();
    lab.turn();
    let (_, tracks, silenced) = back(&mut lab, 3, &page);
    assert_eq!(silenced, [tracks[1].track_id.clone()]);
}

fn back(lab: &mut Lab, socket: u64, page: &Page) -> (Page, Vec<TrackView>, Vec<String>) {
    let (page, heard) = lab.resume(socket, page);
    match heard.first() {
        Some(ServerMessage::Joined { resumed: true, tracks, silenced, .. }) => {
            (page, tracks.clone(), silenced.clone())
        }
        _ => panic!("joined was expected, not {heard:?}"),
    }
}
