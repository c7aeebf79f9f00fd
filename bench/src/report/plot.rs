//! Curves as SVG.

use anyhow::anyhow;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

const SIZE: (u32, u32) = (800, 480);
const FONT: (&str, u32) = ("sans-serif", 14);
/// Told apart by people who see colours differently, too (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// One picture with several curves.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plot {
    /// Part of the file's name.
    pub(crate) name: String,
    /// Above the picture.
    pub(crate) title: String,
    x: Axis,
    y: Axis,
    curves: Vec<(String, Vec<(f64, f64)>)>,
}

#[derive(Clone, PartialEq, Debug)]
struct Axis {
    label: String,
    logarithmic: bool,
}

impl Plot {
    /// A picture without curves.
    pub(crate) fn line(name: &str, title: &str, x: &str, y: &str) -> Plot {
        let axis = |label: &str| Axis { label: label.to_owned(), logarithmic: false };
        Plot { name: name.to_owned(), title: title.to_owned(), x: axis(x), y: axis(y), curves: Vec::new() }
    }

    /// With a horizontal axis on which each doubling is as far.
    pub(crate) fn log_x(mut self) -> Plot {
        self.x.logarithmic = true;
        self
    }

    /// With a vertical axis on which each doubling is as far.
    pub(crate) fn log_y(mut self) -> Plot {
        self.y.logarithmic = true;
        self
    }

    /// With one curve more.
    pub(crate) fn with(mut self, label: &str, points: Vec<(f64, f64)>) -> Plot {
        self.curves.push((label.to_owned(), points));
        self
    }

    /// The picture.
    ///
    /// # Errors
    /// When the points span no area that can be drawn.
    pub(crate) fn svg(&self) -> anyhow::Result<String> {
        let mut svg = String::new();
        let drawn = match (self.x.logarithmic, self.y.logarithmic) {
            (false, false) => self.draw(&mut svg, self.x_range(), self.y_range()),
            (true, false) => self.draw(&mut svg, self.x_range().log_scale(), self.y_range()),
            (false, true) => self.draw(&mut svg, self.x_range(), self.y_range().log_scale()),
            (true, true) => self.draw(&mut svg, self.x_range().log_scale(), self.y_range().log_scale()),
        };
        drawn.map_err(|error| anyhow!("the plot {:?} cannot be drawn: {error}", self.name))?;
        Ok(svg)
    }

    fn draw<X, Y>(&self, svg: &mut String, x: X, y: Y) -> Result<(), Box<dyn std::error::Error>>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(15)
            .x_label_area_size(45)
            .y_label_area_size(80)
            .build_cartesian_2d(x, y)?;
        let short = |value: &f64| short(*value);
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .label_style(FONT)
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .x_label_formatter(&short)
            .y_label_formatter(&short)
            .draw()?;
        for ((label, points), colour) in self.curves.iter().zip(COLOURS.into_iter().cycle()) {
            let line = colour.stroke_width(2);
            chart
                .draw_series(LineSeries::new(self.drawable(points), line))?
                .label(label)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], line));
            chart.draw_series(self.drawable(points).map(|point| Circle::new(point, 3, colour.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .label_font(FONT)
            .draw()?;
        area.present()?;
        Ok(())
    }

    /// On a logarithmic axis there is no zero.
    fn drawable<'a>(&self, points: &'a [(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + use<'a> {
        let (x, y) = (self.x.logarithmic, self.y.logarithmic);
        points.iter().copied().filter(move |point| (!x || point.0 > 0.0) && (!y || point.1 > 0.0))
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.curves.iter().flat_map(|(_, points)| self.drawable(points))
    }

    fn x_range(&self) -> std::ops::Range<f64> {
        range(self.points().map(|point| point.0), self.x.logarithmic)
    }

    fn y_range(&self) -> std::ops::Range<f64> {
        range(self.points().map(|point| point.1), self.y.logarithmic)
    }
}

/// From the least to the greatest, or from zero on a linear axis; never empty.
fn range(values: impl Iterator<Item = f64>, logarithmic: bool) -> std::ops::Range<f64> {
    let (least, greatest) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), value| {
            (least.min(value), greatest.max(value))
        });
    if least > greatest {
        return if logarithmic { 1.0..10.0 } else { 0.0..1.0 };
    }
    if logarithmic {
        return least * 0.9..greatest * 1.1;
    }
    let start = least.min(0.0);
    start..if greatest > start { greatest * 1.05 } else { start + 1.0 }
}

/// `1500000` as `1.5M`.
fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = format!("{scaled:.3}");
    format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_an_svg_with_its_title_axes_and_curves() {
        let plot = Plot::line("cost", "Cost of a packet", "train", "ns")
            .log_x()
            .log_y()
            .with("volley", vec![(1.0, 4400.0), (16.0, 414.0)])
            .with("sendmsg", vec![(1.0, 4000.0)]);
        let svg = plot.svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for word in ["Cost of a packet", "train", "ns", "volley", "sendmsg", "<polyline"] {
            assert!(svg.contains(word), "{word} is missing");
        }
    }

    #[test]
    fn a_plot_of_nothing_or_of_one_point_can_be_drawn() {
        assert!(Plot::line("a", "b", "c", "d").svg().is_ok());
        assert!(Plot::line("a", "b", "c", "d").with("one", vec![(0.0, 0.0)]).svg().is_ok());
        assert!(Plot::line("a", "b", "c", "d").log_x().log_y().with("one", vec![(0.0, 0.0)]).svg().is_ok());
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(short(0.0), "0");
        assert_eq!(short(0.25), "0.25");
        assert_eq!(short(1500.0), "1.5k");
        assert_eq!(short(2_400_000.0), "2.4M");
    }
}
