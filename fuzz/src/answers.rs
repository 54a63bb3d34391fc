//! Which answers the lines of a client get.

use serde::Deserialize;
use serde_json::Value;

use crate::page::{Frame, check_answer};

/// How long a line may be, in bytes.
const MAX_LINE: usize = 32 * 1024;

/// How long an id may be, in bytes.
const MAX_ID: usize = 64;

/// A line that gets an answer.
#[derive(Debug)]
struct Request {
    /// With what it is answered: its id, or null when that cannot be read.
    id: Value,
    op: Option<String>,
}

#[derive(Deserialize)]
struct WithId {
    id: Value,
}

#[derive(Deserialize)]
struct WithOp {
    op: String,
}

/// Checks that each request in what a client `sends` has exactly one answer in `frames`, in order and of its kind.
/// The last ones have none if the server has closed before.
pub(crate) fn check(sends: &[u8], frames: &[Frame]) {
    let mut requests = requests(sends).into_iter();
    let mut has_closed = false;
    for frame in frames {
        let (id, outcome) = match frame {
            Frame::Answer { id, outcome } => (id, outcome),
            Frame::Closing => {
                has_closed = true;
                continue;
            }
            Frame::Event => continue,
        };
        let request = requests.next();
        let request = request.unwrap_or_else(|| panic!("an answer to nothing, with the id {id}"));
        assert_eq!(id, &request.id, "{request:?}");
        if let Ok(ok) = outcome {
            assert!(!id.is_null(), "granted without an id: {request:?}");
            check_answer(request.op.as_deref().unwrap_or_default(), ok);
        }
    }
    if !has_closed {
        let unanswered: Vec<_> = requests.collect();
        assert!(unanswered.is_empty(), "no answer: {unanswered:?}");
    }
}

fn requests(sends: &[u8]) -> Vec<Request> {
    let lines = sends.split(|&byte| byte == b'\n');
    let ends = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let said = ends.filter(|line| !line.is_empty());
    said.map(Request::read).collect()
}

impl Request {
    fn read(line: &[u8]) -> Self {
        let text = std::str::from_utf8(line).ok();
        let text = text.filter(|text| text.len() <= MAX_LINE);
        let op = text.and_then(|text| serde_json::from_str(text).ok());
        Self {
            id: text.and_then(read_id).unwrap_or_default(),
            op: op.map(|WithOp { op }| op),
        }
    }
}

fn read_id(line: &str) -> Option<Value> {
    // An array would pass for the fields in their order.
    if !line.trim_ascii_start().starts_with('{') {
        return None;
    }
    let WithId { id } = serde_json::from_str(line).ok()?;
    let is_id = match &id {
        Value::Number(number) => number.is_i64(),
        Value::String(text) => text.len() <= MAX_ID,
        _ => false,
    };
    is_id.then_some(id)
}
