//! A runtime and streams for this crate's own tests: one thread, virtual time, no sockets.

pub(crate) mod strategies;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant, SystemTime};

use futures::io::{AsyncRead, AsyncWrite};

use crate::connection::ConnectionConfig;
use crate::event::{Event, SessionId, SharedEvent, Who};
use crate::hub::HubConfig;
use crate::memory::Memory;
use crate::name::{Nick, RoomName};
use crate::runtime::{Sleep, Spawn, Timer};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks when it is told to, and its time moves only when it is told to.
#[derive(Clone)]
pub(crate) struct TestRuntime {
    state: Arc<Mutex<State>>,
}

struct State {
    now: Instant,
    sleepers: Vec<(Instant, Waker)>,
    tasks: Vec<(Task, Arc<Flag>)>,
    forgets_who_waits: bool,
}

/// Whether a task was woken since it was last polled.
pub(crate) struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    pub(crate) fn set() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

/// Somebody who came into a room.
pub(crate) fn arrival(room: &str, session: u64, memory: &Arc<Memory>) -> Arc<SharedEvent> {
    let who = Who {
        session: SessionId(session),
        nick: Nick::parse(&format!("guest-{session}")).unwrap(),
    };
    let room = RoomName::parse(room).unwrap();
    SharedEvent::new(Event::Joined { room, who }, memory)
}

impl TestRuntime {
    #[expect(clippy::disallowed_methods, reason = "an instant to count from")]
    pub(crate) fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                now: Instant::now(),
                sleepers: Vec::new(),
                tasks: Vec::new(),
                forgets_who_waits: false,
            })),
        }
    }

    /// From now on, nobody is woken who is to be woken later.
    pub(crate) fn forget_who_waits(&self) {
        self.lock().forgets_who_waits = true;
    }

    /// Polls every task that was woken, until none is.
    pub(crate) fn run(&self) {
        loop {
            let tasks = std::mem::take(&mut self.lock().tasks);
            let mut progress = false;
            let mut waiting = Vec::new();
            for (mut task, flag) in tasks {
                if flag.take() {
                    progress = true;
                    let waker = Waker::from(Arc::clone(&flag));
                    if task
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_ready()
                    {
                        continue;
                    }
                }
                waiting.push((task, flag));
            }
            let mut state = self.lock();
            progress |= !state.tasks.is_empty();
            let spawned = std::mem::replace(&mut state.tasks, waiting);
            state.tasks.extend(spawned);
            if !progress {
                return;
            }
        }
    }

    /// Moves the time, and then runs what that woke.
    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.now += by;
        let now = state.now;
        let due: Vec<_> = state
            .sleepers
            .extract_if(.., |(at, _)| *at <= now)
            .collect();
        drop(state);
        due.into_iter().for_each(|(_, waker)| waker.wake());
        self.run();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Spawn for TestRuntime {
    fn spawn_detached(&self, future: Task) {
        self.lock().tasks.push((future, Flag::set()));
    }

    fn wake_later(&self, waker: &Waker) {
        if !self.lock().forgets_who_waits {
            waker.wake_by_ref();
        }
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

impl Timer for TestRuntime {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(TestSleep {
            deadline,
            completed: false,
            runtime: self.clone(),
        })
    }
}

struct TestSleep {
    deadline: Instant,
    completed: bool,
    runtime: TestRuntime,
}

impl Future for TestSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert!(
            !self.completed,
            "a completed sleep was polled without a reset"
        );
        let mut state = self.runtime.lock();
        if state.now >= self.deadline {
            drop(state);
            self.completed = true;
            return Poll::Ready(());
        }
        state.sleepers.push((self.deadline, cx.waker().clone()));
        Poll::Pending
    }
}

impl Sleep for TestSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
        self.completed = false;
    }
}

/// Connections as they come, without the limit of frames, as tests say more than people do.
pub(crate) fn at_any_rate() -> ConnectionConfig {
    ConnectionConfig {
        rate_limit: None,
        ..ConnectionConfig::default()
    }
}

/// A hub where everybody hears at once who comes and goes.
pub(crate) fn at_once() -> HubConfig {
    HubConfig {
        presence_delay: Duration::ZERO,
        ..HubConfig::default()
    }
}

/// The two ends of a stream in memory, with room for `capacity` bytes each way.
pub(crate) fn duplex(capacity: usize) -> (TestStream, TestStream) {
    let pipes = [(); 2].map(|()| Arc::new(Mutex::new(Pipe::new(capacity))));
    let [there, back] = pipes;
    let end = |reads: &Arc<_>, writes: &Arc<_>| TestStream {
        reads: Arc::clone(reads),
        writes: Arc::clone(writes),
    };
    (end(&back, &there), end(&there, &back))
}

pub(crate) struct TestStream {
    reads: Arc<Mutex<Pipe>>,
    writes: Arc<Mutex<Pipe>>,
}

struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    closed: bool,
    broken: bool,
    interrupted: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity,
            closed: false,
            broken: false,
            interrupted: false,
            reader: None,
            writer: None,
        }
    }

    fn wake(&mut self) {
        self.reader
            .take()
            .into_iter()
            .chain(self.writer.take())
            .for_each(Waker::wake);
    }
}

/// The peer's side, used without waiting.
impl TestStream {
    /// Sends `bytes`, which must fit.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut pipe = self.writes.lock().unwrap();
        pipe.bytes.extend(bytes.as_ref());
        assert!(pipe.bytes.len() <= pipe.capacity, "the stream is full");
        pipe.wake();
    }

    /// How many bytes can be sent right now.
    pub(crate) fn free(&self) -> usize {
        let pipe = self.writes.lock().unwrap();
        pipe.capacity - pipe.bytes.len()
    }

    /// Interrupts the peer's next read and its next write.
    pub(crate) fn interrupt(&self) {
        for pipe in [&self.reads, &self.writes] {
            pipe.lock().unwrap().interrupted = true;
        }
    }

    /// Everything that has arrived, which must be whole characters.
    pub(crate) fn receive(&self) -> String {
        String::from_utf8(self.receive_bytes()).unwrap()
    }

    pub(crate) fn receive_bytes(&self) -> Vec<u8> {
        let mut pipe = self.reads.lock().unwrap();
        let bytes = pipe.bytes.drain(..).collect();
        pipe.wake();
        bytes
    }

    /// Whether the peer has said that nothing more comes, and all has been received.
    pub(crate) fn is_ended(&self) -> bool {
        let pipe = self.reads.lock().unwrap();
        pipe.closed && pipe.bytes.is_empty()
    }

    /// Says that nothing more comes.
    pub(crate) fn end(&self) {
        let mut pipe = self.writes.lock().unwrap();
        pipe.closed = true;
        pipe.wake();
    }

    /// Makes every further use by the peer an error, as a reset does.
    pub(crate) fn reset(&self) {
        for pipe in [&self.reads, &self.writes] {
            let mut pipe = pipe.lock().unwrap();
            pipe.broken = true;
            pipe.wake();
        }
    }
}

impl AsyncRead for TestStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.reads.lock().unwrap();
        if pipe.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if std::mem::take(&mut pipe.interrupted) {
            return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
        }
        if pipe.bytes.is_empty() && !pipe.closed {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = buf.len().min(pipe.bytes.len());
        for (to, from) in buf.iter_mut().zip(pipe.bytes.drain(..len)) {
            *to = from;
        }
        pipe.wake();
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for TestStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.writes.lock().unwrap();
        if pipe.broken || pipe.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if std::mem::take(&mut pipe.interrupted) {
            return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
        }
        let len = buf
            .len()
            .min(pipe.capacity.saturating_sub(pipe.bytes.len()));
        if len == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&buf[..len]);
        pipe.wake();
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for TestStream {
    fn drop(&mut self) {
        self.end();
        let mut pipe = self.reads.lock().unwrap();
        pipe.broken = true;
        pipe.wake();
    }
}
