use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::io::AsyncWriteExt;

use super::connector::Connector;
use super::error::{ClientError, Disconnect, End};
use super::event::Event;
use super::link::{Hangup, Link};
use super::options::ClientOptions;
use super::request::Own;
use super::shared::Shared;
use crate::runtime::{Alarm, Duplex, RuntimeExt, after};

/// What a client runs in the background: connects, talks, and connects again.
pub(super) struct Driver<C> {
    connector: C,
    /// Whether the connector is asked more than once.
    reconnects: bool,
    options: ClientOptions,
    shared: Arc<Shared>,
    /// Waits for the first welcome.
    first: Option<oneshot::Sender<Result<(), ClientError>>>,
}

/// What came of one connection.
enum Attempt {
    Goodbye,
    OutOfTime,
    Lost {
        why: Disconnect,
        /// For how long there was a conversation, if there was one.
        lasted: Option<Duration>,
    },
}

/// Makes an end of it when the runtime drops the driver.
struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(End::Abandoned);
    }
}

impl<C: Connector> Driver<C> {
    pub(super) fn new(
        connector: C,
        reconnects: bool,
        options: ClientOptions,
        shared: Arc<Shared>,
        first: oneshot::Sender<Result<(), ClientError>>,
    ) -> Self {
        Self {
            connector,
            reconnects,
            options,
            shared,
            first: Some(first),
        }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _end = EndOnDrop(Arc::clone(&shared));
        let end = self.drive().await;
        if let Some(first) = self.first.take() {
            // Nobody may be left who wants to know.
            let _ = first.send(Err(match &end {
                End::Lost(Disconnect::Refused { code, text }) => ClientError::Refused {
                    code: code.clone(),
                    text: text.clone(),
                },
                End::Lost(why) | End::GaveUp { last: why, .. } => {
                    ClientError::NotConnected(why.clone())
                }
                end => ClientError::Ended(end.clone()),
            }));
        }
        shared.end(end);
    }

    async fn drive(&mut self) -> End {
        let mut failures = 0;
        loop {
            let (why, lasted) = match self.attempt().await {
                Attempt::Goodbye | Attempt::OutOfTime => return End::Closed,
                Attempt::Lost { why, lasted } => (why, lasted),
            };
            tracing::debug!(%why, ?lasted, "no connection");
            self.shared.with(|state| {
                state.conversation.disconnected();
                if lasted.is_some() {
                    state.push_event(Event::Disconnected(why.clone()));
                }
            });
            let may_insist = self.first.is_none() || self.options.insist;
            if !self.reconnects || !may_insist || why.is_final() {
                return End::Lost(why);
            }
            if lasted.is_some_and(|lasted| lasted >= self.options.backoff.settled_after) {
                failures = 0;
            }
            if self.options.backoff.attempts == Some(failures) {
                return End::GaveUp {
                    attempts: failures,
                    last: why,
                };
            }
            failures = failures.saturating_add(1);
            if self.wait(failures, why).await.is_none() {
                return End::Closed;
            }
        }
    }

    /// Waits until it is time for this attempt; `None` if the client is closed first.
    async fn wait(&mut self, attempt: u32, why: Disconnect) -> Option<()> {
        let shared = Arc::clone(&self.shared);
        let has_room = poll_fn(|cx| {
            shared.with(|state| {
                state.set_driver(cx.waker());
                if state.is_full() {
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
        });
        unless_closed(&shared, has_room).await?;
        let delay = self
            .options
            .backoff
            .delay(attempt, &mut self.options.random);
        shared.with(|state| {
            state.push_event(Event::Reconnecting {
                attempt,
                delay,
                why,
            });
        });
        unless_closed(&shared, shared.runtime.sleep(delay)).await
    }

    async fn attempt(&mut self) -> Attempt {
        let shared = Arc::clone(&self.shared);
        let runtime = Arc::clone(&shared.runtime);
        let timeout = self.options.connect_timeout;
        let welcome_deadline = after(runtime.now(), timeout);
        let connect = runtime.timeout(timeout, self.connector.connect());
        let stream = match unless_closed(&shared, connect).await {
            None => return Attempt::OutOfTime,
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => return lost(Disconnect::Unreachable(Arc::new(error))),
            Some(Err(_elapsed)) => return lost(Disconnect::TimedOut),
        };
        shared.with(|state| state.connected());
        let mut link = Link::new(stream, &shared, &self.options, welcome_deadline);
        let first = &mut self.first;
        let hangup = poll_fn(|cx| {
            let hangup = link.poll(cx);
            if link.up_since().is_some()
                && let Some(first) = first.take()
            {
                // Where nobody waits any more, the last handle is gone as well.
                let _ = first.send(Ok(()));
            }
            hangup
        });
        match hangup.await {
            Hangup::Goodbye => {
                let (stream, unsent) = link.into_stream();
                hang_up(stream, &unsent, &shared, timeout).await;
                Attempt::Goodbye
            }
            Hangup::OutOfTime => Attempt::OutOfTime,
            Hangup::Lost(why) => {
                let up_since = link.up_since();
                if let Disconnect::Refused { .. } = why {
                    // Lest a guest of whom nothing more will come sits there for the grace period.
                    let (stream, mut words) = link.into_stream();
                    Own::Quit(None).encode(&mut words);
                    hang_up(stream, &words, &shared, timeout).await;
                }
                let now = runtime.now();
                Attempt::Lost {
                    why,
                    lasted: up_since.map(|since| now.saturating_duration_since(since)),
                }
            }
        }
    }
}

fn lost(why: Disconnect) -> Attempt {
    Attempt::Lost { why, lasted: None }
}

/// Sends the last words and tells the server that nothing more comes, for no longer than the client may take to close.
async fn hang_up(mut stream: impl Duplex, words: &[u8], shared: &Shared, timeout: Duration) {
    let mut hang_up = pin!(async {
        stream.write_all(words).await?;
        stream.close().await
    });
    let patience = after(shared.runtime.now(), timeout);
    let mut alarm = Alarm::new(&*shared.runtime, patience);
    poll_fn(|cx| {
        let close_deadline = poll_close_deadline(shared, cx);
        let deadline = close_deadline.map_or(patience, |close| close.min(patience));
        match hang_up.as_mut().poll(cx) {
            // If it failed, the server will notice in any case.
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => alarm.poll(cx, deadline),
        }
    })
    .await;
}

/// Until when the client may take to close, if it is told to; the task is woken when that changes.
fn poll_close_deadline(shared: &Shared, cx: &Context<'_>) -> Option<Instant> {
    shared.with(|state| {
        state.set_driver(cx.waker());
        state.close_deadline
    })
}

/// The output of `future`, or `None` when the client is closed first: because nothing is outstanding, or
/// because time is up.
async fn unless_closed<F: Future>(shared: &Shared, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut alarm: Option<Alarm> = None;
    poll_fn(|cx| {
        if let Some(deadline) = poll_close_deadline(shared, cx) {
            if shared.with(|state| state.conversation.is_drained()) {
                return Poll::Ready(None);
            }
            let alarm = alarm.get_or_insert_with(|| Alarm::new(&*shared.runtime, deadline));
            if alarm.poll(cx, deadline).is_ready() {
                return Poll::Ready(None);
            }
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}
