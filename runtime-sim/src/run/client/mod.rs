//! Somebody who does what a plan says, as a person with a terminal or as a program.

mod library;
mod notebook;
mod text;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_core::protocol::{JsonProtocol, TextProtocol};
use chat_core::runtime::{RuntimeExt, Task};
use futures::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
pub(super) use library::Program as LibraryProgram;
use notebook::Notebook;

use super::witness::Stage;
use crate::SimStream;
use crate::model::Tongue;
use crate::net::Place;
use crate::plan::{Action, Operation, PlanConfig};
use crate::random::{Purpose, Random};
use crate::strikes::Strike;
use crate::trace::What;

/// Where clients connect to that speak a protocol.
#[derive(Clone)]
pub(super) struct Places {
    pub(super) tongue: Tongue,
    /// Whether their first byte decides there what is spoken.
    pub(super) detects: bool,
    pub(super) tcp: SocketAddr,
    pub(super) unix: Option<PathBuf>,
}

impl Places {
    /// The protocol that is spoken there; `None` where that is up to the client.
    pub(super) fn served(&self) -> Option<Tongue> {
        (!self.detects).then_some(self.tongue)
    }

    /// Where one of the clients connects to.
    fn of(&self, client: u32) -> Place {
        match &self.unix {
            Some(path) if client % 2 == 1 => Place::Unix(path.clone()),
            _ => Place::Tcp(self.tcp),
        }
    }
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
    /// How often of a thousand times the client hesitates when it has connected.
    hesitates: u32,
}

impl Shared {
    pub(super) fn of(config: &PlanConfig) -> Self {
        Self {
            hesitates: u32::try_from(config.hesitates).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }

    /// How long a client says nothing that has just connected, if it hesitates: not for long enough to be greeted, for
    /// about so long, or for longer.
    fn hesitation(&self, random: &mut Random) -> Option<Duration> {
        let may = self.hesitates > 0 && !self.calm.load(Ordering::Relaxed);
        if !may || !random.per_mille(self.hesitates) {
            return None;
        }
        let (least, most) = *random.pick(&[(1, 290), (290, 310), (310, 1_500)]);
        Some(Duration::from_millis(random.between(least, most)))
    }

    fn pause_until(&self, until: Duration) {
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.paused_until.store(until, Ordering::Relaxed);
    }

    /// Waits until the client reads again.
    async fn pause(&self, stage: &Stage) {
        loop {
            let now = u64::try_from(stage.runtime().elapsed().as_nanos()).unwrap_or(u64::MAX);
            let until = self.paused_until.load(Ordering::Relaxed);
            if now >= until || self.calm.load(Ordering::Relaxed) {
                return;
            }
            // Looks up now and then, in case faults have stopped.
            let wait = Duration::from_nanos(until - now).min(Duration::from_millis(500));
            stage.runtime().sleep(wait).await;
        }
    }
}

/// Somebody who does what a plan says.
pub(super) struct Client {
    number: u32,
    stage: Stage,
    places: Places,
    shared: Arc<Shared>,
    random: Random,
    words: Words,
    /// Whether nothing is wrong with it.
    prompt: bool,
    notebook: Pages,
    line: Option<ConnectedLine>,
    /// The connection that it had before, when it took its session from there.
    old_line: Option<ConnectedLine>,
}

/// What a client says, each time something else.
struct Words {
    client: u32,
    said: u64,
    last: String,
}

/// The notebook of a connection, for the client and for whoever reads for it.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Notebook>>);

/// A connection as the client has it.
struct ConnectedLine {
    stream: SimStream,
    reader: Task<()>,
    over: Arc<AtomicBool>,
}

/// What texts are filled up with.
const LOREM: &str = " lorem ipsum";

impl Words {
    fn of(client: u32) -> Self {
        Self {
            client,
            said: 0,
            last: "nothing yet".into(),
        }
    }

    /// A text of about a length.
    fn text(&mut self, len: u32) -> String {
        let mut text = self.whole_text(len);
        text.truncate(count(len).max(4));
        text.truncate(text.trim_end().len());
        self.last.clone_from(&text);
        text
    }

    /// A text that nobody else says, of at least a length.
    fn whole_text(&mut self, len: u32) -> String {
        self.said += 1;
        let mut text = format!("c{}.{}", self.client, self.said);
        let len = count(len).max(text.len());
        text.reserve(len + LOREM.len() - text.len());
        while text.len() < len {
            text.push_str(LOREM);
        }
        text.truncate(len);
        text.truncate(text.trim_end().len());
        text
    }
}

impl Pages {
    fn open(&self) -> MutexGuard<'_, Notebook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            words: Words::of(number),
            prompt,
            notebook: Pages::default(),
            line: None,
            old_line: None,
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
            Action::TakeOver => {
                self.connect_once_more().await;
                self.connect().await
            }
            Action::Blank => self.send(b"\r\n").await,
            Action::Rubbish(len) => {
                self.struck(Strike::Rubbish);
                let bytes = (0..len).map(|_| self.random.bits().to_le_bytes()[0]);
                let mut bytes: Vec<_> = bytes.collect();
                if self.places.tongue == Tongue::Json {
                    // One line that is refused, and not several.
                    bytes.retain(|byte| !b"\r\n{".contains(byte));
                    bytes.push(b'?');
                    self.connect().await?;
                    self.notebook.open().sends_rubbish();
                }
                bytes.push(b'\n');
                self.send(&bytes).await
            }
            Action::Line(len) => {
                self.struck(Strike::LongLine);
                let mut len = count(len);
                if self.places.tongue == Tongue::Json {
                    len += JsonProtocol::MAX_LINE - TextProtocol::MAX_LINE;
                    self.connect().await?;
                    self.notebook.open().sends_rubbish();
                }
                self.send(format!("{}\n", "x".repeat(len)).as_bytes()).await
            }
            Action::Cut(len) => {
                let mut words = self.words_for(Action::Say(len)).await?;
                words.pop();
                self.write(words.as_bytes()).await?;
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
                self.shared
                    .pause_until(now + Duration::from_millis(ms.into()));
                Ok(())
            }
            Action::Deaf => {
                self.struck(Strike::DeafClient);
                self.shared.pause_until(Duration::from_secs(1_000_000));
                Ok(())
            }
            Action::Drip(len) => {
                self.struck(Strike::Drip);
                let words = self.words_for(Action::Say(len)).await?;
                for &byte in words.as_bytes() {
                    self.write(&[byte]).await?;
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
                    let words = self.words_for(Action::Say(10)).await?;
                    self.write(words.as_bytes()).await?;
                }
                self.hang_up().await;
                Ok(())
            }
            action => {
                let words = self.words_for(action).await?;
                self.write(words.as_bytes()).await
            }
        }
    }

    /// What to send for an action, once connected.
    async fn words_for(&mut self, action: Action) -> io::Result<String> {
        self.connect().await?;
        Ok(match self.places.tongue {
            Tongue::Text => text::lines(action, &mut self.words),
            Tongue::Json => {
                let mut notebook = self.notebook.open();
                let (random, model) = (&mut self.random, &mut self.stage.model());
                // Again, if it was refused.
                let mut text = notebook.greets(self.number, random, model);
                text += &notebook.requests(action, &mut self.words, random, model);
                text
            }
        })
    }

    /// Makes room for another connection without letting go of the one there is.
    async fn connect_once_more(&mut self) {
        if self.notebook.open().has_session()
            && let Some(line) = self.line.take()
        {
            self.struck(Strike::SecondLogin);
            self.notebook.open().given_up = true;
            hang_up(&self.stage, self.old_line.take()).await;
            self.old_line = Some(line);
        }
    }

    async fn connect(&mut self) -> io::Result<()> {
        if let Some(line) = &self.line {
            if !line.over.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.hang_up().await;
        }
        let place = self.places.of(self.number);
        let runtime = self.stage.runtime().clone();
        let stream = runtime.connect_as(Some(self.number), place).await?;
        let id = stream.id();
        let tongue = self.places.served();
        self.stage
            .model()
            .connected(id, self.number, tongue, self.prompt);
        let over = Arc::new(AtomicBool::new(false));
        let mut notebook = self.notebook.open().next(self.places.detects);
        notebook.given_up = false;
        let pages = Pages(Arc::new(Mutex::new(notebook)));
        let reader = Reader {
            stage: self.stage.clone(),
            shared: Arc::clone(&self.shared),
            notebook: (self.places.tongue == Tongue::Json).then(|| pages.clone()),
        };
        self.notebook = pages;
        self.line = Some(ConnectedLine {
            reader: runtime.spawn(reader.read(stream.twin(), Arc::clone(&over))),
            stream,
            over,
        });
        self.introduce_itself().await
    }

    /// Says hello, where that is what one does: perhaps not at once, and not all of it.
    async fn introduce_itself(&mut self) -> io::Result<()> {
        let hesitation = self.shared.hesitation(&mut self.random);
        if let Some(wait) = hesitation {
            self.struck(Strike::Hesitated);
            self.stage.runtime().sleep(wait).await;
        }
        let words = match self.places.tongue {
            Tongue::Text => self.first_words(hesitation),
            Tongue::Json => self.hello(),
        };
        let mut words = words.as_bytes();
        if hesitation.is_some()
            && let Some((first, rest)) = words.split_first()
            && self.random.below(2) == 0
        {
            self.struck(Strike::LoneByte);
            self.write(&[*first]).await?;
            let wait = Duration::from_millis(self.random.between(1, 400));
            self.stage.runtime().sleep(wait).await;
            words = rest;
        }
        self.write(words).await
    }

    /// What a person says to a greeting, now and then: something that begins as a request does.
    fn first_words(&mut self, hesitation: Option<Duration>) -> String {
        let greeted = hesitation.is_some_and(|wait| wait > Duration::from_millis(310));
        if !greeted || self.random.below(4) > 0 {
            return String::new();
        }
        let lens = [10, 4_090, 4_095, 4_096, 5_000, 32 * 1_024, 33 * 1_024];
        let len = *self.random.pick(&lens);
        format!("{{{}\n", self.words.whole_text(len))
    }

    fn hello(&mut self) -> String {
        let (stale, hello) = {
            let mut notebook = self.notebook.open();
            let stale = notebook.token_is_stale && notebook.has_session();
            let mut model = self.stage.model();
            (
                stale,
                notebook.greets(self.number, &mut self.random, &mut model),
            )
        };
        if stale {
            self.struck(Strike::StaleToken);
        }
        hello
    }

    /// Drops the connection.
    async fn hang_up(&mut self) {
        hang_up(&self.stage, self.line.take()).await;
    }

    async fn finish(&mut self) -> io::Result<()> {
        if let Some(line) = &mut self.line {
            self.stage.model().finished(line.stream.id());
            line.stream.close().await?;
        }
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connect().await?;
        self.write(bytes).await
    }

    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
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
pub(super) fn nick(number: u32) -> String {
    match number {
        24.. => format!("guest-{}", number - 23),
        _ if number.is_multiple_of(2) => format!("nick{}", number / 2),
        _ => format!("Nick{}", number / 2),
    }
}

/// One of two spellings of each room.
pub(super) fn room(number: u32) -> String {
    let name = if number.is_multiple_of(2) {
        "room"
    } else {
        "#Room"
    };
    format!("{name}{}", number / 2)
}

pub(super) fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

async fn hang_up(stage: &Stage, line: Option<ConnectedLine>) {
    if let Some(line) = line {
        stage.model().stopped_listening(line.stream.id());
        let _ = line.reader.cancel().await;
    }
}

/// Reads what comes and shows it to the model, and to the client's own notebook.
struct Reader {
    stage: Stage,
    shared: Arc<Shared>,
    notebook: Option<Pages>,
}

impl Reader {
    async fn read(self, mut stream: SimStream, over: Arc<AtomicBool>) {
        let (stage, shared) = (&self.stage, &self.shared);
        let id = stream.id();
        let mut buf = vec![0; 4 * 1024];
        loop {
            shared.pause(stage).await;
            let read = poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf)).await;
            match read {
                Ok(0) => {
                    stage.model().ended(id, stream.peer_has_closed());
                    stage.model().finished(id);
                    let _ = stream.close().await;
                    break;
                }
                Ok(read) => {
                    stage.model().received(id, &buf[..read]);
                    if let Some(notebook) = &self.notebook {
                        notebook.open().hears(&buf[..read], &mut stage.model());
                    }
                }
                Err(_) => {
                    stage.model().was_reset(id, stream.dropped_by_server());
                    break;
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    }
}
