use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chat_core::runtime::{RuntimeExt, Task};
use futures::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::witness::Stage;
use crate::SimStream;
use crate::net::Place;
use crate::plan::{Action, Operation};
use crate::random::{Purpose, Random};
use crate::strikes::Strike;
use crate::trace::What;

/// Where clients connect to.
#[derive(Clone)]
pub(super) struct Places {
    pub(super) tcp: SocketAddr,
    pub(super) unix: Option<PathBuf>,
}

/// What the conductor and a client have in common.
#[derive(Default)]
pub(super) struct Shared {
    /// Reads nothing before this, in nanoseconds.
    paused_until: AtomicU64,
    /// Whether faults have stopped.
    pub(super) calm: AtomicBool,
    /// Whether all operations are done.
    pub(super) done: AtomicBool,
}

/// Somebody who does what a plan says.
pub(super) struct Client {
    number: u32,
    stage: Stage,
    places: Places,
    shared: Arc<Shared>,
    random: Random,
    said: u64,
    /// Whether nothing is wrong with it.
    prompt: bool,
    line: Option<ConnectedLine>,
}

/// A connection as the client has it.
struct ConnectedLine {
    stream: SimStream,
    reader: Task<()>,
    over: Arc<AtomicBool>,
}

impl Client {
    pub(super) fn new(
        number: u32,
        seed: u64,
        stage: Stage,
        places: Places,
        shared: Arc<Shared>,
        prompt: bool,
    ) -> Self {
        let seed = seed.wrapping_add(u64::from(number).wrapping_mul(0x9e37_79b9));
        Self {
            number,
            stage,
            places,
            shared,
            random: Random::new(seed, Purpose::Workload),
            said: 0,
            prompt,
            line: None,
        }
    }

    /// Does everything in its time, and then holds the connection until it is dropped.
    pub(super) async fn run(mut self, operations: Vec<(usize, Operation)>) {
        for (index, operation) in operations {
            let at = Duration::from_micros(operation.at);
            let wait = at.saturating_sub(self.stage.runtime().elapsed());
            if !wait.is_zero() {
                self.stage.runtime().sleep(wait).await;
            }
            let number = u64::from(self.number);
            let runtime = self.stage.runtime();
            runtime.note(What::Operation, number, index as u64);
            // A connection that broke is made anew by the next operation.
            if self.perform(operation.action).await.is_err() {
                self.hang_up().await;
            }
        }
        self.shared.done.store(true, Ordering::Relaxed);
        std::future::pending().await
    }

    fn struck(&self, strike: Strike) {
        self.stage.runtime().shared.core().struck(strike);
    }

    async fn perform(&mut self, action: Action) -> io::Result<()> {
        match action {
            Action::Connect => self.connect().await,
            Action::Say(len) => {
                let text = self.text(len);
                self.send_line(&text).await
            }
            Action::Burst(times, len) => {
                let lines = (0..times).map(|_| self.text(len) + "\n");
                let text: String = lines.collect();
                self.send(text.as_bytes()).await
            }
            Action::Act(len) => {
                let text = self.text(len);
                self.send_line(&format!("/me {text}")).await
            }
            Action::Private(to, len) => {
                let text = self.text(len);
                self.send_line(&format!("/msg {} {text}", nick(to))).await
            }
            Action::Join(room) => {
                // Two spellings of the same room.
                let name = if room % 2 == 0 { "room" } else { "#Room" };
                self.send_line(&format!("/join {name}{}", room / 2)).await
            }
            Action::Hop(times) => {
                let times = usize::try_from(times).unwrap_or(1);
                let hop = "/join room0\n/join general\n";
                self.send(hop.repeat(times).as_bytes()).await
            }
            Action::Nick(number) => self.send_line(&format!("/nick {}", nick(number))).await,
            Action::Who => self.send_line("/who").await,
            Action::Rooms => self.send_line("/rooms").await,
            Action::History(count) => self.send_line(&format!("/history {count}")).await,
            Action::Recall(times) => {
                let times = usize::try_from(times).unwrap_or(1);
                self.send("/history\n".repeat(times).as_bytes()).await
            }
            Action::Help(times) => {
                let times = usize::try_from(times).unwrap_or(1);
                self.send("/help\n".repeat(times).as_bytes()).await
            }
            Action::Quit(0) => self.send_line("/quit").await,
            Action::Quit(len) => {
                let text = self.text(len);
                self.send_line(&format!("/quit {text}")).await
            }
            Action::Blank => self.send(b"\r\n").await,
            Action::Rubbish(len) => {
                self.struck(Strike::Rubbish);
                let bytes = (0..len).map(|_| self.random.bits().to_le_bytes()[0]);
                let mut bytes: Vec<_> = bytes.collect();
                bytes.push(b'\n');
                self.send(&bytes).await
            }
            Action::Line(len) => {
                self.struck(Strike::LongLine);
                let len = usize::try_from(len).unwrap_or(0);
                self.send_line(&"x".repeat(len)).await
            }
            Action::Cut(len) => {
                let text = self.text(len);
                self.send(text.as_bytes()).await?;
                self.struck(Strike::FinWithin);
                self.finish().await
            }
            Action::HalfClose => {
                self.struck(Strike::HalfClose);
                self.finish().await
            }
            Action::Vanish => {
                if self.line.is_some() {
                    self.struck(Strike::Vanished);
                    self.hang_up().await;
                }
                Ok(())
            }
            Action::Pause(ms) => {
                self.struck(Strike::PausedReader);
                let now = self.stage.runtime().elapsed();
                self.pause_until(now + Duration::from_millis(ms.into()));
                Ok(())
            }
            Action::Deaf => {
                self.struck(Strike::DeafClient);
                self.pause_until(Duration::from_secs(1_000_000));
                Ok(())
            }
            Action::Drip(len) => {
                self.struck(Strike::Drip);
                let text = self.text(len) + "\n";
                for &byte in text.as_bytes() {
                    self.send(&[byte]).await?;
                    if !self.shared.calm.load(Ordering::Relaxed) {
                        let runtime = self.stage.runtime();
                        runtime.sleep(Duration::from_millis(1)).await;
                    }
                }
                Ok(())
            }
            Action::Storm(times) => {
                for _ in 0..times {
                    self.struck(Strike::Storm);
                    self.hang_up().await;
                    self.connect().await?;
                    let text = self.text(10);
                    self.send_line(&text).await?;
                }
                self.hang_up().await;
                Ok(())
            }
        }
    }

    fn pause_until(&self, until: Duration) {
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.shared.paused_until.store(until, Ordering::Relaxed);
    }

    /// A text that nobody else says.
    fn text(&mut self, len: u32) -> String {
        self.said += 1;
        let mut text = format!("c{}.{}", self.number, self.said);
        let len = usize::try_from(len).unwrap_or(0);
        while text.len() < len {
            text.push_str(" lorem ipsum");
        }
        text.truncate(len.max(4));
        text.trim_end().into()
    }

    async fn connect(&mut self) -> io::Result<()> {
        if let Some(line) = &self.line {
            if !line.over.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.hang_up().await;
        }
        let place = match &self.places.unix {
            Some(path) if self.number % 2 == 1 => Place::Unix(path.clone()),
            _ => Place::Tcp(self.places.tcp),
        };
        let runtime = self.stage.runtime().clone();
        let stream = runtime.connect_as(Some(self.number), place).await?;
        let id = stream.id();
        self.stage.model().connected(id, self.number, self.prompt);
        let over = Arc::new(AtomicBool::new(false));
        let reader = read(
            stream.twin(),
            self.stage.clone(),
            Arc::clone(&self.shared),
            Arc::clone(&over),
        );
        self.line = Some(ConnectedLine {
            stream,
            reader: runtime.spawn(reader),
            over,
        });
        Ok(())
    }

    /// Drops the connection.
    async fn hang_up(&mut self) {
        if let Some(line) = self.line.take() {
            self.stage.model().stopped_listening(line.stream.id());
            let _ = line.reader.cancel().await;
        }
    }

    async fn finish(&mut self) -> io::Result<()> {
        if let Some(line) = &mut self.line {
            self.stage.model().finished(line.stream.id());
            line.stream.close().await?;
        }
        Ok(())
    }

    async fn send_line(&mut self, text: &str) -> io::Result<()> {
        self.send(format!("{text}\n").as_bytes()).await
    }

    async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.connect().await?;
        let Some(line) = &mut self.line else {
            return Ok(());
        };
        while !bytes.is_empty() {
            let stage = &self.stage;
            let written = poll_fn(|cx| {
                let written = Pin::new(&mut line.stream).poll_write(cx, bytes);
                written.map_ok(|written| {
                    // At once: the server may be the next to run.
                    stage.model().sent(line.stream.id(), &bytes[..written]);
                    written
                })
            })
            .await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

/// Two spellings of each nick; those from 24 on are of guests.
fn nick(number: u32) -> String {
    match number {
        24.. => format!("guest-{}", number - 23),
        _ if number.is_multiple_of(2) => format!("nick{}", number / 2),
        _ => format!("Nick{}", number / 2),
    }
}

/// Reads what comes and shows it to the model.
async fn read(mut stream: SimStream, stage: Stage, shared: Arc<Shared>, over: Arc<AtomicBool>) {
    let id = stream.id();
    let mut buf = vec![0; 4 * 1024];
    loop {
        let now = u64::try_from(stage.runtime().elapsed().as_nanos()).unwrap_or(u64::MAX);
        let until = shared.paused_until.load(Ordering::Relaxed);
        if now < until && !shared.calm.load(Ordering::Relaxed) {
            // Looks up now and then, in case faults have stopped.
            let wait = Duration::from_nanos(until - now).min(Duration::from_millis(500));
            stage.runtime().sleep(wait).await;
            continue;
        }
        let read = poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf)).await;
        match read {
            Ok(0) => {
                stage.model().ended(id, stream.peer_has_closed());
                stage.model().finished(id);
                let _ = stream.close().await;
                break;
            }
            Ok(read) => stage.model().received(id, &buf[..read]),
            Err(_) => {
                stage.model().was_reset(id, stream.dropped_by_server());
                break;
            }
        }
    }
    over.store(true, Ordering::Relaxed);
}
