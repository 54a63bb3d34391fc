//! What an open connection waits for, and for how long.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::io::{AsyncRead, AsyncWrite};

use super::Connection;
use super::output::Output;
use crate::event::CloseReason;
use crate::protocol::Protocol;
use crate::runtime::{Alarm, after};

/// What an open connection waits for.
pub(super) enum Due {
    /// The peer has said nothing yet; the protocol may want to speak first.
    Greeting,
    /// The peer may be heard again.
    Release,
    /// The peer has been silent for half of the time that it may be.
    Ping,
    /// It has lasted too long.
    End(CloseReason),
}

impl<S, P> Connection<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Protocol,
{
    /// Counts the peer's silence from now on: it was heard, or may be heard again.
    pub(super) fn listen_anew(&mut self) {
        self.heard_at = self.runtime.now();
        self.pinged = false;
    }

    pub(super) fn watch_for_stalling(&mut self, output: &Output) {
        let progressed = std::mem::take(&mut self.progressed);
        if *output != Output::Blocked {
            if let Some(delays) = &mut self.delays {
                delays.stalled_since = None;
            }
        } else if progressed || self.delays().stalled_since.is_none() {
            self.delays_mut().stalled_since = Some(self.runtime.now());
        }
    }

    /// What is due next while the connection is open, and when.
    pub(super) fn next_due(&self) -> Option<(Instant, Due)> {
        let mut next: Option<(Instant, Due)> = None;
        let mut consider = |since, patience, due| {
            let at = after(since, patience);
            if next.as_ref().is_none_or(|(earliest, _)| at < *earliest) {
                next = Some((at, due));
            }
        };
        let config = &self.config;
        let delays = self.delays();
        if self.session.nick().is_some() {
            // Whoever is held back has more to say.
            if let Some(patience) = config.idle_timeout
                && delays.held_until.is_none()
            {
                consider(
                    self.heard_at,
                    patience,
                    Due::End(CloseReason::Idle(patience)),
                );
                if !self.pinged {
                    consider(self.heard_at, patience / 2, Due::Ping);
                }
            }
        } else if let Some(patience) = config.registration_timeout
            && delays.waiting_since.is_none()
        {
            // Whoever waits for the policy may just have introduced itself.
            let reason = CloseReason::Unregistered(patience);
            consider(self.opened_at, patience, Due::End(reason));
        }
        if !self.introduced
            && !self.greeted
            && let Some(patience) = self.protocol.greeting_delay()
        {
            consider(self.opened_at, patience, Due::Greeting);
        }
        if let Some(until) = delays.held_until {
            consider(until, Duration::ZERO, Due::Release);
        }
        // A wait for the policy is not the peer's doing.
        if let Some(since) = delays.held_since
            && delays.waiting_since.is_none()
            && let Some(patience) = config.flood_timeout
        {
            consider(since, patience, Due::End(CloseReason::Flooding));
        }
        if let Some(since) = delays.stalled_since
            && let Some(patience) = config.write_timeout
        {
            consider(since, patience, Due::End(CloseReason::Stalled(patience)));
        }
        next
    }

    pub(super) fn handle_due(&mut self, due: Due) -> Option<CloseReason> {
        match due {
            Due::Greeting => {
                self.greeted = true;
                self.outbox.wake_up();
                let flow = self.protocol.handle_silence(&mut self.session);
                self.follow(flow)
            }
            Due::Release => {
                if let Some(delays) = &mut self.delays {
                    delays.held_until = None;
                    delays.catching_up = None;
                }
                self.listen_anew();
                None
            }
            Due::Ping => {
                self.pinged = true;
                let mut ping = Vec::new();
                self.protocol.ping(&mut ping);
                if !ping.is_empty() {
                    self.session.reply(ping);
                }
                None
            }
            Due::End(reason) => Some(reason),
        }
    }

    /// Whether the peer has not introduced itself in time.
    pub(super) fn is_overdue(&self) -> bool {
        let patience = self.config.registration_timeout;
        self.session.nick().is_none()
            && patience
                .is_some_and(|patience| self.runtime.now() >= after(self.opened_at, patience))
    }

    /// Whether what is due next is known, and not due yet.
    pub(super) fn is_calm(&self) -> bool {
        self.knows_due && self.delays.is_none() && !self.outbox.stir().may_have_rung()
    }

    pub(super) fn poll_deadline(&mut self, deadline: Instant) -> Poll<()> {
        let alarm = self
            .alarm
            .get_or_insert_with(|| Alarm::new(&*self.runtime, deadline));
        let waker = self.outbox.stir_waker();
        let cx = &mut Context::from_waker(&waker);
        alarm.poll_woken(cx, deadline, self.outbox.stir().take_rung())
    }
}
