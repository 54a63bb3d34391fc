use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use crate::DEADLINE;
use crate::client::Client;

/// A running program, killed when dropped.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// How a program ended, and what it said that was not read before.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Program {
    pub(crate) fn start(path: impl AsRef<Path>, args: &[impl AsRef<OsStr>]) -> Self {
        Self::start_with(path, args, Stdio::null())
    }

    /// A program that reads what is typed.
    pub(crate) fn start_typing(path: impl AsRef<Path>, args: &[impl AsRef<OsStr>]) -> Self {
        Self::start_with(path, args, Stdio::piped())
    }

    fn start_with(path: impl AsRef<Path>, args: &[impl AsRef<OsStr>], stdin: Stdio) -> Self {
        let path = path.as_ref();
        let mut child = Command::new(path)
            .args(args)
            .env_remove("RUST_LOG")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            stdout: lines(child.stdout.take().unwrap()),
            stderr: lines(child.stderr.take().unwrap()),
            stdin: child.stdin.take(),
            child,
        }
    }

    /// Types lines.
    pub(crate) fn types(&mut self, lines: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{lines}").unwrap();
    }

    /// Types nothing more.
    pub(crate) fn stops_typing(&mut self) {
        self.stdin = None;
    }

    /// Reads until this line has come on standard output.
    pub(crate) fn prints(&self, awaited: &str) {
        while self.line() != awaited {}
    }

    /// Reads until a line that starts like this has come on standard error.
    pub(crate) fn complains(&self, awaited: &str) {
        let mut line = String::new();
        while !line.starts_with(awaited) {
            let next = self.stderr.recv_timeout(DEADLINE);
            line = next.unwrap_or_else(|error| panic!("never {awaited:?}: {error}"));
        }
    }

    /// The next line on standard output.
    pub(crate) fn line(&self) -> String {
        self.stdout.recv_timeout(DEADLINE).unwrap_or_else(|error| {
            let log: Vec<_> = self.stderr.try_iter().collect();
            panic!("no line: {error}\n{}", log.join("\n"))
        })
    }

    /// Where it says that it listens.
    pub(crate) fn listening_on(&self) -> String {
        let line = self.line();
        let address = line.strip_prefix("listening on ");
        address.unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    /// Somebody who connects to where it says next that it listens.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.listening_on())
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal)
            .unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> Ended {
        let deadline = Instant::now() + DEADLINE;
        // Both end no later than the program does.
        let stdout = rest(&self.stdout, deadline);
        let stderr = rest(&self.stderr, deadline);
        Ended {
            code: self.child.wait().unwrap().code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

fn rest(lines: &Receiver<String>, deadline: Instant) -> Vec<String> {
    let mut rest = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => rest.push(line),
            Err(RecvTimeoutError::Disconnected) => return rest,
            Err(RecvTimeoutError::Timeout) => panic!("still running: {rest:?}"),
        }
    }
}
