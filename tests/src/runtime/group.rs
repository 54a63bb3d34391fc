//! Tasks that belong together.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_core::runtime::{Closed, TaskGroup};
use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::stream::StreamExt;

use super::foreign::panic_on_purpose;
use crate::{Harness, waiting_for};

const CHILDREN: usize = 20;

pub(super) fn a_group_is_joined_when_its_last_child_has_ended<H: Harness>(harness: H) {
    let group = TaskGroup::new(harness.runtime());
    harness.block_on(async {
        let ended = Arc::new(AtomicUsize::new(0));
        let (gate, opened) = oneshot::channel::<()>();
        let opened = opened.shared();
        for _ in 0..CHILDREN {
            let (ended, opened) = (Arc::clone(&ended), opened.clone());
            let child = async move {
                opened.await.expect("the gate is opened");
                ended.fetch_add(1, Ordering::SeqCst);
            };
            group.spawn(child).expect("the group is open");
        }
        drop(opened);
        assert_eq!(group.join().now_or_never(), None, "nobody may end yet");
        gate.send(()).expect("the children are waiting");
        waiting_for("a group to be joined");
        group.join().await;
        assert_eq!(ended.load(Ordering::SeqCst), CHILDREN);
        assert!(group.is_empty(), "nobody is left");
        assert_eq!(group.panicked(), 0);
    });
}

pub(super) fn cancelling_a_group_waits_for_the_destructors_of_its_children<H: Harness>(harness: H) {
    struct Alive(Arc<AtomicUsize>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    let group = TaskGroup::new(harness.runtime());
    harness.block_on(async {
        let alive = Arc::new(AtomicUsize::new(CHILDREN));
        let (started, starts) = mpsc::unbounded();
        for _ in 0..CHILDREN {
            let (alive, started) = (Alive(Arc::clone(&alive)), started.clone());
            let child = async move {
                let _alive = alive;
                started.unbounded_send(()).expect("somebody listens");
                pending::<()>().await;
            };
            group.spawn(child).expect("the group is open");
        }
        drop(started);
        waiting_for("the children to start");
        assert_eq!(starts.take(CHILDREN).count().await, CHILDREN, "all start");
        waiting_for("a group to be cancelled");
        group.cancel().await;
        assert_eq!(alive.load(Ordering::SeqCst), 0, "all destructors have run");
        assert_eq!(group.spawn(async {}), Err(Closed));
    });
}

pub(super) fn dropping_a_group_cancels_its_children<H: Harness>(harness: H) {
    let group = TaskGroup::new(harness.runtime());
    harness.block_on(async {
        let (started, start) = oneshot::channel();
        let (held, dropped) = oneshot::channel::<()>();
        let child = async move {
            let _held = held;
            started.send(()).expect("somebody listens");
            pending::<()>().await;
        };
        group.spawn(child).expect("the group is open");
        waiting_for("the child to start");
        start.await.expect("the child starts");
        drop(group);
        waiting_for("the destructors of a child whose group was dropped");
        dropped.await.expect_err("nothing was sent");
    });
}

pub(super) fn a_group_counts_the_children_that_panicked<H: Harness>(harness: H) {
    let group = TaskGroup::new(harness.runtime());
    harness.block_on(async {
        for n in 0..CHILDREN {
            let child = async move {
                if n % 2 == 0 {
                    panic_on_purpose("this panic belongs to the test");
                }
            };
            group.spawn(child).expect("the group is open");
        }
        waiting_for("a group of which some panic");
        group.join().await;
        assert_eq!(group.panicked(), CHILDREN / 2);
    });
}

pub(super) fn a_closed_group_takes_no_more_children<H: Harness>(harness: H) {
    let group = TaskGroup::new(harness.runtime());
    harness.block_on(async {
        group.close();
        assert_eq!(group.spawn(async {}), Err(Closed));
        waiting_for("an empty group to be joined");
        group.join().await;
    });
}
