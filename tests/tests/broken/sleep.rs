//! Sleeps that are wrong.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use chat_core::runtime::Sleep;
use futures::future::Fuse;

/// Waits for ever.
pub(crate) struct Forever;

impl Future for Forever {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Forever {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}

/// Does not wait at all.
pub(crate) struct AtOnce;

impl Future for AtOnce {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Sleep for AtOnce {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}

/// Keeps its first deadline, and completes once.
pub(crate) struct Immovable(pub(crate) Fuse<Pin<Box<dyn Sleep>>>);

impl Future for Immovable {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Sleep for Immovable {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}
