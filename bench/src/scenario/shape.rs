//! The shape of a load: how many rooms of how many people, who publishes what, who watches whom.

use crate::load::{AudioModel, MediaModel, VideoModel};
use crate::signal::{Kind, LAYERS, Layer, Person, Publish, Wish};
use serde::Serialize;

/// Rooms that are all alike. The last one may be filled in part: loads are then told apart in
/// steps of one person.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Shape {
    /// People in a full room.
    pub(crate) people: u32,
    /// The first so many of a room publish.
    pub(crate) publishers: u32,
    /// Whether they publish pictures, beside sound.
    pub(crate) pictures: bool,
    /// Whether pictures are sent in three sizes at once, which are those of the server's client library.
    pub(crate) layered: bool,
    /// Whether people watch and hear those who publish, or only send.
    pub(crate) watches: bool,
    /// Whether publishers tell how loud they are, so that the server knows who speaks.
    pub(crate) tells_loudness: bool,
    /// What a publisher sends.
    pub(crate) media: MediaModel,
}

/// One for sound, and two for each layer of a picture.
const SSRCS: u32 = 1 + 2 * LAYERS as u32;

/// How much of a shape there is.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Size {
    /// Participants in all.
    pub(crate) participants: u32,
    /// Full rooms, and the share of the last one that is filled.
    pub(crate) rooms: f64,
    /// Pairs of receiver and published stream.
    pub(crate) streams: u64,
    /// Streams that each published one is forwarded as, on average.
    pub(crate) copies: f64,
}

impl Shape {
    /// Everybody sends and everybody watches.
    pub(crate) fn meeting(people: u32, bits_per_second: u32) -> Shape {
        Shape {
            people,
            publishers: people,
            pictures: true,
            layered: false,
            watches: true,
            tells_loudness: false,
            media: media(bits_per_second, 30, 1.0),
        }
    }

    /// One sends, many watch.
    pub(crate) fn webinar(subscribers: u32, bits_per_second: u32) -> Shape {
        Shape {
            people: subscribers + 1,
            publishers: 1,
            pictures: true,
            layered: false,
            watches: true,
            tells_loudness: false,
            media: media(bits_per_second, 30, 1.0),
        }
    }

    /// Few speak, many listen.
    pub(crate) fn audio(people: u32, speakers: u32) -> Shape {
        Shape {
            people,
            publishers: speakers,
            pictures: false,
            layered: false,
            watches: true,
            tells_loudness: false,
            media: media(0, 30, 1.0),
        }
    }

    /// Small rooms in which one speaks.
    pub(crate) fn rooms_of_three() -> Shape {
        Shape {
            people: 3,
            publishers: 1,
            pictures: true,
            layered: false,
            watches: true,
            tells_loudness: false,
            media: media(150_000, 15, 1.0),
        }
    }

    /// How much `participants` of them are.
    pub(crate) fn size(&self, participants: u32) -> Size {
        let full = participants / self.people;
        let rest = participants % self.people;
        let streams = u64::from(full) * self.streams_of_room(self.people) + self.streams_of_room(rest);
        let publishers = full * self.publishers + rest.min(self.publishers);
        let published = u64::from(publishers) * self.kinds();
        Size {
            participants,
            rooms: f64::from(participants) / f64::from(self.people),
            streams,
            copies: streams as f64 / published.max(1) as f64,
        }
    }

    /// The persons number `from` to `to` of all.
    pub(crate) fn people(&self, from: u32, to: u32) -> impl Iterator<Item = Person> + use<> {
        let people = self.people;
        (from..to).map(move |index| Person { room: index / people, number: index % people })
    }

    /// Transports there are at most: some servers need one to send and one to receive.
    pub(crate) fn transports(&self, participants: u32) -> usize {
        2 * participants as usize
    }

    /// What one of them wants.
    pub(crate) fn wish(&self, person: Person, fingerprint: &str) -> Wish {
        let publishes = person.number < self.publishers;
        Wish {
            person,
            publish: if publishes { self.publish(person) } else { Vec::new() },
            watch: if self.watches { self.publishers - u32::from(publishes) } else { 0 },
            room_size: self.people,
            tells_loudness: self.tells_loudness,
            fingerprint: fingerprint.to_owned(),
        }
    }

    fn publish(&self, person: Person) -> Vec<Publish> {
        // 0 is no SSRC.
        let base = (person.room * self.people + person.number) * SSRCS + 1;
        let mut publish = vec![Publish { kind: Kind::Audio, layer: None, ssrc: base, rtx_ssrc: None }];
        let picture = |layer: Option<Layer>| {
            let ssrc = base + 1 + 2 * layer.map_or(0, |layer| layer.place() as u32);
            Publish { kind: Kind::Video, layer, ssrc, rtx_ssrc: Some(ssrc + 1) }
        };
        match (self.pictures, self.layered) {
            (false, _) => {}
            (true, false) => publish.push(picture(None)),
            (true, true) => publish.extend(Layer::ALL.map(|layer| picture(Some(layer)))),
        }
        publish
    }

    fn streams_of_room(&self, people: u32) -> u64 {
        let publishers = u64::from(self.publishers.min(people));
        publishers * u64::from(people).saturating_sub(1) * self.kinds()
    }

    fn kinds(&self) -> u64 {
        if self.pictures { 2 } else { 1 }
    }
}

fn media(bits_per_second: u32, frames_per_second: u32, speaks: f64) -> MediaModel {
    MediaModel {
        audio: AudioModel { speaks, turns: None },
        video: VideoModel { bits_per_second, frames_per_second },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn in_a_meeting_everybody_gets_everybody_elses_sound_and_picture() {
        let size = Shape::meeting(20, 1_200_000).size(45);
        assert_eq!(size.rooms, 2.25);
        assert_eq!(size.streams, 2 * (2 * 20 * 19) + 2 * 5 * 4);
        assert_eq!(size.copies, size.streams as f64 / 90.0);
    }

    #[test]
    fn a_webinar_has_one_publisher_and_its_subscribers() {
        let shape = Shape::webinar(500, 2_500_000);
        assert_eq!(shape.size(501).streams, 1000);
        assert_eq!(shape.wish(Person { room: 0, number: 0 }, "").watch, 0);
        let subscriber = shape.wish(Person { room: 0, number: 1 }, "");
        assert_eq!((subscriber.publish.len(), subscriber.watch), (0, 1));
    }

    #[test]
    fn listeners_hear_all_speakers_and_speakers_the_other_ones() {
        let shape = Shape::audio(100, 3);
        assert_eq!(shape.size(100).streams, 3 * 99);
        assert_eq!(shape.wish(Person { room: 0, number: 0 }, "").watch, 2);
        assert_eq!(shape.wish(Person { room: 0, number: 50 }, "").watch, 3);
    }

    #[test]
    fn no_two_streams_share_an_ssrc() {
        let shape = Shape::meeting(5, 1);
        for shape in [shape, Shape { layered: true, ..shape }] {
            let ssrcs: Vec<u32> = shape
                .people(0, 20)
                .flat_map(|person| shape.wish(person, "").publish)
                .flat_map(|publish| [Some(publish.ssrc), publish.rtx_ssrc])
                .flatten()
                .collect();
            assert_eq!(ssrcs.len(), if shape.layered { 20 * 7 } else { 20 * 3 });
            assert_eq!(ssrcs.iter().collect::<HashSet<_>>().len(), ssrcs.len());
            assert!(!ssrcs.contains(&0));
        }
    }

    #[test]
    fn layers_of_a_picture_are_one_stream_to_who_watches() {
        let shape = Shape { layered: true, ..Shape::webinar(10, 0) };
        assert_eq!(shape.size(11), Shape::webinar(10, 0).size(11));
        let published = shape.wish(Person { room: 0, number: 0 }, "").publish;
        let layers: Vec<_> = published.iter().map(|publish| publish.layer.map(Layer::rid)).collect();
        assert_eq!(layers, [None, Some("l"), Some("m"), Some("h")]);
    }
}
