//! Reads the conversations out of the page.

use std::collections::BTreeSet;

/// One block of the page.
pub(super) struct Example {
    /// Whether it is in the JSON protocol.
    pub(super) json: bool,
    /// What is to be so before it.
    pub(super) setup: Vec<(usize, Step)>,
    /// What happens, with the lines of the page.
    pub(super) steps: Vec<(usize, Step)>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Sends { who: String, line: String },
    Gets { who: String, line: String },
    Happens(String),
}

/// Who an arrow without a name belongs to.
const NARRATOR: &str = "alice";

pub(super) fn examples(page: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut json = false;
    let mut setup = Vec::new();
    let mut lines = page.lines().enumerate().map(|(at, line)| (at + 1, line));
    while let Some((at, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if line == "# The JSON protocol" {
            json = true;
        } else if let Some(begun) = line.strip_prefix("<!-- example:") {
            let mut comment = vec![(at, begun)];
            while !comment.last().unwrap().1.ends_with("-->") {
                comment.push(lines.next().expect("the end of a comment"));
            }
            let items = comment.iter().flat_map(|&(at, line)| {
                let items = line.trim_end_matches("-->").split("; ");
                items.map(move |item| (at, item.trim()))
            });
            let items = items.filter(|(_, item)| !item.is_empty());
            setup = items.map(|(at, item)| (at, step(item))).collect();
        } else if line.starts_with("```") {
            let block: Vec<_> = lines
                .by_ref()
                .take_while(|(_, line)| line.trim() != "```")
                .map(|(at, line)| (at, line.get(indent..).unwrap_or_default()))
                .collect();
            let setup = std::mem::take(&mut setup);
            if block.iter().any(|(_, line)| line.contains(['→', '←'])) {
                examples.push(Example {
                    json,
                    setup,
                    steps: steps(&block),
                });
            } else {
                assert!(setup.is_empty(), "{at}: nothing to set up for");
            }
        }
    }
    examples
}

fn steps(block: &[(usize, &str)]) -> Vec<(usize, Step)> {
    let mut whole: Vec<(usize, String)> = Vec::new();
    for &(at, line) in block {
        match line.strip_prefix(' ') {
            Some(rest) => {
                let (_, begun) = whole.last_mut().expect("a line to go on with");
                *begun += rest.trim_start();
            }
            None => whole.push((at, line.into())),
        }
    }
    let whole = whole.into_iter();
    whole.map(|(at, line)| (at, step(&line))).collect()
}

fn step(line: &str) -> Step {
    if let Some((who, line)) = said(line, "→") {
        return Step::Sends { who, line };
    }
    if let Some((who, line)) = said(line, "←") {
        return Step::Gets { who, line };
    }
    Step::Happens(line.trim_matches(['(', ')']).into())
}

fn said(line: &str, arrow: &str) -> Option<(String, String)> {
    let (who, line) = line.split_once(arrow)?;
    let who = match who.trim() {
        "" => NARRATOR,
        who => who,
    };
    Some((who.into(), line.strip_prefix(' ').unwrap_or(line).into()))
}

/// The first column of the first table under a heading, without its quotes.
pub(super) fn listed(page: &str, heading: &str) -> BTreeSet<String> {
    let mut lines = page.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "{heading} is missing");
    let rows = lines
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    let quoted = rows.filter_map(|row| row.split('`').nth(1));
    quoted.map(Into::into).collect()
}
