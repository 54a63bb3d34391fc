//! Lines in, lines out, for pipes.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::thread;

use chat_core::client::{End, Event, Events};
use chat_core::name::RoomName;
use chat_examples::signals::StopOrder;
use futures::channel::mpsc;
use futures::{FutureExt, SinkExt, StreamExt, future};

use crate::chat::{Chat, Failure, in_words, told};
use crate::command::Command;
use crate::line::{Kind, Line};

/// Carries out the lines of standard input, one after the other, and prints what happens. When the input
/// ends or the order to stop comes, waits until the server has everything, and leaves.
pub(crate) async fn run(
    chat: Chat,
    events: Events,
    room: RoomName,
    stop: StopOrder,
) -> Result<(), Box<dyn Error>> {
    let listening = listen(chat.clone(), events);
    let talking = async {
        let talking = talk(&chat, room).fuse();
        let stopped = stop.given().fuse();
        futures::pin_mut!(talking, stopped);
        let refused = futures::select_biased! {
            refused = talking => refused,
            () = stopped => 0,
        };
        // Nobody is left to say it to when this fails.
        let closed = chat.client().close().await;
        (refused, closed)
    };
    let (end, (refused, closed)) = future::join(listening, talking).await;
    if let Some(end) = end {
        return Err(in_words(&end).into());
    }
    closed?;
    match refused {
        0 => Ok(()),
        1 => Err("1 line was not accepted".into()),
        refused => Err(format!("{refused} lines were not accepted").into()),
    }
}

/// Says what standard input says; returns how many lines were not accepted.
async fn talk(chat: &Chat, room: RoomName) -> usize {
    let mut refused = 0;
    let mut lines = lines();
    let mut next = Ok(Some(Command::Join(room)));
    loop {
        let outcome = match next {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(Command::Quit(reason))) => {
                // What comes of it is told by the end.
                let _ = chat.client().quit(reason).await;
                return refused;
            }
            Ok(Some(command)) => chat.execute(command).await,
            Err(error) => Err(Failure::Refused(error)),
        };
        match outcome {
            Ok(lines) => lines.iter().for_each(print),
            Err(Failure::Refused(why)) => {
                refused += 1;
                print(&Line::refusal(why));
            }
            Err(Failure::Ended) => return refused,
        }
        next = match lines.next().await {
            Some(line) => Command::parse(&line),
            None => return refused,
        };
    }
}

/// Prints events until there are no more. Returns why the client has ended, if not because it was told to.
async fn listen(chat: Chat, mut events: Events) -> Option<End> {
    while let Some(event) = events.next().await {
        if let Event::Ended(end) = event {
            return (!matches!(end, End::Closed)).then_some(end);
        }
        let own = chat.client().nick();
        told(&event, own.as_ref()).iter().for_each(print);
    }
    None
}

/// The lines of standard input, read by a thread of its own, as reading blocks.
fn lines() -> mpsc::Receiver<String> {
    let (mut sender, receiver) = mpsc::channel(0);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            match input.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            if smol::block_on(sender.send(text)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn print(line: &Line) {
    // Whoever reads it may have had enough; what is typed is said all the same.
    let _ = match line.kind {
        Kind::Refusal => writeln!(io::stderr().lock(), "{}", line.text),
        _ => writeln!(io::stdout().lock(), "{}", line.text),
    };
}
