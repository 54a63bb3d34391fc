use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::action::Allowed;
use crate::hub::HubError;
use crate::runtime::Sleep;

/// A decision that is being waited for, though not for ever.
pub(super) struct Pending {
    verdict: Verdict,
    time_limit: Pin<Box<dyn Sleep>>,
    /// Whether it is about last words, without which one can go as well.
    pub(super) is_quit: bool,
}

pub(super) type Verdict = Pin<Box<dyn Future<Output = Result<Allowed, HubError>> + Send>>;

impl Pending {
    pub(super) fn new(verdict: Verdict, time_limit: Pin<Box<dyn Sleep>>, is_quit: bool) -> Self {
        Self {
            verdict,
            time_limit,
            is_quit,
        }
    }

    /// What was decided. Too late, or a panic, is undecided.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Allowed, HubError>> {
        match catch_unwind(AssertUnwindSafe(|| self.verdict.as_mut().poll(cx))) {
            Ok(Poll::Ready(verdict)) => Poll::Ready(verdict),
            Ok(Poll::Pending) => {
                let late = self.time_limit.as_mut().poll(cx);
                late.map(|()| {
                    tracing::warn!("a decision of the policy took too long");
                    Err(HubError::Undecided)
                })
            }
            Err(_) => {
                tracing::error!("a decision of the policy panicked");
                Poll::Ready(Err(HubError::Undecided))
            }
        }
    }
}
