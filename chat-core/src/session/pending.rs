use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::action::{Action, Allowed};
use crate::hub::{Hub, HubError};
use crate::metrics::Hook;
use crate::runtime::Sleep;

/// A decision that is being waited for, though not for ever.
pub(super) struct Pending {
    verdict: Verdict,
    time_limit: Pin<Box<dyn Sleep>>,
    /// Whether it is about last words, without which one can go as well.
    pub(super) is_quit: bool,
    /// What was asked, if anybody wants to know how long the answer takes.
    pub(super) question: Option<Question>,
}

/// What the policy was asked, and when.
pub(super) struct Question {
    hook: Hook,
    asked_at: Instant,
}

impl Question {
    /// About whether `action` is allowed, if that is a question and anybody wants to know how long the
    /// answer takes.
    pub(super) fn about(action: &Action, hub: &Hub) -> Option<Self> {
        let hook = match action {
            Action::Connect => Hook::Connect,
            Action::LogIn(_) => Hook::LogIn,
            Action::TakeNick(_) => Hook::Nick,
            Action::TakeGuestNick => Hook::Guest,
            Action::Join { .. } => Hook::Join,
            Action::Say { .. } => Hook::Message,
            Action::SayPrivately { .. } => Hook::PrivateMessage,
            Action::SetTopic { .. } => Hook::Topic,
            Action::Quit { reason: Some(_) } => Hook::Quit,
            Action::Quit { reason: None } | Action::Resume(_) => return None,
        };
        let asked_at = hub.start_of_decision()?;
        Some(Self { hook, asked_at })
    }

    pub(super) fn answered(self, hub: &Hub) {
        if let Some(metrics) = hub.metrics() {
            metrics.decided(self.hook, hub.now() - self.asked_at);
        }
    }
}

pub(super) type Verdict = Pin<Box<dyn Future<Output = Result<Allowed, HubError>> + Send>>;

impl Pending {
    pub(super) fn new(
        verdict: Verdict,
        time_limit: Pin<Box<dyn Sleep>>,
        is_quit: bool,
        question: Option<Question>,
    ) -> Self {
        Self {
            verdict,
            time_limit,
            is_quit,
            question,
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
