//! What a typed line means.

use std::num::NonZeroUsize;

use chat_core::message::Body;
use chat_core::name::{Nick, RoomName};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Say(Body),
    Act(Body),
    Join(RoomName),
    /// A room, or the current one.
    Leave(Option<RoomName>),
    Nick(Nick),
    Who,
    Rooms,
    Message(Nick, Body),
    /// What the topic is.
    Topic,
    /// A topic, or none.
    SetTopic(Option<Body>),
    /// So many messages, or as many as usual.
    History(Option<NonZeroUsize>),
    Help,
    Quit(Option<Body>),
}

pub(crate) const HELP: &[&str] = &[
    "/join <room>        enter a room, or go back to one",
    "/leave [room]       leave a room",
    "/nick <name>        change your nick",
    "/who                who is in this room",
    "/rooms              the active rooms",
    "/msg <nick> <text>  a private message",
    "/me <action>        an action",
    "/topic [text]       the topic of this room, or set it",
    "/topic -delete      take it away",
    "/history [n]        the last messages of this room",
    "/quit [reason]      leave",
    "//text              say \"/text\"",
    "anything else       say it to this room",
];

impl Command {
    /// Reads a line that somebody typed; `None` if there is nothing in it.
    ///
    /// # Errors
    ///
    /// A sentence for the one who typed it.
    pub(crate) fn parse(line: &str) -> Result<Option<Self>, String> {
        // Tabs are control characters, which no message has.
        let line = line.trim_end_matches(['\r', '\n']).replace('\t', "    ");
        if line.trim().is_empty() {
            return Ok(None);
        }
        let Some(command) = line.strip_prefix('/') else {
            return Ok(Some(Self::Say(body(&line)?)));
        };
        if command.starts_with('/') {
            return Ok(Some(Self::Say(body(command)?)));
        }
        let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
        let rest = rest.trim();
        let optional = |rest: &str| match rest {
            "" => Ok(None),
            rest => body(rest).map(Some),
        };
        Ok(Some(match name.to_ascii_lowercase().as_str() {
            "join" => Self::Join(room(rest)?),
            "leave" | "part" => Self::Leave(match rest {
                "" => None,
                rest => Some(room(rest)?),
            }),
            "nick" => Self::Nick(nick(rest)?),
            "who" => Self::Who,
            "rooms" => Self::Rooms,
            "msg" => {
                let (to, text) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Message(nick(to)?, body(text.trim_start())?)
            }
            "me" => Self::Act(body(rest)?),
            "topic" if rest == "-delete" => Self::SetTopic(None),
            "topic" => optional(rest)?.map_or(Self::Topic, |text| Self::SetTopic(Some(text))),
            "history" => Self::History(match rest {
                "" => None,
                rest => Some(rest.parse().map_err(|_| "a number is needed".to_owned())?),
            }),
            "help" => Self::Help,
            "quit" => Self::Quit(optional(rest)?),
            other => return Err(format!("there is no command /{other}; /help lists them")),
        }))
    }
}

fn body(text: &str) -> Result<Body, String> {
    Body::parse(text).map_err(|error| error.to_string())
}

fn room(name: &str) -> Result<RoomName, String> {
    RoomName::parse(name).map_err(|error| error.to_string())
}

fn nick(name: &str) -> Result<Nick, String> {
    Nick::parse(name).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Command {
        Command::parse(line).unwrap().unwrap()
    }

    #[test]
    fn what_starts_with_a_slash_is_a_command_and_the_rest_is_said() {
        let said = |text| Command::Say(Body::parse(text).unwrap());
        assert_eq!(parsed("hello"), said("hello"));
        assert_eq!(parsed("a\tb\r\n"), said("a    b"));
        assert_eq!(parsed("//join"), said("/join"));
        assert_eq!(
            parsed("/JOIN #rust"),
            Command::Join(RoomName::parse("rust").unwrap())
        );
        assert_eq!(parsed("/leave"), Command::Leave(None));
        assert_eq!(parsed("/topic"), Command::Topic);
        assert_eq!(parsed("/topic -delete"), Command::SetTopic(None));
        let message = Command::Message(Nick::parse("bob").unwrap(), Body::parse("a b").unwrap());
        assert_eq!(parsed("/msg bob  a b"), message);
        assert_eq!(parsed("/history 5"), Command::History(NonZeroUsize::new(5)));
        assert_eq!(parsed("/quit"), Command::Quit(None));
        assert_eq!(Command::parse("  \n"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        for line in [
            "/dance",
            "/join",
            "/join a b",
            "/nick 4",
            "/msg",
            "/msg bob",
            "/me",
            "/history 0",
        ] {
            assert!(!Command::parse(line).unwrap_err().is_empty(), "{line}");
        }
    }
}
