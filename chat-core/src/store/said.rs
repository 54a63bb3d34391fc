use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::name::RoomName;

/// A client's own name for a message of its own: 1 to 64 bytes without control characters.
///
/// # Examples
///
/// ```
/// use chat_core::store::ClientId;
///
/// assert_eq!(ClientId::parse("m-17").unwrap().as_str(), "m-17");
/// assert_eq!(ClientId::parse(""), None);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// How long it is at most, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 64;

    /// Checks `id`; `None` if it is empty, too long, or holds control characters.
    pub fn parse(id: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_BYTES).contains(&id.len());
        (fits && !id.contains(char::is_control)).then(|| Self(id.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What one session has said under names of its own, so that saying it again is saying it once.
///
/// Each is remembered for a given time at least; in that time no more than [`Said::CAPACITY`] fit.
#[derive(Debug, Default)]
pub struct Said {
    numbers: HashMap<(RoomName, ClientId), u64>,
    order: VecDeque<(Instant, (RoomName, ClientId))>,
}

/// There are too many names to remember; one more could not be recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Said {
    /// How many names are remembered at the same time.
    pub const CAPACITY: usize = 8192;

    /// The number that the message got when it was said for the first time.
    pub fn number(&self, room: &RoomName, id: &ClientId) -> Option<u64> {
        self.numbers.get(&(room.clone(), id.clone())).copied()
    }

    /// Makes room for one more, if need be by forgetting what is older than `memory`.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn make_room(&mut self, now: Instant, memory: Duration) -> Result<(), Full> {
        if self.order.len() < Self::CAPACITY {
            return Ok(());
        }
        while let Some((said_at, _)) = self.order.front()
            && now.saturating_duration_since(*said_at) > memory
            && let Some((_, name)) = self.order.pop_front()
        {
            self.numbers.remove(&name);
        }
        if self.order.len() >= Self::CAPACITY {
            return Err(Full);
        }
        Ok(())
    }

    /// Remembers a message that was said for the first time.
    pub fn remember(&mut self, now: Instant, room: RoomName, id: ClientId, number: u64) {
        self.numbers.insert((room.clone(), id.clone()), number);
        self.order.push_back((now, (room, id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Timer;
    use crate::testing::TestRuntime;

    #[test]
    fn a_name_is_remembered_for_its_room() {
        let start = TestRuntime::new().now();
        let (rust, cats) = (
            RoomName::parse("rust").unwrap(),
            RoomName::parse("cats").unwrap(),
        );
        let id = ClientId::parse("m1").unwrap();
        let mut said = Said::default();
        said.remember(start, rust.clone(), id.clone(), 7);
        assert_eq!(said.number(&rust, &id), Some(7));
        assert_eq!(said.number(&cats, &id), None);
    }

    #[test]
    fn what_could_not_be_recognized_again_is_refused() {
        let start = TestRuntime::new().now();
        let memory = Duration::from_secs(60);
        let rust = RoomName::parse("rust").unwrap();
        let mut said = Said::default();
        for number in 0..Said::CAPACITY {
            said.make_room(start, memory).unwrap();
            let id = ClientId::parse(&number.to_string()).unwrap();
            said.remember(start, rust.clone(), id, number as u64);
        }
        assert_eq!(said.make_room(start + memory, memory), Err(Full));
        assert_eq!(said.make_room(start + 2 * memory, memory), Ok(()));
        assert!(said.numbers.is_empty() && said.order.is_empty());
    }
}
