//! A peer that insists on being the server, of which we are the client.

use super::*;
use crate::transport::testing::fingerprint;

const NOW: Time = Time::from_millis(5);

fn context(seed: u64) -> DtlsContext {
    DtlsContext::new(Identity::generate().expect("an identity"), Some(seed))
}

/// Carries datagrams both ways until both have said all.
fn talk(ends: &mut [DtlsServer; 2]) -> [Option<(DtlsVersion, SrtpKeys)>; 2] {
    let mut connected = [None, None];
    let mut buffer = [0; MAX_DATAGRAM];
    for _ in 0..100 {
        for from in 0..2 {
            loop {
                match ends[from].poll(&mut buffer) {
                    Output::Send(len) => ends[1 - from].handle(NOW, &buffer[..len]),
                    Output::Connected(version, keys) => connected[from] = Some((version, keys)),
                    Output::Failed(reason) => panic!("end {from} failed: {reason:?}"),
                    Output::Timeout(_) | Output::Idle | Output::Closed => break,
                }
            }
        }
    }
    connected
}

#[test]
fn we_begin_where_the_peer_is_the_server_and_each_side_sends_under_its_own_keys() {
    let [ours, theirs] = [context(1), context(2)];
    let mut ends = [
        DtlsServer::new(&ours, fingerprint(theirs.identity()), 1, NOW),
        DtlsServer::new(&theirs, fingerprint(ours.identity()), 2, NOW),
    ];
    assert_eq!(talk(&mut ends), [None, None], "nobody begins by themselves");
    ends[0].begin(NOW);
    let [Some((of_us, we)), Some((of_them, they))] = talk(&mut ends) else { panic!("both are connected") };
    assert_eq!((of_us, of_them), (DtlsVersion::Dtls13, DtlsVersion::Dtls13));
    assert_eq!((we.inbound(), we.outbound()), (they.outbound(), they.inbound()));
    assert_ne!(we.inbound(), we.outbound());
}

#[test]
fn a_server_with_another_certificate_than_was_signalled_gets_no_keys_of_ours() {
    let [ours, theirs, other] = [context(1), context(2), context(3)];
    let mut us = DtlsServer::new(&ours, fingerprint(other.identity()), 1, NOW);
    let mut them = DtlsServer::new(&theirs, fingerprint(ours.identity()), 2, NOW);
    us.begin(NOW);
    let mut buffer = [0; MAX_DATAGRAM];
    let mut failed = None;
    for _ in 0..100 {
        match us.poll(&mut buffer) {
            Output::Send(len) => them.handle(NOW, &buffer[..len]),
            Output::Failed(reason) => failed = Some(reason),
            Output::Connected(..) => panic!("it connected"),
            _ => {}
        }
        if let Output::Send(len) = them.poll(&mut buffer) {
            us.handle(NOW, &buffer[..len]);
        }
    }
    assert_eq!(failed, Some(Reason::WrongFingerprint));
}
