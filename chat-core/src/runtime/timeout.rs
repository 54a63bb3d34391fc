use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use thiserror::Error;

use super::Sleep;

pin_project! {
    /// A future with a deadline; made by [`RuntimeExt::timeout`](super::RuntimeExt::timeout).
    ///
    /// # Cancel safety
    ///
    /// As that of the future inside.
    #[must_use = "futures do nothing unless polled"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Pin<Box<dyn Sleep>>,
    }
}

impl<F> Timeout<F> {
    pub(super) fn new(sleep: Pin<Box<dyn Sleep>>, future: F) -> Self {
        Self { future, sleep }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.sleep.as_mut().poll(cx).map(|()| Err(Elapsed))
    }
}

impl<F: fmt::Debug> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("future", &self.future)
            .finish_non_exhaustive()
    }
}

/// A [`Timeout`]'s deadline passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the deadline has passed")]
pub struct Elapsed;
