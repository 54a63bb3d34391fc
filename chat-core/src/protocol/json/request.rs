use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::RequestError;
use crate::message::Body;
use crate::name::RoomName;

/// A client's own name for a request, given back with the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Id {
    Number(i64),
    Text(String),
    #[default]
    Null,
}

/// How long an [`Id`] is at most, in bytes of UTF-8.
const MAX_ID: usize = 64;

/// A request with all the fields that any request has. Unknown fields are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Request<'a> {
    #[serde(default)]
    pub(super) id: Id,
    #[serde(borrow, default)]
    pub(super) op: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) room: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) nick: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) to: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) client_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) settled: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) password: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) resume: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) seen: BTreeMap<String, u64>,
    pub(super) before: Option<u64>,
    pub(super) after: Option<u64>,
    pub(super) limit: Option<usize>,
}

/// Just enough to answer a request that makes no sense.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    id: Id,
}

impl<'a> Request<'a> {
    /// Reads a line. What is wrong with it comes with the id to answer to, as far as that can be told.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, (Id, RequestError)> {
        // An array would pass for the fields in their order.
        if line.trim_ascii_start().first() != Some(&b'{') {
            let error = RequestError::BadJson("it does not start with {".into());
            return Err((Id::Null, error));
        }
        // In fields that are skipped, serde_json would let anything pass.
        let line = std::str::from_utf8(line).map_err(|_| {
            let error = RequestError::BadJson("it is not valid UTF-8".into());
            (Id::Null, error)
        })?;
        let request: Self = serde_json::from_str(line).map_err(|error| {
            let envelope = serde_json::from_str::<Envelope>(line);
            let id = envelope.map(|envelope| envelope.id).unwrap_or_default();
            let id = if id.is_valid() { id } else { Id::Null };
            (id, RequestError::from_json(&error))
        })?;
        if !request.id.is_valid() {
            return Err((Id::Null, RequestError::BadField("id")));
        }
        match request.id {
            Id::Null => Err((Id::Null, RequestError::MissingField("id"))),
            _ if request.op.is_empty() => Err((request.id, RequestError::MissingField("op"))),
            _ => Ok(request),
        }
    }

    pub(super) fn need<'f>(
        &self,
        name: &'static str,
        field: &'f Option<Cow<'a, str>>,
    ) -> Result<&'f str, RequestError> {
        field.as_deref().ok_or(RequestError::MissingField(name))
    }

    pub(super) fn room(&self) -> Result<RoomName, RequestError> {
        Ok(RoomName::parse(self.need("room", &self.room)?)?)
    }

    pub(super) fn body(&self) -> Result<Body, RequestError> {
        Ok(Body::parse(self.need("text", &self.text)?)?)
    }
}

impl Id {
    fn is_valid(&self) -> bool {
        match self {
            Self::Text(text) => text.len() <= MAX_ID,
            Self::Number(_) | Self::Null => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn id() -> impl Strategy<Value = Id> {
        prop_oneof![
            any::<i64>().prop_map(Id::Number),
            r"\PC{0,16}".prop_map(Id::Text),
            "[ -~]{0,64}".prop_map(Id::Text),
        ]
    }

    /// Fields that are strings, some of which are there, and the empty one among them.
    fn texts() -> impl Strategy<Value = Vec<Option<String>>> {
        let text = prop_oneof![any::<String>(), "[ -~]{0,20}"];
        proptest::collection::vec(proptest::option::of(text), TEXTS.len())
    }

    const TEXTS: [&str; 11] = [
        "room",
        "nick",
        "to",
        "text",
        "kind",
        "client_id",
        "settled",
        "account",
        "password",
        "token",
        "resume",
    ];

    const NUMBERS: [&str; 3] = ["before", "after", "limit"];

    proptest! {
        #[test]
        fn a_request_is_read_as_it_was_written(
            id in id(),
            op in "[a-z]{1,10}",
            texts in texts(),
            numbers in any::<[Option<u64>; 3]>(),
            seen in proptest::collection::btree_map(any::<String>(), any::<u64>(), 0..4),
        ) {
            let mut line = json!({"id": id, "op": op, "seen": seen, "unknown": {"op": [1]}});
            for (name, text) in TEXTS.iter().zip(&texts) {
                line[name] = text.clone().into();
            }
            for (name, number) in NUMBERS.iter().zip(&numbers) {
                line[name] = number.map_or(Value::Null, Value::from);
            }
            let line = line.to_string();
            let request = Request::parse(line.as_bytes()).unwrap();
            prop_assert_eq!(&request.id, &id);
            prop_assert_eq!(&request.op, &op);
            prop_assert_eq!(&request.seen, &seen);
            let read = [
                &request.room,
                &request.nick,
                &request.to,
                &request.text,
                &request.kind,
                &request.client_id,
                &request.settled,
                &request.account,
                &request.password,
                &request.token,
                &request.resume,
            ];
            let read: Vec<_> = read.map(|text| text.as_deref().map(str::to_owned)).into();
            prop_assert_eq!(read, texts);
            let limit = request.limit.map(|limit| limit as u64);
            prop_assert_eq!([request.before, request.after, limit], numbers);
        }
    }
}
