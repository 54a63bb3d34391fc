use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use futures::{FutureExt, StreamExt};

use crate::client::{Client, ClientError, ClientOptions, Connector, Event, Events, RandomBits};
use crate::connection::serve_connection_with;
use crate::hub::{Hub, HubConfig, Queue};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::protocol::JsonProtocol;
use crate::runtime::{Runtime, RuntimeExt};
use crate::session::Session;
use crate::testing::{TestRuntime, TestStream, at_any_rate, at_once, duplex};

/// A server and a runtime whose time is moved by hand.
#[derive(Clone)]
pub(super) struct World {
    pub(super) time: TestRuntime,
    pub(super) runtime: Arc<dyn Runtime>,
    /// Behind a lock, because a server may be started anew.
    pub(super) hub: Arc<Mutex<Option<Hub>>>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(at_once())
    }

    pub(super) fn with(config: HubConfig) -> Self {
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
        let hub = Hub::new(runtime.clone(), config);
        Self {
            time,
            runtime,
            hub: Arc::new(Mutex::new(Some(hub))),
        }
    }

    /// Takes the server away: who connects finds nobody.
    pub(super) fn stop_server(&self) -> Option<Hub> {
        self.hub.lock().unwrap().take()
    }

    pub(super) fn start_server(&self, hub: Option<Hub>) {
        let hub = hub.unwrap_or_else(|| Hub::new(self.runtime.clone(), at_once()));
        *self.hub.lock().unwrap() = Some(hub);
    }

    pub(super) fn serve(&self, stream: TestStream) -> io::Result<()> {
        let hub = self.hub.lock().unwrap().clone();
        let hub = hub.ok_or(io::ErrorKind::ConnectionRefused)?;
        let connection = serve_connection_with(
            stream,
            JsonProtocol::default(),
            &hub,
            &self.runtime,
            at_any_rate(),
        );
        self.runtime.spawn(connection).detach();
        Ok(())
    }

    /// Lets time pass until the future is done.
    pub(super) fn wait<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut task = self.runtime.spawn(future);
        // Ten minutes, by more than the client's and the server's own deadlines.
        for _ in 0..6_000 {
            self.time.run();
            if let Some(done) = (&mut task).now_or_never() {
                return done.unwrap();
            }
            self.time.advance(Duration::from_millis(100));
        }
        panic!("never done");
    }

    /// Whether the future is done without any time passing.
    pub(super) fn now<F>(&self, future: F) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut task = self.runtime.spawn(future);
        self.time.run();
        (&mut task).now_or_never().map(Result::unwrap)
    }

    pub(super) fn connector(&self, cuts: impl IntoIterator<Item = Cut>) -> TestConnector {
        TestConnector {
            world: self.clone(),
            cuts: cuts.into_iter().collect(),
            line: Arc::default(),
        }
    }

    /// A client whose connections are never cut.
    pub(super) fn client(&self, nick: &str) -> (Client, Events) {
        self.connect(self.connector([]), options(nick)).unwrap()
    }

    pub(super) fn connect(
        &self,
        connector: impl Connector,
        options: ClientOptions,
    ) -> Result<(Client, Events), ClientError> {
        let runtime = self.runtime.clone();
        self.wait(async move { Client::reconnecting(connector, options, &runtime).await })
    }

    pub(super) fn join(&self, client: &Client, name: &str) -> RoomName {
        let (client, room) = (client.clone(), room(name));
        self.wait(async move {
            client.join(&room).await.unwrap();
            room
        })
    }

    pub(super) fn say(&self, client: &Client, name: &str, text: &str) -> Result<u64, ClientError> {
        let (client, room, body) = (client.clone(), room(name), body(text));
        self.wait(async move {
            let said = client.say(&room, MessageKind::Say, body).await?;
            assert_eq!(said.room, room);
            Ok(said.number)
        })
    }

    /// Says the numbers from 1 to `count`, faster than any client could.
    pub(super) fn speak(&self, name: &str, count: u64) {
        let hub = self.hub.lock().unwrap().clone().unwrap();
        let mut session = Session::open(&hub);
        session.take_guest_nick();
        session.join(&room(name)).unwrap();
        for n in 1..=count {
            let text = body(&n.to_string());
            session.say(&room(name), MessageKind::Say, text).unwrap();
            // It hears itself, and does not read.
            session.outbox().take(usize::MAX, &mut Queue::default());
            if n % 10 == 0 {
                self.time.run();
            }
        }
    }

    /// The events that are there, without any time passing.
    pub(super) fn heard(&self, events: &mut Events) -> Vec<Event> {
        self.time.run();
        std::iter::from_fn(|| events.next().now_or_never().flatten()).collect()
    }

    /// The texts of a room's messages, by what the server remembers.
    pub(super) fn remembered(&self, name: &str) -> Vec<String> {
        let (client, _events) = self.client("historian");
        let room = self.join(&client, name);
        self.wait(async move {
            let all = crate::store::HistoryRange::Latest;
            let history = client.history(&room, all, 100).await.unwrap();
            client.close().await.unwrap();
            let text = |message: crate::message::Message| message.body.to_string();
            history.into_iter().map(text).collect()
        })
    }
}

pub(super) fn options(nick: &str) -> ClientOptions {
    ClientOptions {
        nick: Some(Nick::parse(nick).unwrap()),
        random: RandomBits::new(|| 1 << 63),
        ..ClientOptions::default()
    }
}

pub(super) fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

pub(super) fn body(text: &str) -> Body {
    Body::parse(text).unwrap()
}

pub(super) fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

/// The numbers and texts of the messages among these events.
pub(super) fn messages(events: &[Event]) -> Vec<(u64, String)> {
    let message = |event: &Event| match event {
        Event::Message(message) => Some((message.number, message.body.to_string())),
        _ => None,
    };
    events.iter().filter_map(message).collect()
}

/// When and how a connection is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// After how many bytes, both directions taken together.
    pub(super) after: usize,
    /// Whether what is on its way is lost.
    pub(super) loses: bool,
}

/// Connects to the server of a world, over connections that are cut one after the other.
pub(super) struct TestConnector {
    world: World,
    cuts: VecDeque<Cut>,
    pub(super) line: Arc<Line>,
}

/// The connection in use, to be cut from outside.
#[derive(Default)]
pub(super) struct Line {
    /// How many bytes it has carried.
    pub(super) carried: Mutex<usize>,
    /// How many bytes it may carry from now on, if there is a limit.
    left: Mutex<Option<usize>>,
    pub(super) connections: Mutex<usize>,
    waker: futures::task::AtomicWaker,
}

impl Line {
    pub(super) fn cut(&self) {
        *self.left.lock().unwrap() = Some(0);
        self.waker.wake();
    }
}

impl Connector for TestConnector {
    type Stream = CutStream;

    async fn connect(&mut self) -> io::Result<CutStream> {
        let (here, there) = duplex(1024 * 1024);
        self.world.serve(there)?;
        let cut = self.cuts.pop_front();
        *self.line.left.lock().unwrap() = cut.map(|cut| cut.after);
        *self.line.connections.lock().unwrap() += 1;
        Ok(CutStream {
            stream: here,
            line: Arc::clone(&self.line),
            loses: cut.is_some_and(|cut| cut.loses),
        })
    }
}

/// A stream that breaks off after so many bytes.
pub(super) struct CutStream {
    stream: TestStream,
    line: Arc<Line>,
    loses: bool,
}

impl CutStream {
    /// How many of `wanted` bytes may still pass.
    fn allowance(&self, cx: &Context<'_>, wanted: usize) -> io::Result<usize> {
        self.line.waker.register(cx.waker());
        match *self.line.left.lock().unwrap() {
            Some(0) => {
                if self.loses {
                    self.stream.reset();
                }
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Some(left) => Ok(left.min(wanted)),
            None => Ok(wanted),
        }
    }

    fn count(&self, bytes: usize) {
        *self.line.carried.lock().unwrap() += bytes;
        if let Some(left) = self.line.left.lock().unwrap().as_mut() {
            *left -= bytes;
        }
    }
}

impl AsyncRead for CutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = self.allowance(cx, buf.len())?;
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut buf[..len]);
        if let Poll::Ready(Ok(read)) = read {
            self.count(read);
        }
        read
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = self.allowance(cx, buf.len())?;
        let written = Pin::new(&mut self.stream).poll_write(cx, &buf[..len]);
        if let Poll::Ready(Ok(written)) = written {
            self.count(written);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// Numbers that look random and are the same in every run.
pub(super) struct Lots(pub(super) u64);

impl Lots {
    /// One of `0..below`.
    pub(super) fn draw(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}
