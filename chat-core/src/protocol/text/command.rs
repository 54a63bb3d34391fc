use std::num::NonZeroUsize;

use thiserror::Error;

use super::TextProtocol;
use crate::message::{Body, BodyError};
use crate::name::{NameError, Nick, RoomName};
use crate::policy::Credentials;

/// What a line asks for.
///
/// # Examples
///
/// ```
/// use chat_core::protocol::{Command, CommandError};
///
/// assert_eq!(Command::parse("/ROOMS")?, Command::Rooms);
/// let Command::Say(body) = Command::parse("//rooms is a command")? else { panic!() };
/// assert_eq!(body.as_str(), "/rooms is a command");
/// # Ok::<_, CommandError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// `/join <room>`
    Join(RoomName),
    /// `/nick <name>`
    Nick(Nick),
    /// `/rooms`
    Rooms,
    /// `/who`
    Who,
    /// `/msg <nick> <text>`
    Private(Nick, Body),
    /// `/me <action>`
    Action(Body),
    /// `/login <account> <password>`
    LogIn(Credentials),
    /// `/history [n]`
    History(usize),
    /// `/help`
    Help,
    /// `/quit [reason]`
    Quit(Option<Body>),
    /// Anything else, and `//text` for `/text`.
    Say(Body),
}

/// What `/help` answers.
pub(super) const HELP: &str = "\
* /join <room>        leave this room and join another one
* /nick <name>        change your nick
* /rooms              the active rooms
* /who                who is in this room
* /msg <nick> <text>  a private message
* /me <action>        an action
* /history [n]        the last messages of this room
* /login <account> <password>  log in, where there are accounts
* /quit [reason]      leave
* //text              say \"/text\"
* anything else       say it to this room
";

impl Command {
    /// Reads a line, without its ending. Names of commands are read without regard to case.
    ///
    /// # Errors
    ///
    /// Tells what is wrong with the line.
    pub fn parse(line: &str) -> Result<Self, CommandError> {
        if let Some(text) = line.strip_prefix('/')
            && !text.starts_with('/')
        {
            return Self::parse_command(text);
        }
        Ok(Self::Say(Body::parse(
            line.strip_prefix('/').unwrap_or(line),
        )?))
    }

    fn parse_command(text: &str) -> Result<Self, CommandError> {
        let (name, rest) = split_word(text);
        let rest = rest.trim_end_matches(' ');
        let usage = |usage| CommandError::Usage(usage);
        match name.to_ascii_lowercase().as_str() {
            "join" if rest.is_empty() => Err(usage("/join <room>")),
            "join" => Ok(Self::Join(RoomName::parse(rest)?)),
            "nick" if rest.is_empty() => Err(usage("/nick <name>")),
            "nick" => Ok(Self::Nick(Nick::parse(rest)?)),
            "rooms" if rest.is_empty() => Ok(Self::Rooms),
            "rooms" => Err(usage("/rooms")),
            "who" if rest.is_empty() => Ok(Self::Who),
            "who" => Err(usage("/who")),
            "msg" => match split_word(rest) {
                ("", _) | (_, "") => Err(usage("/msg <nick> <text>")),
                (nick, text) => Ok(Self::Private(Nick::parse(nick)?, Body::parse(text)?)),
            },
            "me" if rest.is_empty() => Err(usage("/me <action>")),
            "me" => Ok(Self::Action(Body::parse(rest)?)),
            "login" => match split_word(rest) {
                ("", _) | (_, "") => Err(usage("/login <account> <password>")),
                (account, password) => Ok(Self::LogIn(Credentials::Password {
                    account: account.into(),
                    password: password.into(),
                })),
            },
            "history" if rest.is_empty() => Ok(Self::History(TextProtocol::HISTORY)),
            "history" => match rest.parse::<NonZeroUsize>() {
                Ok(count) => Ok(Self::History(count.get())),
                Err(_) => Err(usage("/history [n], with n from 1 up")),
            },
            "help" if rest.is_empty() => Ok(Self::Help),
            "help" => Err(usage("/help")),
            "quit" if rest.is_empty() => Ok(Self::Quit(None)),
            "quit" => Ok(Self::Quit(Some(Body::parse(rest)?))),
            _ => Err(CommandError::Unknown(shown(name))),
        }
    }
}

/// The text up to the first space, and what follows the spaces.
fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_start_matches(' '))
}

/// The beginning of `text` with nothing in it that would drive a terminal.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(32) {
        match c {
            '\'' | '"' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// Why a line is no [`Command`].
///
/// Displays as a sentence for the peer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no such command.
    #[error("there is no command /{0}; /help lists them")]
    Unknown(String),
    /// The command lacks something or has too much.
    #[error("usage: {0}")]
    Usage(&'static str),
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A message is not valid.
    #[error(transparent)]
    Body(#[from] BodyError),
}
