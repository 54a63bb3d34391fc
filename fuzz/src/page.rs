//! What `docs/PROTOCOL.md` says that a frame of the server looks like, taken from the page itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Map, Value};

const PAGE: &str = include_str!("../../docs/PROTOCOL.md");

static FRAMES: LazyLock<Frames> = LazyLock::new(|| Frames {
    answers: fields("\n## Requests\n", 2),
    events: fields("\n## Events\n", 1),
    errors: words("\n## Error codes\n"),
    closings: words("\n## Closing codes\n"),
});

/// The frames there are.
struct Frames {
    /// The fields of an answer, by the request.
    answers: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// The fields of an event, by its name.
    events: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// The codes of errors.
    errors: BTreeSet<&'static str>,
    /// The codes of the last words.
    closings: BTreeSet<&'static str>,
}

/// One line of the server.
pub(crate) enum Frame {
    /// The answer to the request with this id.
    Answer {
        id: Value,
        /// The object in it, or the code of the error.
        outcome: Result<Map<String, Value>, String>,
    },
    /// The last words.
    Closing,
    /// Anything else that happened.
    Event,
}

/// Checks that everything is made of frames that the page knows, and reads them.
pub(crate) fn check_frames(bytes: &[u8]) -> Vec<Frame> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let frames: Vec<_> = lines.map(check_frame).collect();
    let closing = frames
        .iter()
        .position(|frame| matches!(frame, Frame::Closing));
    assert!(
        closing.is_none_or(|closing| closing + 1 == frames.len()),
        "last words that are not the last"
    );
    frames
}

/// Checks one line.
pub(crate) fn check_frame(line: &[u8]) -> Frame {
    let shown = String::from_utf8_lossy(line);
    assert_eq!(line.last(), Some(&b'\n'), "a whole line: {shown}");
    let frame: Value =
        serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {shown}"));
    let Value::Object(mut frame) = frame else {
        panic!("no object: {shown}");
    };
    if let Some(event) = frame.remove("event") {
        return check_event(event.as_str().unwrap_or_default(), &frame);
    }
    let id = frame
        .remove("id")
        .unwrap_or_else(|| panic!("no id: {shown}"));
    assert!(id.is_i64() || id.is_string() || id.is_null(), "{shown}");
    let (ok, error) = (frame.remove("ok"), frame.remove("error"));
    assert!(frame.is_empty(), "more than the page says: {shown}");
    let outcome = match (ok, error) {
        (Some(Value::Object(ok)), None) => Ok(ok),
        (None, Some(error)) => {
            let code = error["code"].as_str().unwrap_or_default();
            assert!(FRAMES.errors.contains(code), "no such error: {shown}");
            check_text(&error["text"]);
            Err(code.into())
        }
        _ => panic!("neither an answer nor a refusal: {shown}"),
    };
    Frame::Answer { id, outcome }
}

/// Checks that the answer to a request has the fields that it should have.
pub(crate) fn check_answer(op: &str, ok: &Map<String, Value>) {
    let fields = FRAMES.answers.get(op);
    check_fields(op, fields.unwrap_or_else(|| panic!("{op} was granted")), ok);
    if let Some(Value::Array(messages)) = ok.get("messages") {
        for message in messages {
            let mut message = message.as_object().expect("a message").clone();
            assert_eq!(message.remove("event"), Some("message".into()));
            check_event("message", &message);
        }
    }
}

fn check_event(event: &str, frame: &Map<String, Value>) -> Frame {
    let fields = FRAMES.events.get(event);
    let fields = fields.unwrap_or_else(|| panic!("no such event: {event:?}"));
    check_fields(event, fields, frame);
    for (name, value) in frame {
        match (name.as_str(), value) {
            ("first" | "last" | "topic" | "reason", Value::Null) => {}
            ("number" | "first" | "last" | "presence", number) => assert!(number.is_u64()),
            ("time", time) => check_time(time.as_str().unwrap_or_default()),
            (_, text) => check_text(text),
        }
    }
    if event != "closing" {
        return Frame::Event;
    }
    let code = frame["code"].as_str().unwrap_or_default();
    assert!(FRAMES.closings.contains(code), "no such code: {code:?}");
    Frame::Closing
}

/// Checks that there are these fields and no others; those with a `?` may be left out.
fn check_fields(of: &str, fields: &BTreeSet<&str>, frame: &Map<String, Value>) {
    for field in fields.iter().filter(|field| !field.ends_with('?')) {
        assert!(frame.contains_key(*field), "{of} without {field}");
    }
    for field in frame.keys() {
        let optional = format!("{field}?");
        let is_known = fields.contains(field.as_str()) || fields.contains(optional.as_str());
        assert!(is_known, "{of} with {field}");
    }
}

fn check_text(text: &Value) {
    let text = text.as_str().unwrap_or_else(|| panic!("no string: {text}"));
    assert!(!text.contains(char::is_control), "a control: {text:?}");
}

/// As in `2026-03-14T15:09:26.535Z`.
fn check_time(time: &str) {
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
}

/// The names in a column of the first table of a section, by the name in the first column.
fn fields(section: &'static str, column: usize) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let row = |cells: Vec<&'static str>| {
        let name = quoted(cells[0]).next().expect("a row begins with a name");
        (name, quoted(cells[column]).collect())
    };
    rows(section).map(row).collect()
}

/// The names in the first column of the first table of a section.
fn words(section: &'static str) -> BTreeSet<&'static str> {
    fields(section, 0).into_keys().collect()
}

fn rows(section: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let (_, section) = PAGE
        .split_once(section)
        .unwrap_or_else(|| panic!("no section {section:?}"));
    let is_row = |line: &&str| line.starts_with('|');
    let table = section.lines().skip_while(move |line| !is_row(line));
    // A heading and a rule come first.
    let rows = table.take_while(is_row).skip(2);
    rows.map(|row| row.split('|').skip(1).collect())
}

/// What is between backticks.
fn quoted(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}
