//! Valid parts of messages and events, for property tests.

use std::time::{Duration, SystemTime};

use proptest::prelude::{Strategy, any, prop_oneof};

use crate::message::{Body, Message, MessageKind, PrivateMessage};
use crate::name::{Nick, RoomName};

pub(crate) fn nick() -> impl Strategy<Value = Nick> {
    r"[a-zA-Z_\[\]{}|^`\\][-a-zA-Z0-9_\[\]{}|^`\\]{0,31}"
        .prop_map(|nick| Nick::parse(&nick).unwrap())
}

/// Also ones that begin with a `#` of their own.
pub(crate) fn room() -> impl Strategy<Value = RoomName> {
    r"[!-+\--~äßÖ部屋🦀]{1,64}".prop_map(|name| RoomName::parse(&format!("#{name}")).unwrap())
}

pub(crate) fn body() -> impl Strategy<Value = Body> {
    let text = prop_oneof![
        r"[ -~]{1,80}",
        r"\PC{1,40}",
        r"[/ #:*]{0,3}[a-z]{1,4} {0,2}",
        // Spaces that are none for a command.
        "[\u{a0}\u{3000}]{0,2}[a-z]{1,4}[\u{a0}\u{3000}]{0,2}",
    ];
    text.prop_map(|text| Body::parse(&text).unwrap())
}

/// Whole milliseconds, as they go over the wire, in this century and those around it.
pub(crate) fn time() -> impl Strategy<Value = SystemTime> {
    let millis = 0..10_000_000_000_000_u64;
    millis.prop_map(|millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
}

pub(crate) fn kind() -> impl Strategy<Value = MessageKind> {
    any::<bool>().prop_map(|says| match says {
        true => MessageKind::Say,
        false => MessageKind::Action,
    })
}

pub(crate) fn message() -> impl Strategy<Value = Message> {
    let parts = (room(), any::<u64>(), nick(), kind(), body(), time());
    parts.prop_map(|(room, number, sender, kind, body, at)| Message {
        room,
        number,
        sender,
        kind,
        body,
        at,
    })
}

pub(crate) fn private_message() -> impl Strategy<Value = PrivateMessage> {
    let parts = (nick(), nick(), body(), time());
    parts.prop_map(|(sender, recipient, body, at)| PrivateMessage {
        sender,
        recipient,
        body,
        at,
    })
}
