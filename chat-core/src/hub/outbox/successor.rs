use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use chat_prefetch::prefetch_bytes;

use super::{Outbox, Wakes};

/// Where in memory that is what is looked at when another connection has its turn: the one that was woken right after this one.
///
/// Each member of a room is in no near cache any more when it has its turn, because of all that the kernel did for others. So
/// what it looks at is sent for one turn before, and comes while the kernel is busy.
///
/// Addresses to [prefetch](chat_prefetch::prefetch), and nothing more: whoever was there may have left, or moved.
#[derive(Debug, Default)]
pub(super) struct Successor {
    outbox: AtomicPtr<()>,
    connection: AtomicPtr<()>,
    task: AtomicPtr<()>,
}

impl Successor {
    /// What a runtime looks at before it polls a task: in tokio and smol, the head of it and where its future is.
    const TASK: usize = 128;

    /// What is in front of the connection in the memory of its task, which is looked at first (`runtime::Runner`).
    const BEFORE_CONNECTION: usize = 64;

    /// As much of a connection is worth it, however large its stream is.
    const CONNECTION: usize = 512;

    fn set(&self, outbox: &Outbox, task: *const ()) {
        let connection = outbox.connection.load(Ordering::Relaxed);
        self.task.store(task.cast_mut(), Ordering::Relaxed);
        self.connection.store(connection, Ordering::Relaxed);
        let outbox = ptr::from_ref(outbox).cast_mut().cast();
        self.outbox.store(outbox, Ordering::Relaxed);
    }

    /// Prefetches all that once, and of the connection its first `bytes`. In the order in which it is looked at.
    pub(super) fn prefetch(&self, bytes: usize) {
        let outbox = self.outbox.load(Ordering::Relaxed);
        if outbox.is_null() {
            return;
        }
        self.outbox.store(ptr::null_mut(), Ordering::Relaxed);
        prefetch_bytes(self.task.load(Ordering::Relaxed), Self::TASK);
        let connection = self.connection.load(Ordering::Relaxed);
        prefetch_bytes(outbox, size_of::<Outbox>());
        // Programs hear of rooms without one.
        if !connection.is_null() {
            let start = connection.wrapping_byte_sub(Self::BEFORE_CONNECTION);
            let bytes = Self::BEFORE_CONNECTION + bytes.min(Self::CONNECTION);
            prefetch_bytes(start, bytes);
        }
    }
}

/// The order in which connections are woken, while one outbox after the other is pushed to: tells each who comes after it.
pub(in crate::hub) struct Succession<'a> {
    last: Option<&'a Outbox>,
    woken: usize,
}

impl<'a> Succession<'a> {
    /// Begins after those that `wakes` has already.
    pub(in crate::hub) fn after(wakes: &Wakes) -> Self {
        Self {
            last: None,
            woken: wakes.wakers.len(),
        }
    }

    /// Goes on with `outbox`, which was pushed to just now, if its connection is to be woken for that.
    pub(in crate::hub) fn go_on(&mut self, outbox: &'a Outbox, wakes: &Wakes) {
        let Some(waker) = wakes.wakers.get(self.woken) else {
            return;
        };
        self.woken = wakes.wakers.len();
        if let Some(last) = self.last.replace(outbox) {
            last.successor.set(outbox, waker.data());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::task::{ArcWake, waker};

    use super::super::tests::{message, outbox};
    use super::*;
    use crate::connection::serve_connection;
    use crate::hub::Hub;
    use crate::message::{Body, MessageKind};
    use crate::name::{Nick, RoomName};
    use crate::protocol::TextProtocol;
    use crate::runtime::{Runtime, RuntimeExt};
    use crate::testing::{TestRuntime, at_once, duplex};

    struct Task;

    impl ArcWake for Task {
        fn wake_by_ref(_: &Arc<Self>) {}
    }

    fn successor(outbox: &Outbox) -> (*const (), *const (), *const ()) {
        let Successor {
            outbox,
            connection,
            task,
        } = &outbox.successor;
        let load = |address: &AtomicPtr<()>| address.load(Ordering::Relaxed).cast_const();
        (load(outbox), load(connection), load(task))
    }

    #[test]
    fn each_that_is_woken_knows_once_what_is_looked_at_next() {
        let outboxes = [100; 4].map(outbox);
        let tasks = [(); 4].map(|()| waker(Arc::new(Task)));
        let connections = [(); 4].map(|()| Box::new(0_u64));
        for (((outbox, task), connection), is_awake) in outboxes
            .iter()
            .zip(&tasks)
            .zip(&connections)
            .zip([true, false, true, false])
        {
            outbox.note_connection(&**connection);
            if !is_awake {
                outbox.fall_asleep(task, true);
            }
        }
        let mut wakes = Wakes::default();
        // Somebody elsewhere, who is woken as well.
        let other = outbox(100);
        other.fall_asleep(&tasks[1], true);
        other.push_room(&message("general", 1), &mut wakes);

        let mut succession = Succession::after(&wakes);
        for outbox in &outboxes {
            outbox.push_room(&message("general", 2), &mut wakes);
            succession.go_on(outbox, &wakes);
        }
        let expected = |place: usize| {
            let outbox = ptr::from_ref(&outboxes[place]).cast();
            let connection = ptr::from_ref(&*connections[place]).cast();
            (outbox, connection, tasks[place].data())
        };
        let nobody = (ptr::null(), ptr::null(), ptr::null());
        assert_eq!(successor(&other), nobody);
        assert_eq!(successor(&outboxes[0]), nobody, "it is awake");
        assert_eq!(successor(&outboxes[1]), expected(3), "so is the third");
        assert_eq!(successor(&outboxes[2]), nobody);
        assert_eq!(successor(&outboxes[3]), nobody);

        outboxes[1].prefetch_successor(64);
        assert_eq!(successor(&outboxes[1]).0, ptr::null());
    }

    #[test]
    fn whoever_has_no_connection_has_a_successor_and_is_one() {
        let outboxes = [100; 2].map(outbox);
        let task = waker(Arc::new(Task));
        let mut wakes = Wakes::default();
        let mut succession = Succession::after(&wakes);
        for outbox in &outboxes {
            outbox.fall_asleep(&task, true);
            outbox.push_room(&message("general", 1), &mut wakes);
            succession.go_on(outbox, &wakes);
        }
        let second = ptr::from_ref(&outboxes[1]).cast();
        assert_eq!(successor(&outboxes[0]), (second, ptr::null(), task.data()));
        outboxes[0].prefetch_successor(usize::MAX);
    }

    #[test]
    fn rooms_tell_connections_who_comes_next_and_they_use_it_up() {
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
        let hub = Hub::new(runtime.clone(), at_once());
        let peers = [(); 3].map(|()| {
            let (peer, stream) = duplex(1024);
            let connection = serve_connection(stream, TextProtocol::default(), &hub, &runtime);
            RuntimeExt::spawn(&*runtime, connection).detach();
            time.run();
            peer
        });
        let outboxes = ["guest-1", "guest-2", "guest-3"].map(|nick| {
            let nick = Nick::parse(nick).unwrap();
            hub.find_nick(&nick).unwrap().1
        });
        let room = RoomName::parse("general").unwrap();
        hub.publish(&room, MessageKind::Say, Body::parse("hello").unwrap())
            .unwrap();
        for (outbox, next) in outboxes.iter().zip(&outboxes[1..]) {
            let (address, connection, task) = successor(outbox);
            assert_eq!(address, Arc::as_ptr(next).cast());
            assert_eq!(
                connection,
                next.connection.load(Ordering::Relaxed).cast_const()
            );
            assert!(!connection.is_null() && !task.is_null());
        }
        time.run();
        for (outbox, peer) in outboxes.iter().zip(peers) {
            assert!(peer.receive().ends_with(": hello\n"));
            assert!(successor(outbox).0.is_null());
        }
    }
}
