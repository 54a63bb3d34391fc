use std::future::Future;
use std::hint::black_box;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use futures::io::{AsyncReadExt, AsyncWriteExt};

use super::Shared;
use super::admission::Permit;
use crate::connection::{Connection, serve_connection_with};
use crate::event::CloseReason;
use crate::protocol::Protocol;
use crate::runtime::{Address, Duplex, Listener, RuntimeExt, TaskSpawner, give_way};

/// Accepts the connections of one listener.
pub(super) struct Acceptor<L, F> {
    pub(super) listener: L,
    pub(super) protocol: F,
    pub(super) connections: TaskSpawner,
    pub(super) refusals: TaskSpawner,
    pub(super) shared: Arc<Shared>,
}

/// How many connections are accepted before other tasks get their turn. Fewer than what a task may do in a row on
/// tokio (128), which would then say that nobody is there.
const BURST: usize = 100;

/// How many have to come together for the next ones to wait for each other.
const RUSH: usize = 8;

/// For how many connections memory is taken at a time, once several have come together.
const MEMORY_AHEAD: usize = 32;

/// How many peers are told at the same time that they were refused; those beyond are closed without a
/// word.
const REFUSALS: usize = 64;

/// How long telling one of them may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

impl<L, F, P> Acceptor<L, F>
where
    L: Listener,
    F: Fn() -> P + Send + Sync + 'static,
    P: Protocol + Send + 'static,
{
    /// Accepts for ever. Errors of the listener are waited out.
    pub(super) async fn run(self) {
        let first_backoff = self.shared.config.accept_backoff;
        let mut backoff = first_backoff;
        let mut together = 0;
        loop {
            match self.accept(&mut together).await {
                Ok((stream, peer)) => {
                    backoff = first_backoff;
                    self.receive_unharmed(stream, &peer);
                }
                Err(error) if concerns_one_connection(&error) => {
                    tracing::debug!(%error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    if let Some(metrics) = self.shared.hub.metrics() {
                        metrics.accept_failed();
                    }
                    tracing::warn!(%error, retry_in = ?backoff, "cannot accept connections");
                    self.shared.runtime.sleep(backoff).await;
                    backoff = (backoff * 2).min(first_backoff * 100);
                }
            }
        }
    }

    /// The next connection, or an error of the listener; `together` is how many of both there were since it last slept.
    ///
    /// If these were many, the next ones are left to wait for each other: else a server that is faster than its
    /// peers goes to sleep and looks again for each of them, and most have not said anything yet when they are heard.
    async fn accept(&self, together: &mut usize) -> io::Result<(L::Stream, Address)> {
        if *together > 0 && together.is_multiple_of(BURST) {
            give_way().await;
        }
        let mut accept = pin!(self.listener.accept());
        let accepted = match accept.as_mut().now_or_never() {
            Some(accepted) => {
                if *together % MEMORY_AHEAD == 1 {
                    take_memory_ahead();
                }
                accepted
            }
            None => {
                let delay = self.shared.config.accept_delay;
                if *together >= RUSH && !delay.is_zero() {
                    self.shared.runtime.sleep(delay).await;
                }
                *together = 0;
                accept.await
            }
        };
        *together += 1;
        accepted
    }

    /// Receives a connection; should making its protocol panic, only this one is lost.
    fn receive_unharmed(&self, stream: L::Stream, peer: &Address) {
        let received = catch_unwind(AssertUnwindSafe(|| self.receive(stream, peer)));
        if received.is_err() {
            tracing::error!(%peer, "dropped a connection, because making its protocol panicked");
        }
    }

    fn receive(&self, stream: L::Stream, peer: &Address) {
        match self.shared.admission.admit(peer, self.shared.runtime.now()) {
            Ok(permit) => self.serve(stream, peer, permit),
            Err(reason) => {
                tracing::debug!(%peer, reason = reason.code(), "refused");
                if let Some(metrics) = self.shared.hub.metrics() {
                    metrics.connection_refused(reason.code());
                }
                self.refuse(stream, &reason);
            }
        }
    }

    fn serve(&self, stream: L::Stream, peer: &Address, permit: Permit) {
        let shared = &self.shared;
        let connection = serve_connection_with(
            stream,
            (self.protocol)(),
            &shared.hub,
            &shared.runtime,
            Arc::clone(&shared.connection_config),
        )
        .with_peer(peer.clone());
        let registration = Registration {
            key: shared.sessions().insert(connection.handle()),
            shared: Arc::clone(shared),
            _permit: permit,
        };
        // A server that is shutting down has closed the group, and drops the connection here.
        let _ = self.connections.spawn(Served {
            connection,
            _registration: registration,
        });
    }

    /// Tells a peer in the background why it is not served, if there are not too many to tell.
    fn refuse(&self, mut stream: L::Stream, reason: &CloseReason) {
        if self.refusals.len() >= REFUSALS {
            return;
        }
        let mut last_words = Vec::new();
        (self.protocol)().farewell(reason, &mut last_words);
        let runtime = Arc::clone(&self.shared.runtime);
        let told = async move { tell(&mut stream, &last_words).await };
        let _ = self.refusals.spawn(async move {
            let _ = runtime.timeout(REFUSAL_TIMEOUT, told).await;
        });
    }
}

/// Sends the last words, and waits until the peer has read them: closing earlier could send a reset that
/// overtakes them.
async fn tell<S: Duplex>(stream: &mut S, mut last_words: &[u8]) -> io::Result<()> {
    while !last_words.is_empty() {
        match stream.write(last_words).await {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => last_words = &last_words[written..],
            Err(error) => pass_over_interruption(error)?,
        }
    }
    while let Err(error) = stream.close().await {
        pass_over_interruption(error)?;
    }
    loop {
        match stream.read(&mut [0; 1024]).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => pass_over_interruption(error)?,
        }
    }
}

/// Nothing was lost by a call that was interrupted; it is made again. (`write_all` of `futures` gives up.)
fn pass_over_interruption(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

/// A connection's places in its server; dropping it gives them back.
struct Registration {
    key: usize,
    shared: Arc<Shared>,
    _permit: Permit,
}

/// A connection with its places. An `async` block would keep room for the connection twice.
//
// The connection first: its beginning is what each poll looks at.
#[repr(C)]
struct Served<S, P> {
    connection: Connection<S, P>,
    _registration: Registration,
}

impl<S: Duplex, P: Protocol> Future for Served<S, P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // It has told how it ended.
        let _ = ready!(Pin::new(&mut self.connection).poll(cx));
        Poll::Ready(())
    }
}

// Nothing in it is pinned in place.
impl<S: Unpin, P> Unpin for Served<S, P> {}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.sessions().remove(self.key);
    }
}

/// Lets the allocator get memory from the system for the connections that come next, all at once.
///
/// The GNU C library gives each thread but the first memory of its own, and makes that larger by single pages, with a
/// system call for each. What was taken and is given back at once stays there; so this leaves no more behind than is
/// about to be used.
fn take_memory_ahead() {
    /// About what one connection takes.
    const EACH: usize = 2048;
    if cfg!(target_env = "gnu") {
        // Less than the library would get as a mapping of its own, and give back.
        drop(black_box(Vec::<u8>::with_capacity(MEMORY_AHEAD * EACH)));
    }
}

/// Whether the listener is as good as before, so that there is nothing to wait for.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
