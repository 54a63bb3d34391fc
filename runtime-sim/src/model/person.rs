use std::collections::VecDeque;
use std::sync::Arc;

use chat_core::event::CloseReason;
use chat_core::framing::Frame;
use chat_core::protocol::{JsonProtocol, TextProtocol};
use memchr::memchr;

use super::detect::Detection;
use super::json::ANY_TEXT;
use super::outbox::{Entry, Queue};
use super::promise::Promise;
use super::resume::Claim;
use super::session::SessionId;
use super::sometimes::Sort;
use super::telling::Tongue;
use super::{Id, Line, Model, json, text};
use crate::net::Arrival;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Connected, and the server has not said anything yet.
    New,
    /// A member of the hub.
    Open,
    /// Gone from the hub; its last words are on their way.
    Leaving,
    /// The server's side is gone.
    Gone,
}

/// Why a connection is told to close by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    SlowConsumer,
    Superseded,
    Removed,
    Shutdown,
}

/// One connection: what its client has sent, and what the client has to hear.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) client: u32,
    /// What the server takes it to speak.
    pub(crate) tongue: Tongue,
    pub(super) detection: Detection,
    pub(crate) presence: Presence,
    /// Its place in the hub, until it lets go of that.
    pub(super) session: Option<SessionId>,
    /// The session that it waits for.
    pub(super) claim: Option<Claim>,
    /// When the server let it in, which may be long after it connected, as a listener that has failed is left alone
    /// for a while; or when the server heard it for the first time.
    pub(super) opened_at: u64,
    /// When it was heard as a stranger last, or waited for until then: its silence before that is no matter.
    pub(super) stranger_at: u64,
    /// When a line of it was handled last, which may be when it was let go that was held back for its rate.
    pub(super) framed_at: u64,
    /// When it has received something last.
    received_at: u64,
    /// Since when it may have had more to say than it may: when it spoke after a silence in which nothing was left to
    /// hear or to tell.
    pub(super) ahead_since: u64,
    /// Whether it has sent a line that is too long. The rest of that may be held back without a trace.
    pub(super) rambled: bool,
    /// When it was pinged last.
    pub(super) pinged_at: Option<u64>,
    /// Whether its address connects too fast.
    too_fast: bool,
    /// What the client has sent and the server has not handled, and the most that this ever was, up to a line.
    sent: Vec<u8>,
    most_unheard: usize,
    /// Whether the rest of a line that is too long is still to come.
    skipping: bool,
    /// Whether the client has closed its half.
    pub(crate) finished: bool,
    pub(super) welcomed: bool,
    /// Whether it has tried to enter the first room.
    pub(super) has_entered: bool,
    /// Since when it waits for a decision.
    pub(super) waits_since: u64,
    /// Whether it does.
    pub(super) waits: bool,
    pub(crate) queue: Queue,
    /// What was encoded and not received yet, and when that was said which is to arrive promptly.
    expected: VecDeque<(Line, Option<u64>)>,
    /// How much of the first of it was received.
    offset: usize,
    /// What it was ordered first.
    pub(super) order: Option<Order>,
    /// Whether nothing is accepted any more of what it says to rooms.
    pub(super) hushed: bool,
    /// Why the program has ended its session, where that is what it was ordered first.
    pub(super) removal: Option<String>,
    /// The room that it was in when it began to wait for a decision, as the room spells it.
    pub(super) room_then: Option<Arc<str>>,
    /// When it was ordered to close.
    pub(crate) ordered_at: Option<u64>,
    /// Whether the connection may end without a word, because a fault made it.
    pub(crate) excused: bool,
    /// Whether nothing is wrong with the client or its link.
    pub(crate) prompt: bool,
    /// When the server said its last words to it.
    dismissed: Option<u64>,
    /// Whether the client still listens.
    pub(crate) listens: bool,
}

impl Person {
    fn new(client: u32, tongue: Option<Tongue>, prompt: bool, now: u64) -> Self {
        Self {
            client,
            tongue: tongue.unwrap_or(Tongue::Text),
            detection: Detection::of(tongue),
            presence: Presence::New,
            session: None,
            claim: None,
            opened_at: now,
            stranger_at: now,
            framed_at: now,
            received_at: now,
            ahead_since: now,
            rambled: false,
            pinged_at: None,
            too_fast: false,
            sent: Vec::new(),
            most_unheard: 0,
            skipping: false,
            finished: false,
            welcomed: false,
            has_entered: false,
            waits_since: 0,
            waits: false,
            queue: Queue::default(),
            expected: VecDeque::new(),
            offset: 0,
            order: None,
            hushed: false,
            removal: None,
            room_then: None,
            ordered_at: None,
            excused: false,
            prompt,
            dismissed: None,
            listens: true,
        }
    }

    /// Whether the server has handled everything that can be handled.
    pub(crate) fn is_heard(&self) -> bool {
        memchr(b'\n', &self.sent).is_none() && (!self.finished || self.sent.is_empty())
    }

    /// Whether the client has received everything.
    pub(crate) fn is_told(&self) -> bool {
        self.expected.is_empty() && self.queue.entries.is_empty()
    }

    /// Tells it to close. The first order stands.
    pub(super) fn is_ordered(&mut self, order: Order, now: u64) {
        self.queue.closing = true;
        self.order.get_or_insert(order);
        if self.presence == Presence::Open {
            self.ordered_at.get_or_insert(now);
        }
    }

    /// Notes that it is told to close if its queue has overflowed.
    pub(super) fn note_overflow(&mut self, now: u64) {
        if self.queue.overflowed {
            let known = now.max(self.queue.unknown_until());
            self.is_ordered(Order::SlowConsumer, known);
        }
    }

    /// How much memory its connection may take in any case, with what is on its way both ways.
    pub(super) fn footprint(&self) -> usize {
        let encoded: usize = self.expected.iter().map(|(line, _)| line.len()).sum();
        // Buffers grow by doubling, and shrink when the connection has done what it was woken for.
        2 * (self.sent.len() + self.most_unheard + encoded) + self.queue.footprint()
    }

    /// Whether it waits for the session with a token.
    pub(super) fn wants(&self, token: u128) -> bool {
        let claims = |claim: Claim| claim.token() == Some(token);
        self.presence == Presence::Open && self.claim.is_some_and(claims)
    }

    /// Whether nothing of what it has sent is left to be handled, so that it cannot be held back for its rate.
    pub(super) fn is_heard_out(&self) -> bool {
        self.sent.is_empty() && !self.rambled
    }

    /// It is about to say something: if all was quiet for long enough, the server cannot have taken this for more of
    /// what came before.
    fn speaks(&mut self, now: u64) {
        let quiet_since = self.framed_at.max(self.received_at);
        let is_quiet = self.is_heard_out() && self.is_told() && !self.waits;
        if is_quiet && now > quiet_since + OBEDIENCE {
            self.ahead_since = now;
        }
    }

    /// How long a line may be.
    fn longest(&self) -> usize {
        match self.tongue {
            Tongue::Text if self.detection != Detection::Doubtful => TextProtocol::MAX_LINE,
            _ => JsonProtocol::MAX_LINE,
        }
    }

    /// The first byte that the server has not handled.
    pub(super) fn first_unheard(&self) -> Option<u8> {
        self.sent.first().copied()
    }

    /// Notes how much of a line the server may hold.
    pub(super) fn note_unheard(&mut self) {
        let unheard = self.sent.len().min(self.longest() + 1);
        self.most_unheard = self.most_unheard.max(unheard);
    }

    /// What the client has not received, for people.
    pub(crate) fn untold(&self) -> String {
        let encoded: usize = self.expected.iter().map(|(line, _)| line.len()).sum();
        format!(
            "{} bytes encoded and {} entries queued, first {}",
            encoded - self.offset.min(encoded),
            self.queue.entries.len(),
            self.expected
                .front()
                .map_or_else(|| "none".into(), |(line, _)| shown(line)),
        )
    }

    /// Throws away the rest of a line that is too long.
    fn skip(&mut self) {
        if !self.skipping {
            return;
        }
        match memchr(b'\n', &self.sent) {
            Some(end) => {
                self.sent.drain(..=end);
                self.skipping = false;
            }
            None => self.sent.clear(),
        }
    }

    /// Takes the line that a frame should hold off what was sent.
    fn next_line(&mut self) -> Option<Option<Vec<u8>>> {
        if self.skipping {
            return None;
        }
        let end = memchr(b'\n', &self.sent);
        let limit = self.longest();
        let mut text = match end {
            Some(end) => {
                let mut text: Vec<_> = self.sent.drain(..=end).collect();
                text.truncate(end);
                text
            }
            None if self.sent.len() > limit => {
                self.sent.clear();
                self.skipping = true;
                self.rambled = true;
                return Some(None);
            }
            None => std::mem::take(&mut self.sent),
        };
        if text.last() == Some(&b'\r') {
            text.pop();
        }
        self.rambled |= text.len() > limit;
        Some((text.len() <= limit).then_some(text))
    }
}

/// How many bytes of answers may wait before a client is not heard any more.
const ANSWERS: usize = 64 * 1024;

/// How many bytes a connection may hold itself: what it takes at once, the largest answer (a room's
/// memory) behind it, and the answers to the frames of one poll.
const TAKEN: usize = 64 * 1024 + 33 * 512 * 1024;

/// How many nanoseconds a connection may take to start to close, or to see that something is due: its task may be
/// held back, and its timer late.
pub(super) const OBEDIENCE: u64 = 100_000_000;

/// Whether something that was encoded tells of a gap.
fn is_note(bytes: &[u8]) -> bool {
    bytes.starts_with(b"* you missed ") || bytes.starts_with(b"{\"event\":\"missed\"")
}

/// Bytes as a text of bounded length.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(160)]).into_owned();
    format!("{text:?}")
}

impl Model {
    /// A client has connected to where a protocol is spoken, or to where that is up to the client.
    pub(crate) fn connected(&mut self, id: Id, client: u32, tongue: Option<Tongue>, prompt: bool) {
        let person = Person::new(client, tongue, prompt, self.now);
        self.people.insert(id, person);
    }

    /// The server opens the conversation with a client.
    pub(crate) fn opens(&mut self, id: Id) {
        let (session, now) = (self.new_session(id), self.now);
        let Some(person) = self.people.get_mut(&id) else {
            return self.breaks(Promise::Frames, format!("nobody is connection {id}"));
        };
        person.session = Some(session);
        person.opened_at = now;
        person.presence = Presence::Open;
        if person.too_fast {
            let detail = format!("connection {id} was let in although it came too fast");
            self.breaks(Promise::Reason, detail);
        }
    }

    pub(super) fn session_of(&self, id: Id) -> Option<SessionId> {
        self.people.get(&id)?.session
    }

    /// Whether a connection has introduced itself.
    pub(crate) fn is_registered(&self, id: Id) -> bool {
        let session = self.session_of(id);
        session.is_some_and(|session| self.nick_of(session).is_some())
    }

    /// A client has quit.
    pub(super) fn says_goodbye(&mut self, id: Id) {
        if let Some(person) = self.people.get_mut(&id) {
            person.session = None;
            person.presence = Presence::Leaving;
        }
    }

    /// Queues an answer.
    pub(crate) fn replies(&mut self, id: Id, bytes: Line) {
        // What the connection has taken and the client has not, is not the outbox's.
        let bound = ANSWERS + TAKEN + self.limits.window;
        let waiting = self
            .people
            .get(&id)
            .map_or(0, |person| person.queue.answers());
        if waiting > bound {
            let detail = format!("connection {id}: {waiting} bytes of answers wait");
            self.breaks(Promise::Queue, detail);
        }
        if let Some(person) = self.people.get_mut(&id)
            && !bytes.is_empty()
        {
            person.queue.push_answer(Entry::Reply(bytes));
            if person.queue.answers() > ANSWERS {
                self.sometimes.count(Sort::Deaf);
            }
        }
    }

    /// A client is asked whether it is still there.
    pub(crate) fn pings(&mut self, id: Id, ping: &[u8]) {
        let due = match self.tongue_of(id) {
            Tongue::Text => "",
            Tongue::Json => "{\"event\":\"ping\"}\n",
        };
        if ping != due.as_bytes() {
            let detail = format!("connection {id}: {} is no ping", shown(ping));
            self.breaks(Promise::Queue, detail);
        }
        if !ping.is_empty() {
            self.sometimes.count(Sort::Ping);
        }
        let now = self.now;
        if let Some(person) = self.people.get_mut(&id) {
            person.pinged_at = Some(now);
        }
        self.replies(id, ping.into());
    }

    /// All sessions are ordered to close at this moment, by a server that `hushes` them before.
    pub(crate) fn orders_all_to_close(&mut self, hushes: bool) {
        self.shutdown = true;
        let now = self.now;
        for person in self.people.values_mut() {
            person.hushed = hushes;
            // One that was accepted and has not been opened yet gets the order, too.
            person.is_ordered(Order::Shutdown, now);
        }
    }

    /// A connection from an address is accepted by a server that counts how fast they come.
    pub(crate) fn arrives(&mut self, arrival: &Arrival) {
        let rate = self.limits.connect_rate;
        if rate == 0 {
            return;
        }
        let now = arrival.at;
        let came = self.arrivals.entry(arrival.household).or_default();
        // The bucket holds as many as may come in a second, and gains them back at an even pace.
        let interval = 1_000_000_000 / rate;
        let mut due = 0;
        for &at in came.iter() {
            due = due.max(at) + interval;
        }
        if due > now + interval * (rate - 1) {
            if let Some(person) = self.people.get_mut(&arrival.connection) {
                person.too_fast = true;
            }
            return;
        }
        came.push_back(now);
    }

    /// A client's stream has taken bytes.
    pub(crate) fn sent(&mut self, id: Id, bytes: &[u8]) {
        let now = self.now;
        if let Some(person) = self.people.get_mut(&id)
            && matches!(person.presence, Presence::New | Presence::Open)
        {
            person.speaks(now);
            person.sent.extend_from_slice(bytes);
            person.note_unheard();
            person.skip();
        }
    }

    /// A client closes its half of the stream.
    pub(crate) fn finished(&mut self, id: Id) {
        if let Some(person) = self.people.get_mut(&id) {
            person.finished = true;
        }
    }

    /// A client does not listen any more.
    pub(crate) fn stopped_listening(&mut self, id: Id) {
        if let Some(person) = self.people.get_mut(&id) {
            person.listens = false;
            person.finished = true;
        }
    }

    /// The server is handed a frame of a client. Returns the line that it should be; `None` for one that
    /// is too long.
    pub(crate) fn framed(&mut self, id: Id, frame: &Frame<'_>) -> Option<Vec<u8>> {
        self.hears_in_time(id);
        let now = self.now;
        let Some(person) = self.people.get_mut(&id) else {
            self.breaks(
                Promise::Frames,
                format!("a frame of nobody, connection {id}"),
            );
            return None;
        };
        let unended = memchr(b'\n', &person.sent).is_none();
        let finished = person.finished;
        person.framed_at = now;
        let line = person.next_line();
        let agrees = match (frame, &line) {
            (Frame::Line(theirs), Some(Some(ours))) => ours == theirs && (!unended || finished),
            (Frame::TooLong { .. }, Some(None)) => true,
            _ => false,
        };
        if !agrees {
            let detail = format!("connection {id}: the frame is {frame:?}, the line was {line:?}");
            self.breaks(Promise::Frames, detail);
        }
        if unended {
            self.sometimes.count(Sort::Unended);
        }
        line.flatten()
    }

    /// Something was encoded for a session.
    pub(crate) fn encoded(&mut self, id: Id, bytes: &[u8]) {
        let bounded = self.is_bounded() && !self.limits.disconnect && is_note(bytes);
        let presence = self.limits.presence;
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        while let Some(Entry::Reply(_)) = person.queue.entries.front()
            && let Some(Entry::Reply(line)) = person.queue.pop()
        {
            person.expected.push_back((line, None));
        }
        let tongue = person.tongue;
        if bounded && let Some(missed) = person.queue.take_note(|note| *note.line(tongue) == *bytes)
        {
            self.sometimes.count(Sort::MemoryGap);
            if tongue == Tongue::Json {
                self.sometimes.count(Sort::JsonGap);
            }
            person.expected.push_back((missed.line(tongue), None));
            return;
        }
        let (line, at) = match person.queue.pop() {
            Some(Entry::Room(event)) => {
                // News of who is there need not hurry as much as messages.
                let delay = event.number.map_or(presence, |_| 0);
                let at = Some(event.at + delay);
                (event.telling.to(person.tongue).clone(), at)
            }
            Some(Entry::Direct(telling, _) | Entry::Own(telling)) => {
                (telling.to(person.tongue).clone(), None)
            }
            Some(Entry::Missed(missed)) => {
                if person.tongue == Tongue::Json {
                    self.sometimes.count(Sort::JsonGap);
                }
                (missed.line(person.tongue), None)
            }
            Some(Entry::Reply(_)) | None => (Line::from([]), None),
        };
        let agrees = *line == *bytes;
        let theirs = (!agrees).then(|| shown(bytes));
        let ours = (!agrees).then(|| shown(&line));
        if !line.is_empty() {
            person.expected.push_back((line, at));
        }
        if let (Some(theirs), Some(ours)) = (theirs, ours) {
            let detail =
                format!("connection {id}: {theirs} was encoded where {ours} should have been next");
            self.breaks(Promise::Queue, detail);
        }
    }

    /// A client has received bytes.
    pub(crate) fn received(&mut self, id: Id, mut bytes: &[u8]) {
        let (now, promptness) = (self.now, self.promptness);
        self.received += bytes.len() as u64;
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        person.received_at = now;
        while !bytes.is_empty() {
            if person.expected.is_empty() {
                // What is encoded comes before what is received.
                person.queue.skip_untaken();
            }
            if person.expected.is_empty()
                && let Some(Entry::Reply(_)) = person.queue.entries.front()
                && let Some(Entry::Reply(line)) = person.queue.pop()
            {
                person.expected.push_back((line, None));
            }
            let Some((line, at)) = person.expected.front() else {
                let detail = format!("connection {id}: {} was never said", shown(bytes));
                return self.breaks(Promise::Delivery, detail);
            };
            let rest = &line[person.offset..];
            if rest.first() == Some(&ANY_TEXT) {
                // Up to the quote that nothing but the end of the frame follows.
                match memchr(b'\n', bytes) {
                    Some(end) => {
                        bytes = &bytes[end + 1..];
                        person.expected.pop_front();
                        person.offset = 0;
                        continue;
                    }
                    None => return,
                }
            }
            let known = memchr(ANY_TEXT, rest);
            let len = known.unwrap_or(rest.len()).min(bytes.len());
            if rest[..len] != bytes[..len] {
                let detail = format!(
                    "connection {id}: {} came where {} should have been next",
                    shown(bytes),
                    shown(rest),
                );
                return self.breaks(Promise::Delivery, detail);
            }
            bytes = &bytes[len..];
            person.offset += len;
            if person.offset == line.len() {
                if let (Some(at), Some(bound), true) = (*at, promptness, person.prompt)
                    && now > at + bound
                {
                    let detail = format!(
                        "connection {id}: {} took {} µs, at most {} are promised",
                        shown(line),
                        (now - at) / 1_000,
                        bound / 1_000,
                    );
                    return self.breaks(Promise::Prompt, detail);
                }
                person.expected.pop_front();
                person.offset = 0;
            }
        }
    }

    /// A client's stream was reset; `dropped` says whether that was the server's doing, and how long after
    /// closing, if it had closed.
    pub(crate) fn was_reset(&mut self, id: Id, dropped: Option<Option<u64>>) {
        let (now, cutting_off) = (self.now, self.cutting_off || self.stopping);
        let limits = self.limits.clone();
        self.stopped_listening(id);
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        if dropped.flatten().is_some() {
            person.queue.skip_untaken();
        }
        // Beyond a number of refusals at a time, others are closed without a word.
        let refused = person.presence == Presence::New || person.excused;
        if dropped == Some(None) && person.dismissed.is_none() && !refused && !cutting_off {
            let detail = format!("connection {id} was dropped with input unread");
            return self.breaks(Promise::Silence, detail);
        }
        let closing = person.dismissed.map_or(0, |at| now - at);
        if let Some(Some(lingered)) = dropped
            && lingered < limits.linger
            && closing < limits.close
            && !person.is_told()
            && !person.excused
            && !cutting_off
        {
            let detail = format!(
                "connection {id} was reset {} µs after it was closed; not received: {}",
                lingered / 1_000,
                person.untold(),
            );
            self.breaks(Promise::Complete, detail);
        }
    }

    /// A client has read the end of its stream; `closed` says whether the server closed it.
    pub(crate) fn ended(&mut self, id: Id, closed: bool) {
        let (cutting_off, stopping) = (self.cutting_off, self.stopping);
        let many = self.turns_away_many();
        let (now, within) = (self.now, self.shutdown_within);
        let patience = within.map_or(self.limits.close, |within| within.min(self.limits.close));
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        person.listens = false;
        if closed {
            // All that was taken is encoded by now, and there need not be last words behind it.
            person.queue.skip_untaken();
        }
        // Answers that nobody received yet: nothing follows them.
        let told = person.is_told();
        if closed {
            if !told {
                let detail = format!("connection {id}: not received: {}", person.untold());
                return self.breaks(Promise::Complete, detail);
            }
            return self.sometimes.count(Sort::GracefulEnd);
        }
        match person.presence {
            _ if person.excused || cutting_off => {}
            _ if person.dismissed.is_some_and(|at| now >= at + patience) => {
                self.sometimes.count(Sort::CutOff);
            }
            // It was waiting to be accepted when the listener was closed.
            Presence::New if stopping => {}
            Presence::New if many => {}
            presence => {
                let detail = format!("connection {id} ended while it was {presence:?}");
                self.breaks(Promise::Silence, detail);
            }
        }
    }

    /// The server says its last words to a client, as `reason` demands.
    ///
    /// It has heard from the client at `heard_at` and told it something at `told_at` last, in nanoseconds.
    pub(crate) fn bids_farewell(
        &mut self,
        id: Id,
        reason: &CloseReason,
        heard_at: Option<u64>,
        told_at: Option<u64>,
    ) {
        let (now, shutdown) = (self.now, self.shutdown);
        let (idle, full) = (self.limits.idle, self.limits.max_connections);
        // Whoever is refused is among the witnesses, too.
        let others = self.witnesses.saturating_sub(1);
        let (write, limited) = (self.limits.write, self.limits.rate > 0);
        let flood = self.limits.flood;
        let per_address = self.limits.max_per_address;
        let (registration, registered) = (self.limits.registration, self.is_registered(id));
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        let (sort, is_there) = match reason {
            CloseReason::Quit => (Sort::Quit, person.presence == Presence::Leaving),
            CloseReason::PeerClosed => (Sort::PeerClosed, person.finished),
            CloseReason::Idle(_) => {
                let silence = heard_at.map(|at| now - at);
                (Sort::Idle, idle.is_some() && silence >= idle)
            }
            CloseReason::Stalled(_) => {
                let silence = told_at.map(|at| now - at);
                (Sort::Stalled, write.is_some() && silence >= write)
            }
            CloseReason::Flooding => {
                let long = now >= person.ahead_since + flood;
                (Sort::Flooding, limited && long)
            }
            // The panics of hooks, and those that never answer, count as a no.
            CloseReason::Denied(_) => (Sort::Denied, person.presence == Presence::New),
            CloseReason::SlowConsumer => (Sort::SlowConsumer, person.queue.overflowed),
            CloseReason::Shutdown => (Sort::Shutdown, shutdown),
            CloseReason::ServerFull { limit } => {
                (Sort::ServerFull, *limit == full && others == full)
            }
            CloseReason::AddressFull { limit } => (Sort::AddressFull, Some(*limit) == per_address),
            CloseReason::Superseded => (Sort::TakenOver, person.order == Some(Order::Superseded)),
            CloseReason::Removed(why) => {
                let ordered = person.order == Some(Order::Removed);
                let why = why.as_ref().map(|why| why.as_str());
                (Sort::Removed, ordered && why == person.removal.as_deref())
            }
            CloseReason::Unregistered(_) => {
                let late = now >= person.opened_at + registration;
                (Sort::Unregistered, !registered && late && !person.waits)
            }
            CloseReason::ConnectingTooFast => (Sort::TooFast, person.too_fast),
            _ => (Sort::Refused, false),
        };
        let refused = person.presence == Presence::New;
        let last_words = match person.tongue {
            Tongue::Text => text::closing(reason),
            Tongue::Json => json::closing(reason),
        };
        if *reason == CloseReason::PeerClosed && !person.sent.is_empty() {
            let detail = format!("connection {id}: {} was not handled", shown(&person.sent));
            self.breaks(Promise::Frames, detail);
        }
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        if refused {
            // Told in the background, if at all.
            person.excused = true;
        }
        if matches!(
            reason,
            CloseReason::ServerFull { .. }
                | CloseReason::AddressFull { .. }
                | CloseReason::ConnectingTooFast
        ) {
            self.turns_away();
        }
        self.sometimes.count(sort);
        if !is_there {
            self.breaks(
                Promise::Reason,
                format!("connection {id} of {others} others is closed with {reason:?}"),
            );
        }
        self.obeys_orders(id);
        self.lets_go(id, Some(reason));
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        if *reason == CloseReason::Shutdown && !person.queue.entries.is_empty() {
            self.sometimes.count(Sort::ShutdownQueued);
        }
        person.queue.seal(last_words);
        person.sent.clear();
        person.presence = Presence::Leaving;
        person.dismissed = Some(now);
    }

    /// Checks that a connection that was ordered to close has not taken its time.
    fn obeys_orders(&mut self, id: Id) {
        let now = self.now;
        let late = self.people.get(&id).is_some_and(|person| {
            let ordered_at = person.ordered_at.unwrap_or(now);
            person.presence == Presence::Open && now > ordered_at + OBEDIENCE
        });
        if late {
            let detail = format!("connection {id} was ordered to close long ago");
            self.breaks(Promise::Reason, detail);
        }
    }

    /// Checks that a connection that is let go of has not been closing for too long.
    fn ends_in_time(&mut self, id: Id) {
        let (now, within) = (self.now, self.shutdown_within.unwrap_or(0));
        let limit = self.limits.close.max(within) + OBEDIENCE;
        let closing_since = self.people.get(&id).and_then(|person| person.dismissed);
        if closing_since.is_some_and(|at| now > at + limit) {
            let detail = format!("connection {id} was closing for longer than it may");
            self.breaks(Promise::Reason, detail);
        }
    }

    /// The server has let go of a connection.
    pub(crate) fn dropped(&mut self, id: Id) {
        self.obeys_orders(id);
        self.ends_in_time(id);
        self.lets_go(id, None);
        if let Some(person) = self.people.get_mut(&id) {
            person.presence = Presence::Gone;
            person.queue.closing = true;
        }
    }
}
