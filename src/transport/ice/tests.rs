//! What a check may and may not change.

use super::*;
use crate::transport::testing::{Check, credentials, path};
use crate::wire::stun::attribute;
use proptest::prelude::*;

fn agent() -> IceAgent {
    IceAgent::new(credentials("server"), credentials("browser"))
}

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// Hands `bytes` to the agent and returns what happened and the answer.
fn feed(
    agent: &mut IceAgent,
    now: Time,
    from: u16,
    bytes: &[u8],
) -> (Result<Checked, DropCause>, Option<Vec<u8>>) {
    let mut out = [0; 256];
    let view = StunView::parse(bytes).expect("a well-formed check");
    let result = agent.check(now, &path(from), &view, &mut out);
    let answer = result.ok().map(|checked| out[..checked.answer].to_vec());
    (result, answer)
}

fn check(agent: &mut IceAgent, now: Time, from: u16, check: &Check) -> Result<Checked, DropCause> {
    feed(agent, now, from, &check.bytes()).0
}

#[test]
fn a_right_check_is_answered_with_the_address_it_came_from() {
    let mut agent = agent();
    let sent = Check::new(1);
    let (result, answer) = feed(&mut agent, at(0), 4000, &sent.bytes());
    let checked = result.expect("accepted");
    assert!(checked.accepted && checked.moved);
    assert_eq!((checked.added, checked.evicted), (Some(path(4000)), None));

    let answer = answer.expect("an answer");
    let view = StunView::parse(&answer).expect("a valid answer");
    assert_eq!((view.class(), view.transaction_id()), (Class::Success, sent.transaction));
    assert_eq!(view.xor_mapped_address(), Some(path(4000).remote));
    assert!(view.has_fingerprint() && view.is_authentic(sent.local.password.as_bytes()));
}

#[test]
fn nothing_unauthenticated_is_answered_or_changes_anything() {
    let wrong_password = Check {
        local: IceCredentials { ufrag: credentials("server").ufrag, ..credentials("other") },
        ..Check::new(1)
    };
    let wrong_local = Check { local: credentials("somebody"), ..Check::new(2) };
    let wrong_remote = Check { remote: credentials("somebody"), ..Check::new(3) };
    let longer = Check { remote: credentials("browser2"), ..Check::new(4) };
    for (sent, cause) in [
        (wrong_password, DropCause::StunBadIntegrity),
        (wrong_local, DropCause::StunUnknownUser),
        (wrong_remote, DropCause::StunUnknownUser),
        (longer, DropCause::StunUnknownUser),
    ] {
        let mut agent = agent();
        assert_eq!(check(&mut agent, at(0), 4000, &sent), Err(cause));
        assert_eq!((agent.paths().count(), agent.selected()), (0, None));
    }
}

#[test]
fn a_message_without_integrity_or_without_a_name_is_dropped() {
    let mut buffer = [0; 128];
    let writer = StunWriter::new(&mut buffer, Class::Request, &[1; 12]);
    let len = writer.attribute(attribute::USERNAME, b"server:browser").fingerprint().expect("room");
    assert_eq!(feed(&mut agent(), at(0), 1, &buffer[..len]).0, Err(DropCause::StunBadIntegrity));

    let writer = StunWriter::new(&mut buffer, Class::Request, &[1; 12]);
    let len = writer.integrity(credentials("server").password.as_bytes()).fingerprint().expect("room");
    assert_eq!(feed(&mut agent(), at(0), 1, &buffer[..len]).0, Err(DropCause::StunUnknownUser));
}

#[test]
fn answers_and_indications_are_not_answered() {
    for class in [Class::Success, Class::Error, Class::Indication] {
        let mut buffer = [0; 128];
        let len = StunWriter::new(&mut buffer, class, &[1; 12])
            .attribute(attribute::USERNAME, b"server:browser")
            .integrity(credentials("server").password.as_bytes())
            .fingerprint()
            .expect("room");
        assert_eq!(feed(&mut agent(), at(0), 1, &buffer[..len]).0, Err(DropCause::StunNotARequest));
    }
}

#[test]
fn a_peer_that_does_not_control_is_told_to() {
    let mut agent = agent();
    let sent = Check { role: attribute::ICE_CONTROLLED, ..Check::new(1) };
    let (result, answer) = feed(&mut agent, at(0), 4000, &sent.bytes());
    assert!(!result.expect("answered").accepted);
    let answer = answer.expect("an answer");
    let view = StunView::parse(&answer).expect("a valid answer");
    assert_eq!((view.class(), view.error_code()), (Class::Error, Some(487)));
    assert!(view.is_authentic(sent.local.password.as_bytes()));
    assert_eq!(agent.selected(), None);
}

#[test]
fn what_must_be_understood_and_is_not_is_refused_by_name() {
    let mut agent = agent();
    let (result, answer) =
        feed(&mut agent, at(0), 4000, &Check { extra: Some(0x7abc), ..Check::new(1) }.bytes());
    assert!(!result.expect("answered").accepted);
    let answer = answer.expect("an answer");
    let view = StunView::parse(&answer).expect("a valid answer");
    assert_eq!((view.class(), view.error_code()), (Class::Error, Some(420)));
    assert!(answer.windows(6).any(|bytes| bytes == [0, 0x0a, 0, 2, 0x7a, 0xbc]));
    assert_eq!(agent.selected(), None);
}

#[test]
fn the_first_path_carries_the_media_until_another_is_nominated() {
    let mut agent = agent();
    check(&mut agent, at(0), 1, &Check::new(1)).expect("accepted");
    assert!(!check(&mut agent, at(10), 2, &Check::new(2)).expect("accepted").moved);
    assert_eq!(agent.selected(), Some(path(1)));
    assert!(check(&mut agent, at(20), 2, &Check::nominating(3)).expect("accepted").moved);
    assert_eq!(agent.selected(), Some(path(2)));
}

#[test]
fn after_a_nat_gave_a_new_port_the_media_follows_without_a_nomination() {
    let mut agent = agent();
    check(&mut agent, at(0), 1, &Check::nominating(1)).expect("accepted");
    assert!(agent.heard(at(5_000), &path(1)));
    assert!(!check(&mut agent, at(6_000), 2, &Check::new(2)).expect("accepted").moved);
    assert!(check(&mut agent, at(8_000), 2, &Check::new(3)).expect("accepted").moved);
    assert_eq!(agent.selected(), Some(path(2)));
}

#[test]
fn a_captured_check_neither_moves_the_path_nor_gets_an_answer_elsewhere() {
    let mut agent = agent();
    let captured = Check::nominating(1).bytes();
    feed(&mut agent, at(0), 1, &captured).0.expect("accepted");
    assert_eq!(feed(&mut agent, at(10), 2, &captured).0, Err(DropCause::StunReplayed));
    assert_eq!(feed(&mut agent, at(60_000), 2, &captured).0, Err(DropCause::StunReplayed));
    assert_eq!(agent.selected(), Some(path(1)));
    assert!(!agent.is_proved(&path(2)));
}

#[test]
fn a_captured_check_does_not_move_between_proved_paths() {
    let mut agent = agent();
    let captured = Check::nominating(1).bytes();
    feed(&mut agent, at(0), 1, &captured).0.expect("accepted");
    check(&mut agent, at(10), 2, &Check::nominating(2)).expect("accepted");
    let again = feed(&mut agent, at(20), 1, &captured).0.expect("answered");
    assert!(!again.accepted && !again.moved);
    assert_eq!(agent.selected(), Some(path(2)));
}

#[test]
fn a_retransmitted_check_is_answered_again_but_is_no_sign_of_life() {
    let mut agent = agent();
    let sent = Check::new(1).bytes();
    let first = feed(&mut agent, at(0), 1, &sent).1;
    let (result, second) = feed(&mut agent, at(5_000), 1, &sent);
    assert_eq!(first, second);
    assert!(!result.expect("answered").accepted);
    assert!(agent.silent_for(at(5_000), &path(1)) > PATH_SILENT);
}

#[test]
fn after_a_restart_the_media_stays_until_the_new_credentials_have_proved_a_path() {
    let mut agent = agent();
    check(&mut agent, at(0), 1, &Check::nominating(1)).expect("accepted");
    agent.restart(at(1_000), credentials("server-2"), credentials("browser-2"));
    let renewed = |number, nominate| Check {
        local: credentials("server-2"),
        remote: credentials("browser-2"),
        nominate,
        ..Check::new(number)
    };
    let old = check(&mut agent, at(1_100), 1, &Check::nominating(2)).expect("still good");
    assert!(old.accepted && !old.moved);
    assert!(!check(&mut agent, at(1_200), 2, &renewed(3, false)).expect("accepted").moved);
    assert_eq!(agent.selected(), Some(path(1)));
    assert!(check(&mut agent, at(1_300), 2, &renewed(4, true)).expect("accepted").moved);
    let late = check(&mut agent, at(1_400), 1, &Check::nominating(5));
    assert_eq!(late, Err(DropCause::StunUnknownUser));
}

#[test]
fn the_previous_credentials_are_not_good_forever() {
    let mut agent = agent();
    agent.restart(at(0), credentials("server-2"), credentials("browser-2"));
    check(&mut agent, at(29_999), 1, &Check::new(1)).expect("still good");
    assert_eq!(check(&mut agent, at(30_000), 1, &Check::new(2)), Err(DropCause::StunUnknownUser));
}

#[test]
fn the_answer_to_old_credentials_is_made_with_the_old_password() {
    let mut agent = agent();
    agent.restart(at(0), credentials("server-2"), credentials("browser-2"));
    let answer = feed(&mut agent, at(1), 1, &Check::new(1).bytes()).1.expect("an answer");
    let view = StunView::parse(&answer).expect("a valid answer");
    assert!(view.is_authentic(credentials("server").password.as_bytes()));
}

#[test]
fn of_too_many_paths_the_one_silent_longest_goes_but_never_the_media_s() {
    let mut agent = agent();
    for port in 0..MAX_PATHS as u8 {
        check(&mut agent, at(u64::from(port)), u16::from(port), &Check::new(port)).expect("accepted");
    }
    let ninth = check(&mut agent, at(100), 100, &Check::new(100)).expect("accepted");
    assert_eq!((ninth.added, ninth.evicted), (Some(path(100)), Some(path(1))));
    assert_eq!(agent.selected(), Some(path(0)));
    assert_eq!(agent.paths().count(), MAX_PATHS);
}

#[test]
fn an_agent_taken_over_remembers_paths_restart_and_transactions() {
    let mut agent = agent();
    for number in 0..=255 {
        check(&mut agent, at(0), 1, &Check::new(number)).expect("accepted");
    }
    check(
        &mut agent,
        at(0),
        1,
        &Check { transaction: [77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], ..Check::new(0) },
    )
    .expect("accepted");
    agent.restart(at(1_000), credentials("server-2"), credentials("browser-2"));
    let exported = agent.export(at(2_000));
    let mut back = IceAgent::import(at(60_000), exported.clone());
    assert_eq!(back.export(at(60_000)), exported);
    assert_eq!(check(&mut back, at(60_100), 2, &Check::new(200)), Err(DropCause::StunReplayed));
}

proptest! {
    /// Whatever an outsider alters or repeats, nothing comes back. (The fingerprint is not altered:
    /// it stands behind what the password protects.)
    #[test]
    fn who_does_not_know_the_password_gets_no_answer(
        mut bytes in Just(Check::nominating(1).bytes()),
        at_byte in 0usize..124, value in 1u8..=255, nothing_known in any::<bool>(),
    ) {
        let mut agent = agent();
        if !nothing_known {
            feed(&mut agent, at(0), 1, &bytes).0.expect("accepted");
        }
        let place = at_byte % (bytes.len() - 8);
        bytes[place] ^= value;
        if let Ok(view) = StunView::parse(&bytes) {
            let result = agent.check(at(1), &path(2), &view, &mut [0; 256]);
            prop_assert!(result.is_err());
        }
        prop_assert!(!agent.is_proved(&path(2)));
    }
}
