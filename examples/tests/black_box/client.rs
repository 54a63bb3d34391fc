use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;

use crate::DEADLINE;

/// Somebody with a terminal.
pub(crate) struct Client(BufReader<Box<dyn Stream>>);

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

impl Client {
    /// Connects to where a server says that it listens.
    pub(crate) fn connect(address: &str) -> Self {
        #[cfg(unix)]
        if let Some(path) = address.strip_prefix("unix:") {
            let stream = UnixStream::connect(path).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            stream.set_write_timeout(Some(DEADLINE)).unwrap();
            return Self(BufReader::new(Box::new(stream)));
        }
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(Box::new(stream)))
    }

    pub(crate) fn types(&mut self, lines: &str) {
        self.0.get_mut().write_all(lines.as_bytes()).unwrap();
        self.0.get_mut().write_all(b"\n").unwrap();
    }

    /// The next line; `None` when there are no more.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches('\n').to_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no line in time"),
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads until this line has come.
    pub(crate) fn hears(&mut self, awaited: &str) {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|line| line != awaited) {
            match self.line() {
                Some(line) => heard.push(line),
                None => panic!("never heard {awaited:?}, only {heard:?}"),
            }
        }
    }

    /// Is told that it is welcome; returns the nick it was given.
    pub(crate) fn is_welcomed(&mut self) -> String {
        let line = self.line().unwrap_or_default();
        let nick = line
            .strip_prefix("* welcome, ")
            .and_then(|line| line.strip_suffix(" — you are in #general"));
        nick.unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }
}
