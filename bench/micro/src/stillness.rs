use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use chat_core::runtime::{Sleep, Spawn, Timer};
use futures::io::{AsyncRead, AsyncWrite};

/// A runtime on which no time passes.
pub(crate) struct Stillness(Instant);

impl Stillness {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Spawn for Stillness {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(future);
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

impl Timer for Stillness {
    fn now(&self) -> Instant {
        self.0
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(EndlessSleep)
    }
}

struct EndlessSleep;

impl Future for EndlessSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for EndlessSleep {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}

/// A peer who says nothing and takes everything.
pub(crate) struct Listener;

impl AsyncRead for Listener {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Listener {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(std::hint::black_box(bytes).len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
