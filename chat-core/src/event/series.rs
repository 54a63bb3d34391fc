use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::encoding::{Encodings, Variant};
use super::{Event, SharedEvent};
use crate::memory::Memory;

/// Events that followed each other, on their way to many sessions together, with the bytes they have become so far.
///
/// It counts its own memory; its events count theirs.
#[derive(Debug)]
pub(crate) struct Series {
    events: Box<[Arc<SharedEvent>]>,
    weight: usize,
    encodings: Encodings<Written>,
    /// Whether anybody has heard some of it.
    is_heard: AtomicBool,
    memory: Arc<Memory>,
}

/// All events of a series one after the other.
#[derive(Debug)]
struct Written {
    bytes: Box<[u8]>,
    /// Where each of them begins.
    starts: Box<[usize]>,
}

impl Written {
    fn footprint(&self) -> usize {
        Encodings::<Self>::OVERHEAD + self.bytes.len() + size_of_val(&*self.starts)
    }
}

impl Series {
    /// A series that takes `memory`, whatever is free of it.
    pub(crate) fn new(events: Box<[Arc<SharedEvent>]>, memory: &Arc<Memory>) -> Arc<Self> {
        let series = Self {
            weight: events.iter().map(|event| event.weight()).sum(),
            events,
            encodings: Encodings::default(),
            is_heard: AtomicBool::new(false),
            memory: Arc::clone(memory),
        };
        memory.charge(series.footprint());
        Arc::new(series)
    }

    pub(crate) fn events(&self) -> &[Arc<SharedEvent>] {
        &self.events
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// What all of them count towards the bytes of an outbox.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// The last of them, as a series of its own.
    pub(crate) fn tail(&self, count: usize) -> Arc<Self> {
        let rest = self.events.len().saturating_sub(count);
        Self::new(self.events[rest..].into(), &self.memory)
    }

    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// How much memory it takes; events count their own.
    pub(crate) fn footprint(&self) -> usize {
        let written: usize = self.encodings.iter().map(Written::footprint).sum();
        // The two counts of its `Arc`.
        size_of::<Self>() + 16 + size_of_val(&*self.events) + written
    }

    /// About how much what is written takes.
    fn likely_footprint(&self) -> usize {
        Encodings::<Written>::OVERHEAD + self.weight + self.events.len() * size_of::<usize>()
    }

    fn write(&self, variant: Variant, encode: impl Fn(&Event, &mut Vec<u8>)) -> Written {
        let mut bytes = Vec::with_capacity(self.weight);
        let starts = self.events.iter().map(|event| {
            let start = bytes.len();
            event.write(variant, &mut bytes, &encode);
            start
        });
        let starts = starts.collect();
        Written {
            bytes: bytes.into(),
            starts,
        }
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        self.memory.release(self.footprint());
    }
}

/// Events that a session hears one after the other, as others do; made by the hub of those who came into a room
/// at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    series: &'a Series,
    from: usize,
}

impl<'a> Batch<'a> {
    /// A series from an event on.
    pub(crate) fn new(series: &'a Series, from: usize) -> Self {
        Self { series, from }
    }

    /// The events, of which there is at least one.
    pub fn events(&self) -> impl ExactSizeIterator<Item = &'a SharedEvent> + use<'a> {
        self.series.events[self.from..].iter().map(|event| &**event)
    }

    /// Appends the bytes of these events in `variant` to `out`: as [`SharedEvent::encode_into`] does one after the other for the
    /// first session that asks, and at once for every other one, whichever event its batch begins with. Where there is no memory
    /// to keep them in, they are made anew each time.
    ///
    /// `encode` appends, and leaves what is there already. It may be asked for events that this session does not hear, and others
    /// do. All who use the same variant must encode alike.
    pub fn encode_into(
        &self,
        variant: Variant,
        out: &mut Vec<u8>,
        encode: impl Fn(&Event, &mut Vec<u8>),
    ) {
        let series = self.series;
        if let Some(written) = series.encodings.get(variant) {
            return self.copy(written, out);
        }
        // In a rush many a series is heard by one session alone, before somebody else comes.
        let is_first = !series.is_heard.swap(true, Ordering::Relaxed);
        if is_first || series.len() == 1 || !series.memory.has_free(series.likely_footprint()) {
            return self
                .events()
                .for_each(|event| event.encode_into(variant, out, &encode));
        }
        let written = series.write(variant, encode);
        self.copy(&written, out);
        let takes = written.footprint();
        let memory = &series.memory;
        series.encodings.keep(variant, takes, memory, || written);
    }

    fn copy(&self, written: &Written, out: &mut Vec<u8>) {
        let start = written.starts.get(self.from).copied();
        let bytes = start.and_then(|start| written.bytes.get(start..));
        out.extend_from_slice(bytes.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::testing::arrival;

    const VARIANT: Variant = Variant::new("nicks");

    fn series(count: u64, memory: &Arc<Memory>) -> Arc<Series> {
        let events = (0..count).map(|n| arrival("rust", n, memory));
        Series::new(events.collect(), memory)
    }

    fn write(event: &Event, out: &mut Vec<u8>) {
        let Event::Joined { who, .. } = event else {
            panic!("{event:?}");
        };
        out.extend_from_slice(format!("{}\n", who.nick).as_bytes());
    }

    fn one_by_one(batch: Batch<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        batch
            .events()
            .for_each(|event| write(event.event(), &mut bytes));
        bytes
    }

    #[test]
    fn a_batch_is_written_once_for_all_whichever_event_each_begins_with() {
        let memory = Memory::new(usize::MAX);
        let series = series(20, &memory);
        // One of them was heard by somebody alone.
        series.events()[7].encode_into(VARIANT, &mut Vec::new(), write);
        let written = Cell::new(0);
        for from in (0..20).rev() {
            let batch = Batch::new(&series, from);
            assert_eq!(batch.events().len(), 20 - from);
            let mut out = b"before\n".to_vec();
            batch.encode_into(VARIANT, &mut out, |event, out| {
                written.set(written.get() + 1);
                write(event, out);
            });
            assert_eq!(out, [b"before\n".to_vec(), one_by_one(batch)].concat());
        }
        assert_eq!(written.get(), 19);
    }

    #[test]
    fn what_is_written_down_for_the_second_session_is_counted_until_it_is_dropped() {
        let memory = Memory::new(usize::MAX);
        let series = series(20, &memory);
        let batch = Batch::new(&series, 3);
        batch.encode_into(VARIANT, &mut Vec::new(), write);
        assert!(series.encodings.get(VARIANT).is_none());
        let before = memory.used();
        batch.encode_into(VARIANT, &mut Vec::new(), write);
        let bytes = one_by_one(Batch::new(&series, 0)).len();
        let takes = memory.used() - before;
        assert_eq!(takes, Encodings::<Written>::OVERHEAD + bytes + 20 * 8);
        drop(series);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn whoever_is_overtaken_while_it_writes_keeps_nothing() {
        let memory = Memory::new(usize::MAX);
        let series = series(3, &memory);
        let batch = Batch::new(&series, 0);
        // Somebody else was first.
        batch.encode_into(Variant::new("nothing"), &mut Vec::new(), |_, _| ());
        let before = memory.used();
        let expected = one_by_one(batch);
        let overtaken = Cell::new(false);
        let mut out = Vec::new();
        batch.encode_into(VARIANT, &mut out, |event, bytes| {
            if !overtaken.replace(true) {
                batch.encode_into(VARIANT, &mut Vec::new(), write);
            }
            write(event, bytes);
        });
        assert_eq!(out, expected);
        let takes = Encodings::<Written>::OVERHEAD + expected.len() + 3 * 8;
        assert_eq!(memory.used() - before, takes);
        drop(series);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn without_memory_a_batch_is_written_each_time_and_nothing_else() {
        let memory = Memory::new(0);
        let series = series(3, &memory);
        let used = memory.used();
        let written = Cell::new(0);
        for from in [0, 1, 1] {
            let batch = Batch::new(&series, from);
            let mut out = b"before\n".to_vec();
            batch.encode_into(VARIANT, &mut out, |event, out| {
                written.set(written.get() + 1);
                write(event, out);
            });
            assert_eq!(out, [b"before\n".to_vec(), one_by_one(batch)].concat());
        }
        assert_eq!(written.get(), 3 + 2 + 2);
        assert_eq!(memory.used(), used);
    }

    #[test]
    fn one_alone_shares_its_bytes_with_those_who_hear_it_alone() {
        let memory = Memory::new(usize::MAX);
        let series = series(1, &memory);
        Batch::new(&series, 0).encode_into(VARIANT, &mut Vec::new(), write);
        let mut out = Vec::new();
        series.events()[0].encode_into(VARIANT, &mut out, |_, _| panic!("written before"));
        assert_eq!(out, b"guest-0\n");
    }
}
