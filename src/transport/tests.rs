//! A transport and its browser from the first check to the last goodbye.

use super::testing::{Check, Client, Offer, credentials, fingerprint, path};
use super::*;
use dtls::{Identity, MAX_DATAGRAM};

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

fn context() -> DtlsContext {
    DtlsContext::new(Identity::generate().expect("an identity"), Some(1))
}

/// A transport and its browser, on a wire that loses nothing and takes no time.
struct Call {
    transport: Transport,
    client: Client,
    context: DtlsContext,
}

impl Call {
    fn new() -> Call {
        let (context, browser) = (context(), Identity::generate().expect("an identity"));
        let credentials = (credentials("server"), credentials("browser"));
        let transport = Transport::new(&context, at(0), credentials, fingerprint(&browser), 1);
        Call { transport, client: Client::new(&browser, Offer::Both, 1), context }
    }

    fn connected() -> Call {
        let mut call = Call::new();
        call.check(at(0), 1, &Check::nominating(1)).expect("accepted");
        call.exchange(at(0));
        assert!(matches!(call.transport.state(), TransportState::Connected { .. }));
        call
    }

    fn check(&mut self, now: Time, from: u16, check: &Check) -> Result<Checked, DropCause> {
        let bytes = check.bytes();
        let view = StunView::parse(&bytes).expect("a well-formed check");
        self.transport.on_stun(now, &path(from), &view, &mut [0; 256])
    }

    /// Carries DTLS to and fro until neither side has anything to say.
    fn exchange(&mut self, now: Time) {
        loop {
            let to_server = self.client.poll();
            for datagram in &to_server {
                self.transport.on_dtls(now, &path(1), datagram).expect("taken");
            }
            let to_client = drain(&mut self.transport);
            for datagram in &to_client {
                self.client.handle(now, datagram).expect("a sound datagram");
            }
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
        }
    }
}

fn drain(transport: &mut Transport) -> Vec<Vec<u8>> {
    let mut buffer = [0; MAX_DATAGRAM];
    std::iter::from_fn(|| transport.poll(&mut buffer).map(|len| buffer[..len].to_vec())).collect()
}

#[test]
fn a_call_goes_from_new_over_connecting_to_connected() {
    let mut call = Call::new();
    assert_eq!(call.transport.take_change(), None);
    call.check(at(0), 1, &Check::nominating(1)).expect("accepted");
    assert_eq!(call.transport.take_change(), Some(TransportState::Connecting));
    assert!(call.transport.keys().is_none());
    call.exchange(at(0));
    let Some(TransportState::Connected { profile, dtls, remote }) = call.transport.take_change() else {
        panic!("not connected");
    };
    assert_eq!((dtls, remote), (DtlsVersion::Dtls13, path(1).remote));
    let keys = call.transport.keys().expect("keys");
    assert_eq!(keys.profile(), profile);
    assert_eq!(keys.exported(), &call.client.keys.expect("keys").0[..]);
    assert_eq!(call.transport.take_change(), None);
}

#[test]
fn where_the_peer_is_the_server_of_dtls_we_begin_once_its_path_is_proved() {
    let mut call = Call::new();
    let transport = Transport::new(
        &call.context,
        at(0),
        (credentials("server"), credentials("browser")),
        fingerprint(&Identity::generate().expect("an identity")),
        1,
    );
    call.transport = transport.with_role(DtlsRole::Client);
    assert!(drain(&mut call.transport).is_empty(), "nobody has shown where to");
    call.check(at(7), 1, &Check::new(1)).expect("accepted");
    assert_eq!(call.transport.take_change(), Some(TransportState::Connecting));
    let hello = drain(&mut call.transport);
    // RFC 6347 §4.2.2: a handshake record that begins with a ClientHello.
    assert!(hello.iter().all(|datagram| (datagram[0], datagram[13]) == (22, 1)), "{hello:02x?}");
    assert!(!hello.is_empty());
    call.check(at(8), 1, &Check::nominating(2)).expect("accepted");
    assert!(drain(&mut call.transport).is_empty(), "once, until it is time to say it again");
    call.transport.on_timeout(call.transport.next_deadline());
    assert_eq!(drain(&mut call.transport).len(), hello.len());
}

#[test]
fn dtls_from_an_address_that_ice_has_not_proved_is_refused() {
    let mut call = Call::new();
    let hello = call.client.poll();
    assert_eq!(call.transport.on_dtls(at(0), &path(1), &hello[0]), Err(DropCause::DtlsUnproved));
    call.check(at(0), 1, &Check::nominating(1)).expect("accepted");
    assert_eq!(call.transport.on_dtls(at(0), &path(2), &hello[0]), Err(DropCause::DtlsUnproved));
    assert!(drain(&mut call.transport).is_empty());
    assert_eq!(call.transport.on_dtls(at(0), &path(1), &hello[0]), Ok(()));
    assert!(!drain(&mut call.transport).is_empty());
}

#[test]
fn a_silent_peer_is_hidden_after_8_s_and_gone_after_30() {
    let mut call = Call::connected();
    call.transport.take_change();
    assert_eq!(call.transport.next_deadline(), at(8_000));
    call.transport.on_timeout(at(7_999));
    assert_eq!(call.transport.take_change(), None);
    call.transport.on_timeout(at(8_000));
    assert_eq!(call.transport.take_change(), Some(TransportState::Hidden));
    assert_eq!(call.transport.next_deadline(), at(30_000));
    call.transport.on_timeout(at(30_000));
    assert_eq!(call.transport.take_change(), Some(TransportState::Ended { reason: Reason::Silent }));
    assert_eq!(call.transport.next_deadline(), Time::NEVER);
    assert_eq!(call.check(at(30_001), 1, &Check::new(9)), Err(DropCause::Ended));
}

#[test]
fn any_authentic_packet_brings_a_hidden_peer_back() {
    let mut call = Call::connected();
    call.transport.on_timeout(at(10_000));
    assert_eq!(call.transport.take_change(), Some(TransportState::Hidden));
    call.transport.on_authentic(at(12_000), &path(1));
    assert!(matches!(call.transport.take_change(), Some(TransportState::Connected { .. })));
    assert_eq!(call.transport.next_deadline(), at(20_000));
    call.transport.on_timeout(at(21_000));
    call.check(at(22_000), 1, &Check::new(9)).expect("accepted");
    assert!(matches!(call.transport.state(), TransportState::Connected { .. }));
}

#[test]
fn a_packet_from_elsewhere_is_no_sign_of_life() {
    let mut call = Call::connected();
    call.transport.on_authentic(at(7_000), &path(2));
    call.transport.on_timeout(at(8_000));
    assert_eq!(call.transport.state(), TransportState::Hidden);
}

#[test]
fn a_peer_that_never_comes_is_not_waited_for_forever() {
    let mut transport = Call::new().transport;
    assert_eq!(transport.next_deadline(), at(30_000));
    transport.on_timeout(at(30_000));
    assert_eq!(transport.state(), TransportState::Ended { reason: Reason::Silent });
}

#[test]
fn the_media_follows_a_nat_rebinding_and_dtls_with_it() {
    let mut call = Call::connected();
    call.transport.take_change();
    assert!(call.check(at(3_000), 2, &Check::nominating(2)).expect("accepted").moved);
    assert_eq!(call.transport.path(), Some(path(2)));
    let Some(TransportState::Connected { remote, .. }) = call.transport.take_change() else {
        panic!("a move is told");
    };
    assert_eq!(remote, path(2).remote);
    assert!(call.transport.is_proved(&path(1)) && call.transport.is_proved(&path(2)));
}

#[test]
fn the_wrong_certificate_ends_the_transport() {
    let mut call = Call::new();
    let other = Identity::generate().expect("an identity");
    call.client = Client::new(&other, Offer::Both, 2);
    call.check(at(0), 1, &Check::nominating(1)).expect("accepted");
    for _ in 0..4 {
        for datagram in call.client.poll() {
            let _ = call.transport.on_dtls(at(0), &path(1), &datagram);
        }
        for datagram in drain(&mut call.transport) {
            let _ = call.client.handle(at(0), &datagram);
        }
    }
    assert_eq!(call.transport.state(), TransportState::Ended { reason: Reason::WrongFingerprint });
    assert!(call.transport.keys().is_none());
}

#[test]
fn either_side_may_say_goodbye() {
    let mut call = Call::connected();
    call.client.close();
    call.exchange_goodbye();
    assert_eq!(call.transport.state(), TransportState::Ended { reason: Reason::ClosedByPeer });

    let mut call = Call::connected();
    call.transport.close(at(1));
    assert_eq!(call.transport.state(), TransportState::Ended { reason: Reason::Asked });
    for datagram in drain(&mut call.transport) {
        call.client.handle(at(1), &datagram).expect("a sound datagram");
    }
    call.client.poll();
    assert!(call.client.closed);
    assert!(call.transport.keys().is_none());
}

impl Call {
    fn exchange_goodbye(&mut self) {
        for datagram in self.client.poll() {
            self.transport.on_dtls(at(1), &path(1), &datagram).expect("taken");
        }
        drain(&mut self.transport);
    }
}

#[test]
fn a_connected_transport_goes_on_in_another_process() {
    let mut call = Call::connected();
    call.transport.take_change();
    let snapshot = call.transport.export(at(2_000));
    let mut back =
        Transport::import(&call.context, at(60_000), snapshot.clone(), 1).expect("a version we know");
    assert_eq!(back.export(at(60_000)), snapshot);
    assert_eq!(back.take_change(), None);
    assert_eq!(back.keys(), call.transport.keys());
    assert_eq!(back.path(), Some(path(1)));
    assert_eq!(back.on_dtls(at(60_000), &path(1), &[23; 40]), Err(DropCause::DtlsGone));
    back.on_timeout(at(60_000 + 6_000));
    assert_eq!(back.take_change(), Some(TransportState::Hidden));
}

#[test]
fn a_transport_before_its_handshake_connects_in_another_process() {
    let mut call = Call::new();
    call.check(at(0), 1, &Check::nominating(1)).expect("accepted");
    let snapshot = call.transport.export(at(10));
    call.transport = Transport::import(&call.context, at(10), snapshot, 1).expect("a version we know");
    call.exchange(at(10));
    assert!(matches!(call.transport.state(), TransportState::Connected { .. }));
}

#[test]
fn a_snapshot_of_another_version_is_refused() {
    let call = Call::new();
    let snapshot = Snapshot { version: Snapshot::VERSION + 1, ..call.transport.export(at(0)) };
    assert!(Transport::import(&call.context, at(0), snapshot, 1).is_none());
}
