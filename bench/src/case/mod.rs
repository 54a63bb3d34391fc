//! What the crowd does, and what is measured of it.

mod churn;
mod figures;
mod idle;
mod ledger;
mod run;
mod stage;
mod steady;
mod talk;

use std::net::SocketAddr;
use std::time::Duration;

pub use figures::{Connecting, Figures, Latency, Work};
use procfs::ProcError;
pub use run::Run;
use thiserror::Error;

use crate::load::{CrowdError, Dialect};
use crate::process::Measured;
use crate::readiness::Waiting;

/// Something for a crowd to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it is called on the command line and in files.
    pub name: &'static str,
    /// What it is called in tables and charts.
    pub title: &'static str,
    /// The sort of it, and its size.
    pub plan: Plan,
    /// In how many rounds it takes part at most, as some take long.
    pub rounds: usize,
}

/// What a crowd does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plan {
    /// Talks as fast as it is heard: in each room so many messages are on their way at any time, each said by
    /// another member, and each followed by the next when everybody in the room has it.
    Talk {
        /// How many rooms there are.
        rooms: usize,
        /// How many members each of them has.
        members: usize,
        /// How many messages are on their way in each.
        in_flight: usize,
        /// How many members of each room never read.
        deaf: usize,
    },
    /// Says so many messages a second in one room, whatever the server does.
    Steady {
        /// How many members it has.
        members: usize,
        /// How many messages.
        per_second: u32,
    },
    /// Comes in and is silent.
    Idle {
        /// How many members there are.
        members: usize,
        /// How many of them in each room.
        per_room: usize,
    },
    /// Some come and go, as fast as all who stay hear of it.
    Churn {
        /// How many stay.
        members: usize,
        /// How many come and go.
        churners: usize,
    },
}

/// How a case is run.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What is spoken.
    pub dialect: Dialect,
    /// Where the server listens.
    pub address: SocketAddr,
    /// The server's process.
    pub process: Measured,
    /// How long it is measured.
    pub duration: Duration,
    /// How long of that at a stretch, before it may be another server's turn.
    pub turn: Duration,
    /// How the crowd waits for what the server says.
    pub waiting: Waiting,
}

/// Why a case has no figures.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The server cannot do that at all.
    #[error("{dialect} has no such thing")]
    DoesNotApply {
        /// What it speaks.
        dialect: Dialect,
    },
    /// Something went wrong between the crowd and the server.
    #[error(transparent)]
    Crowd(#[from] CrowdError),
    /// The server's process cannot be measured.
    #[error("the server's process: {0}")]
    Process(#[from] ProcError),
    /// A delivery is missing, doubled or out of order.
    #[error("member {member} got {got} of {expected} deliveries, or not in the room's order")]
    Wrong {
        /// Whose.
        member: usize,
        /// How many it got.
        got: u64,
        /// How many it should have got.
        expected: u64,
    },
}

impl From<std::io::Error> for CaseError {
    fn from(error: std::io::Error) -> Self {
        Self::Crowd(error.into())
    }
}

/// All cases, in the order in which they are run and shown.
pub const CASES: &[Case] = &[
    talk("room-100-1", "100 members, 1 in flight", 1, 100, 1),
    talk("room-100-32", "100 members, 32 in flight", 1, 100, 32),
    talk("room-1000-1", "1,000 members, 1 in flight", 1, 1_000, 1),
    talk("room-1000-32", "1,000 members, 32 in flight", 1, 1_000, 32),
    talk(
        "rooms-100x10",
        "100 rooms of 10, 1 in flight in each",
        100,
        10,
        1,
    ),
    Case {
        name: "steady-200",
        title: "200 messages a second to 200 members",
        plan: Plan::Steady {
            members: 200,
            per_second: 200,
        },
        rounds: usize::MAX,
    },
    Case {
        name: "churn-1000",
        title: "joins and leaves in a room of 1,000",
        plan: Plan::Churn {
            members: 1_000,
            churners: 8,
        },
        rounds: usize::MAX,
    },
    Case {
        name: "deaf-1000",
        title: "1,000 members, one never reads, 32 in flight",
        plan: Plan::Talk {
            rooms: 1,
            members: 1_000,
            in_flight: 32,
            deaf: 1,
        },
        rounds: usize::MAX,
    },
    Case {
        name: "idle-10000",
        title: "10,000 idle members in rooms of 100",
        plan: Plan::Idle {
            members: 10_000,
            per_room: 100,
        },
        rounds: usize::MAX,
    },
    Case {
        rounds: 3,
        ..talk(
            "room-10000-32",
            "10,000 members, 32 in flight",
            1,
            10_000,
            32,
        )
    },
];

const fn talk(
    name: &'static str,
    title: &'static str,
    rooms: usize,
    members: usize,
    in_flight: usize,
) -> Case {
    Case {
        name,
        title,
        plan: Plan::Talk {
            rooms,
            members,
            in_flight,
            deaf: 0,
        },
        rounds: usize::MAX,
    }
}

impl Plan {
    /// How many members there are in all rooms, those who come and go included.
    pub fn members(self) -> usize {
        match self {
            Self::Talk { rooms, members, .. } => rooms * members,
            Self::Steady { members, .. } | Self::Idle { members, .. } => members,
            Self::Churn { members, churners } => members + churners,
        }
    }
}

impl Case {
    /// The case of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CASES.iter().find(|case| case.name == name)
    }
}
