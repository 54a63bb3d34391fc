use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use chat_core::runtime::{Runtime, RuntimeExt};
use futures::io::{AsyncReadExt, AsyncWriteExt};

use super::site::Socket;
use crate::waiting_for;

/// Somebody with a connection, who says lines and listens for them.
///
/// Everything it waits for it waits for at most [`PATIENCE`], and a failure tells who waited for what and
/// what came last. A runtime whose timer is broken is left to the watchdog.
pub(super) struct Person {
    pub(super) name: String,
    stream: Socket,
    runtime: Arc<dyn Runtime>,
    /// What was read and not yet listened to.
    heard: Vec<u8>,
    /// How much of `heard` has been.
    listened: usize,
    last: VecDeque<String>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Heard {
    Line(String),
    /// The peer has closed in good order.
    End,
    /// The connection broke.
    Broken(io::Error),
}

/// How long a person waits for one thing. A machine that is busy is no failure.
const PATIENCE: Duration = Duration::from_secs(15);

/// How many lines a person keeps in mind for the message of a failure.
const KEPT: usize = 4;

impl Person {
    pub(super) fn new(name: &str, stream: Socket, runtime: &Arc<dyn Runtime>) -> Self {
        Self {
            name: name.into(),
            stream,
            runtime: Arc::clone(runtime),
            heard: Vec::new(),
            listened: 0,
            last: VecDeque::new(),
        }
    }

    /// Says a line.
    pub(super) async fn says(&mut self, line: &str) {
        self.sends(format!("{line}\n").as_bytes()).await;
    }

    /// Sends bytes as they are.
    pub(super) async fn sends(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_send(bytes).await {
            panic!("{} cannot send: {error}", self.name);
        }
    }

    pub(super) async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        waiting_for("somebody's bytes to be sent");
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match self.runtime.timeout(PATIENCE, sent).await {
            Ok(sent) => sent,
            Err(_) => panic!("{} cannot send: nobody takes it", self.name),
        }
    }

    /// Says no more, and still listens.
    pub(super) async fn closes_its_half(&mut self) {
        waiting_for("somebody's half of a connection to be closed");
        self.stream.close().await.expect("closing works");
    }

    /// Listens for whatever comes next.
    pub(super) async fn next(&mut self) -> Heard {
        self.waits_for(&"anything").await
    }

    /// Listens for a line.
    pub(super) async fn line(&mut self) -> String {
        self.line_instead_of(&"a line").await
    }

    /// The next line is this one.
    #[track_caller]
    pub(super) fn hears<'a>(&'a mut self, line: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let next = self.waits_for(&Told(Heard::Line(line.into()))).await;
            match next {
                Heard::Line(next) if next == line => {}
                other => panic!(
                    "{} should hear {} and hears {} ({}:{})",
                    self.name,
                    Told(Heard::Line(line.into())),
                    Told(other),
                    caller.file(),
                    caller.line()
                ),
            }
        }
    }

    /// The next lines are these.
    pub(super) async fn hears_all(&mut self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        for line in lines {
            self.hears(line.as_ref()).await;
        }
    }

    /// Listens until `line` comes, and returns what came before it.
    pub(super) async fn hears_until(&mut self, line: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let next = self.line_instead_of(&Told(Heard::Line(line.into()))).await;
            if next == line {
                return before;
            }
            before.push(next);
        }
    }

    /// The next line is a refusal, which is returned without its mark.
    #[track_caller]
    pub(super) fn is_refused(&mut self) -> impl Future<Output = String> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            let line = self.line_instead_of(&"a refusal").await;
            match line.strip_prefix("! ") {
                Some(why) => why.into(),
                None => panic!(
                    "{} should be refused and hears {line:?} ({}:{})",
                    self.name,
                    caller.file(),
                    caller.line()
                ),
            }
        }
    }

    /// The server has handled everything said so far, and there is nothing to hear of it.
    #[track_caller]
    pub(super) fn hears_nothing_more(&mut self) -> impl Future<Output = ()> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            self.says(&format!("/{PROBE}")).await;
            let line = self.line_instead_of(&"the answer to a question").await;
            assert!(
                is_probe_answer(&line),
                "{} should hear nothing more and hears {line:?} ({}:{})",
                self.name,
                caller.file(),
                caller.line()
            );
        }
    }

    /// Whatever is on its way; returns when the server has handled everything said so far.
    pub(super) async fn catches_up(&mut self) -> Vec<String> {
        self.says(&format!("/{PROBE}")).await;
        let mut before = Vec::new();
        loop {
            let line = self.line_instead_of(&"the answer to a question").await;
            if is_probe_answer(&line) {
                return before;
            }
            before.push(line);
        }
    }

    /// Nothing comes but the end, in good order.
    #[track_caller]
    pub(super) fn hears_the_end(&mut self) -> impl Future<Output = ()> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            match self.waits_for(&"the end").await {
                Heard::End => {}
                other => panic!(
                    "{} should hear the end and hears {} ({}:{})",
                    self.name,
                    Told(other),
                    caller.file(),
                    caller.line()
                ),
            }
        }
    }

    /// Listens to the end, whether it is a good one or not.
    pub(super) async fn hears_out(&mut self) -> (Vec<String>, Heard) {
        let mut lines = Vec::new();
        loop {
            match self.waits_for(&"the end").await {
                Heard::Line(line) => lines.push(line),
                end => return (lines, end),
            }
        }
    }

    /// The same for what may end anywhere: how many whole lines there were.
    pub(super) async fn hears_out_broken(&mut self) -> (usize, io::Result<()>) {
        let mut lines = self.heard[self.listened..]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        self.heard.clear();
        self.listened = 0;
        loop {
            waiting_for("the end of a connection that was cut off");
            let mut some = [0; 4096];
            let read = self.stream.read(&mut some);
            match self.runtime.timeout(PATIENCE, read).await {
                Ok(Ok(0)) => return (lines, Ok(())),
                Ok(Ok(read)) => lines += some[..read].iter().filter(|b| **b == b'\n').count(),
                Ok(Err(error)) => return (lines, Err(error)),
                Err(_) => panic!("{} waits in vain for the end", self.name),
            }
        }
    }

    async fn line_instead_of(&mut self, wanted: &dyn fmt::Display) -> String {
        match self.waits_for(wanted).await {
            Heard::Line(line) => line,
            other => panic!(
                "{} should hear {wanted} and hears {}{}",
                self.name,
                Told(other),
                self.memory()
            ),
        }
    }

    async fn waits_for(&mut self, wanted: &dyn fmt::Display) -> Heard {
        let mut searched = self.listened;
        loop {
            if let Some(end) = self.heard[searched..].iter().position(|b| *b == b'\n') {
                let line = &self.heard[self.listened..searched + end];
                let line = String::from_utf8(line.to_vec());
                let line = line.unwrap_or_else(|line| panic!("{} hears {line}", self.name));
                self.listened = searched + end + 1;
                if self.last.len() == KEPT {
                    self.last.pop_front();
                }
                self.last.push_back(line.chars().take(120).collect());
                return Heard::Line(line);
            }
            self.heard.drain(..self.listened);
            self.listened = 0;
            searched = self.heard.len();
            waiting_for("somebody to hear something");
            let mut some = [0; 4096];
            let read = self.stream.read(&mut some);
            match self.runtime.timeout(PATIENCE, read).await {
                Ok(Ok(0)) if self.heard.is_empty() => return Heard::End,
                Ok(Ok(0)) => panic!("{} hears the end in the middle of a line", self.name),
                Ok(Ok(read)) => self.heard.extend_from_slice(&some[..read]),
                Ok(Err(error)) => return Heard::Broken(error),
                Err(_) => panic!("{} waits in vain for {wanted}{}", self.name, self.memory()),
            }
        }
    }

    fn memory(&self) -> String {
        if self.last.is_empty() {
            return String::new();
        }
        format!(", having heard {:?}", self.last)
    }
}

/// No command: the answer shows that everything before has been handled.
const PROBE: &str = "are-you-there";

fn is_probe_answer(line: &str) -> bool {
    line.starts_with("! ") && line.contains(PROBE)
}

struct Told(Heard);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Heard::Line(line) if line.len() > 200 => {
                let start: String = line.chars().take(80).collect();
                write!(f, "{start:?}... ({} bytes)", line.len())
            }
            Heard::Line(line) => write!(f, "{line:?}"),
            Heard::End => f.write_str("the end"),
            Heard::Broken(error) => write!(f, "nothing: {error}"),
        }
    }
}
