//! What is written for a restart, and when.

mod common;

use common::{Lab, fixture};
use serde_json::json;
use volley_signaling::protocol::ClientMessage;
use volley_signaling::state::Save;

#[test]
fn an_offer_is_written_once_and_not_with_each_change_of_whose_it_is() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    let with_an_offer = |lab: &Lab| {
        let records = lab.store.load().into_iter();
        let has_offer = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("a=fingerprint");
        records.filter(|record| has_offer(&record.bytes)).map(|record| record.kind).collect::<Vec<_>>()
    };
    const OFFER: u16 = 6;
    assert_eq!(with_an_offer(&lab), [OFFER]);
    let raised = ClientMessage::RaiseHand { raised: true };
    lab.state.message(page.socket, raised, lab.now);
    let saves = lab.state.finish().saves;
    assert!(!saves.is_empty());
    let bytes = |save: &Save| match save {
        Save::Put { bytes, .. } => bytes.len(),
        Save::Remove { .. } => 0,
    };
    assert!(saves.iter().map(bytes).sum::<usize>() < fixture("chromium-example-client").len() / 2);
    let mut lab = lab.kill();
    let (page, _) = lab.resume(2, &page);
    lab.say(page.socket, json!({"type":"leave"}));
    assert_eq!(with_an_offer(&lab), [] as [u16; 0], "and goes with them");
}
