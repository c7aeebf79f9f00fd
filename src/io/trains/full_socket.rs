//! Sockets that are full. Loopback never is, so the refusal is put in the kernel's mouth; that the
//! socket is writable again is then the kernel's own word.

use crate::base::random::Random;

use super::super::tests::on_both_back_ends;
use super::super::tests::rig::{PATIENCE, Rig, assert_silent, datagrams, payload, peer};
use super::super::{IoChoice, IoConfig};
use super::*;

on_both_back_ends!(
    what_a_full_socket_refuses_leaves_when_it_is_writable,
    what_is_pushed_while_a_socket_is_full_waits_its_turn,
    a_train_that_was_overtaken_is_dropped_and_counted,
    beyond_half_of_the_pool_what_waits_is_dropped_and_counted,
    no_buffer_is_lost_however_sends_end,
);

const FULL: i32 = -libc::EAGAIN;
const TAKEN: i32 = 1;

/// Ends the trains that are being gathered with the given results instead of sending them.
fn end_with(trains: &mut Trains, results: impl IntoIterator<Item = i32>) {
    let pending = std::mem::take(&mut trains.pending);
    for (slot, result) in pending.into_iter().zip(results) {
        let id = trains.pool.train(slot).id;
        if let Some(route) = trains.routes.get_mut(id) {
            route.open = None;
        }
        trains.settle(Sent { slot, result });
    }
}

fn waiting(rig: &mut Rig) -> usize {
    rig.io.trains().sockets[0].held.len()
}

/// Turns until nothing waits for a socket.
fn wait_until_writable(rig: &mut Rig) {
    let start = std::time::Instant::now();
    while waiting(rig) > 0 {
        assert!(start.elapsed() < PATIENCE, "the socket was never writable");
        rig.wait(Duration::from_millis(50));
    }
    rig.flush();
}

fn what_a_full_socket_refuses_leaves_when_it_is_writable(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    for n in 0..3 {
        rig.push(n, to, &payload(n, 100));
    }
    end_with(rig.io.trains(), [FULL; 3]);
    assert_eq!(waiting(&mut rig), 3);
    assert_silent(&socket);
    wait_until_writable(&mut rig);
    assert_eq!(datagrams(&socket, 3), [payload(0, 100), payload(1, 100), payload(2, 100)]);
    assert_eq!(rig.io.counters().datagrams_out, 3);
    assert_eq!(rig.io.counters().socket_full, 0);
}

fn what_is_pushed_while_a_socket_is_full_waits_its_turn(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    rig.push(0, to, &payload(0, 100));
    end_with(rig.io.trains(), [FULL]);
    for n in 1..6 {
        rig.push(0, to, &payload(n, 100 + n as usize));
    }
    rig.io.trains().flush();
    assert_eq!(waiting(&mut rig), 6);
    assert_silent(&socket);
    wait_until_writable(&mut rig);
    let sent: Vec<_> = (0..6).map(|n| payload(n, 100 + n as usize)).collect();
    assert_eq!(datagrams(&socket, 6), sent);
}

fn a_train_that_was_overtaken_is_dropped_and_counted(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    rig.push(0, to, &payload(0, 100));
    rig.push(0, to, &payload(1, 200));
    rig.push(1, to, &payload(2, 300));
    end_with(rig.io.trains(), [FULL, TAKEN, FULL]);
    assert_eq!(rig.io.counters().socket_full, 1);
    wait_until_writable(&mut rig);
    assert_eq!(datagrams(&socket, 1), [payload(2, 300)]);
    assert_silent(&socket);
}

fn beyond_half_of_the_pool_what_waits_is_dropped_and_counted(choice: IoChoice) {
    let mut rig = Rig::with(choice, &IoConfig { trains: 8, ..IoConfig::default() });
    let (socket, to) = peer();
    for n in 0..6 {
        rig.push(n, to, &payload(n, 100));
    }
    end_with(rig.io.trains(), [FULL; 6]);
    assert_eq!(waiting(&mut rig), 4);
    assert_eq!(rig.io.counters().socket_full, 2);
    wait_until_writable(&mut rig);
    assert_eq!(datagrams(&socket, 4).len(), 4);
}

fn no_buffer_is_lost_however_sends_end(choice: IoChoice) {
    let mut rig = Rig::with(choice, &IoConfig { trains: 8, ..IoConfig::default() });
    let (_socket, to) = peer();
    let mut random = Random::new(5);
    let ends = [FULL, TAKEN, TAKEN, -libc::EIO, -libc::EPERM];
    for n in 0..3000 {
        let train = random.below(4) as u32;
        rig.push(train, to, &payload(n, 50 + random.below(3) as usize));
        if random.chance(0.3) {
            let results: Vec<i32> = (0..8).map(|_| ends[random.below(5) as usize]).collect();
            end_with(rig.io.trains(), results);
        } else if random.chance(0.3) {
            rig.flush();
        }
    }
    wait_until_writable(&mut rig);
    let taken: Vec<Slot> = std::iter::from_fn(|| rig.io.trains().pool.take()).collect();
    assert_eq!(taken.len(), 8);
}
