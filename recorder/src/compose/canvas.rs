//! Frames as bytes: brightness of each point, and colours of each four (YUV 4:2:0).

use super::label::Label;
use super::scene::Rect;

/// Nearly black, so that tiles stand out from what is between them.
const GROUND: [u8; 3] = [22, 128, 128];

/// Where somebody shows no picture.
const NOBODY: [u8; 3] = [52, 132, 124];

/// White, as video has it.
const WHITE: u32 = 235;

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) bytes: Vec<u8>,
}

/// One of the three parts of a frame.
#[derive(Clone, Copy)]
struct Plane {
    from: usize,
    width: usize,
    height: usize,
    /// How many points one of it stands for, in each direction.
    of: usize,
}

impl Frame {
    /// Both even.
    pub(super) fn new(width: usize, height: usize) -> Frame {
        let mut frame = Frame { width, height, bytes: vec![0; width * height * 3 / 2] };
        frame.clear();
        frame
    }

    /// Nothing on it.
    pub(super) fn clear(&mut self) {
        let rect = Rect { x: 0, y: 0, width: self.width, height: self.height };
        self.fill(rect, GROUND);
    }

    /// A tile without a picture.
    pub(super) fn leave_empty(&mut self, rect: Rect) {
        self.fill(rect, NOBODY);
    }

    fn planes(&self) -> [Plane; 3] {
        let (width, height) = (self.width, self.height);
        let (half, quarter) = ((width / 2, height / 2), width * height / 4);
        let colour = |from| Plane { from, width: half.0, height: half.1, of: 2 };
        [Plane { from: 0, width, height, of: 1 }, colour(width * height), colour(width * height + quarter)]
    }

    fn fill(&mut self, rect: Rect, colour: [u8; 3]) {
        for (plane, value) in self.planes().into_iter().zip(colour) {
            for y in rect.y / plane.of..(rect.y + rect.height) / plane.of {
                let row = plane.from + y * plane.width;
                let columns = rect.x / plane.of..(rect.x + rect.width) / plane.of;
                self.bytes[row + columns.start..row + columns.end].fill(value);
            }
        }
    }

    /// Puts a picture into a rectangle, made smaller where it is larger than that.
    pub(super) fn paint(&mut self, rect: Rect, picture: &Frame) {
        for (into, from) in self.planes().into_iter().zip(picture.planes()) {
            let at = into.from + rect.y / into.of * into.width + rect.x / into.of;
            let size = (rect.width / into.of, rect.height / into.of);
            let source = &picture.bytes[from.from..from.from + from.width * from.height];
            if size == (from.width, from.height) {
                for (row, line) in source.chunks_exact(from.width).enumerate() {
                    let start = at + row * into.width;
                    self.bytes[start..start + line.len()].copy_from_slice(line);
                }
            } else {
                shrink(source, (from.width, from.height), &mut self.bytes[at..], into.width, size);
            }
        }
    }

    /// Writes a name into the lower left corner of a tile, on a darker ground.
    pub(super) fn write(&mut self, rect: Rect, label: &Label) {
        let (width, height) = (label.width.min(rect.width) & !1, label.height.min(rect.height) & !1);
        let strip = Rect { x: rect.x, y: rect.y + rect.height - height, width, height };
        let [light, colours @ ..] = self.planes();
        for row in 0..height {
            let start = light.from + (strip.y + row) * light.width + strip.x;
            let letters = &label.bytes[row * label.width..];
            for (point, letter) in self.bytes[start..start + width].iter_mut().zip(letters) {
                let ground = u32::from(*point) / 3;
                *point = ((ground * (255 - u32::from(*letter)) + WHITE * u32::from(*letter)) / 255) as u8;
            }
        }
        for plane in colours {
            for row in strip.y / 2..(strip.y + height) / 2 {
                let start = plane.from + row * plane.width + strip.x / 2;
                self.bytes[start..start + width / 2].fill(128);
            }
        }
    }
}

/// Each point is the mean of those that it takes the place of.
fn shrink(
    source: &[u8],
    (columns, rows): (usize, usize),
    into: &mut [u8],
    stride: usize,
    (width, height): (usize, usize),
) {
    let range = |place: usize, of: usize, among: usize| {
        let first = place * among / of;
        first..((place + 1) * among / of).max(first + 1)
    };
    for y in 0..height {
        let lines = range(y, height, rows);
        for x in 0..width {
            let points = range(x, width, columns);
            let mut sum = 0usize;
            for line in lines.clone() {
                let row = &source[line * columns..];
                sum += row[points.clone()].iter().map(|point| usize::from(*point)).sum::<usize>();
            }
            into[y * stride + x] = (sum / (lines.len() * points.len())) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_fills_its_rectangle_and_nothing_else() {
        let mut picture = Frame::new(64, 36);
        picture.bytes.fill(200);
        for (width, height) in [(64, 36), (32, 18), (10, 6)] {
            let mut canvas = Frame::new(128, 72);
            let rect = Rect { x: 8, y: 4, width, height };
            canvas.paint(rect, &picture);
            let lit = canvas.bytes[..128 * 72].iter().filter(|light| **light == 200).count();
            let coloured = canvas.bytes[128 * 72..].iter().filter(|colour| **colour == 200).count();
            assert_eq!((lit, coloured), (width * height, width * height / 2));
            assert_eq!((canvas.bytes[4 * 128 + 8], canvas.bytes[4 * 128 + 7]), (200, GROUND[0]));
        }
    }

    #[test]
    fn what_is_made_smaller_is_the_mean() {
        let mut picture = Frame::new(4, 4);
        picture.bytes[..16].copy_from_slice(&[0, 100, 0, 0, 100, 200, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8]);
        let mut canvas = Frame::new(2, 2);
        canvas.paint(Rect { x: 0, y: 0, width: 2, height: 2 }, &picture);
        assert_eq!(canvas.bytes[..4], [100, 0, 8, 8]);
    }

    #[test]
    fn a_name_is_white_on_a_darker_ground_and_never_leaves_its_tile() {
        let mut canvas = Frame::new(64, 64);
        canvas.bytes.fill(90);
        let mut label = Label { width: 40, height: 8, bytes: vec![0; 320] };
        label.bytes[0] = 255;
        canvas.write(Rect { x: 8, y: 8, width: 32, height: 32 }, &label);
        assert_eq!(canvas.bytes[32 * 64 + 8..32 * 64 + 10], [235, 30]);
        assert_eq!(
            [canvas.bytes[31 * 64 + 8], canvas.bytes[32 * 64 + 40], canvas.bytes[40 * 64 + 8]],
            [90; 3]
        );
    }
}
