use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use chat_core::runtime::Sleep;

use crate::timer::{Alarms, HandmadeSleep};

/// Asks a socket again and again whether it is ready.
///
/// This is where a real runtime registers the waker with its reactor (epoll, kqueue, IOCP).
pub struct Retry(HandmadeSleep);

impl Retry {
    pub fn new(alarms: &Alarms) -> Self {
        Self(alarms.sleep_until(Instant::now()))
    }

    pub fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut sleep = Pin::new(&mut self.0);
                    sleep
                        .as_mut()
                        .reset(Instant::now() + Duration::from_millis(1));
                    if sleep.poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                done => return Poll::Ready(done),
            }
        }
    }
}
