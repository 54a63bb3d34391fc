use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use thiserror::Error;

use super::short;
use crate::case::{Case, Plan};
use crate::results::{self, Figure, Results};

/// Why there is no chart.
#[derive(Debug, Error)]
#[error("the chart cannot be drawn: {0}")]
pub struct ChartError(String);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: u32 = 960;
const COLUMNS: usize = 2;
const BAR: u32 = 18;
const HEAD: u32 = 34;
const MARGIN: u32 = 12;
const NAMES: u32 = 110;
const LABELS: u32 = 130;

const USER: RGBColor = RGBColor(0x3b, 0x6e, 0xa8);
const SYSTEM: RGBColor = RGBColor(0x9d, 0xbf, 0xe0);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);

/// A chart for each case, as an SVG picture: a bar for each server, whose length is processor time per delivery
/// (where nobody says anything, per connection), with the kernel's part in a lighter colour.
///
/// # Errors
///
/// When the drawing library fails.
pub fn svg(results: &Results) -> Result<String, ChartError> {
    let cases: Vec<_> = results.cases().collect();
    let rows = cases.len().div_ceil(COLUMNS).max(1);
    let panel = HEAD + BAR * results.contestants.len() as u32 + MARGIN;
    let mut picture = String::new();
    {
        let size = (WIDTH, panel * rows as u32 + MARGIN);
        let root = SVGBackend::with_string(&mut picture, size).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let areas = root.split_evenly((rows, COLUMNS));
        for (case, area) in cases.iter().zip(&areas) {
            draw(results, case, area)?;
        }
        root.present().map_err(failed)?;
    }
    Ok(picture)
}

fn draw(results: &Results, case: &Case, area: &Area<'_>) -> Result<(), ChartError> {
    let (total, kernel, what): (Figure, Figure, _) = match case.plan {
        Plan::Idle { .. } => (results::cpu_per_connection, |_| None, "µs CPU to come in"),
        _ => (
            results::cpu_per_delivery,
            results::system_per_delivery,
            "µs CPU per delivery",
        ),
    };
    let text = |size: u32| TextStyle::from(("sans-serif", size).into_font()).color(&INK);
    let left = text(13).pos(Pos::new(HPos::Left, VPos::Center));
    let right = text(13).pos(Pos::new(HPos::Right, VPos::Center));
    let title = format!("{} — {what}", case.title);
    let head = text(14).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(title, (MARGIN as i32, HEAD as i32 / 2), head))
        .map_err(failed)?;

    let summaries: Vec<_> = results
        .contestants
        .iter()
        .map(|name| (name, results.summary(case, name, total)))
        .collect();
    let longest = summaries
        .iter()
        .filter_map(|(_, summary)| Some(summary.as_ref()?.median));
    let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
    let (width, _) = area.dim_in_pixel();
    let room = f64::from(width.saturating_sub(NAMES + LABELS + MARGIN));
    for (row, (name, summary)) in summaries.iter().enumerate() {
        let top = (HEAD + BAR * row as u32) as i32;
        let middle = top + BAR as i32 / 2;
        let start = NAMES as i32;
        area.draw(&Text::new(
            name.to_string(),
            (start - 6, middle),
            right.clone(),
        ))
        .map_err(failed)?;
        let Some(summary) = summary else {
            area.draw(&Text::new(
                "does not apply",
                (start + 6, middle),
                left.clone(),
            ))
            .map_err(failed)?;
            continue;
        };
        let at = |value: f64| start + (room * value / longest).round() as i32;
        let kernel = results.summary(case, name, kernel);
        let kernel = kernel.map_or(0.0, |kernel| kernel.median.min(summary.median));
        let own = at(summary.median - kernel);
        let bar = |from, to, colour: RGBColor| {
            Rectangle::new(
                [(from, top + 2), (to, top + BAR as i32 - 3)],
                colour.filled(),
            )
        };
        area.draw(&bar(start, own, USER)).map_err(failed)?;
        area.draw(&bar(own, at(summary.median), SYSTEM))
            .map_err(failed)?;
        let label = match summary.ratio {
            Some(ratio) if *name != results::FLOOR => {
                format!("{} (× {ratio:.2})", short(summary.median))
            }
            _ => short(summary.median),
        };
        area.draw(&Text::new(
            label,
            (at(summary.median) + 6, middle),
            left.clone(),
        ))
        .map_err(failed)?;
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> ChartError {
    ChartError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn a_chart_has_a_bar_for_each_server() {
        let picture = svg(&results()).unwrap();
        for part in [
            "<svg",
            "100 members, 1 in flight",
            "floor",
            "tokio",
            "3.00 (× 1.50)",
        ] {
            assert!(picture.contains(part), "{part}");
        }
    }
}
