use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::readiness::{Interest, Readiness};

/// Somebody who is connected.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) socket: TcpStream,
    pub(super) nick: String,
    pub(super) room: usize,
    /// Where it stands among the members of its room.
    pub(super) place: usize,
    /// The beginning of a line.
    pub(super) partial: Vec<u8>,
    pub(super) output: Vec<u8>,
    /// Whether the socket had no room for all of it.
    blocked: bool,
}

impl Peer {
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // The peer may be gone already, which reading will tell.
        let _ = socket.set_nodelay(true);
        Ok(Self {
            socket,
            nick: String::new(),
            room: 0,
            place: 0,
            partial: Vec::new(),
            output: Vec::new(),
            blocked: false,
        })
    }

    /// Reads once; `None` when the peer is gone.
    pub(super) fn read(&mut self, input: &mut [u8]) -> Option<usize> {
        match self.socket.read(input) {
            Ok(0) => None,
            Ok(read) => Some(read),
            Err(error) if is_passing(&error) => Some(0),
            Err(_) => None,
        }
    }

    /// Writes what is there in one go, and has the socket watched while it is full.
    pub(super) fn write(&mut self, readiness: &Readiness, key: usize) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        match self.socket.write(&self.output) {
            Ok(written) if written == self.output.len() => self.output.clear(),
            Ok(written) => drop(self.output.drain(..written)),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        let full = !self.output.is_empty();
        if full != self.blocked {
            let interest = if full {
                Interest::ReadAndWrite
            } else {
                Interest::Read
            };
            readiness.modify(&self.socket, key, interest)?;
            self.blocked = full;
        }
        Ok(())
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
