//! A program that leaves everything to `chat_core::client`.

mod book;
mod rejoins;
mod rest;
mod tap;

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use book::Book;
use chat_core::client::{Backoff, Client, ClientOptions, Connector, Events, RandomBits, WhenFull};
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::runtime::{Runtime, RuntimeExt, Task, TaskGroup};
use chat_core::store::HistoryRange;
use futures::StreamExt;
use futures::future::join_all;
use tap::{Lines, Patience, Tap};

use super::{Places, Shared, Words, count, nick};
use crate::model::Promise;
use crate::plan::{Action, Operation, PlanConfig};
use crate::random::{Purpose, Random};
use crate::run::witness::Stage;
use crate::strikes::Strike;
use crate::trace::What;

/// How long the program waits for its first welcome before it gives up.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a client may take beyond what it may: a timer may be late, and a task held back.
const SLACK: Duration = Duration::from_millis(200);

/// How long requests are waited for when nothing is wrong any more, and how long without a single answer
/// is too long for a client that is connected.
const DRAIN: Duration = Duration::from_secs(40);
const STUCK: Duration = Duration::from_secs(20);

/// Somebody who does what a plan says, by way of the client library.
pub(in crate::run) struct Program {
    number: u32,
    stage: Stage,
    places: Places,
    shared: Arc<Shared>,
    random: Random,
    /// Decides how long it hesitates.
    moods: Random,
    words: Words,
    prompt: bool,
    config: PlanConfig,
    runtime: Arc<dyn Runtime>,
    client: Option<Running>,
    /// Whether there is no use in another client: nothing is wrong, and the last one was not let in.
    is_hopeless: bool,
    /// Those that were let go of, and have to end by then.
    leaving: Vec<(Task<()>, Duration)>,
}

/// A client, and what is asked of it.
struct Running {
    client: Client,
    requests: TaskGroup,
    reader: Task<()>,
    pages: Pages,
    lines: Lines,
}

/// What is known of a client, for all that have to do with it.
#[derive(Clone)]
struct Pages {
    book: Arc<Mutex<Book>>,
    stage: Stage,
}

impl Pages {
    fn open(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Program {
    pub(in crate::run) fn new(
        number: u32,
        seed: u64,
        stage: Stage,
        places: Places,
        shared: Arc<Shared>,
        prompt: bool,
        config: &PlanConfig,
    ) -> Self {
        let seed = seed.wrapping_add(u64::from(number).wrapping_mul(0x9e37_79b9));
        Self {
            number,
            runtime: Arc::new(stage.runtime().clone()),
            stage,
            places,
            shared,
            random: Random::new(seed, Purpose::Workload),
            moods: Random::new(seed ^ 0x4e51, Purpose::Workload),
            words: Words::of(number),
            prompt,
            config: config.clone(),
            client: None,
            is_hopeless: false,
            leaving: Vec::new(),
        }
    }

    /// Does everything in its time, and takes leave when nothing is wrong any more.
    pub(in crate::run) async fn run(mut self, operations: Vec<(usize, Operation)>) {
        for (index, operation) in operations {
            let at = Duration::from_micros(operation.at);
            let wait = at.saturating_sub(self.stage.runtime().elapsed());
            if !wait.is_zero() {
                self.runtime.sleep(wait).await;
            }
            let number = u64::from(self.number);
            let runtime = self.stage.runtime();
            runtime.note(What::Operation, number, index as u64);
            self.perform(operation.action).await;
        }
        while !self.shared.calm.load(Ordering::Relaxed) {
            self.runtime.sleep(Duration::from_millis(100)).await;
        }
        self.is_answered().await;
        self.comes_to_rest().await;
        match self.random.below(2) {
            0 => self.close(None).await,
            _ => self.let_go().await,
        }
        for (mut reader, by) in std::mem::take(&mut self.leaving) {
            // It looks up now and then from a pause.
            let wait = by.saturating_sub(self.stage.runtime().elapsed()) + Duration::from_secs(1);
            if self.runtime.timeout(wait, &mut reader).await.is_err() {
                self.breaks(Promise::Client, "a client that was let go of has not ended");
            }
        }
        self.shared.done.store(true, Ordering::Relaxed);
        std::future::pending().await
    }

    fn breaks(&self, promise: Promise, detail: impl Into<String>) {
        let detail = format!("client {}: {}", self.number, detail.into());
        self.stage.model().breaks(promise, detail);
    }

    fn struck(&self, strike: Strike) {
        self.stage.runtime().shared.core().struck(strike);
    }

    async fn perform(&mut self, action: Action) {
        match action {
            Action::Quit(len) => {
                let reason = (len > 0).then(|| body(&self.words.text(len)));
                self.close(reason).await;
            }
            Action::HalfClose => self.close(None).await,
            Action::Vanish => {
                self.struck(Strike::Vanished);
                self.let_go().await;
            }
            Action::Pause(ms) => {
                self.struck(Strike::PausedReader);
                let now = self.stage.runtime().elapsed();
                self.shared
                    .pause_until(now + Duration::from_millis(ms.into()));
            }
            Action::Deaf => {
                self.struck(Strike::DeafClient);
                self.shared.pause_until(Duration::from_secs(1_000_000));
            }
            Action::Storm(times) => {
                for _ in 0..times {
                    self.struck(Strike::Storm);
                    self.let_go().await;
                    self.is_running().await;
                    self.asks(Action::Say(10));
                }
                self.let_go().await;
            }
            Action::Cut(len) => {
                self.is_running().await;
                self.asks(Action::Say(len));
                // What is asked for and nobody waits for any more is done once, or not at all.
                if let Some(running) = &mut self.client {
                    let group = TaskGroup::new(Arc::clone(&self.runtime));
                    std::mem::replace(&mut running.requests, group)
                        .cancel()
                        .await;
                }
            }
            action => {
                self.is_running().await;
                self.asks(action);
            }
        }
    }

    /// Makes a client if there is none, or none that has not ended.
    async fn is_running(&mut self) {
        let has_ended = |running: &Running| running.client.end().is_some();
        if self.client.as_ref().is_some_and(has_ended) {
            self.close(None).await;
        }
        if self.client.is_some() || self.is_hopeless {
            return;
        }
        let options = self.options();
        let lines = Lines::new(Patience::of(&options));
        let book = Book::new(options.backoff.clone(), lines.clone(), &self.config);
        let pages = Pages {
            book: Arc::new(Mutex::new(book)),
            stage: self.stage.clone(),
        };
        let connector = self.connector(&lines, &options.backoff);
        let begun = Client::reconnecting(connector, options, &self.runtime);
        let Ok(Ok((client, events))) = self.runtime.timeout(PATIENCE, begun).await else {
            self.is_hopeless = self.shared.calm.load(Ordering::Relaxed);
            return;
        };
        lines.watch(&client);
        pages.open().names_of(&client);
        let reader = Reader {
            stage: self.stage.clone(),
            shared: Arc::clone(&self.shared),
            pages: pages.clone(),
        };
        self.client = Some(Running {
            reader: self.runtime.spawn(reader.read(events)),
            requests: TaskGroup::new(Arc::clone(&self.runtime)),
            client,
            pages,
            lines,
        });
        self.joins(&RoomName::general());
    }

    fn options(&mut self) -> ClientOptions {
        let config = &self.config;
        // None at all would be a client that never waits.
        let ms = |ms: u64| Duration::from_millis(ms.max(1));
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let mut options = ClientOptions::default();
        if self.random.below(2) == 0 {
            options.nick = Some(named(self.number));
        }
        options.max_outstanding = size(config.library_outstanding);
        options.event_capacity = size(config.library_events);
        options.connect_timeout = ms(config.library_connect_ms);
        options.ping_after = ms(config.library_ping_ms);
        // Longer, so that one cannot be taken for the other.
        options.ping_timeout = ms(config.library_ping_ms * 3 / 2);
        options.close_timeout = Duration::from_millis(config.library_close_ms);
        if config.library_backpressure > 0 {
            options.when_full = WhenFull::Backpressure;
        }
        options.backoff.base = ms(config.library_backoff_ms);
        options.backoff.max = ms(config.library_backoff_ms.max(2_000));
        options.backoff.jitter = config.library_jitter > 0;
        let attempts = u32::try_from(config.library_attempts).ok();
        options.backoff.attempts = attempts.filter(|&attempts| attempts > 0);
        options.insist = config.library_insist > 0;
        options.rejoin = config.library_rejoin > 0;
        let mut bits = Random::new(self.random.bits(), Purpose::Workload);
        options.random = RandomBits::new(move || bits.bits());
        options
    }

    /// Connects as the library asks for it.
    fn connector(&mut self, lines: &Lines, backoff: &Backoff) -> impl Connector {
        let least = (!backoff.jitter).then_some(backoff.base);
        let (number, prompt) = (self.number, self.prompt);
        let shared = Arc::clone(&self.shared);
        let mut moods = Random::new(self.moods.bits(), Purpose::Workload);
        let (stage, places, lines) = (self.stage.clone(), self.places.clone(), lines.clone());
        move || {
            let (stage, lines) = (stage.clone(), lines.clone());
            let (place, served) = (places.of(number), places.served());
            let hesitation = shared.hesitation(&mut moods);
            let now = stage.runtime().elapsed();
            if let (Some(ended), Some(least)) = (lines.begin(now), least)
                && now < ended + least
            {
                let detail = format!("client {number} connects again after {:?}", now - ended);
                stage.model().breaks(Promise::Client, detail);
            }
            async move {
                let runtime = stage.runtime();
                let connected = runtime.connect_as(Some(number), place).await;
                lines.end(runtime.elapsed());
                let stream = connected?;
                let id = stream.id();
                lines.connected(id);
                // Whoever hesitates does not listen meanwhile.
                let prompt = prompt && hesitation.is_none();
                stage.model().connected(id, number, served, prompt);
                let tap = Tap::new(stream, stage.clone(), lines);
                if let Some(wait) = hesitation {
                    runtime.shared.core().struck(Strike::Hesitated);
                    runtime.sleep(wait).await;
                }
                io::Result::Ok(tap)
            }
        }
    }

    /// Tells the client to close, and looks whether it does in time, with an answer to everything.
    async fn close(&mut self, reason: Option<Body>) {
        let Some(running) = self.client.take() else {
            return;
        };
        let start = self.stage.runtime().elapsed();
        // It ends one way or another.
        let _ = running.client.quit(reason).await;
        running.lines.unwatch();
        let took = self.stage.runtime().elapsed() - start;
        if took > Duration::from_millis(self.config.library_close_ms) + SLACK {
            self.breaks(Promise::Client, format!("closing took {took:?}"));
        }
        running.requests.close();
        let answered = self.runtime.timeout(SLACK, running.requests.join()).await;
        if answered.is_err() {
            let detail = "the client has ended, and requests have no answer";
            self.breaks(Promise::Answers, detail);
        }
        self.leaves(running.reader);
    }

    /// Lets go of the client, which takes leave in the background.
    async fn let_go(&mut self) {
        if let Some(running) = self.client.take() {
            running.requests.cancel().await;
            running.lines.unwatch();
            drop(running.client);
            self.leaves(running.reader);
        }
    }

    fn leaves(&mut self, reader: Task<()>) {
        let within = Duration::from_millis(self.config.library_close_ms) + SLACK;
        let by = self.stage.runtime().elapsed() + within;
        self.leaving.push((reader, by));
    }

    /// Waits for the answers that are not there yet, and looks whether one is missing.
    async fn is_answered(&self) {
        let Some(running) = &self.client else {
            return;
        };
        let limited = self.config.rate > 0;
        let start = self.stage.runtime().elapsed();
        let progress = || (running.pages.open().answers, running.lines.attempts());
        let (mut last, mut since) = (progress(), start);
        while !running.requests.is_empty() {
            self.runtime.sleep(Duration::from_millis(500)).await;
            let now = self.stage.runtime().elapsed();
            if progress() != last || !running.client.is_connected() {
                (last, since) = (progress(), now);
            }
            if now > since + STUCK && !limited {
                let detail = "it is connected, and a request gets no answer";
                return self.breaks(Promise::Answers, detail);
            }
            if now > start + DRAIN {
                return;
            }
        }
    }

    fn joins(&mut self, room: &RoomName) {
        let room = room.clone();
        self.asks_for(|client, pages| async move {
            pages.open().joins(&room);
            let _ = client.join(&room).await;
            pages.open().has_joined(&room);
        });
    }

    /// Asks for something in the background.
    fn asks_for<F>(&self, request: impl FnOnce(Client, Pages) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(running) = &self.client {
            let request = request(running.client.clone(), running.pages.clone());
            let _ = running.requests.spawn(request);
        }
    }

    fn asks(&mut self, action: Action) {
        match action {
            Action::Say(len) | Action::Drip(len) => self.says(1, MessageKind::Say, len),
            Action::Act(len) => self.says(1, MessageKind::Action, len),
            Action::Burst(times, len) => self.says(times, MessageKind::Say, len),
            Action::Again => self.says(1, MessageKind::Say, 10),
            Action::Join(room) => self.joins(&spelled(room)),
            Action::Leave(room) => {
                let room = spelled(room);
                self.asks_for(|client, pages| async move { leave(&client, &pages, &room).await });
            }
            Action::Hop(times) => self.asks_for(move |client, pages| async move {
                let room = spelled(0);
                let hops = (0..times).map(|_| async {
                    pages.open().joins(&room);
                    let join = async {
                        let _ = client.join(&room).await;
                        pages.open().has_joined(&room);
                    };
                    futures::join!(join, leave(&client, &pages, &room));
                });
                join_all(hops).await;
            }),
            Action::Private(to, len) => {
                let (to, words) = (named(to), body(&self.words.text(len)));
                self.repeats(1, move |client| {
                    let (to, words) = (to.clone(), words.clone());
                    async move { drop(client.message(&to, words).await) }
                });
            }
            Action::Nick(number) => self.asks_for(move |client, pages| async move {
                // Whoever is told of it may be told before this client is.
                let wanted = named(number);
                pages.open().is_called(&wanted);
                let _ = client.take_nick(wanted).await;
                pages.open().answers += 1;
            }),
            Action::Topic(len) => {
                let (room, topic) = (self.some_room(), (len > 0).then(|| self.words.text(len)));
                let topic = topic.map(|topic| body(&topic));
                self.repeats(1, move |client| {
                    let (room, topic) = (room.clone(), topic.clone());
                    async move { drop(client.set_topic(&room, topic).await) }
                });
            }
            Action::Who => {
                let room = self.some_room();
                self.repeats(1, move |client| {
                    let room = room.clone();
                    async move { drop(client.who(&room).await) }
                });
            }
            Action::Rooms => self.repeats(1, |client| async move { drop(client.rooms().await) }),
            Action::History(limit) => self.recalls(1, count(limit)),
            Action::Recall(times) => self.recalls(times, 100),
            Action::Help(times) => {
                self.repeats(times, |client| async move { drop(client.ping().await) });
            }
            Action::Odd(_) => {
                let room = spelled(100);
                self.repeats(1, move |client| {
                    let room = room.clone();
                    async move { drop(client.topic(&room).await) }
                });
            }
            _ => {}
        }
    }

    fn recalls(&mut self, times: u32, limit: usize) {
        let room = self.some_room();
        self.repeats(times, move |client| {
            let room = room.clone();
            async move { drop(client.history(&room, HistoryRange::Latest, limit).await) }
        });
    }

    /// Asks for the same thing several times at once, for an answer that is not looked at: the model does that.
    fn repeats<F>(&self, times: u32, ask: impl Fn(Client) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.asks_for(move |client, pages| async move {
            let all = (0..times).map(|_| {
                let asked = ask(client.clone());
                let pages = &pages;
                async move {
                    asked.await;
                    pages.open().answers += 1;
                }
            });
            join_all(all).await;
        });
    }

    fn says(&mut self, times: u32, kind: MessageKind, len: u32) {
        let room = self.some_room();
        let texts: Vec<_> = (0..times).map(|_| self.words.whole_text(len)).collect();
        for text in &texts {
            self.stage.model().ledger.counts_once(text);
        }
        self.asks_for(move |client, pages| async move {
            let all = texts.iter().map(|text| async {
                let answer = client.say(&room, kind, body(text)).await;
                let mut book = pages.open();
                book.answers += 1;
                book.is_answered(text, answer, &mut pages.stage.model());
            });
            join_all(all).await;
        });
    }

    fn some_room(&mut self) -> RoomName {
        let running = self.client.as_ref();
        let rooms = running.map_or_else(Vec::new, |running| running.client.joined_rooms());
        match rooms.is_empty() {
            true => RoomName::general(),
            false => rooms[self.random.index(rooms.len())].clone(),
        }
    }
}

async fn leave(client: &Client, pages: &Pages, room: &RoomName) {
    let asked = pages.open().leaves(room);
    let answer = client.leave(room).await;
    pages.open().has_left(room, asked, answer.is_ok());
}

fn named(number: u32) -> Nick {
    Nick::parse(&nick(number)).expect("a plan has valid nicks")
}

fn spelled(number: u32) -> RoomName {
    RoomName::parse(&super::room(number)).expect("a plan has valid rooms")
}

fn body(text: &str) -> Body {
    Body::parse(text).expect("words are no control characters")
}

/// Takes what a client tells of.
struct Reader {
    stage: Stage,
    shared: Arc<Shared>,
    pages: Pages,
}

impl Reader {
    async fn read(self, mut events: Events) {
        loop {
            self.shared.pause(&self.stage).await;
            let Some(event) = events.next().await else {
                break;
            };
            self.pages.open().hears(&event, &mut self.stage.model());
        }
        self.pages.open().closes(&mut self.stage.model());
    }
}
