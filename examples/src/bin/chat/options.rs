use std::process;

use chat_core::name::{Nick, RoomName};
use clap::Parser;
use clap::error::ErrorKind;

use crate::server::Server;

/// A chat client for the terminal. Type a message, or /help.
///
/// A lost connection is made again by itself, and what was said meanwhile is sent then, once.
#[derive(Debug, Parser)]
#[command(name = "chat", version)]
pub(crate) struct Options {
    /// The server: HOST:PORT, or unix:PATH
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) server: Server,

    /// What to be called [default: what the server chooses]
    #[arg(long, short, value_name = "NICK")]
    pub(crate) nick: Option<Nick>,

    /// The room to enter first
    #[arg(long, short, value_name = "ROOM", default_value = "general")]
    pub(crate) room: RoomName,

    /// Show so many messages of a room that is entered
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) history: usize,

    /// Read lines from standard input and print lines, as a pipe wants it
    ///
    /// Ends when the input ends and the server has everything. Without it the same happens where there is
    /// no terminal. What was refused is told on standard error.
    #[arg(long)]
    pub(crate) plain: bool,
}

impl Options {
    /// The options given to this process.
    ///
    /// Where they cannot be understood, says so in a line and ends the process with exit code 2; where they
    /// only ask for help or the version, prints that and ends it with exit code 0.
    pub(crate) fn of_process() -> Self {
        match Self::try_parse() {
            Ok(options) => options,
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
                _ => {
                    let message = error.to_string();
                    let line = message.lines().next().unwrap_or_default();
                    eprintln!("{line} (--help shows the options)");
                    process::exit(2);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn the_line_of_the_readme_is_understood() {
        let args = [
            "chat",
            "127.0.0.1:8080",
            "--nick",
            "alice",
            "--room",
            "rust",
        ];
        let options = Options::parse_from(args);
        assert_eq!(options.server.to_string(), "127.0.0.1:8080");
        assert_eq!(options.nick, Some(Nick::parse("alice").unwrap()));
        assert_eq!(options.room, RoomName::parse("rust").unwrap());
    }
}
