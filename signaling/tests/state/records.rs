//! What is written for a restart, and when.

use crate::common::Lab;
use serde_json::json;
use volley_signaling::protocol::ClientMessage;
use volley_signaling::state::Save;

/// What the records say they are about.
const PARTICIPANT: u16 = 3;
const OFFER: u16 = 6;

#[test]
fn an_offer_is_written_once_and_not_with_each_change_of_whose_it_is() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-grown-with-screen");
    let bytes = |lab: &Lab, kind| {
        let records = lab.store.load().into_iter().filter(|record| record.kind == kind);
        records.map(|record| record.bytes.len()).collect::<Vec<_>>()
    };
    let [offers, people] = [OFFER, PARTICIPANT].map(|kind| bytes(&lab, kind));
    assert_eq!((offers.len(), people.len()), (1, 1));
    lab.state.message(page.socket, ClientMessage::RaiseHand { raised: true }, lab.now);
    let saves = lab.state.finish().saves;
    let kind = |save: &Save| match *save {
        Save::Put { kind, .. } | Save::Remove { kind, .. } => kind,
    };
    let kinds: Vec<u16> = saves.iter().map(kind).collect();
    assert!(kinds.contains(&PARTICIPANT) && !kinds.contains(&OFFER), "{kinds:?}");

    let mut lab = lab.kill();
    assert_eq!(bytes(&lab, OFFER), offers, "it is still theirs");
    let (page, _) = lab.resume(2, &page);
    lab.say(page.socket, json!({"type":"leave"}));
    assert_eq!(bytes(&lab, OFFER), [] as [usize; 0], "and goes with them");
}
