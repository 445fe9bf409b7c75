//! A trace as one SVG picture: values, the band of usual values, insights.
//!
//! Uses plotters with its SVG backend alone, which is maintained, pure Rust, and needs neither fonts nor a
//! display. The colors are of Okabe and Ito's palette, which people with any color vision can tell apart;
//! insights also have a triangle.

use std::ops::Range;

use jiff::Timestamp;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;

use super::pixels::{Column, Span, columns, insights};
use super::trace::{Interval, Trace};

const SIZE: (u32, u32) = (1280, 640);
/// Columns of the plotted area; slightly fewer than its pixels.
const COLUMNS: usize = 1180;
const BLUE: RGBColor = RGBColor(0, 114, 178);
const BAND: RGBColor = RGBColor(86, 180, 233);
const VERMILLION: RGBColor = RGBColor(213, 94, 0);
const BAND_ALPHA: f64 = 0.35;
/// Left edge of title and legend, pixels.
const LEFT: i32 = 90;
const FONT: &str = "sans-serif";
/// Most labels of the time axis.
const TICKS_MAX: i64 = 10;
const DAY_S: i64 = 86_400;

/// Draws the picture.
///
/// # Errors
/// For an empty trace, or what the library reports.
pub(crate) fn svg(title: &str, trace: &Trace) -> Result<String, String> {
    let columns = columns(trace, COLUMNS);
    let (Some(first), Some(last)) = (columns.first(), columns.last()) else {
        return Err("there is nothing to draw".to_owned());
    };
    let mut svg = String::new();
    // A single point needs room on both sides.
    let room = if first.time == last.time { 60 } else { 0 };
    let range = Span { begin: first.time - room, end: last.time + room };
    draw(&mut svg, title, range, &columns, &insights(trace)).map_err(|error| error.to_string())?;
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(svg: &mut String, title: &str, range: Span, columns: &[Column], insights: &[Span]) -> Drawn {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw(&Text::new(title.to_owned(), (LEFT, 14), (FONT, 20).into_font()))?;
    let heights = heights(columns);
    let Interval { low, high } = heights;
    let (ticks, form) = ticks(range.begin, range.end);
    let times = Times { range: range.begin as f64..range.end as f64, ticks, form };
    let mut chart = ChartBuilder::on(&root)
        .margin(14)
        .margin_top(72)
        .x_label_area_size(44)
        .y_label_area_size(76)
        .build_cartesian_2d(times, low..high)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .axis_desc_style((FONT, 15))
        .label_style((FONT, 14))
        .x_desc("time, UTC")
        .y_desc("count")
        .y_label_formatter(&|value| count(*value))
        .draw()?;

    let marks = marks(insights, range);
    chart.draw_series(
        marks.iter().map(|&(a, b)| Rectangle::new([(a, low), (b, high)], VERMILLION.mix(0.25).filled())),
    )?;
    chart.draw_series([Polygon::new(band(columns, heights), BAND.mix(BAND_ALPHA).filled())])?;
    chart.draw_series([PathElement::new(path(columns), BLUE.stroke_width(1))])?;
    let foot = low + (high - low) * 0.985;
    chart.draw_series(marks.iter().map(|&(a, _)| TriangleMarker::new((a, foot), 7, VERMILLION.filled())))?;
    legend(&root, insights.len())?;
    root.present()?;
    Ok(())
}

/// Left and right edge of each insight; at least two columns wide.
fn marks(insights: &[Span], range: Span) -> Vec<(f64, f64)> {
    let width = ((range.end - range.begin) as f64 / COLUMNS as f64).max(1.0);
    insights.iter().map(|span| (span.begin as f64, (span.end as f64).max(span.begin as f64 + 2.0 * width))).collect()
}

/// The outline of the band, cut to the heights of the picture.
fn band(columns: &[Column], heights: Interval) -> Vec<(f64, f64)> {
    let point = |column: &Column, y: f64| (column.time as f64, y.clamp(heights.low, heights.high));
    let upper = columns.iter().map(|column| point(column, column.usual.high));
    let lower = columns.iter().rev().map(|column| point(column, column.usual.low));
    upper.chain(lower).collect()
}

/// The legend: one line between title and picture.
fn legend(root: &DrawingArea<SVGBackend<'_>, Shift>, insights: usize) -> Drawn {
    const Y: i32 = 52;
    let text = |x: i32, text: String| Text::new(text, (x + 30, Y - 8), (FONT, 15).into_font());
    let [count, usual, insight] = [LEFT, LEFT + 330, LEFT + 700];
    root.draw(&PathElement::new([(count, Y), (count + 22, Y)], BLUE.stroke_width(2)))?;
    root.draw(&text(count, "count (lowest to highest in each pixel)".to_owned()))?;
    root.draw(&Rectangle::new([(usual, Y - 6), (usual + 22, Y + 6)], BAND.mix(BAND_ALPHA).filled()))?;
    root.draw(&text(usual, "usual: 7-day mean, 3 standard deviations".to_owned()))?;
    root.draw(&TriangleMarker::new((insight + 11, Y), 7, VERMILLION.filled()))?;
    root.draw(&text(insight, format!("insight ({insights})")))?;
    Ok(())
}

/// A line through the lowest and the highest value of each column, the one nearer to the last point first.
fn path(columns: &[Column]) -> Vec<(f64, f64)> {
    let mut path = Vec::with_capacity(2 * columns.len());
    let mut at = columns.first().map_or(0.0, |column| column.values.low);
    for column in columns {
        let Interval { low, high } = column.values;
        let (one, other) = if (at - low).abs() <= (at - high).abs() { (low, high) } else { (high, low) };
        path.push((column.time as f64, one));
        if one != other {
            path.push((column.time as f64, other));
        }
        at = other;
    }
    path
}

/// The range of the count axis: all values, and the band up to twice the highest value.
fn heights(columns: &[Column]) -> Interval {
    let least = columns.iter().map(|column| column.values.low).fold(0.0, f64::min);
    let most = columns.iter().map(|column| column.values.high).fold(f64::MIN_POSITIVE, f64::max);
    let usual = columns.iter().map(|column| column.usual.high).fold(0.0, f64::max).min(2.0 * most);
    Interval { low: least * 1.05, high: most.max(usual).max(1.0) * 1.08 }
}

/// The time axis, seconds since 1970, with labels at round times.
struct Times {
    range: Range<f64>,
    ticks: Vec<i64>,
    form: TimeForm,
}

impl Ranged for Times {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, time: &f64, (from, to): (i32, i32)) -> i32 {
        let part = (time - self.range.start) / (self.range.end - self.range.start);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|&tick| tick as f64).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Times {
    fn format_ext(&self, time: &f64) -> String {
        label(*time as i64, self.form)
    }
}

/// How a time is labeled.
#[derive(Clone, Copy)]
enum TimeForm {
    Minute,
    Day,
}

/// Round times for the axis, and how they are labeled.
fn ticks(begin: i64, end: i64) -> (Vec<i64>, TimeForm) {
    const STEPS_S: [i64; 20] = [
        1,
        10,
        60,
        300,
        900,
        1800,
        3600,
        10_800,
        21_600,
        43_200,
        DAY_S,
        2 * DAY_S,
        7 * DAY_S,
        14 * DAY_S,
        28 * DAY_S,
        91 * DAY_S,
        182 * DAY_S,
        364 * DAY_S,
        1820 * DAY_S,
        18_200 * DAY_S,
    ];
    let step = STEPS_S.into_iter().find(|step| (end - begin) / step < TICKS_MAX).unwrap_or((end - begin) / TICKS_MAX);
    let first = begin.div_euclid(step) * step + if begin.rem_euclid(step) == 0 { 0 } else { step };
    let form = if step >= DAY_S { TimeForm::Day } else { TimeForm::Minute };
    ((0..=TICKS_MAX).map(|n| first + n * step).filter(|&tick| tick <= end).collect(), form)
}

fn label(time: i64, form: TimeForm) -> String {
    let time = Timestamp::from_second(time).unwrap_or_default();
    let form = match form {
        TimeForm::Minute => "%m-%d %H:%M",
        TimeForm::Day => "%Y-%m-%d",
    };
    time.strftime(form).to_string()
}

/// A count in few characters.
fn count(value: f64) -> String {
    match value.abs() {
        large if large >= 1e9 => format!("{value:.1e}"),
        large if large >= 1e6 => format!("{}M", value / 1e6),
        _ => format!("{}", (value * 1000.0).round() / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace::Point;
    use super::*;

    fn drawn(points: impl IntoIterator<Item = (i64, f64, bool)>) -> String {
        let point = |(time, value, insight)| Point {
            time,
            value,
            usual: Interval { low: value - 3.0, high: value + 3.0 },
            insight,
        };
        svg("a <title> & more", &points.into_iter().map(point).collect()).expect("drawn")
    }

    #[test]
    fn any_trace_gives_a_small_picture_with_escaped_text() {
        let many = drawn((0..100_000).map(|n| (n * 60, (n % 97) as f64, n == 50_000)));
        assert!(many.len() < 300_000, "{} bytes", many.len());
        assert!(many.contains("a &lt;title&gt; &amp; more"), "{}", &many[..600]);
        assert!(many.contains("insight (1)"));
        for odd in [
            drawn([(0, 0.0, false)]),
            drawn([(0, 1e15, true), (60, -1e15, true)]),
            drawn([(i64::from(i32::MAX) * 100, 1.0, false), (0, 2.0, false)]),
            drawn([(0, 0.25, false), (1, 0.5, false), (2, 0.125, true)]),
        ] {
            assert!(!odd.contains("NaN") && !odd.contains("inf\""), "{odd}");
        }
        assert!(svg("", &Trace::new()).is_err());
    }

    #[test]
    fn the_time_axis_has_a_few_round_labels() {
        for (begin, end) in [(0, 59), (7, 3600), (13, 9 * DAY_S), (5, 400 * DAY_S), (5, 9000 * DAY_S)] {
            let (ticks, _) = ticks(begin, end);
            assert!((3..=11).contains(&ticks.len()), "{begin} to {end}: {ticks:?}");
            assert!(ticks.iter().all(|tick| (begin..=end).contains(tick)));
        }
    }
}
