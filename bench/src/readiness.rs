//! Which of many sockets are ready: Linux's epoll, level-triggered.

use std::fmt;
use std::hint;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

/// How many sockets are told of at a time.
const BATCH: usize = 1024;

/// Sockets that are watched, each under a key of the caller's.
pub struct Readiness {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// How somebody waits for sockets to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Asleep, until the kernel wakes it. Whoever writes to a socket pays for the waking.
    Asleep,
    /// Awake, with a look every 50 µs, so that a writer pays for nothing but writing. It takes all of a processor.
    Awake,
}

/// How long somebody who is awake waits between two looks. Looking all the time would have reader and writer of a socket get in each
/// other's way.
const LOOK: Duration = Duration::from_micros(50);

/// What a socket is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// There is something to read.
    Read,
    /// There is something to read, or there is room to write.
    ReadAndWrite,
}

/// A socket that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The key that it was added with.
    pub key: usize,
    /// Reading does not block; it may tell of an error.
    pub readable: bool,
    /// Writing does not block.
    pub writable: bool,
}

impl Readiness {
    /// Watches nothing yet.
    ///
    /// # Errors
    ///
    /// When the operating system has no more to give.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(BATCH),
        })
    }

    /// Watches `socket` until it is closed.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl`.
    pub fn add(&self, socket: impl AsFd, key: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, data(key), interest.into())?)
    }

    /// Watches a socket for something else.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl`.
    pub fn modify(&self, socket: impl AsFd, key: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            socket,
            data(key),
            interest.into(),
        )?)
    }

    /// Watches a socket no longer.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl`.
    pub fn delete(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Waits, asleep or awake, until some sockets are ready, or for `timeout`, and puts those that are into `ready`.
    ///
    /// # Errors
    ///
    /// Those of `epoll_wait`; an interruption is none.
    pub fn wait_as(
        &mut self,
        waiting: Waiting,
        timeout: Option<Duration>,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        if waiting == Waiting::Asleep {
            return self.wait(timeout, ready);
        }
        let start = Instant::now();
        loop {
            self.wait(Some(Duration::ZERO), ready)?;
            let left = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
            if !ready.is_empty() || left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
            let look = Instant::now() + LOOK.min(left.unwrap_or(LOOK));
            while Instant::now() < look {
                hint::spin_loop();
            }
        }
    }

    /// Waits until some sockets are ready, or for `timeout`, and puts those that are into `ready`.
    ///
    /// # Errors
    ///
    /// Those of `epoll_wait`; an interruption is none.
    pub fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let broken = epoll::EventFlags::ERR | epoll::EventFlags::HUP;
        ready.extend(self.events.iter().map(|event| {
            let (flags, data) = (event.flags, event.data);
            Ready {
                key: data.u64() as usize,
                readable: flags.intersects(epoll::EventFlags::IN | broken),
                writable: flags.contains(epoll::EventFlags::OUT),
            }
        }));
        Ok(())
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("epoll", &self.epoll)
            .finish_non_exhaustive()
    }
}

fn data(key: usize) -> epoll::EventData {
    epoll::EventData::new_u64(key as u64)
}

impl From<Interest> for epoll::EventFlags {
    fn from(interest: Interest) -> Self {
        match interest {
            Interest::Read => Self::IN,
            Interest::ReadAndWrite => Self::IN | Self::OUT,
        }
    }
}
