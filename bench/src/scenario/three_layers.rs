//! A camera that is published in three layers, end to end: the real media and signaling processes as
//! threads of this one, people on two workers, and the load's own peers, which check every packet.

use super::across_cores::{Ports, Server};
use super::crowd::Crowd;
use super::shape::Shape;
use crate::load::{Figures, LoadConfig, Snapshot};
use crate::signal::{LAYERS, Person};
use crate::volley::Volley;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One for each layer, so that all of them can be shown at a time.
const RECEIVERS: u32 = LAYERS as u32;
/// Of what came in so long one sees what everybody is shown: the smallest layer has some 15 frames.
const LOOK: Duration = Duration::from_secs(1);
/// The server lets five seconds pass before it pauses a layer, and machines are busy building.
const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn each_is_shown_the_layer_their_tile_needs_and_what_nobody_watches_is_not_sent() {
    let server = Server::start(Ports::PerWorker).expect("that needs nothing of the kernel");
    let mut call = Call::begin(&server).await;

    // No seat goes over and all layers are shown, so every seat shows one of its own.
    call.tiles([180, 360, 720]);
    call.comes_to("all layers shown", |look| is_settled(look) && shown(look) == [true; 3]).await;

    call.tiles([180; 3]);
    call.comes_to("the smallest shown alone", |look| is_settled(look) && shown(look) == [true, false, false])
        .await;
    call.comes_to("the others paused", |look| sent(look) == [true, false, false]).await;

    call.tiles([720; 3]);
    call.comes_to("the largest shown alone", |look| is_settled(look) && shown(look) == [false, false, true])
        .await;
    assert!(sent(&call.last)[0], "the smallest is always there for who comes");

    call.check_packets();
    call.crowd.become_many(0).await.expect("everybody may leave");
    server.check_emptied().await;
}

fn is_settled(look: &Figures) -> bool {
    look.layers.switches == 0
}

fn shown(look: &Figures) -> [bool; LAYERS] {
    look.layers.each.map(|layer| layer.received > 0)
}

fn sent(look: &Figures) -> [bool; LAYERS] {
    look.layers.each.map(|layer| layer.sent > 0)
}

struct Call {
    crowd: Crowd,
    shape: Shape,
    /// The last look.
    last: Figures,
}

impl Call {
    /// Somebody publishes, and all receivers watch.
    async fn begin(server: &Server) -> Call {
        let shape = Shape { layered: true, ..Shape::webinar(RECEIVERS, 0) };
        let config = LoadConfig {
            core: None,
            addresses: vec![Ipv4Addr::LOCALHOST.into()],
            transports: shape.transports(shape.people),
            media: shape.media,
            io: volley::io::IoChoice::Auto,
            seed: 4,
        };
        let signaling = Arc::new(Volley::new(server.http, "layers"));
        let mut crowd = Crowd::over(config, shape, signaling).expect("loopback has UDP");
        crowd.become_many(shape.people).await.expect("everybody connects");
        Call { crowd, shape, last: Figures::default() }
    }

    /// Receivers tell how many lines their tiles have.
    fn tiles(&self, lines: [u16; RECEIVERS as usize]) {
        for (number, lines) in (1..).zip(lines) {
            self.crowd.need(Person { room: 0, number }, lines).expect("they are in the call");
        }
    }

    /// Looks again and again, until it is as it should be.
    async fn comes_to(&mut self, what: &str, is_so: impl Fn(&Figures) -> bool) {
        let begin = Instant::now();
        self.snapshot();
        loop {
            tokio::time::sleep(LOOK).await;
            self.last = self.snapshot().interval;
            if is_so(&self.last) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}: {:?}", self.last.layers);
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.crowd.load().snapshot().expect("the load runs")
    }

    /// What was chosen not to be sent is not lost; nor is anything else, but what a busy machine loses.
    fn check_packets(&self) {
        let Snapshot { total, population, problems, .. } = self.snapshot();
        assert_eq!(population.streams, self.shape.size(self.shape.people).streams as usize);
        assert_eq!((total.foreign_room, total.echoes), (0, 0));
        let video = total.video;
        assert!(video.lost() * 4 < video.skipped, "what was not shown is not lost: {video:?}");
        assert!(
            video.lost() * 100 < video.packets,
            "nor is anything else, but a few by a busy machine: {video:?}"
        );
        assert_eq!((total.not_authentic, total.replayed, total.malformed, total.failures), (0, 0, 0, 0));
        assert_eq!(total.first_frame.len(), u64::from(RECEIVERS), "everybody sees a whole key frame");
        let layers = total.layers;
        // Two come down to the smallest, and all three rise from it.
        assert!(layers.switches >= 5, "{layers:?}");
        assert_eq!(layers.broken, 0, "each of them begins with a key frame");
        assert!(video.key_frames > layers.switches, "{video:?}");
        let [small, medium, large] = layers.each.map(|layer| layer.pauses);
        assert!(small == 0 && medium > 0 && large > 0, "{layers:?}");
        assert!(problems.is_empty(), "{problems:?}");
    }
}
