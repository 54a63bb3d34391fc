use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::readiness::{Interest, Readiness};

/// A connection that never blocks; what it has no room for is kept.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Socket {
    pub(super) fn connect(
        address: SocketAddr,
        readiness: &Readiness,
        key: usize,
    ) -> io::Result<Self> {
        // The listener's queue takes it at once on one machine, so there is nothing to wait for.
        let stream = TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        readiness.add(&stream, key, Interest::Read)?;
        Ok(Self {
            stream,
            unsent: Vec::new(),
        })
    }

    /// Reads once; `None` when there is nothing.
    pub(super) fn read(&mut self, input: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream.read(input) {
            Ok(read) => Ok(Some(read)),
            Err(error) if is_passing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        readiness: &Readiness,
        key: usize,
    ) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return Ok(());
        }
        let written = match self.stream.write(bytes) {
            Ok(written) => written,
            Err(error) if is_passing(&error) => 0,
            Err(error) => return Err(error),
        };
        if written < bytes.len() {
            self.unsent.extend_from_slice(&bytes[written..]);
            readiness.modify(&self.stream, key, Interest::ReadAndWrite)?;
        }
        Ok(())
    }

    /// Writes what there was no room for before.
    pub(super) fn write_unsent(&mut self, readiness: &Readiness, key: usize) -> io::Result<()> {
        match self.stream.write(&self.unsent) {
            Ok(written) => drop(self.unsent.drain(..written)),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        if self.unsent.is_empty() {
            readiness.modify(&self.stream, key, Interest::Read)?;
        }
        Ok(())
    }

    /// Reads nothing any more, though the server may write.
    pub(super) fn stop_reading(&self, readiness: &Readiness) -> io::Result<()> {
        readiness.delete(&self.stream)
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
