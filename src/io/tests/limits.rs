//! How many datagrams a turn takes, and what happens when buffers run out.

use crate::base::Push;
use crate::io::socket::set_option;
use crate::io::{IoChoice, IoConfig, bind_media_socket};

use super::on_both_back_ends;
use super::rig::{Rig, local, payload, peer};

on_both_back_ends!(all_buffers_survive_a_long_run_with_a_tiny_pool);

/// A leak of one buffer per hundred sends would end this.
fn all_buffers_survive_a_long_run_with_a_tiny_pool(choice: IoChoice) {
    let socket = bind_media_socket(local()).expect("loopback has UDP");
    let same_socket = socket.try_clone().expect("a descriptor");
    let mut rig = Rig::over(choice, &IoConfig { trains: 3, ..IoConfig::default() }, vec![socket]);
    let (_other, to) = peer();
    let nobody = ([127, 0, 0, 1], 0).into();
    for n in 0..2000 {
        let refuse = i32::from(n % 7 == 0);
        set_option(&same_socket, libc::SOL_SOCKET, libc::SO_NO_CHECK, refuse).expect("a socket option");
        let train = n % 5;
        let to = if n % 11 == 0 { nobody } else { to };
        for len in [100, 100, 40, 200, 30] {
            assert_eq!(rig.push_within(train, to, len + n as usize % 3, &payload(n, len)), Push::Committed);
        }
        rig.flush();
    }
    assert_eq!(rig.io.counters().no_train, 0);
}
