//! Messages above an input line.

mod view;

use std::error::Error;
use std::future::pending;
use std::time::{Duration, Instant};

use chat_core::client::{End, Event, Events};
use chat_core::name::RoomName;
use chat_examples::signals::StopOrder;
use crossterm::event::{
    Event as Input, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers,
};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tui_input::backend::crossterm::EventHandler;
use view::{Status, View};

use crate::chat::{Chat, Failure, Outcome, in_words, told};
use crate::command::Command;
use crate::line::Line;

/// How many commands may be under way at the same time.
const UNDER_WAY: usize = 64;

struct Screen {
    chat: Chat,
    view: View,
    /// What was typed and is not done yet.
    under_way: FuturesUnordered<BoxFuture<'static, Outcome>>,
    is_leaving: bool,
    end: Option<End>,
}

/// Shows the chat until it ends.
pub(crate) async fn run(
    chat: Chat,
    events: Events,
    room: RoomName,
    stop: StopOrder,
    server: &str,
) -> Result<(), Box<dyn Error>> {
    let mut terminal = ratatui::try_init()?;
    let mut screen = Screen {
        view: View::new(server),
        chat,
        under_way: FuturesUnordered::new(),
        is_leaving: false,
        end: None,
    };
    screen.start(Command::Join(room));
    let shown = screen.show(&mut terminal, events, stop).await;
    // The picture is gone either way.
    let _ = ratatui::try_restore();
    shown?;
    match screen.end {
        None | Some(End::Closed) => Ok(()),
        Some(end) => Err(in_words(&end).into()),
    }
}

impl Screen {
    async fn show(
        &mut self,
        terminal: &mut ratatui::DefaultTerminal,
        events: Events,
        stop: StopOrder,
    ) -> Result<(), Box<dyn Error>> {
        let mut keys = EventStream::new().fuse();
        let mut events = events.fuse();
        let mut stop = Box::pin(stop.given().fuse());
        while self.end.is_none() {
            self.view.set_status(
                self.chat.client().nick(),
                self.chat.current(),
                self.under_way.len(),
            );
            terminal.draw(|frame| self.view.draw(frame))?;
            let mut tick = self.tick().fuse();
            futures::select_biased! {
                input = keys.next() => match input {
                    Some(Ok(input)) => {
                        if !self.handle_input(&input) {
                            return Ok(());
                        }
                    }
                    Some(Err(error)) => return Err(error.into()),
                    None => self.leave(),
                },
                () = stop => self.leave(),
                event = events.next() => {
                    self.handle_event(event);
                    // A picture for all that has come, not one for each.
                    while let Some(Some(event)) = events.next().now_or_never() {
                        self.handle_event(Some(event));
                    }
                }
                outcome = self.under_way.select_next_some() => self.handle_outcome(outcome),
                () = tick => {}
            }
        }
        Ok(())
    }

    /// Time for another picture, where time is what it shows.
    fn tick(&self) -> BoxFuture<'static, ()> {
        match self.view.status() {
            Status::Waiting { .. } => async {
                smol::Timer::after(Duration::from_millis(100)).await;
            }
            .boxed(),
            _ => pending().boxed(),
        }
    }

    /// Whether to go on.
    fn handle_input(&mut self, input: &Input) -> bool {
        let Input::Key(key) = input else { return true };
        if key.kind == KeyEventKind::Release {
            return true;
        }
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if has_control => {
                if self.is_leaving {
                    return false;
                }
                self.leave();
            }
            KeyCode::Char('d') if has_control && self.view.input.value().is_empty() => self.leave(),
            KeyCode::Enter => self.enter(),
            KeyCode::PageUp => self.view.scroll_up(),
            KeyCode::PageDown => self.view.scroll_down(),
            KeyCode::Up => self.view.recall_older(),
            KeyCode::Down => self.view.recall_newer(),
            KeyCode::Esc => self.view.scroll_to_end(),
            _ => self.edit(*key),
        }
        true
    }

    fn edit(&mut self, key: KeyEvent) {
        self.view.input.handle_event(&Input::Key(key));
    }

    fn enter(&mut self) {
        if self.under_way.len() >= UNDER_WAY {
            let why = "too much is waiting for the server; what you typed is still there";
            return self.view.push(Line::refusal(why));
        }
        let typed = self.view.take_input();
        match Command::parse(&typed) {
            Ok(None) => {}
            Ok(Some(Command::Quit(reason))) => {
                self.is_leaving = true;
                self.start(Command::Quit(reason));
            }
            Ok(Some(command)) => self.start(command),
            Err(error) => {
                self.view.push(Line::refusal(error));
                self.view.restore_input(typed);
            }
        }
    }

    fn leave(&mut self) {
        if !self.is_leaving {
            self.is_leaving = true;
            self.view.push(Line::notice(
                "leaving; Ctrl-C again does not wait for the server",
            ));
            self.start(Command::Quit(None));
        }
    }

    /// Begins with a command at once, so that commands are sent in the order in which they were typed.
    fn start(&mut self, command: Command) {
        let chat = self.chat.clone();
        let mut execution = async move { chat.execute(command).await }.boxed();
        match (&mut execution).now_or_never() {
            Some(outcome) => self.handle_outcome(outcome),
            None => self.under_way.push(execution),
        }
    }

    fn handle_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Ok(lines) => lines.into_iter().for_each(|line| self.view.push(line)),
            Err(Failure::Refused(why)) => self.view.push(Line::refusal(why)),
            // Told by an event as well.
            Err(Failure::Ended) => {}
        }
    }

    fn handle_event(&mut self, event: Option<Event>) {
        let Some(event) = event else { return };
        match &event {
            Event::Disconnected(_) => self.view.set_connection(Status::Lost),
            Event::Reconnecting { attempt, delay, .. } => {
                self.view.set_connection(Status::Waiting {
                    attempt: *attempt,
                    until: Instant::now() + *delay,
                });
            }
            Event::Resumed { .. } | Event::SessionLost { .. } => {
                self.view.set_connection(Status::Connected);
            }
            Event::Ended(end) => self.end = Some(end.clone()),
            _ => {}
        }
        if matches!(event, Event::Reconnecting { attempt: 2.., .. }) {
            // The status says so already.
            return;
        }
        let own = self.chat.client().nick();
        for line in told(&event, own.as_ref()) {
            self.view.push(line);
        }
    }
}
