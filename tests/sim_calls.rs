//! Calls in virtual time whose course is written down rather than drawn from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use volley::base::Time;
use volley::control::types::{Codec, Kind, Reason, TransportState};
use volley::sim::link::LinkOptions;
use volley::sim::mesh::MeshPlan;
use volley::sim::peer::misbehaviour::Lie;
use volley::sim::scenario::{Action, Scenario};
use volley::sim::verdict::Verdict;
use volley::sim::world::World;

#[test]
fn a_peer_with_another_certificate_is_refused_and_nobody_else_notices() {
    let mut scenario = call_of(3);
    scenario.people[2].wrong_fingerprint = true;
    scenario.ends.push(Reason::WrongFingerprint);
    let verdict = judge(scenario);
    assert!(states_of(2, &verdict).contains(&TransportState::Ended { reason: Reason::WrongFingerprint }));
    assert!(served(2, &verdict) == 0, "who is refused is sent nothing");
    assert!(served(0, &verdict) == 2 && served(1, &verdict) == 2, "sound and picture of the other");
}

#[test]
fn who_falls_silent_is_hidden_and_seen_again_when_he_is_back() {
    let mut scenario = call_of(3);
    scenario.actions.push((ms(2_000), unplug(1)));
    scenario.actions.push((ms(13_000), Action::Heal));
    scenario.end = ms(18_000);
    let verdict = judge(scenario);
    let states = states_of(1, &verdict);
    let hidden = states.iter().position(|state| *state == TransportState::Hidden).expect("he was hidden");
    assert!(matches!(states[hidden + 1], TransportState::Connected { .. }), "{states:?}");
    assert!(!states_of(0, &verdict).contains(&TransportState::Hidden), "others go on");
}

#[test]
fn who_stays_silent_is_gone_and_leaves_his_seats() {
    let mut scenario = call_of(3);
    scenario.actions.push((ms(2_000), unplug(1)));
    scenario.ends.push(Reason::Silent);
    scenario.end = ms(36_000);
    let verdict = judge(scenario);
    assert_eq!(states_of(1, &verdict).last(), Some(&TransportState::Ended { reason: Reason::Silent }));
    assert_eq!(verdict.seats.values().flatten().count(), 4, "two people with sound and picture each");
}

#[test]
fn a_new_address_costs_one_consent_interval_and_no_handshake() {
    let mut scenario = call_of(2);
    scenario.actions.extend((1..5).map(|n| (ms(1_500 * n), Action::Rebind(0))));
    scenario.end = ms(9_000);
    let verdict = judge(scenario);
    let connected = |state: &&TransportState| matches!(state, TransportState::Connecting);
    assert_eq!(states_of(0, &verdict).iter().filter(connected).count(), 1, "one handshake");
}

#[test]
fn a_crowd_that_comes_and_goes_keeps_every_seat_taken() {
    let mut scenario = call_of(10);
    for who in 0..10 {
        scenario.people[who].pairs = 3;
        let at = 1_500 + 150 * who as u64;
        scenario.actions.push((ms(at), Action::Leave { who, politely: who % 2 == 0 }));
        scenario.actions.push((ms(at + 400), Action::Join(who)));
    }
    scenario.end = ms(6_500);
    judge(scenario);
}

#[test]
fn pictures_that_were_shed_are_back_a_second_after_there_is_room() {
    let mut scenario = call_of(4);
    scenario.actions.push((ms(2_000), Action::Shed(8)));
    scenario.actions.push((ms(3_000), Action::Shed(0)));
    scenario.actions.push((ms(5_000), Action::Shed(16)));
    scenario.end = ms(6_000);
    let verdict = judge(scenario);
    assert!(dropped("shed", &verdict) > 200, "{:?}", verdict.drops);
}

#[test]
fn a_seat_that_was_shed_shows_whoever_comes_later() {
    let mut scenario = call_of(3);
    scenario.actions.push((ms(2_000), Action::Shed(0)));
    scenario.actions.push((ms(2_500), Action::Leave { who: 1, politely: true }));
    scenario.actions.push((ms(3_000), Action::Shed(16)));
    scenario.actions.push((ms(3_500), Action::Join(1)));
    scenario.end = ms(6_000);
    judge(scenario);
}

#[test]
fn of_pictures_that_are_shed_who_speaks_is_the_last() {
    for shards in [1, 3] {
        let mut scenario = call_of(5).spread_over(shards, MeshPlan::CALM);
        scenario.people.iter_mut().for_each(|plan| plan.pairs = 4);
        // Who comes last has the last seat with everybody, and speaks alone.
        (0..4).for_each(|who| scenario.people[who].quiet = true);
        scenario.actions.insert(0, (ms(0), Action::Shed(4)));
        scenario.actions.extend((0..4).map(|who| (ms(4_500), Action::Leave { who, politely: true })));
        scenario.end = ms(5_000);
        let verdict = judge_as_it_is(scenario);
        let served = |who: usize| {
            let of = verdict.stays.iter().find(|stay| stay.0 == who).expect("everybody came").1;
            verdict.served[&of].clone()
        };
        let of_the_speaker = (1..4).map(served).fold(served(0), |all, tracks| &all & &tracks);
        assert_eq!(of_the_speaker.len(), 2, "sound and picture, on {shards} shards: {of_the_speaker:?}");
    }
}

#[test]
fn of_pictures_that_are_shed_who_is_pinned_is_the_last() {
    let mut scenario = call_of(5).quiet();
    scenario.people.iter_mut().for_each(|plan| plan.pairs = 4);
    scenario.actions.insert(0, (ms(0), Action::Shed(4)));
    scenario.actions.push((ms(2_000), Action::Pin { who: 0, target: 4 }));
    scenario.actions.extend((0..4).map(|who| (ms(4_500), Action::Leave { who, politely: true })));
    scenario.end = ms(5_000);
    let verdict = judge_as_it_is(scenario);
    // All sounds and one picture; who pins has had another one before.
    assert_eq!([0, 1, 2, 3].map(|who| served(who, &verdict)), [6, 5, 5, 5]);
}

#[test]
fn a_retransmission_of_a_packet_long_gone_never_seals_an_index_twice() {
    let mut scenario = call_of(3);
    scenario.actions.extend((0..10).map(|n| (ms(3_000 + 100 * n), lie(0, Lie::OldWithOtherContent))));
    let verdict = judge(scenario);
    assert!(dropped("duplicate", &verdict) >= 10, "the lies came: {:?}", verdict.drops);
}

#[test]
fn a_publisher_that_sends_under_its_old_ssrc_too_is_seen_under_its_new_one() {
    for announces_ssrcs in [true, false] {
        let mut scenario = call_of(3);
        scenario.people[0].announces_ssrcs = announces_ssrcs;
        scenario.actions.extend([2_500, 3_500].map(|at| (ms(at), lie(0, Lie::SecondSsrc))));
        let verdict = judge(scenario);
        assert!(dropped("retired-ssrc", &verdict) > 100, "both were sent: {:?}", verdict.drops);
    }
}

#[test]
fn viewers_that_miss_the_first_of_two_leaps_go_on_receiving() {
    let mut scenario = call_of(3);
    let good = LinkOptions::clean(Duration::from_millis(12));
    let deaf = LinkOptions { loss: 1.0, ..good };
    for (at, down) in [(2_000, deaf), (3_000, good)] {
        let network = |who| Action::Network { who, up: Box::new(good), down: Box::new(down) };
        scenario.actions.extend([1, 2].map(|who| (ms(at), network(who))));
    }
    scenario.actions.extend([2_100, 2_950].map(|at| (ms(at), lie(0, Lie::Leap))));
    let verdict = judge(scenario);
    assert!(dropped("waiting-for-key-frame", &verdict) > 0, "runs began anew: {:?}", verdict.drops);
}

#[test]
fn redundant_sound_heals_a_publishers_link_and_is_sent_only_to_who_loses_packets() {
    for (lossy, redundant) in [(true, true), (true, false), (false, true)] {
        let mut scenario = call_of(3);
        let clean = LinkOptions::clean(Duration::from_millis(12));
        let link = LinkOptions { loss: if lossy { 0.15 } else { 0.0 }, ..clean };
        scenario.people.iter_mut().for_each(|plan| plan.red = redundant);
        let network = |who, up, down| Action::Network { who, up: Box::new(up), down: Box::new(down) };
        scenario.actions.push((ms(1_500), network(0, link, clean)));
        scenario.actions.push((ms(1_500), network(1, clean, link)));
        scenario.actions.push((ms(7_000), Action::Heal));
        scenario.end = ms(9_000);
        let verdict = judge(scenario);
        let heard = (verdict.healed, verdict.redundant);
        match (lossy, redundant) {
            (true, true) => assert!(heard.0 > 10 && heard.1 > 100, "{heard:?}"),
            _ => assert_eq!(heard, (0, 0)),
        }
    }
}

#[test]
fn a_flood_of_nacks_for_the_same_packets_is_answered_within_bounds() {
    let mut scenario = call_of(2);
    scenario.actions.extend((0..400).map(|n| (ms(3_000 + 5 * n), lie(1, Lie::FloodOfNacks))));
    let verdict = judge(scenario);
    let resent = verdict.resent[&1];
    // The flood asks for 320,000 packets in these two seconds.
    assert!((100..=2_000).contains(&resent), "{resent} were sent again");
    assert!(verdict.resent[&0] <= 40, "who asks for nothing is only probed: {}", verdict.resent[&0]);
}

#[test]
fn everybody_is_shown_the_layer_that_fits_and_what_nobody_watches_is_not_sent() {
    let mut scenario = layered_call_of(3);
    let limit = |who, max_height| Action::Limit { who, max_height: Some(max_height) };
    scenario.actions.extend([
        (ms(1_500), limit(0, 180)),
        (ms(1_500), limit(1, 180)),
        (ms(1_500), limit(2, 400)),
    ]);
    scenario.end = ms(9_000);
    let verdict = judge(scenario);
    assert_eq!([0, 1, 2].map(|who| shown_layers(who, &verdict)), [[0], [0], [1]]);
    // Each has one seat, so somebody watches one other: the second layer of one camera is watched.
    let paused = verdict.paused.values().map(|paused| paused.iter().filter(|paused| **paused).count());
    assert_eq!(paused.sum::<usize>(), 5, "{:?}", verdict.paused);
}

#[test]
fn a_room_over_several_workers_is_shown_the_same_layers_as_one_on_one() {
    let mut scenario = layered_call_of(3).spread_over(3, MeshPlan::CALM);
    let limit = |who, max_height| Action::Limit { who, max_height: Some(max_height) };
    scenario.actions.extend([
        (ms(2_500), limit(0, 180)),
        (ms(2_500), limit(1, 180)),
        (ms(2_500), limit(2, 400)),
    ]);
    scenario.end = ms(10_000);
    let before = scenario.clone();
    let verdict = judge(Scenario { actions: before.actions[..3].to_vec(), end: ms(2_400), ..before });
    assert_eq!([0, 1, 2].map(|who| shown_layers(who, &verdict)), [[2], [2], [2]], "all at their best");
    let verdict = judge(scenario);
    assert_eq!([0, 1, 2].map(|who| shown_layers(who, &verdict)), [[0], [0], [1]]);
    let paused = verdict.paused.values().map(|paused| paused.iter().filter(|paused| **paused).count());
    assert_eq!(paused.sum::<usize>(), 5, "{:?}", verdict.paused);
}

#[test]
fn a_layer_that_was_paused_is_sent_again_when_somebody_wants_it() {
    let mut scenario = layered_call_of(2);
    let limit = |max_height| Action::Limit { who: 1, max_height };
    scenario.actions.extend([(ms(1_500), limit(Some(180))), (ms(8_500), limit(None))]);
    scenario.end = ms(10_000);
    let verdict = judge(scenario);
    assert_eq!(shown_layers(1, &verdict), [2]);
    assert_eq!(verdict.paused[&0], [false, true, false], "the middle one is still nobody's");
    assert_eq!(verdict.switches[&1], 3, "up at the start, down, and up again");
}

#[test]
fn a_thin_path_is_given_a_lower_layer_and_the_upper_one_when_it_is_wide_again() {
    let mut scenario = layered_call_of(2);
    let budget = |bits_per_second| Action::Budget { who: 1, bits_per_second };
    // The lowest encoding of a simulated camera has some 80 kbit/s, each of the others 200.
    scenario.actions.extend((0..60).map(|n| (ms(2_000 + 50 * n), budget(Some(150_000 + 1_000 * (n % 7))))));
    scenario.actions.push((ms(6_000), budget(Some(900_000))));
    scenario.end = ms(9_500);
    let verdict = judge(scenario);
    assert_eq!(shown_layers(1, &verdict), [2]);
    assert_eq!(verdict.switches[&1], 3, "a path that wavers makes nothing flap");
    assert_eq!(shown_layers(0, &verdict), [2], "whose path is wide is not concerned");
}

#[test]
fn on_a_thin_path_who_is_pinned_is_seen_best() {
    let mut scenario = layered_call_of(3).quiet();
    scenario.people[0].pairs = 2;
    scenario.actions.push((ms(1_500), Action::Pin { who: 0, target: 2 }));
    let budget = |bits_per_second| Action::Budget { who: 0, bits_per_second };
    scenario.actions.push((ms(2_000), budget(Some(450_000))));
    scenario.end = ms(6_000);
    let verdict = judge(scenario);
    let mut layers = shown_pictures(0, &verdict);
    layers.sort_unstable();
    assert_eq!(layers, [0, 2], "one at its best, and the other is seen all the same");
}

#[test]
fn on_a_thin_path_a_muted_picture_leaves_its_part_to_the_others_until_it_is_back() {
    let mut scenario = layered_call_of(3).quiet();
    scenario.people[0].pairs = 2;
    scenario.actions.push((ms(1_500), Action::Pin { who: 0, target: 2 }));
    let budget = |bits_per_second| Action::Budget { who: 0, bits_per_second };
    scenario.actions.push((ms(2_000), budget(Some(450_000))));
    let mute = |at, muted| (ms(at), Action::Mute { who: 2, kind: Kind::Video, muted });
    scenario.actions.push(mute(5_000, true));
    scenario.end = ms(9_000);
    let best = |verdict: &Verdict| *verdict.layers[&0].values().nth(1).expect("a picture of the first");
    let verdict = judge(scenario.clone());
    assert_eq!(best(&verdict), 2, "the only one to be seen is seen best");
    scenario.actions.push(mute(9_000, false));
    scenario.end = ms(10_000);
    let verdict = judge(scenario);
    let mut layers = shown_pictures(0, &verdict);
    layers.sort_unstable();
    assert_eq!((best(&verdict), layers), (0, vec![0, 2]), "a second later it is as before");
}

#[test]
fn who_is_not_wanted_is_not_sent_and_comes_back_when_they_are() {
    let mut scenario = layered_call_of(3);
    scenario.people.iter_mut().for_each(|plan| plan.pairs = 2);
    let want = |who, wanted| Action::Want { who, of: 2, wanted };
    scenario.actions.extend([(ms(1_500), want(0, false)), (ms(1_500), want(1, false))]);
    scenario.end = ms(9_500);
    let verdict = judge(scenario.clone());
    assert_eq!(verdict.seats.values().flatten().count(), 8, "two see one, and the third sees both");
    assert_eq!(verdict.paused[&2], [true; 3], "nobody wants the picture, so it is not even sent");
    scenario.actions.push((ms(7_500), want(0, true)));
    let verdict = judge(scenario);
    assert_eq!(verdict.seats.values().flatten().count(), 10);
    assert!(!verdict.paused[&2][2], "and sent again as soon as somebody does");
}

#[test]
fn a_path_too_thin_for_any_picture_still_carries_sound() {
    let mut scenario = layered_call_of(2);
    let budget = |bits_per_second| Action::Budget { who: 1, bits_per_second };
    scenario.actions.extend([(ms(2_000), budget(Some(5_000))), (ms(5_000), budget(None))]);
    scenario.end = ms(7_000);
    judge(scenario);
}

#[test]
fn when_an_encoder_gives_up_a_layer_viewers_fall_to_one_that_comes() {
    let mut scenario = layered_call_of(2);
    scenario.actions.push((ms(2_500), Action::Fail { who: 0, layer: 2, failing: true }));
    scenario.end = ms(5_000);
    let verdict = judge(scenario);
    assert_eq!(shown_layers(1, &verdict), [1]);
    assert!(!verdict.paused[&0][2], "it is wanted as soon as it comes");
}

#[test]
fn who_is_alone_sends_no_picture_and_is_seen_soon_when_somebody_comes() {
    let mut alone = layered_call_of(2);
    alone.actions.retain(|(_, action)| *action == Action::Join(0));
    alone.end = ms(8_000);
    assert_eq!(judge(alone).paused[&0], [true; 3]);
    let mut scenario = layered_call_of(2);
    scenario.actions = vec![(ms(0), Action::Join(0)), (ms(8_000), Action::Join(1))];
    scenario.end = ms(9_500);
    let verdict = judge(scenario);
    assert_eq!(shown_layers(1, &verdict), [2], "within a second and a half");
    assert_eq!(verdict.paused[&0], [false, true, false], "nobody needs the middle one");
}

#[test]
fn a_picture_of_one_encoding_that_nobody_can_see_is_not_sent_until_somebody_can() {
    for codec in [Codec::Vp8, Codec::H264] {
        let mut scenario = call_of(2).quiet();
        scenario.people.iter_mut().for_each(|plan| plan.video = Some(codec));
        let limit = |at, max_height| (ms(at), Action::Limit { who: 1, max_height });
        scenario.actions.extend([limit(2_000, Some(0)), limit(9_000, None)]);
        scenario.end = ms(8_900);
        assert_eq!(
            World::new(scenario.clone()).judge().paused,
            BTreeMap::from([(0, vec![true]), (1, vec![false])])
        );
        scenario.end = ms(10_000);
        let verdict = judge(scenario);
        assert_eq!(verdict.paused[&0], [false]);
        assert_eq!(verdict.seen[&1], BTreeSet::from([0]));
    }
}

#[test]
fn a_picture_is_sent_again_when_the_only_tile_for_it_is_no_longer_hidden() {
    let mut scenario = layered_call_of(2);
    let limit = |at, max_height| (ms(at), Action::Limit { who: 1, max_height });
    scenario.actions.extend([limit(2_000, Some(0)), limit(9_000, None)]);
    scenario.end = ms(8_900);
    // Whoever hides a tile sees nothing of it, which an oracle minds.
    assert_eq!(World::new(scenario.clone()).judge().paused[&0], [true; 3]);
    scenario.end = ms(10_500);
    let verdict = judge(scenario);
    assert_eq!((shown_layers(1, &verdict), verdict.paused[&0][2]), (vec![2], false));
}

#[test]
fn what_comes_with_pictures_restores_those_that_get_lost() {
    let mut scenario = call_of(2);
    scenario.people.iter_mut().for_each(|plan| (plan.fec, plan.rtx, plan.up.loss) = (true, false, 0.03));
    scenario.actions.push((ms(9_000), Action::Heal));
    scenario.end = ms(12_000);
    let verdict = judge(scenario);
    assert!(verdict.restored > 5, "{}", verdict.restored);
    assert!(dropped("empty", &verdict) > 100 && dropped("bad-fec", &verdict) == 0, "{:?}", verdict.drops);
}

#[test]
fn each_packet_crosses_to_another_shard_once_however_many_watch_there() {
    let mut scenario = call_of(8).spread_over(2, MeshPlan::CALM);
    scenario.people.iter_mut().for_each(|plan| plan.pairs = 7);
    let verdict = judge_as_it_is(scenario);
    assert_eq!(verdict.seats.values().flatten().count(), 8 * 7 * 2, "everybody is shown everybody");
    let (came, crossed) = (verdict.packets_in, verdict.crossed_in);
    // What comes before anybody is there to watch does not cross; what a late one is given does twice.
    assert!((came * 8 / 10..=came * 11 / 10).contains(&crossed), "{crossed} of {came} crossed");
}

#[test]
fn nothing_crosses_that_nobody_watches_on_the_other_side() {
    let mut scenario = call_of(4).spread_over(2, MeshPlan::CALM);
    scenario.people.iter_mut().for_each(|plan| (plan.pairs, plan.audio_seats) = (0, 0));
    scenario.people[0].pairs = 3;
    let verdict = judge_as_it_is(scenario);
    assert_eq!(verdict.seats.values().flatten().count(), 6);
    let (came, crossed) = (verdict.packets_in, verdict.crossed_in);
    assert!(crossed <= came * 6 / 10, "two of four publish on the other shard: {crossed} of {came}");
}

#[test]
fn what_is_lost_between_shards_is_made_good() {
    let mut scenario = call_of(6).spread_over(2, MeshPlan::TIGHT);
    scenario.people.iter_mut().for_each(|plan| plan.pairs = 5);
    scenario.actions.push((ms(4_500), Action::Heal));
    scenario.end = ms(6_000);
    let verdict = judge_as_it_is(scenario);
    let lost = dropped("mesh-full", &verdict);
    assert!(lost > 50, "{:?}", verdict.drops);
    let missing: u64 = verdict.holes.values().sum();
    assert_eq!(missing, 0, "of {lost} that were lost on the way");
}

#[test]
fn what_is_missing_from_before_a_mute_does_not_come_after_it() {
    let mut scenario = call_of(6).spread_over(2, MeshPlan::TIGHT);
    scenario.people.iter_mut().for_each(|plan| plan.pairs = 5);
    for n in 0..80 {
        let (who, at) = (n % 6, 1_500 + 53 * n as u64);
        let mute = |at, muted| (ms(at), Action::Mute { who, kind: Kind::Audio, muted });
        scenario.actions.extend([mute(at, true), mute(at + 110, false)]);
    }
    scenario.end = ms(7_000);
    let verdict = judge_as_it_is(scenario);
    assert!(dropped("mesh-full", &verdict) > 50, "{:?}", verdict.drops);
}

#[test]
fn who_comes_late_on_another_shard_is_shown_who_spoke_last() {
    for shards in [1, 3] {
        let mut scenario = call_of(3).spread_over(shards, MeshPlan::CALM);
        [0, 2].into_iter().for_each(|who| scenario.people[who].quiet = true);
        scenario.actions[2].0 = ms(3_000);
        let verdict = judge_as_it_is(scenario);
        let of = |who| verdict.stays.iter().find(|stay| stay.0 == who).expect("everybody came").1;
        let shown = &verdict.served[&of(2)];
        assert_eq!(shown, &verdict.served[&of(0)], "both see the one who speaks, on {shards} shards");
    }
}

/// Lets somebody speak for a while who is muted otherwise.
fn turn_to_speak(who: usize, from: u64, until: u64) -> [(Time, Action); 2] {
    let mute = |at, muted| (ms(at), Action::Mute { who, kind: Kind::Audio, muted });
    [mute(from, false), mute(until, true)]
}

#[test]
fn who_spoke_last_is_the_same_on_shards_that_were_opened_later() {
    for shards in [1, 3] {
        let mut scenario = call_of(7).spread_over(shards, MeshPlan::CALM);
        // The third shard is opened when all have spoken, by somebody who only listens.
        let comes = [(0, 0), (3, 60), (6, 120), (1, 8_000), (4, 8_060), (2, 17_500), (5, 18_500)];
        scenario.actions = comes.map(|(who, at)| (ms(at), Action::Join(who))).to_vec();
        let hush = |(who, at)| (ms(at + 1), Action::Mute { who, kind: Kind::Audio, muted: true });
        scenario.actions.extend(comes.map(hush));
        // Turns that the second shard never hears of: who had them is gone when it is opened.
        for from in [1_000, 3_200, 5_400] {
            scenario.actions.extend(turn_to_speak(0, from, from + 2_100));
        }
        scenario.actions.push((ms(7_800), Action::Leave { who: 0, politely: true }));
        for (who, from) in [(1, 13_000), (3, 14_000), (4, 15_000), (6, 16_000)] {
            scenario.actions.extend(turn_to_speak(who, from, from + 900));
        }
        (scenario.people[5].pairs, scenario.end) = (2, ms(22_000));
        let verdict = judge_as_it_is(scenario);
        assert_eq!(verdict.seen[&5], BTreeSet::from([4, 6]), "on {shards} shards");
    }
}

#[test]
fn who_speaks_without_a_camera_is_heard_by_all_and_by_who_receives_sound_only() {
    let mut scenario = call_of(4);
    (scenario.people[0].pairs, scenario.people[0].audio_seats) = (0, 1);
    scenario.people[3].video = None;
    let hush = |who| (ms(500), Action::Mute { who, kind: Kind::Audio, muted: true });
    scenario.actions.extend((0..4).map(hush));
    scenario.actions.extend(turn_to_speak(3, 3_000, 5_000));
    scenario.end = ms(7_000);
    let verdict = judge(scenario);
    assert_eq!([0, 1, 2].map(|who| verdict.seen[&who].clone()), [3, 3, 3].map(|who| BTreeSet::from([who])));
}

#[test]
fn who_may_speak_without_anybodys_knowing_leaves_the_seat_while_they_are_muted() {
    let mut scenario = call_of(3);
    scenario.people[0].quiet = true;
    [1, 2].into_iter().for_each(|who| scenario.people[who].levels = false);
    scenario.actions.push((ms(3_000), Action::Mute { who: 1, kind: Kind::Audio, muted: true }));
    scenario.end = ms(6_000);
    assert_eq!(judge(scenario).seen[&0], BTreeSet::from([2]));
}

#[test]
fn who_fell_silent_while_a_shard_began_anew_leaves_the_seat_to_who_speaks() {
    for shards in [1, 3] {
        let mut scenario = call_of(3).spread_over(shards, MeshPlan::CALM);
        scenario.people[1].quiet = true;
        let hush = |who, at| (ms(at), Action::Mute { who, kind: Kind::Audio, muted: true });
        scenario.actions.extend([hush(0, 100), hush(2, 150)]);
        scenario.actions.extend(turn_to_speak(0, 5_000, 5_901));
        // In mid-word.
        scenario.actions.push((ms(5_900), Action::Renew(0)));
        scenario.actions.extend(turn_to_speak(2, 8_000, 8_900));
        scenario.end = ms(12_000);
        let verdict = judge_as_it_is(scenario);
        assert_eq!((verdict.renewals, &verdict.seen[&1]), (1, &BTreeSet::from([2])), "on {shards} shards");
    }
}

#[test]
fn who_listens_is_shown_speakers_only_whatever_becomes_of_their_sound_and_their_shard() {
    let mut scenario = call_of(4);
    scenario.speakers_only = true;
    scenario.people.iter_mut().for_each(|plan| plan.pairs = 3);
    [2, 3].into_iter().for_each(|who| scenario.people[who].quiet = true);
    scenario.actions.extend([0, 1].map(|shard| (ms(3_000), Action::Renew(shard))));
    scenario.actions.push((ms(4_000), Action::Unpublish { who: 1, kind: Kind::Audio }));
    scenario.end = ms(7_000);
    let verdict = judge(scenario);
    let seen = [0, 1, 2, 3].map(|who| Vec::from_iter(verdict.seen[&who].iter().copied()));
    assert_eq!(seen, [vec![1, 2, 3], vec![0, 2, 3], vec![0, 1], vec![0, 1]]);
}

#[test]
fn who_comes_late_on_another_shard_is_shown_a_picture_without_asking_for_a_key_frame() {
    let late_by = |shards| {
        let mut scenario = call_of(3).spread_over(shards, MeshPlan::CALM);
        scenario.people.iter_mut().for_each(|plan| plan.pairs = 2);
        scenario.actions[2].0 = ms(600);
        judge_as_it_is(scenario).key_frame_requests
    };
    assert_eq!(late_by(3), late_by(1));
}

/// Judges a call in which nothing may go wrong but what the scenario itself does; and once more with
/// its people spread over three shards, which nobody may notice.
fn judge(scenario: Scenario) -> Verdict {
    let spread = judge_as_it_is(scenario.clone().spread_over(3, MeshPlan::CALM));
    let verdict = judge_as_it_is(scenario);
    let shown = |verdict: &Verdict| verdict.seats.values().flatten().count();
    assert_eq!(shown(&spread), shown(&verdict), "as many seats are taken");
    verdict
}

fn judge_as_it_is(mut scenario: Scenario) -> Verdict {
    scenario.actions.sort_by_key(|(at, _)| *at);
    let verdict = World::new(scenario).judge();
    assert!(verdict.violations.is_empty(), "{:#?}", verdict.violations);
    verdict
}

/// People in one room on a good network, each with a seat for one other.
fn call_of(people: usize) -> Scenario {
    let mut scenario = Scenario::simple(7);
    let plan = scenario.people[0].clone();
    let up = LinkOptions::clean(Duration::from_millis(12));
    let plan =
        volley::sim::scenario::PersonPlan { up, down: up, audio_seats: 0, rtx: true, red: false, ..plan };
    scenario.people = vec![plan; people];
    scenario.actions = (0..people).map(|who| (ms(60 * who as u64), Action::Join(who))).collect();
    scenario
}

/// The same with three layers of each camera, known by RID or by SSRC.
fn layered_call_of(people: usize) -> Scenario {
    let mut scenario = call_of(people).quiet();
    for (who, plan) in scenario.people.iter_mut().enumerate() {
        (plan.layers, plan.announces_ssrcs) = (3, who % 2 == 0);
    }
    scenario
}

/// The same with the lowest told from sound: those of pictures come first in the order of publishing.
fn shown_pictures(who: usize, verdict: &Verdict) -> Vec<u8> {
    // Sound is published before the picture that goes with it.
    verdict.layers[&who].values().skip(1).step_by(2).copied().collect()
}

/// The layers somebody was sent last, of the pictures he was sent.
fn shown_layers(who: usize, verdict: &Verdict) -> Vec<u8> {
    let sounds = |layer: &&u8| **layer > 0;
    let layers = &verdict.layers[&who];
    let pictures: Vec<u8> = layers.values().filter(sounds).copied().collect();
    // Sound has only the lowest, and so may pictures.
    if pictures.is_empty() { vec![0] } else { pictures }
}

fn unplug(who: usize) -> Action {
    let dead = LinkOptions { loss: 1.0, ..LinkOptions::clean(Duration::from_millis(12)) };
    Action::Network { who, up: Box::new(dead), down: Box::new(dead) }
}

fn states_of(who: usize, verdict: &Verdict) -> Vec<TransportState> {
    let (_, _, transport) = verdict.stays.iter().find(|stay| stay.0 == who).expect("he came");
    let told = verdict.told.iter().filter(|(_, told, _)| told == transport);
    told.map(|(_, _, state)| *state).collect()
}

fn lie(who: usize, lie: Lie) -> Action {
    Action::Lie { who, lie }
}

fn dropped(cause: &str, verdict: &Verdict) -> u64 {
    verdict.drops.get(cause).copied().unwrap_or_default()
}

/// How many tracks somebody was sent anything of.
fn served(who: usize, verdict: &Verdict) -> usize {
    let (_, participant, _) = verdict.stays.iter().find(|stay| stay.0 == who).expect("he came");
    verdict.served.get(participant).map_or(0, |tracks| tracks.len())
}

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}
