//! The layers of one camera that is sent in several sizes at once: how large and how often each is.

use super::VideoModel;
use crate::load::vp8::Size;
use crate::signal::{LAYERS, Layer};

/// What the server's client library asks browsers for, by layer.
const MODELS: [VideoModel; LAYERS] = [
    VideoModel { bits_per_second: 150_000, frames_per_second: 15 },
    VideoModel { bits_per_second: 500_000, frames_per_second: 30 },
    VideoModel { bits_per_second: 2_500_000, frames_per_second: 30 },
];

/// A picture of 16:9 in boxes of 320×240, 640×480 and 1280×720.
const SIZES: [Size; LAYERS] = [(320, 180), (640, 360), (1280, 720)];

/// What of a camera is sent as `layer`; `whole` where it is sent in one encoding.
pub(super) fn model(layer: Option<Layer>, whole: &VideoModel) -> VideoModel {
    layer.map_or(*whole, |layer| MODELS[layer.place()])
}

/// The camera that all layers are of: it takes as many pictures as the one that shows most of them.
pub(super) fn camera(layer: Option<Layer>, whole: &VideoModel) -> VideoModel {
    layer.map_or(*whole, |_| MODELS[LAYERS - 1])
}

/// How large the picture is.
pub(crate) fn size(layer: Option<Layer>) -> Size {
    SIZES[layer.map_or(LAYERS - 1, Layer::place)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::media::{MediaModel, Outline, Seeds, Source};
    use crate::signal::Kind;
    use std::collections::BTreeSet;
    use volley::base::Time;

    /// What a layer sends in 20 s.
    fn sent(layer: Layer) -> Vec<Outline> {
        let seeds = Seeds { own: 5 + layer.place() as u64, camera: 77 };
        let mut source =
            Source::new(Kind::Video, Some(layer), &MediaModel::default(), seeds, Time::from_millis(3));
        let mut sent = Vec::new();
        for at in 3..20_003 {
            sent.extend(std::iter::from_fn(|| source.poll(Time::from_millis(at))));
        }
        sent
    }

    #[test]
    fn layers_are_of_the_same_instants_and_the_smallest_of_every_other() {
        let captured = |layer| sent(layer).iter().map(|one| one.captured).collect::<BTreeSet<Time>>();
        let [small, medium, large] = Layer::ALL.map(captured);
        assert_eq!(medium, large);
        assert!((599..=601).contains(&large.len()), "{}", large.len());
        assert_eq!(small, large.iter().copied().step_by(2).collect());
    }

    #[test]
    fn each_layer_has_the_rate_that_the_server_asks_for() {
        for (layer, expected) in Layer::ALL.into_iter().zip([150_000.0, 500_000.0, 2_500_000.0]) {
            let bits = 8.0 * sent(layer).iter().map(|one| f64::from(one.len)).sum::<f64>() / 20.0;
            assert!((0.9..1.1).contains(&(bits / expected)), "{layer:?}: {bits}");
        }
    }
}
