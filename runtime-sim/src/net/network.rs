use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use chat_core::runtime::{Address, BACKLOG};

use super::link::{Rates, Way};
use super::pipe::Pipe;
use crate::random::{Purpose, Random};
use crate::runtime::{Due, Shared};
use crate::strikes::Strike;
use crate::trace::What;

/// Which of the two ends: the one that connected is 0.
pub(crate) type End = usize;

/// All connections and listeners of a machine.
pub(crate) struct Network {
    pub(super) random: Random,
    pub(super) rates: Rates,
    connections: BTreeMap<u64, Connection>,
    last_connection: u64,
    listeners: BTreeMap<u64, ListenerState>,
    last_listener: u64,
    /// What was accepted from an address, and not [taken](Self::take_arrivals) since.
    arrivals: Vec<Arrival>,
    tcp: BTreeMap<SocketAddr, u64>,
    last_port: u16,
    /// The files of Unix sockets, some with nobody behind them.
    unix: BTreeMap<PathBuf, Option<u64>>,
    /// Until when the connections of a client are cut off, by client and direction.
    partitions: BTreeMap<(u32, usize), u64>,
    refused_until: u64,
    slow_until: u64,
    slowness: u64,
}

struct Connection {
    pipes: [Pipe; 2],
    /// Whether each end is still held by somebody.
    held: [bool; 2],
    /// Whether reads and writes of each end may be interrupted.
    hardy: [bool; 2],
    broken: bool,
    /// The client that connected, if it said so.
    client: Option<u32>,
    /// The address that it comes from, as a number.
    household: Option<u32>,
    /// When each end read something last.
    read_at: [u64; 2],
    /// When each end wrote something last.
    wrote_at: [u64; 2],
    /// Since when there is no room for what the server writes.
    blocked_at: Option<u64>,
    /// When each end closed its sending half.
    closed_at: [Option<u64>; 2],
    /// Whether the server has reset it by dropping its end with input unread, and how long it had waited
    /// for that after closing, if it had closed.
    dropped: Option<Option<u64>>,
}

/// A connection from an address, when it was accepted.
pub(crate) struct Arrival {
    pub(crate) connection: u64,
    /// The address, by a number.
    pub(crate) household: u32,
    pub(crate) at: u64,
}

pub(crate) struct ListenerState {
    pub(crate) backlog: VecDeque<(u64, Address)>,
    errors: VecDeque<io::ErrorKind>,
    waiting: Vec<Waker>,
    last_accepted: u64,
}

/// Why a place cannot be listened on.
pub(crate) type ListenError = io::ErrorKind;

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, Purpose::Network),
            rates: Rates::default(),
            connections: BTreeMap::new(),
            last_connection: 0,
            listeners: BTreeMap::new(),
            last_listener: 0,
            arrivals: Vec::new(),
            tcp: BTreeMap::new(),
            last_port: 49_151,
            unix: BTreeMap::new(),
            partitions: BTreeMap::new(),
            refused_until: 0,
            slow_until: 0,
            slowness: 0,
        }
    }

    pub(crate) fn set_rates(&mut self, rates: Rates) {
        self.rates = rates;
    }

    /// Lets everything through from now on.
    pub(crate) fn calm_down(&mut self, shared: &Shared) {
        self.rates = self.rates.calm();
        self.partitions.clear();
        self.refused_until = 0;
        self.slow_until = 0;
        for listener in self.listeners.values_mut() {
            listener.errors.clear();
        }
        let now = shared.clock.now();
        for (&id, connection) in &mut self.connections {
            for (index, pipe) in connection.pipes.iter_mut().enumerate() {
                pipe.clogged_until = pipe.clogged_until.min(now);
                pipe.breaks_after = None;
                pipe.alarm = None;
                arm(shared, id, index, pipe);
                // There may be more room than there was.
                if let Some(writer) = pipe.writer.take() {
                    writer.wake();
                }
            }
        }
    }

    pub(crate) fn rates(&self) -> Rates {
        self.rates
    }

    pub(crate) fn timer_skew(&mut self) -> u64 {
        if self.random.per_mille(self.rates.timer_skew) {
            self.random.between(1, 20_000_000)
        } else {
            0
        }
    }

    /// How many connections somebody still holds an end of, and how many bytes are in them.
    pub(crate) fn left(&self) -> (usize, usize) {
        let pipes = self.connections.values().flat_map(|held| &held.pipes);
        (
            self.connections.len(),
            pipes.map(|pipe| pipe.bytes.len()).sum(),
        )
    }

    // Listeners.

    pub(crate) fn bind_tcp(&mut self, addr: SocketAddr) -> Result<(u64, SocketAddr), ListenError> {
        let mut addr = addr;
        if addr.port() == 0 {
            self.last_port += 1;
            addr.set_port(self.last_port);
        }
        if self.tcp.contains_key(&addr) {
            return Err(io::ErrorKind::AddrInUse);
        }
        let id = self.add_listener();
        self.tcp.insert(addr, id);
        Ok((id, addr))
    }

    pub(crate) fn bind_unix(&mut self, path: PathBuf) -> Result<u64, ListenError> {
        if self.unix.contains_key(&path) {
            return Err(io::ErrorKind::AddrInUse);
        }
        let id = self.add_listener();
        self.unix.insert(path, Some(id));
        Ok(id)
    }

    fn add_listener(&mut self) -> u64 {
        self.last_listener += 1;
        let state = ListenerState {
            backlog: VecDeque::new(),
            errors: VecDeque::new(),
            waiting: Vec::new(),
            last_accepted: 0,
        };
        self.listeners.insert(self.last_listener, state);
        self.last_listener
    }

    /// Stops listening. Returns the connections that nobody accepted, to be dropped by the caller.
    pub(crate) fn unlisten(&mut self, listener: u64) -> Vec<u64> {
        self.tcp.retain(|_, id| *id != listener);
        for owner in self.unix.values_mut() {
            // The file stays.
            owner.take_if(|id| *id == listener);
        }
        let state = self.listeners.remove(&listener);
        let backlog = state.into_iter().flat_map(|state| state.backlog);
        backlog.map(|(connection, _)| connection).collect()
    }

    pub(crate) fn find_tcp(&self, addr: SocketAddr) -> io::Result<u64> {
        let listener = self.tcp.get(&addr).copied();
        listener.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }

    pub(crate) fn find_unix(&self, path: &PathBuf) -> io::Result<u64> {
        match self.unix.get(path) {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(None) => Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Some(listener)) => Ok(*listener),
        }
    }

    /// What happens to somebody who connects now: refused, or how much later it comes about.
    pub(crate) fn connect_delay(
        &mut self,
        shared: &Shared,
        client: Option<u32>,
    ) -> io::Result<u64> {
        let now = shared.clock.now();
        if now < self.refused_until {
            let mut core = shared.core();
            core.struck(Strike::RefusedConnect);
            core.note(What::Refuse, 0, 0);
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let mut delay = self.rates.latency * 1_000;
        if now < self.slow_until {
            delay += self.slowness;
            shared.core().struck(Strike::SlowConnect);
        }
        if let Some(client) = client {
            let cut_off = [0, 1].map(|pipe| self.partitions.get(&(client, pipe)).copied());
            let until = cut_off.into_iter().flatten().max().unwrap_or(0);
            delay = delay.max(until.saturating_sub(now));
        }
        Ok(delay)
    }

    /// Makes a connection that waits to be accepted.
    pub(crate) fn connect(
        &mut self,
        shared: &Shared,
        listener: u64,
        client: Option<u32>,
        peer: Address,
    ) -> io::Result<u64> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let state = self.listeners.get_mut(&listener).ok_or_else(refused)?;
        if state.backlog.len() >= usize::from(BACKLOG) {
            return Err(refused());
        }
        self.last_connection += 1;
        let id = self.last_connection;
        let household = match peer.ip() {
            Some(std::net::IpAddr::V4(ip)) => Some(ip.to_bits()),
            _ => None,
        };
        state.backlog.push_back((id, peer));
        let now = shared.clock.now();
        let connection = Connection {
            pipes: Default::default(),
            held: [true, true],
            hardy: [false, true],
            broken: false,
            client,
            household,
            read_at: [now; 2],
            wrote_at: [now; 2],
            blocked_at: None,
            closed_at: [None; 2],
            dropped: None,
        };
        let waiting = std::mem::take(&mut state.waiting);
        self.connections.insert(id, connection);
        shared.core().note(What::Connect, id, listener);
        waiting.into_iter().for_each(Waker::wake);
        Ok(id)
    }

    pub(crate) fn next_port(&mut self) -> u16 {
        self.last_port = self.last_port.wrapping_add(1).max(1_024);
        self.last_port
    }

    pub(crate) fn accept(
        &mut self,
        shared: &Shared,
        listener: u64,
        cx: &Context<'_>,
    ) -> Poll<io::Result<(u64, Address)>> {
        let Some(state) = self.listeners.get_mut(&listener) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if let Some(error) = state.errors.pop_front() {
            let left = state.errors.len() as u64;
            let mut core = shared.core();
            core.struck(match error {
                io::ErrorKind::ConnectionAborted => Strike::AcceptAborted,
                _ => Strike::AcceptError,
            });
            core.note(What::AcceptError, listener, left);
            return Poll::Ready(Err(error.into()));
        }
        let Some((connection, peer)) = state.backlog.pop_front() else {
            if !state.waiting.iter().any(|old| old.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            return Poll::Pending;
        };
        state.last_accepted = connection;
        let mut core = shared.core();
        core.note(What::Accept, connection, listener);
        let household = self.connections.get(&connection);
        if let Some(household) = household.and_then(|connection| connection.household) {
            self.arrivals.push(Arrival {
                connection,
                household,
                at: core.now(),
            });
        }
        Poll::Ready(Ok((connection, peer)))
    }

    /// The connection that `listener` accepted last.
    pub(crate) fn last_accepted(&self, listener: u64) -> u64 {
        let state = self.listeners.get(&listener);
        state.map_or(0, |state| state.last_accepted)
    }

    /// All that was accepted from an address since the last time, by any listener.
    pub(crate) fn take_arrivals(&mut self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrivals)
    }

    // Faults that are set off from outside.

    /// Makes the next accepts of all listeners fail.
    pub(crate) fn fail_accepts(&mut self, error: io::ErrorKind, times: usize) {
        for listener in self.listeners.values_mut() {
            listener.errors.extend(std::iter::repeat_n(error, times));
            let waiting = std::mem::take(&mut listener.waiting);
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn refuse_until(&mut self, until: u64) {
        self.refused_until = until;
    }

    pub(crate) fn slow_until(&mut self, until: u64, by: u64) {
        self.slow_until = until;
        self.slowness = by;
    }

    fn of_client(&self, client: u32) -> Vec<u64> {
        let theirs = |connection: &Connection| connection.client == Some(client);
        let connections = self.connections.iter();
        connections
            .filter(|(_, connection)| theirs(connection) && !connection.broken)
            .map(|(&id, _)| id)
            .collect()
    }

    /// Lets nothing through in `way` until an instant, on all connections of a client.
    pub(crate) fn clog(&mut self, shared: &Shared, client: u32, way: Way, until: u64) -> bool {
        let ids = self.of_client(client);
        let now = shared.clock.now();
        for &id in &ids {
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            for &index in way.pipes() {
                let pipe = &mut connection.pipes[index];
                pipe.clogged_until = pipe.clogged_until.max(until);
                pipe.alarm = None;
                let end = 2 * id + index as u64;
                shared.core().note(What::Clog, end, until - now);
                arm(shared, id, index, pipe);
            }
        }
        !ids.is_empty()
    }

    /// Cuts a client off in `way` until an instant, on the connections it has and on those it makes.
    pub(crate) fn partition(&mut self, shared: &Shared, client: u32, way: Way, until: u64) {
        for &pipe in way.pipes() {
            self.partitions.insert((client, pipe), until);
        }
        self.clog(shared, client, way, until);
        shared.core().struck(match way {
            Way::Up => Strike::PartitionUp,
            Way::Down => Strike::PartitionDown,
            Way::Both => Strike::Partition,
        });
    }

    /// Resets all connections of a client, at once or after so many more bytes in `way`.
    pub(crate) fn reset(&mut self, shared: &Shared, client: u32, within: Option<(Way, usize)>) {
        for id in self.of_client(client) {
            match within {
                None => {
                    shared.core().struck(Strike::Reset);
                    self.break_off(shared, id);
                }
                Some((way, after)) => {
                    if let Some(connection) = self.connections.get_mut(&id) {
                        for &pipe in way.pipes() {
                            connection.pipes[pipe].breaks_after = Some(after);
                        }
                    }
                }
            }
        }
    }

    fn break_off(&mut self, shared: &Shared, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.broken = true;
        shared.core().note(What::Reset, id, 0);
        for pipe in &mut connection.pipes {
            pipe.bytes = VecDeque::new();
            let wakers = [pipe.reader.take(), pipe.writer.take()];
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }

    /// Lets reads and writes of an end be interrupted.
    pub(crate) fn bears_interruptions(&mut self, id: u64, end: End) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.hardy[end] = true;
        }
    }

    /// Whether a connection was broken off.
    pub(crate) fn is_broken(&self, id: u64) -> bool {
        let connection = self.connections.get(&id);
        connection.is_none_or(|connection| connection.broken)
    }

    /// Whether `end` has closed its sending half, not just dropped it.
    pub(crate) fn has_closed(&self, id: u64, end: End) -> bool {
        let connection = self.connections.get(&id);
        connection.is_some_and(|connection| connection.pipes[end].closed)
    }

    /// When the server read something from a connection last.
    pub(crate) fn heard_at(&self, id: u64) -> Option<u64> {
        Some(self.connections.get(&id)?.read_at[1])
    }

    /// When the server read something from a connection last that is not broken, and since when it has not been able
    /// to write to it, if it cannot.
    pub(crate) fn clocks(&self, id: u64) -> Option<(u64, Option<u64>)> {
        let connection = self.connections.get(&id)?;
        (!connection.broken).then_some((connection.read_at[1], connection.blocked_at))
    }

    /// When the server wrote something to a connection last.
    pub(crate) fn told_at(&self, id: u64) -> Option<u64> {
        Some(self.connections.get(&id)?.wrote_at[1])
    }

    /// If the server has reset a connection by dropping its end with input unread: how long it had waited
    /// for that after closing, if it had closed.
    pub(crate) fn dropped(&self, id: u64) -> Option<Option<u64>> {
        self.connections.get(&id)?.dropped
    }

    // Bytes.

    pub(crate) fn arrive(&mut self, id: u64, pipe: usize) -> Option<Waker> {
        let pipe = &mut self.connections.get_mut(&id)?.pipes[pipe];
        pipe.alarm = None;
        pipe.reader.take()
    }

    pub(super) fn poll_read(
        &mut self,
        shared: &Shared,
        (id, end): (u64, End),
        cx: &Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let name = 2 * id + end as u64;
        let mut core = shared.core();
        if connection.broken {
            core.note(What::Broken, name, 0);
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let (random, rates) = (&mut self.random, &self.rates);
        // The one that the other end writes.
        let pipe = &mut connection.pipes[1 - end];
        let now = core.now();
        let readable = pipe.readable(now);
        if readable == 0 {
            if pipe.is_ended(now) {
                core.note(What::Ended, name, 0);
                return Poll::Ready(Ok(0));
            }
            drop(core);
            set(&mut pipe.reader, cx.waker());
            arm(shared, id, 1 - end, pipe);
            return Poll::Pending;
        }
        // Only the library is written so that it bears this; the combinators of `futures` are not.
        if connection.hardy[end] && random.per_mille(rates.interrupted_read) {
            core.struck(Strike::InterruptedRead);
            core.note(What::Interrupt, name, 0);
            return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
        }
        if random.per_mille(rates.spurious_read) {
            core.struck(Strike::SpuriousRead);
            drop(core);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut len = readable.min(buf.len());
        if len > 1 && random.per_mille(rates.one_byte_read) {
            core.struck(Strike::OneByteRead);
            len = 1;
        } else if len > 1 && random.per_mille(rates.short_read) {
            core.struck(Strike::ShortRead);
            len = random.index(len - 1) + 1;
        }
        core.note(What::Read, name, len as u64);
        drop(core);
        pipe.read(&mut buf[..len]);
        connection.read_at[end] = now;
        if let Some(writer) = pipe.writer.take() {
            writer.wake();
        }
        Poll::Ready(Ok(len))
    }

    pub(super) fn poll_write(
        &mut self,
        shared: &Shared,
        (id, end): (u64, End),
        cx: &Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let name = 2 * id + end as u64;
        let mut core = shared.core();
        if connection.broken {
            core.note(What::Broken, name, 1);
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if !connection.held[1 - end] || connection.pipes[end].end.is_some() {
            core.note(What::Broken, name, 2);
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let (random, rates) = (&mut self.random, &self.rates);
        let pipe = &mut connection.pipes[end];
        let room = pipe.room(rates.window);
        if room == 0 {
            core.struck(Strike::FullWindow);
            if end == 1 {
                connection.blocked_at.get_or_insert(core.now());
            }
            core.note(What::Full, name, pipe.bytes.len() as u64);
            drop(core);
            set(&mut pipe.writer, cx.waker());
            return Poll::Pending;
        }
        if connection.hardy[end] && random.per_mille(rates.interrupted_write) {
            core.struck(Strike::InterruptedWrite);
            core.note(What::Interrupt, name, 1);
            return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
        }
        if random.per_mille(rates.spurious_write) {
            core.struck(Strike::SpuriousWrite);
            drop(core);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut len = room.min(buf.len());
        if len > 1 && random.per_mille(rates.one_byte_write) {
            core.struck(Strike::OneByteWrite);
            len = 1;
        } else if len > 1 && random.per_mille(rates.short_write) {
            core.struck(Strike::ShortWrite);
            len = random.index(len - 1) + 1;
        }
        if let Some(left) = &mut pipe.breaks_after {
            if *left <= len {
                let left = *left;
                let within = buf[..left].last().is_some_and(|&byte| byte != b'\n');
                core.struck(if within {
                    Strike::ResetWithin
                } else {
                    Strike::Reset
                });
                drop(core);
                self.break_off(shared, id);
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            *left -= len;
        }
        let now = core.now();
        let mut at = now + rates.latency * 1_000;
        if rates.jitter > 0 {
            at += random.below(rates.jitter * 1_000);
            core.struck(Strike::Jitter);
        }
        if random.per_mille(rates.coalesce) {
            core.struck(Strike::Coalesced);
            at += random.between(5_000_000, 40_000_000);
        }
        if len > 1 && random.per_mille(rates.split) {
            core.struck(Strike::Split);
            let cut = random.index(len - 1) + 1;
            let at = pipe.send(&buf[..cut], at);
            pipe.send(&buf[cut..len], at + random.between(1_000, 5_000_000));
        } else {
            pipe.send(&buf[..len], at);
        }
        core.note(What::Write, name, len as u64);
        drop(core);
        connection.wrote_at[end] = now;
        if end == 1 {
            connection.blocked_at = None;
        }
        arm(shared, id, end, pipe);
        Poll::Ready(Ok(len))
    }

    pub(super) fn poll_flush(
        &mut self,
        shared: &Shared,
        (id, end): (u64, End),
        cx: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if connection.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let pipe = &mut connection.pipes[end];
        let now = shared.clock.now();
        if pipe.flush_until == 0 && self.random.per_mille(self.rates.stalled_flush) {
            pipe.flush_until = now + self.random.between(1_000, 50_000_000);
            let mut core = shared.core();
            core.struck(Strike::StalledFlush);
            let name = 2 * id + end as u64;
            core.note(What::Stall, name, pipe.flush_until - now);
        }
        if now < pipe.flush_until {
            let waker = cx.waker().clone();
            shared.core().schedule(pipe.flush_until, Due::Wake(waker));
            return Poll::Pending;
        }
        pipe.flush_until = 0;
        Poll::Ready(Ok(()))
    }

    /// Closes the sending half; `closed` says whether somebody asked for that or just dropped it.
    pub(super) fn finish(&mut self, shared: &Shared, (id, end): (u64, End), closed: bool) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let pipe = &mut connection.pipes[end];
        pipe.closed |= closed;
        if pipe.end.is_some() {
            return;
        }
        let mut core = shared.core();
        core.note(What::Finish, 2 * id + end as u64, 0);
        let at = core.now() + self.rates.latency * 1_000;
        if closed {
            connection.closed_at[end] = Some(core.now());
        }
        drop(core);
        pipe.finish(at);
        arm(shared, id, end, pipe);
    }

    /// Lets go of one end of a connection.
    pub(super) fn let_go(&mut self, shared: &Shared, (id, end): (u64, End)) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.held[end] = false;
        let gone = !connection.held[1 - end];
        let pipe = &mut connection.pipes[1 - end];
        let unread = pipe.bytes.len();
        shared
            .core()
            .note(What::Drop, 2 * id + end as u64, unread as u64);
        pipe.reader = None;
        let writer = pipe.writer.take();
        if gone {
            self.connections.remove(&id);
        } else if unread > 0 && !connection.broken {
            let mut core = shared.core();
            core.struck(Strike::ResetByDrop);
            if end == 1 {
                let lingered = connection.closed_at[1].map(|at| core.now() - at);
                connection.dropped = Some(lingered);
            }
            drop(core);
            self.break_off(shared, id);
        } else {
            self.finish(shared, (id, end), false);
        }
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

fn set(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(old) => old.clone_from(waker),
        None => *place = Some(waker.clone()),
    }
}

/// Sees to it that a reader who waits is woken when something arrives.
fn arm(shared: &Shared, id: u64, index: usize, pipe: &mut Pipe) {
    if pipe.reader.is_none() {
        return;
    }
    let Some(at) = pipe.next_arrival() else {
        return;
    };
    let mut core = shared.core();
    if at <= core.now() {
        drop(core);
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
        return;
    }
    if pipe.alarm.is_none_or(|alarm| at < alarm) {
        core.schedule(at, Due::Arrival(id, index));
        pipe.alarm = Some(at);
    }
}

/// A connection's end that somebody is going to hold.
pub(super) fn stream(shared: &Arc<Shared>, id: u64, end: End) -> super::SimStream {
    super::SimStream::new(Arc::clone(shared), id, end)
}
