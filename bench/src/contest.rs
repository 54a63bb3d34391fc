//! Who is measured: servers that this program starts for each case, and servers that run already.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use clap::ValueEnum;
use procfs::ProcError;
use thiserror::Error;

use crate::load::Dialect;
use crate::process::Measured;
use crate::serve::{ANNOUNCEMENT, Kind};

/// A server to be measured.
#[derive(Clone, Debug)]
pub enum Contestant {
    /// One of this crate's, in a process of its own for each case.
    Own(Kind),
    /// One that runs already.
    Peer(Peer),
}

/// A server that somebody else has started: `NAME=PROTO:ADDR:PID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What it is called in tables.
    pub name: String,
    /// What it speaks.
    pub dialect: Dialect,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub pid: i32,
}

/// Why a text is no [`Peer`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeerError {
    /// It has another form.
    #[error("a peer is NAME=PROTO:ADDR:PID, as in redis=redis:127.0.0.1:6379:1234")]
    Form,
    /// There is no such protocol.
    #[error("a peer speaks text, json, irc or redis, not {0:?}")]
    Dialect(String),
}

/// A server that can be measured now.
#[derive(Debug)]
pub struct Running {
    /// What it speaks.
    pub dialect: Dialect,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub process: Measured,
    /// Ends it, if it was started for this.
    _child: Option<EndsWithUs>,
}

/// Why a server cannot be measured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was not started.
    #[error("it does not start: {0}")]
    Start(#[from] io::Error),
    /// It has ended, or said something else than where it listens.
    #[error("it has not said where it listens, but {0:?}")]
    Announcement(String),
    /// It cannot be bound to a processor.
    #[error("it cannot be bound to a processor: {0}")]
    Pin(#[from] ProcError),
}

#[derive(Debug)]
struct EndsWithUs(Child);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Contestant {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Own(kind) => kind.name(),
            Self::Peer(peer) => &peer.name,
        }
    }

    /// Starts it with `program`, which takes `serve KIND --processor N`, or lets a running one run on `processor`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or may not be measured.
    pub fn start(&self, program: &PathBuf, processor: usize) -> Result<Running, StartError> {
        match self {
            Self::Own(kind) => start(*kind, program, processor),
            Self::Peer(peer) => {
                let process = Measured::new(peer.pid);
                process.pin_to(processor)?;
                Ok(Running {
                    dialect: peer.dialect,
                    address: peer.address,
                    process,
                    _child: None,
                })
            }
        }
    }
}

fn start(kind: Kind, program: &PathBuf, processor: usize) -> Result<Running, StartError> {
    let mut child = Command::new(program)
        .args(["serve", kind.name(), "--processor", &processor.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take();
    let process = Measured::new(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let child = EndsWithUs(child);
    let mut line = String::new();
    if let Some(stdout) = stdout {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let address = line.trim_end().strip_prefix(ANNOUNCEMENT);
    let Some(address) = address.and_then(|address| address.parse().ok()) else {
        return Err(StartError::Announcement(line));
    };
    Ok(Running {
        dialect: Dialect::Text,
        address,
        process,
        _child: Some(child),
    })
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let (name, rest) = text.split_once('=').ok_or(PeerError::Form)?;
        let (dialect, rest) = rest.split_once(':').ok_or(PeerError::Form)?;
        let (address, pid) = rest.rsplit_once(':').ok_or(PeerError::Form)?;
        let dialect = Dialect::from_str(dialect, false)
            .map_err(|_| PeerError::Dialect(dialect.to_owned()))?;
        Ok(Self {
            name: name.to_owned(),
            dialect,
            address: address.parse().map_err(|_| PeerError::Form)?,
            pid: pid.parse().map_err(|_| PeerError::Form)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_a_protocol_an_address_and_a_process() {
        let peer: Peer = "redis 7=redis:127.0.0.1:6379:1234".parse().unwrap();
        let expected = Peer {
            name: "redis 7".to_owned(),
            dialect: Dialect::Redis,
            address: ([127, 0, 0, 1], 6379).into(),
            pid: 1234,
        };
        assert_eq!(peer, expected);
        let six: Peer = "six=irc:[::1]:6667:1".parse().unwrap();
        assert_eq!(six.address, "[::1]:6667".parse().unwrap());
    }

    #[test]
    fn anything_else_is_none() {
        for wrong in [
            "",
            "a",
            "a=text",
            "a=text:127.0.0.1:80",
            "a=smtp:127.0.0.1:25:1",
        ] {
            assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
        }
    }
}
