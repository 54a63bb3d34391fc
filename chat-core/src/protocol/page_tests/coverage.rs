//! What there is, as the source lists it, and what the examples have shown of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

#[derive(Default)]
pub(super) struct Coverage {
    pub(super) examples: usize,
    pub(super) requests: BTreeSet<String>,
    pub(super) events: BTreeSet<String>,
    pub(super) errors: BTreeSet<String>,
    pub(super) closings: BTreeSet<String>,
    /// The requests of the example that is played, by sender and id.
    asked: BTreeMap<(String, String), String>,
}

impl Coverage {
    pub(super) fn begin(&mut self) {
        self.examples += 1;
        self.asked.clear();
    }

    pub(super) fn sent(&mut self, who: &str, line: &str) {
        if let Ok(request) = serde_json::from_str::<Value>(line)
            && let Some(op) = request["op"].as_str()
        {
            let key = (who.into(), request["id"].to_string());
            self.asked.insert(key, op.into());
        }
    }

    pub(super) fn heard(&mut self, who: &str, frame: &Value) {
        if let Some(code) = frame["error"]["code"].as_str() {
            self.errors.insert(code.into());
        }
        if frame["ok"].is_object()
            && let Some(op) = self.asked.get(&(who.into(), frame["id"].to_string()))
        {
            self.requests.insert(op.clone());
        }
        if let Some(event) = frame["event"].as_str() {
            self.events.insert(event.into());
            if event == "closing" {
                self.closings
                    .insert(frame["code"].as_str().unwrap().to_owned());
            }
        }
    }
}

pub(super) fn requests() -> BTreeSet<String> {
    let source = between(
        include_str!("../json/mod.rs"),
        "fn handle_request",
        "fn hello",
    );
    let arms = source.lines().filter_map(|line| {
        let (op, _) = line.trim().strip_prefix('"')?.split_once("\" =>")?;
        Some(op.to_owned())
    });
    found(arms)
}

pub(super) fn events() -> BTreeSet<String> {
    let source = between(include_str!("../json/response.rs"), "enum Frame", "\n}\n");
    let variants = source.lines().filter_map(|line| {
        let variant = line.strip_prefix("    ")?;
        let name = variant.split([' ', ',']).next()?;
        let named = name.starts_with(|c: char| c.is_ascii_uppercase());
        named.then(|| snake_case(name))
    });
    found(variants)
}

pub(super) fn errors() -> BTreeSet<String> {
    let sources = [
        include_str!("../json/error.rs"),
        include_str!("../../hub/error.rs"),
        include_str!("../../name/mod.rs"),
    ];
    let mut errors = found(sources.into_iter().flat_map(codes));
    // Answered as if it had just been entered.
    assert!(errors.remove("already_in"));
    errors
}

pub(super) fn closings() -> BTreeSet<String> {
    let mut closings = found(codes(include_str!("../../event/close.rs")));
    // Nobody is left to be told.
    assert!(closings.remove("peer_closed"));
    closings
}

fn codes(source: &str) -> impl Iterator<Item = String> {
    quoted(between(source, "fn code", "\n    }\n"))
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, c) in name.char_indices() {
        if index > 0 && c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn quoted(source: &str) -> impl Iterator<Item = String> {
    source.split('"').skip(1).step_by(2).map(Into::into)
}

fn between<'a>(source: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = source.split_once(start).expect(start);
    rest.split_once(end).expect(end).0
}

/// Guards against a source that is written differently one day.
fn found(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    let names: BTreeSet<_> = names.collect();
    assert!(names.len() >= 8, "only {names:?}");
    names
}
