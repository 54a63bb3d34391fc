//! What a connection tells those who watch the server: counts, and spans for what it logs.

#[cfg(test)]
mod tests;

use tracing::field::{self, Empty};
use tracing::span::{EnteredSpan, Span};

use super::error::ConnectionError;
use crate::event::{CloseReason, SessionId};
use crate::hub::Hub;
use crate::metrics::{Metrics, Tally};
use crate::session::Session;

/// The part of a connection that is watched. Two pointers, as long as nobody wants to know more.
pub(super) struct Telemetry {
    metrics: Option<Metrics>,
    spans: Option<Box<Spans>>,
    /// Whether it has been told how the connection ended.
    ended: bool,
}

/// Where the connection, and the session that it serves at the moment, stand in the trace.
///
/// At the level of debugging, because they are entered with each poll: that costs more than a delivery does.
/// No field of theirs is recorded more than once, because some subscribers keep all that was recorded.
struct Spans {
    connection: Span,
    session: Span,
    id: SessionId,
    /// How many rooms the session is in.
    rooms: usize,
    knows_nick: bool,
    knows_protocol: bool,
}

impl Telemetry {
    /// Counts a connection that has been opened.
    pub(super) fn new(hub: &Hub) -> Self {
        let metrics = hub.metrics().cloned();
        if let Some(metrics) = &metrics {
            metrics.connection_opened();
        }
        Self {
            metrics,
            spans: None,
            ended: false,
        }
    }

    /// Opens the spans, if anyone is interested, within the one that is current.
    pub(super) fn open_spans(&mut self, session: &Session) {
        let peer = session.peer().map(field::display);
        let connection = tracing::debug_span!("connection", peer, protocol = Empty);
        if connection.is_disabled() {
            return;
        }
        self.spans = Some(Box::new(Spans {
            session: session_span(&connection, session),
            connection,
            id: session.id(),
            rooms: 0,
            knows_nick: false,
            knows_protocol: false,
        }));
    }

    /// Lets what happens next happen in the span of the session.
    pub(super) fn enter(&self) -> Option<EnteredSpan> {
        let spans = self.spans.as_ref()?;
        Some(spans.session.clone().entered())
    }

    /// Notes what has become known of the peer since, while it has not said goodbye.
    pub(super) fn update(&mut self, session: &Session, protocol: Option<&'static str>) {
        let Some(spans) = &mut self.spans else {
            return;
        };
        if spans.id != session.id() {
            spans.id = session.id();
            spans.session = session_span(&spans.connection, session);
            spans.knows_nick = false;
        }
        spans.rooms = session.rooms().count();
        if !spans.knows_nick
            && let Some(nick) = session.nick()
        {
            spans.session.record("nick", nick.as_str());
            spans.knows_nick = true;
        }
        if !spans.knows_protocol
            && let Some(protocol) = protocol
        {
            spans.connection.record("protocol", protocol);
            spans.knows_protocol = true;
        }
    }

    /// Notes in how many rooms the session was before it left.
    pub(super) fn leaving(&self) {
        if let Some(spans) = &self.spans {
            spans.session.record("rooms", spans.rooms);
        }
    }

    pub(super) fn moved(&self, tally: &Tally) {
        if let Some(metrics) = &self.metrics {
            metrics.moved(tally);
        }
    }

    pub(super) fn ended(&mut self, ended: &Result<CloseReason, ConnectionError>) {
        match ended {
            Ok(reason) => tracing::debug!(reason = reason.code(), "closed"),
            Err(error) => tracing::debug!(%error, "broke off"),
        }
        self.count_end(match ended {
            Ok(reason) => reason.code(),
            Err(ConnectionError::Io(_)) => "failed",
            // Whoever takes nothing does not take the last words either.
            Err(ConnectionError::CutOff {
                reason: reason @ CloseReason::Stalled(_),
            }) => reason.code(),
            Err(ConnectionError::CutOff { .. }) => "cut_off",
        });
    }

    fn count_end(&mut self, reason: &'static str) {
        self.ended = true;
        if let Some(metrics) = &self.metrics {
            metrics.connection_closed(reason);
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if !self.ended {
            let _entered = self.enter();
            tracing::debug!("dropped");
            self.count_end("dropped");
        }
    }
}

fn session_span(connection: &Span, session: &Session) -> Span {
    let id = session.id().0;
    tracing::debug_span!(parent: connection, "session", id, nick = Empty, rooms = Empty)
}
