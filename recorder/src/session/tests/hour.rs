//! An hour of two people, of whom one loses packets, with clocks that drift apart, and a picture that changes its
//! size: nothing piles up, and all stays in step.

use super::*;

const THEIR_SOUND: TrackId = TrackId(3);
const THEIR_PICTURE: TrackId = TrackId(4);
const HOUR_MS: u64 = 3_600_000;
/// One picture and one sound are lost every so often.
const PICTURE_LOST_EVERY_MS: u64 = 70_000;
const SOUND_LOST_EVERY_MS: u64 = 11_000;
/// Two people wait for lost packets for a second, with 60 packets each, and are held a quarter of one.
const MOST_WAITING: usize = 200;

/// Who loses nothing: ten pictures a second and fifty sounds, at the same moments as the other one's.
struct Steady {
    sent: [u64; 2],
}

impl Steady {
    fn play(&mut self, session: &mut Session, ms: u64) {
        self.packet(session, (THEIR_SOUND, Codec::Opus, ms * 48), &[0x78], ms, true);
        if ms.is_multiple_of(100) {
            let is_key = ms.is_multiple_of(10_000);
            let head = [0x10, u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];
            self.packet(session, (THEIR_PICTURE, Codec::Vp8, ms * 90), &head, ms, is_key);
        }
        if ms.is_multiple_of(1_000) {
            for (track, rate) in [(THEIR_SOUND, 48), (THEIR_PICTURE, 90)] {
                let unix_nanos = (START_UNIX_MS + ms) * 1_000_000;
                let timestamp = (ms * rate) as u32;
                session.on_value(at(ms), &Tapped::Report { track, layer: 0, timestamp, unix_nanos }, &[]);
            }
        }
    }

    fn packet(
        &mut self,
        session: &mut Session,
        (track, codec, stamp): (TrackId, Codec, u64),
        head: &[u8],
        ms: u64,
        starts_key_frame: bool,
    ) {
        let sent = &mut self.sent[usize::from(track == THEIR_PICTURE)];
        let index = *sent;
        *sent += 1;
        let mut packet = vec![0x80, 0x80 | 96];
        packet.extend((index as u16).to_be_bytes());
        packet.extend((stamp as u32).to_be_bytes());
        packet.extend([0; 4]);
        packet.extend_from_slice(head);
        packet.extend((ms as u32).to_be_bytes());
        let received = at(ms + 30);
        let head = TappedPacket { track, layer: 0, codec, starts_key_frame, is_aim: true, index, received };
        session.on_value(received, &Tapped::Packet(head), &packet);
    }
}

/// A recording of both, and how many packets and frames waited at most.
fn an_hour() -> (tempfile::TempDir, Manifest, usize) {
    let mut bench = Bench::new().with_people(&BOTH);
    let published = [(THEIR_SOUND, Source::Microphone), (THEIR_PICTURE, Source::Camera)]
        .map(|(id, source)| Published { track_id: id.0, source, muted: false });
    let ben = Person {
        participant_id: "42".to_owned(),
        participant_name: "Ben".to_owned(),
        identity: None,
        tracks: published.to_vec(),
    };
    bench.session.on_person(at(0), &ben);
    bench.drift_ppm = 200.0;
    let (mut steady, mut most) = (Steady { sent: [0; 2] }, 0);
    for ms in (0..HOUR_MS).step_by(20) {
        bench.size = if ms < HOUR_MS / 2 { (640, 480) } else { (320, 240) };
        bench.sent[0] += u64::from(ms % SOUND_LOST_EVERY_MS == 5_000);
        bench.sent[1] += u64::from(ms % PICTURE_LOST_EVERY_MS == 45_000);
        steady.play(&mut bench.session, ms);
        bench.play(ms, ms + 20);
        most = most.max(bench.session.waiting());
    }
    let (folder, manifest) = bench.finish(HOUR_MS);
    (folder, manifest, most)
}

/// Clocks of sound and picture drift apart by 200 ppm: seven tenths of a second.
#[test]
fn after_an_hour_with_losses_all_are_still_in_step_and_nothing_has_piled_up() {
    let (folder, manifest, most) = an_hour();
    assert!(most < MOST_WAITING, "{most} frames and packets waited");
    assert_eq!(manifest.files.len(), 2, "another size begins no other file");
    for file in &manifest.files {
        let all = frames(folder.path(), &file.name);
        let offset =
            |video: bool| all.iter().filter(move |frame| frame.0 == video).map(|(_, ms, taken)| ms - taken);
        for video in [true, false] {
            let (least, most) = (offset(video).min().unwrap(), offset(video).max().unwrap());
            assert!(most - least <= 40, "{}: from {least} to {most} ms", file.name);
        }
        let [picture, sound] = [true, false].map(|video| offset(video).next_back().unwrap());
        assert!((picture - sound).abs() <= 40, "{}: {picture} and {sound} ms", file.name);
        let lost =
            |of: &str| -> u64 { file.gaps.iter().filter(|gap| gap.of == of).map(|gap| gap.packets).sum() };
        let is_steady = file.participant_id == "42";
        let expected = |every: u64, first: u64| if is_steady { 0 } else { (HOUR_MS - first).div_ceil(every) };
        assert_eq!(lost("audio"), expected(SOUND_LOST_EVERY_MS, 5_000), "{}", file.name);
        assert_eq!(lost("video"), expected(PICTURE_LOST_EVERY_MS, 45_000), "{}", file.name);
        assert_eq!(offset(false).count(), 180_000, "what was lost is besides");
        // Pictures are left out from the loss to the next key frame, which is asked for.
        let left_out = 36_000 - offset(true).count() as u64;
        let fewest = expected(PICTURE_LOST_EVERY_MS, 45_000);
        assert!(left_out <= 20 * fewest, "{}: {left_out} pictures are left out", file.name);
    }
}
