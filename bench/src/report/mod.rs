//! What was measured, for people and for programs.

mod chart;
mod markdown;

pub use chart::{ChartError, svg};
pub use markdown::markdown;

/// A number of about three digits.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.2} M", value / 1e6),
        value if value >= 1e4 => format!("{:.0} k", value / 1e3),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
