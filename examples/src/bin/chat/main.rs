//! A chat client for the terminal, on smol.
//!
//! ```text
//! cargo run --release --bin chat -- 127.0.0.1:8080 --nick alice --room rust
//! ```
//!
//! | module | what it is for |
//! | --- | --- |
//! | `options` | the command line |
//! | `server` | the address, and how to connect to it |
//! | `command` | what a typed line means |
//! | `chat` | carries commands out, and says what happens in words |
//! | `screen` | messages above an input line |
//! | `plain` | lines in, lines out, for pipes |
#![forbid(unsafe_code)]

mod chat;
mod command;
mod line;
mod options;
mod plain;
mod screen;
mod server;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use chat_core::client::{Client, ClientOptions};
use chat_core::runtime::Runtime;
use chat_examples::exit;
use chat_examples::signals::StopOrder;
use chat_runtime_smol::SmolRuntime;

use crate::chat::Chat;
use crate::options::Options;

fn main() -> ExitCode {
    exit::code(run(Options::of_process()))
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let stop = StopOrder::listen()?;
    let smol = SmolRuntime::new();
    smol.clone().block_on(async {
        let mut client_options = ClientOptions::default();
        client_options.nick = options.nick;
        let connector = server::connector(smol.clone(), options.server.clone());
        // From here on nothing knows which runtime it is.
        let runtime: Arc<dyn Runtime> = Arc::new(smol);
        let connected = Client::reconnecting(connector, client_options, &runtime).await;
        let (client, events) =
            connected.map_err(|error| format!("{}: {}", options.server, chat::in_words(&error)))?;
        let chat = Chat::new(client, options.history);
        let has_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        if options.plain || !has_terminal {
            plain::run(chat, events, options.room, stop).await
        } else {
            let server = options.server.to_string();
            screen::run(chat, events, options.room, stop, &server).await
        }
    })
}
