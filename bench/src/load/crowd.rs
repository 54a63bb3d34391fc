use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::socket::Socket;
use super::{Dialect, Heard, Payload};
use crate::readiness::{Readiness, Ready, Waiting};

/// How long anything may take that should take moments.
const PATIENCE: Duration = Duration::from_secs(120);

/// Many members of one server.
#[derive(Debug)]
pub struct Crowd {
    dialect: Dialect,
    address: SocketAddr,
    readiness: Readiness,
    waiting: Waiting,
    members: Vec<Member>,
    settled: usize,
    input: Vec<u8>,
    output: Vec<u8>,
    ready: Vec<Ready>,
}

#[derive(Debug)]
struct Member {
    socket: Socket,
    room: String,
    nick: Vec<u8>,
    /// The beginning of something that the server has said.
    partial: Vec<u8>,
    settled: bool,
}

/// Why a case has no figures.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CrowdError {
    /// A socket failed.
    #[error("a socket: {0}")]
    Socket(#[from] io::Error),
    /// The server has closed a connection.
    #[error("the server has closed the connection of member {member}")]
    Closed {
        /// Whose.
        member: usize,
    },
    /// The server has refused something, or has dropped messages.
    #[error("the server said to member {member}: {line}")]
    Trouble {
        /// To whom.
        member: usize,
        /// What it said.
        line: String,
    },
    /// Something did not happen in time.
    #[error("{what} took longer than {} s", PATIENCE.as_secs())]
    Late {
        /// What should have happened.
        what: &'static str,
    },
}

/// The time by which something has to have happened.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    what: &'static str,
}

impl Deadline {
    /// That of `what`, which begins now.
    pub fn for_(what: &'static str) -> Self {
        Self {
            at: Instant::now() + PATIENCE,
            what,
        }
    }

    /// How long there is left.
    ///
    /// # Errors
    ///
    /// When there is nothing left.
    pub fn left(self) -> Result<Duration, CrowdError> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(CrowdError::Late { what: self.what });
        }
        Ok(left)
    }
}

impl Crowd {
    /// Nobody yet, who will speak `dialect` with the server at `address`, and wait like this for what it says.
    ///
    /// # Errors
    ///
    /// When there is no epoll to be had.
    pub fn new(dialect: Dialect, address: SocketAddr, waiting: Waiting) -> io::Result<Self> {
        Ok(Self {
            dialect,
            address,
            readiness: Readiness::new()?,
            waiting,
            members: Vec::new(),
            settled: 0,
            input: vec![0; 64 * 1024],
            output: Vec::new(),
            ready: Vec::new(),
        })
    }

    /// Connects a member for each of `rooms`, and returns when all are in them and the server has nothing more to
    /// say. At most `abreast` are on their way at a time, so that the place where a server lets everybody in does
    /// not become the fullest of all rooms.
    ///
    /// # Errors
    ///
    /// When the server does not let somebody in.
    pub fn gather(&mut self, rooms: &[String], abreast: usize) -> Result<(), CrowdError> {
        let deadline = Deadline::for_("coming in");
        let mut rooms = rooms.iter();
        loop {
            while self.members.len() - self.settled < abreast
                && let Some(room) = rooms.next()
            {
                self.connect(room)?;
            }
            if self.settled == self.members.len() {
                break;
            }
            self.turn(Some(deadline.left()?), |_, _| {})?;
        }
        self.quieten(deadline)
    }

    /// Returns when the server has said nothing for a moment.
    ///
    /// # Errors
    ///
    /// When it goes on and on.
    pub fn quieten(&mut self, deadline: Deadline) -> Result<(), CrowdError> {
        while self.turn(
            Some(Duration::from_millis(20).min(deadline.left()?)),
            |_, _| {},
        )? {}
        Ok(())
    }

    /// Waits at most for `timeout` until members hear something, and hands that to `hear` with the member's number.
    /// Returns whether there was anything.
    ///
    /// # Errors
    ///
    /// When a connection breaks, or the server has [`Trouble`](CrowdError::Trouble) with somebody.
    pub fn turn(
        &mut self,
        timeout: Option<Duration>,
        mut hear: impl FnMut(usize, Heard<'_>),
    ) -> Result<bool, CrowdError> {
        let mut ready = std::mem::take(&mut self.ready);
        self.readiness.wait_as(self.waiting, timeout, &mut ready)?;
        for ready in &ready {
            if ready.writable {
                let member = &mut self.members[ready.key];
                member.socket.write_unsent(&self.readiness, ready.key)?;
            }
            if ready.readable {
                self.read(ready.key, &mut hear)?;
            }
        }
        let heard = !ready.is_empty();
        self.ready = ready;
        Ok(heard)
    }

    /// Says message `number` in the member's room.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn say(&mut self, member: usize, number: u64) -> io::Result<()> {
        let room = &self.members[member].room;
        self.dialect
            .say(room, &Payload::new(number), &mut self.output);
        self.send(member)
    }

    /// Goes into `room`.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn enter(&mut self, member: usize, room: &str) -> io::Result<()> {
        self.dialect.enter(room, &mut self.output);
        self.send(member)
    }

    /// Goes from `room` back to where the member came in.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn leave(&mut self, member: usize, room: &str) -> io::Result<()> {
        let home = &self.members[member].room;
        self.dialect.leave(room, home, &mut self.output);
        self.send(member)
    }

    /// Lets a member read nothing any more.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn turn_away(&mut self, member: usize) -> io::Result<()> {
        self.members[member].socket.stop_reading(&self.readiness)
    }

    /// What a member is called.
    pub fn nick(&self, member: usize) -> &[u8] {
        &self.members[member].nick
    }

    /// What is spoken.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn connect(&mut self, room: &str) -> io::Result<()> {
        let member = self.members.len();
        // Not one that a server might give to a guest.
        let nick = format!("m{member}");
        self.members.push(Member {
            socket: Socket::connect(self.address, &self.readiness, member)?,
            room: room.to_owned(),
            nick: nick.clone().into_bytes(),
            partial: Vec::new(),
            settled: false,
        });
        self.dialect.introduce(&nick, room, &mut self.output);
        self.send(member)
    }

    /// Sends what was put into `output`.
    fn send(&mut self, member: usize) -> io::Result<()> {
        let socket = &mut self.members[member].socket;
        socket.write(&self.output, &self.readiness, member)?;
        self.output.clear();
        Ok(())
    }

    fn read(
        &mut self,
        key: usize,
        hear: &mut impl FnMut(usize, Heard<'_>),
    ) -> Result<(), CrowdError> {
        let member = &mut self.members[key];
        let Some(read) = member.socket.read(&mut self.input)? else {
            return Ok(());
        };
        if read == 0 {
            return Err(CrowdError::Closed { member: key });
        }
        let partial = std::mem::take(&mut member.partial);
        if partial.is_empty() {
            let input = std::mem::take(&mut self.input);
            let listened = self.listen(key, &input[..read], hear);
            self.input = input;
            return listened;
        }
        let mut whole = partial;
        whole.extend_from_slice(&self.input[..read]);
        self.listen(key, &whole, hear)
    }

    /// Takes in what is complete in `input`, and keeps the rest.
    fn listen(
        &mut self,
        key: usize,
        mut input: &[u8],
        hear: &mut impl FnMut(usize, Heard<'_>),
    ) -> Result<(), CrowdError> {
        let member = &mut self.members[key];
        let was_settled = member.settled;
        while let Some((heard, used)) = self.dialect.next(input) {
            input = &input[used..];
            match heard {
                Heard::Message(_) | Heard::Other => {}
                Heard::Named(nick) => {
                    member.nick = nick.to_owned();
                    // In the room that a server lets everybody into, one is not told of it otherwise.
                    member.settled |= self.dialect == Dialect::Text && member.room == "general";
                }
                Heard::Settled => member.settled = true,
                Heard::Came { nick, room } => {
                    member.settled |= nick == member.nick && room == member.room.as_bytes();
                }
                Heard::Went { .. } => {}
                Heard::Ping(token) => {
                    self.dialect.answer_ping(token, &mut self.output);
                    member.socket.write(&self.output, &self.readiness, key)?;
                    self.output.clear();
                }
                Heard::Trouble(line) => {
                    return Err(CrowdError::Trouble {
                        member: key,
                        line: String::from_utf8_lossy(line).into_owned(),
                    });
                }
            }
            hear(key, heard);
        }
        self.settled += usize::from(member.settled && !was_settled);
        if !input.is_empty() {
            member.partial = input.to_vec();
        }
        Ok(())
    }
}
