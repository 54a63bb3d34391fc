//! What was measured, for people and for programs.

mod chart;
mod markdown;

pub use chart::{ChartError, svg};
pub use markdown::{markdown, overview};

/// What stands before an overview in a page, and behind it.
const MARKERS: [&str; 2] = ["<!-- bench -->\n", "<!-- /bench -->"];

/// `page` with `overview` between its markers `<!-- bench -->` and `<!-- /bench -->`; `None` if it has none.
pub fn with_overview(page: &str, overview: &str) -> Option<String> {
    let [begin, end] = MARKERS;
    let (before, rest) = page.split_once(begin)?;
    let (_, behind) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{overview}\n{end}{behind}"))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overview_takes_the_place_of_the_one_before() {
        let page = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n";
        let new = with_overview(page, "new\n").unwrap();
        assert_eq!(new, "a\n<!-- bench -->\n\nnew\n\n<!-- /bench -->\nb\n");
        assert_eq!(with_overview(&new, "new\n").as_deref(), Some(&*new));
        assert_eq!(with_overview("a page", "new"), None);
    }
}
