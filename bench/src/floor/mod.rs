//! The floor: the least that a chat server can cost on sockets and epoll.
//!
//! One thread, one epoll, rooms, and one write per member and turn for everything that it got in that turn.
//! It speaks as much of the text protocol as the load needs: messages, `/join` and `/quit`. It has no limits, no
//! history, no checks and no time-outs, and a member that does not read takes its memory. So it is no server to
//! use; it tells what of a server's cost is the operating system's.

mod peer;
mod rooms;

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener};

use memchr::memchr_iter;
use peer::Peer;
use rooms::Rooms;
use slab::Slab;

use crate::readiness::{Interest, Readiness, Ready};

/// The key of the listener; peers have those of their places.
const LISTENER: usize = usize::MAX;

/// Where everybody starts.
const LOBBY: &str = "#general";

/// The server, before and while it [runs](Floor::run).
#[derive(Debug)]
pub struct Floor {
    listener: TcpListener,
    readiness: Readiness,
    peers: Slab<Peer>,
    rooms: Rooms,
    guests: u64,
    /// Who got something in this turn.
    dirty: Vec<usize>,
    gone: BTreeSet<usize>,
}

impl Floor {
    /// Listens on `address`.
    ///
    /// # Errors
    ///
    /// When the address cannot be had.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        // The standard library's backlog of 128 is too short for everybody at once.
        rustix::net::listen(&listener, 4096)?;
        listener.set_nonblocking(true)?;
        let readiness = Readiness::new()?;
        readiness.add(&listener, LISTENER, Interest::Read)?;
        Ok(Self {
            listener,
            readiness,
            peers: Slab::new(),
            rooms: Rooms::default(),
            guests: 0,
            dirty: Vec::new(),
            gone: BTreeSet::new(),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    ///
    /// When the listener or epoll fails.
    pub fn run(mut self) -> io::Result<()> {
        let mut ready: Vec<Ready> = Vec::new();
        let mut input = vec![0; 64 * 1024];
        loop {
            self.readiness.wait(None, &mut ready)?;
            for &Ready {
                key,
                readable,
                writable,
            } in &ready
            {
                if key == LISTENER {
                    self.accept()?;
                    continue;
                }
                if writable {
                    self.dirty.push(key);
                }
                if readable {
                    self.read(key, &mut input);
                }
            }
            self.write();
            self.bury();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => self.welcome(Peer::new(socket)?)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn welcome(&mut self, mut peer: Peer) -> io::Result<()> {
        self.guests += 1;
        peer.nick = format!("guest-{}", self.guests);
        let hello = format!("* welcome, {} — you are in {LOBBY}\n", peer.nick);
        peer.output.extend_from_slice(hello.as_bytes());
        let news = format!("* {} joined {LOBBY}\n", peer.nick);
        let lobby = self.rooms.named(LOBBY);
        self.tell(lobby, news.as_bytes());
        peer.room = lobby;
        let entry = self.peers.vacant_entry();
        let key = entry.key();
        self.readiness.add(&peer.socket, key, Interest::Read)?;
        entry.insert(peer);
        self.rooms.enter(lobby, key, &mut self.peers);
        self.dirty.push(key);
        Ok(())
    }

    fn read(&mut self, key: usize, input: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let Some(read) = peer.read(input) else {
            self.gone.insert(key);
            return;
        };
        if peer.partial.is_empty() {
            let used = self.handle(key, &input[..read]);
            self.peers[key]
                .partial
                .extend_from_slice(&input[used..read]);
        } else {
            peer.partial.extend_from_slice(&input[..read]);
            let whole = std::mem::take(&mut peer.partial);
            let used = self.handle(key, &whole);
            self.peers[key].partial.extend_from_slice(&whole[used..]);
        }
    }

    /// Handles the lines in `input`, and returns where the last one ends.
    fn handle(&mut self, key: usize, input: &[u8]) -> usize {
        let mut used = 0;
        for end in memchr_iter(b'\n', input) {
            let line = &input[used..end];
            used = end + 1;
            if let Some(room) = line.strip_prefix(b"/join ") {
                self.join(key, &String::from_utf8_lossy(room));
            } else if line == b"/quit" {
                self.gone.insert(key);
            } else if !line.is_empty() {
                self.say(key, line);
            }
        }
        used
    }

    fn say(&mut self, key: usize, text: &[u8]) {
        let peer = &self.peers[key];
        let room = peer.room;
        let mut line = Vec::with_capacity(text.len() + 64);
        line.extend_from_slice(b"[");
        line.extend_from_slice(self.rooms.name(room).as_bytes());
        line.extend_from_slice(b"] ");
        line.extend_from_slice(peer.nick.as_bytes());
        line.extend_from_slice(b": ");
        line.extend_from_slice(text);
        line.push(b'\n');
        self.tell(room, &line);
    }

    fn join(&mut self, key: usize, room: &str) {
        let to = self
            .rooms
            .named(&format!("#{}", room.trim_start_matches('#')));
        let from = self.peers[key].room;
        if to == from {
            return;
        }
        let nick = &self.peers[key].nick;
        let left = format!("* {nick} left {}\n", self.rooms.name(from));
        let joined = format!("* {nick} joined {}\n", self.rooms.name(to));
        self.rooms.leave(key, &mut self.peers);
        self.tell(from, left.as_bytes());
        self.peers[key].room = to;
        self.rooms.enter(to, key, &mut self.peers);
        self.tell(to, joined.as_bytes());
    }

    fn tell(&mut self, room: usize, line: &[u8]) {
        for &key in self.rooms.members(room) {
            let peer = &mut self.peers[key];
            if peer.output.is_empty() {
                self.dirty.push(key);
            }
            peer.output.extend_from_slice(line);
        }
    }

    fn write(&mut self) {
        for key in self.dirty.drain(..) {
            let Some(peer) = self.peers.get_mut(key) else {
                continue;
            };
            if peer.write(&self.readiness, key).is_err() {
                self.gone.insert(key);
            }
        }
    }

    /// Lets go of those who have left, and tells the others.
    fn bury(&mut self) {
        while let Some(key) = self.gone.pop_first() {
            if !self.peers.contains(key) {
                continue;
            }
            self.rooms.leave(key, &mut self.peers);
            let peer = self.peers.remove(key);
            let news = format!("* {} left {}\n", peer.nick, self.rooms.name(peer.room));
            self.tell(peer.room, news.as_bytes());
            self.write();
        }
    }
}
