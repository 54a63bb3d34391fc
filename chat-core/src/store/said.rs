use std::collections::{BTreeMap, HashMap, VecDeque};
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
/// Each is remembered for a given time at least, unless it is [settled](Said::settle) before; no more than
/// [`Said::CAPACITY`] are remembered at the same time.
#[derive(Debug, Default)]
pub struct Said {
    rooms: BTreeMap<RoomName, InRoom>,
    len: usize,
}

/// What was said in one room, oldest first.
#[derive(Debug, Default)]
struct InRoom {
    numbers: HashMap<ClientId, u64>,
    order: VecDeque<(Instant, ClientId)>,
}

/// There are too many names to remember; one more could not be recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Said {
    /// How many names are remembered at the same time.
    pub const CAPACITY: usize = 8192;

    /// The number that the message got when it was said for the first time.
    pub fn number(&self, room: &RoomName, id: &ClientId) -> Option<u64> {
        self.rooms.get(room)?.numbers.get(id).copied()
    }

    /// Makes room for one more, if need be by forgetting what is older than `memory`.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn make_room(&mut self, now: Instant, memory: Duration) -> Result<(), Full> {
        if self.len < Self::CAPACITY {
            return Ok(());
        }
        self.forget_old(now, memory);
        if self.len >= Self::CAPACITY {
            return Err(Full);
        }
        Ok(())
    }

    /// Forgets what is older than `memory`.
    pub(crate) fn forget_old(&mut self, now: Instant, memory: Duration) {
        self.rooms.retain(|_, room| {
            while let Some((said_at, _)) = room.order.front()
                && now.saturating_duration_since(*said_at) > memory
            {
                self.len -= usize::from(room.forget_oldest().is_some());
            }
            !room.order.is_empty()
        });
    }

    /// About how many bytes of memory it takes with so many `more` names, each counted as one of the longest.
    pub(crate) fn footprint(&self, more: usize) -> usize {
        // A map keeps an eighth of its places free, and a byte for each; maps and queues grow by doubling.
        const PLACE: usize = (size_of::<(ClientId, u64)>() + 1) * 8 / 7;
        const SLOT: usize = size_of::<(Instant, ClientId)>();
        const NAME: usize = 2 * (PLACE + SLOT) + 16 + ClientId::MAX_BYTES;
        const ROOM: usize = 256;
        (self.len + more) * NAME + (self.rooms.len() + more) * ROOM
    }

    /// Remembers a message that was said for the first time.
    pub fn remember(&mut self, now: Instant, room: RoomName, id: ClientId, number: u64) {
        let room = self.rooms.entry(room).or_default();
        if room.numbers.insert(id.clone(), number).is_none() {
            room.order.push_back((now, id));
            self.len += 1;
        }
    }

    /// Forgets the name `id` and all that were said before it in the same room: they will not be said again.
    /// Does nothing when `id` is not remembered.
    pub fn settle(&mut self, room: &RoomName, id: &ClientId) {
        let Some(said) = self.rooms.get_mut(room) else {
            return;
        };
        while said.numbers.contains_key(id) && said.forget_oldest().is_some() {
            self.len -= 1;
        }
        if said.order.is_empty() {
            self.rooms.remove(room);
        }
    }

    /// How many names it remembers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl InRoom {
    fn forget_oldest(&mut self) -> Option<()> {
        let (_, id) = self.order.pop_front()?;
        self.numbers.remove(&id);
        Some(())
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
        assert!(said.is_empty());
    }

    #[test]
    fn what_is_settled_is_forgotten_with_all_before_it_in_its_room() {
        let start = TestRuntime::new().now();
        let (rust, cats) = (
            RoomName::parse("rust").unwrap(),
            RoomName::parse("cats").unwrap(),
        );
        let ids = ["a", "b", "c"].map(|id| ClientId::parse(id).unwrap());
        let mut said = Said::default();
        for (number, id) in (1..).zip(&ids) {
            said.remember(start, cats.clone(), id.clone(), number);
            said.remember(start, rust.clone(), id.clone(), number);
        }
        said.settle(&rust, &ClientId::parse("unknown").unwrap());
        assert_eq!(said.len(), 6);
        said.settle(&rust, &ids[1]);
        let known = |room| ids.each_ref().map(|id| said.number(room, id).is_some());
        assert_eq!(known(&rust), [false, false, true]);
        assert_eq!(known(&cats), [true, true, true]);
        assert_eq!(said.len(), 4);
    }
}
