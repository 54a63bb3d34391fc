//! Plans as text: a line for the seed, each setting that is not the default, each operation, each fault and
//! each deed of the program. Blank lines and what follows a `;` mean nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::{Action, Deed, DeedKind, Fault, FaultKind, Operation, Plan, PlanConfig};
use crate::net::Way;

/// Makes a kind of thing that is written as a word and numbers.
macro_rules! words {
    ($type:ty { $($word:literal => $variant:ident $(($($field:ident: $kind:ty),*))?,)* }) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $(($($field),*))? => {
                        f.write_str($word)?;
                        $($(write!(f, " {}", $field)?;)*)?
                        Ok(())
                    })*
                }
            }
        }

        impl Parse for $type {
            fn parse(words: &mut std::str::SplitWhitespace<'_>) -> Result<Self, String> {
                match words.next().unwrap_or_default() {
                    $($word => Ok(Self::$variant $(($(next::<$kind>(words)?),*))?),)*
                    other => Err(format!("{other:?} is none of the things there are")),
                }
            }
        }
    };
}

trait Parse: Sized {
    fn parse(words: &mut std::str::SplitWhitespace<'_>) -> Result<Self, String>;
}

words! { Action {
    "connect" => Connect,
    "say" => Say(len: u32),
    "burst" => Burst(times: u32, len: u32),
    "act" => Act(len: u32),
    "private" => Private(to: u32, len: u32),
    "join" => Join(room: u32),
    "hop" => Hop(times: u32),
    "nick" => Nick(nick: u32),
    "who" => Who,
    "rooms" => Rooms,
    "history" => History(count: u32),
    "recall" => Recall(times: u32),
    "help" => Help(times: u32),
    "quit" => Quit(len: u32),
    "blank" => Blank,
    "rubbish" => Rubbish(len: u32),
    "line" => Line(len: u32),
    "cut" => Cut(len: u32),
    "half-close" => HalfClose,
    "vanish" => Vanish,
    "pause" => Pause(ms: u32),
    "deaf" => Deaf,
    "drip" => Drip(len: u32),
    "storm" => Storm(times: u32),
    "leave" => Leave(room: u32),
    "topic" => Topic(len: u32),
    "again" => Again,
    "take-over" => TakeOver,
    "odd" => Odd(which: u32),
} }

words! { FaultKind {
    "clog" => Clog(client: u32, way: Way, ms: u32),
    "partition" => Partition(client: u32, way: Way, ms: u32),
    "reset" => Reset(client: u32),
    "reset-within" => ResetWithin(client: u32, way: Way, bytes: u32),
    "refuse" => Refuse(ms: u32),
    "slow" => Slow(ms: u32, by: u32),
    "accept-errors" => AcceptErrors(times: u32),
    "accept-aborts" => AcceptAborts(times: u32),
    "drop-future" => DropFuture(client: u32, polls: u32),
    "wall-clock-back" => WallClockBack(ms: u32),
    "shutdown" => Shutdown,
    "drop-server" => DropServer,
} }

words! { DeedKind {
    "publish" => Publish(room: u32, len: u32),
    "topic" => SetTopic(room: u32, len: u32),
    "kick" => Kick(room: u32, nick: u32, len: u32),
    "disconnect" => Disconnect(nick: u32, len: u32),
    "close-room" => CloseRoom(room: u32, len: u32),
    "subscribe" => Subscribe(room: u32, ms: u32),
    "unsubscribe" => Unsubscribe(which: u32),
    "look" => Look(room: u32),
} }

fn next<T: FromStr<Err: fmt::Display>>(
    words: &mut std::str::SplitWhitespace<'_>,
) -> Result<T, String> {
    let word = words.next().ok_or("something is missing at the end")?;
    word.parse().map_err(|error| format!("{word:?}: {error}"))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        let default = PlanConfig::default();
        if self.config.policy != default.policy {
            writeln!(f, "set policy {}", self.config.policy)?;
        }
        for ((name, value), (_, usual)) in self.config.numbers().iter().zip(default.numbers()) {
            if *value != usual {
                writeln!(f, "set {name} {value}")?;
            }
        }
        for Operation { at, client, action } in &self.operations {
            writeln!(f, "at {at} client {client} {action}")?;
        }
        for Fault { at, kind } in &self.faults {
            writeln!(f, "at {at} fault {kind}")?;
        }
        for Deed { at, kind } in &self.deeds {
            writeln!(f, "at {at} program {kind}")?;
        }
        Ok(())
    }
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// Tells which line makes no sense, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut plan = Self {
            seed: 0,
            config: PlanConfig::default(),
            operations: Vec::new(),
            faults: Vec::new(),
            deeds: Vec::new(),
        };
        let mut known = BTreeSet::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split(';').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            plan.parse_line(&mut words, &mut known)
                .and_then(|()| match words.next() {
                    None => Ok(()),
                    Some(word) => Err(format!("{word:?} is too much")),
                })
                .map_err(|error| format!("line {}: {error}", index + 1))?;
        }
        Ok(plan)
    }

    /// Reads a line, where what is in `known` was said before.
    fn parse_line(
        &mut self,
        words: &mut std::str::SplitWhitespace<'_>,
        known: &mut BTreeSet<String>,
    ) -> Result<(), String> {
        let mut once = |name: &str| match known.insert(name.into()) {
            true => Ok(()),
            false => Err(format!("{name} is said twice")),
        };
        match words.next() {
            None => {}
            Some("seed") => {
                once("seed")?;
                self.seed = next(words)?;
            }
            Some("set") => {
                let name: String = next(words)?;
                if name == "policy" {
                    self.config.policy = next(words)?;
                } else {
                    let place = self.config.number_mut(&name);
                    let place = place.ok_or_else(|| format!("there is no setting {name:?}"))?;
                    let value = next(words)?;
                    PlanConfig::check(&name, value)?;
                    *place = value;
                }
                once(&name)?;
            }
            Some("at") => {
                let at = next(words)?;
                match words.next() {
                    Some("client") => self.operations.push(Operation {
                        at,
                        client: next(words)?,
                        action: Action::parse(words)?,
                    }),
                    Some("fault") => self.faults.push(Fault {
                        at,
                        kind: FaultKind::parse(words)?,
                    }),
                    Some("program") => self.deeds.push(Deed {
                        at,
                        kind: DeedKind::parse(words)?,
                    }),
                    _ => {
                        return Err("either a client, a fault or the program does something".into());
                    }
                }
            }
            Some(word) => return Err(format!("{word:?} begins no line")),
        }
        Ok(())
    }
}
