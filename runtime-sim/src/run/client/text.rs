//! What a person types.

use super::{Words, nick};
use crate::plan::Action;

/// The lines for an action, each with its end.
pub(super) fn lines(action: Action, words: &mut Words) -> String {
    let line = |text: &str| format!("{text}\n");
    match action {
        Action::Say(len) => line(&words.text(len)),
        Action::Burst(times, len) => (0..times).map(|_| line(&words.text(len))).collect(),
        Action::Act(len) => line(&format!("/me {}", words.text(len))),
        Action::Private(to, len) => line(&format!("/msg {} {}", nick(to), words.text(len))),
        Action::Join(room) => line(&format!("/join {}", super::room(room))),
        Action::Hop(times) => "/join room0\n/join general\n".repeat(super::count(times)),
        Action::Leave(_) => line("/join general"),
        Action::Nick(number) => line(&format!("/nick {}", nick(number))),
        Action::Who => line("/who"),
        Action::Rooms => line("/rooms"),
        Action::History(count) => line(&format!("/history {count}")),
        Action::Recall(times) => "/history\n".repeat(super::count(times)),
        Action::Help(times) => "/help\n".repeat(super::count(times)),
        Action::Quit(0) => line("/quit"),
        Action::Quit(len) => line(&format!("/quit {}", words.text(len))),
        Action::Topic(len) => line(&format!("/topic {}", words.text(len))),
        Action::Again => line(&words.last),
        Action::Odd(which) => {
            const ODD: [&str; 7] = [
                "/dance",
                "/nick",
                "/nick 4ever",
                "/join a room",
                "/msg nobody hello",
                "/history 0",
                "/login me here",
            ];
            line(ODD[super::count(which) % ODD.len()])
        }
        _ => String::new(),
    }
}
