//! Streams whose other end is a list of bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use chat_core::runtime::{Runtime, Sleep};
use futures::io::{AsyncRead, AsyncWrite};

use crate::cut::Cut;

/// The far end of a stream.
#[derive(Clone, Default)]
pub(crate) struct Far(Arc<Mutex<State>>);

/// The near end of a stream.
pub(crate) struct Near {
    far: Far,
    cut: Cut,
    pause: Option<Pause>,
}

#[derive(Default)]
struct State {
    sends: Vec<u8>,
    sent: usize,
    /// Whether it says that nothing more comes, once all is sent.
    ends: bool,
    received: Vec<u8>,
    reader: Option<Waker>,
}

/// What is sent after a newline comes a moment later.
struct Pause {
    timer: Arc<dyn Runtime>,
    sleep: Option<Pin<Box<dyn Sleep>>>,
}

impl Far {
    /// Sends something.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.sends.extend_from_slice(bytes);
        state.wake();
    }

    /// The other end of it.
    pub(crate) fn near(&self, cut: Cut) -> Near {
        Near {
            far: self.clone(),
            cut,
            pause: None,
        }
    }

    /// The other end of it, to which each line comes a moment after the one before, so that what it asks for
    /// between them does not depend on the cut.
    pub(crate) fn near_with_pauses(&self, cut: Cut, timer: Arc<dyn Runtime>) -> Near {
        Near {
            far: self.clone(),
            cut,
            pause: Some(Pause { timer, sleep: None }),
        }
    }

    /// Says that nothing more comes after what was sent.
    pub(crate) fn hang_up(&self) {
        let mut state = self.lock();
        state.ends = true;
        state.wake();
    }

    /// What has come from the other end.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.lock().received.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Near {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Some(pause) = &mut this.pause
            && let Some(sleep) = &mut pause.sleep
        {
            ready!(sleep.as_mut().poll(cx));
            pause.sleep = None;
        }
        let mut state = this.far.lock();
        let rest = &state.sends[state.sent..];
        if rest.is_empty() {
            if state.ends {
                return Poll::Ready(Ok(0));
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut len = this.cut.next().min(rest.len()).min(buf.len());
        if let Some(pause) = &mut this.pause
            && let Some(newline) = rest[..len].iter().position(|&byte| byte == b'\n')
        {
            const MOMENT: Duration = Duration::from_millis(1);
            len = newline + 1;
            pause.sleep = Some(pause.timer.sleep_until(pause.timer.now() + MOMENT));
        }
        buf[..len].copy_from_slice(&rest[..len]);
        state.sent += len;
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Near {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = self.cut.next().min(buf.len());
        self.far.lock().received.extend_from_slice(&buf[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
