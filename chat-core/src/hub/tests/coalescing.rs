use std::task::Waker;
use std::time::Duration;

use futures::{FutureExt, StreamExt};

use super::*;
use crate::hub::Rest;
use crate::testing::{Flag, at_once};

/// Somebody in `#rust` whose connection sleeps, and whether it was woken.
struct Sleeper {
    session: Session,
    woken: Arc<Flag>,
}

impl Sleeper {
    fn in_rust(hub: &Hub, name: &str) -> Self {
        let sleeper = Self {
            session: join(hub, name, &["rust"]),
            woken: Flag::set(),
        };
        sleeper.fall_asleep();
        sleeper
    }

    /// Takes what waits, as a connection does before it sleeps.
    fn fall_asleep(&self) {
        hears(&self.session);
        self.woken.take();
        let waker = Waker::from(Arc::clone(&self.woken));
        let rest = self.session.outbox().fall_asleep(&waker, true);
        assert!(matches!(rest, Rest::Asleep));
    }

    fn is_woken(&self) -> bool {
        self.woken.take()
    }
}

fn a_hub() -> (TestRuntime, Hub) {
    let time = TestRuntime::new();
    let hub = Hub::new(Arc::new(time.clone()), HubConfig::default());
    (time, hub)
}

const SHORTLY: Duration = Duration::from_millis(1);

#[test]
fn those_who_come_and_go_together_are_told_of_together() {
    let (time, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let bob = join(&hub, "bob", &["rust"]);
    time.advance(SHORTLY);
    let carol = join(&hub, "carol", &["rust"]);
    drop(carol);
    time.advance(hub.config().presence_delay - 2 * SHORTLY);
    assert!(!alice.is_woken());
    time.advance(SHORTLY);
    assert!(alice.is_woken());
    assert_eq!(hears(&alice.session).len(), 3);
    drop(bob);
}

#[test]
fn the_next_ones_are_told_of_as_well() {
    let (time, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    for name in ["bob", "carol", "dave"] {
        drop(join(&hub, name, &["rust"]));
        assert!(!alice.is_woken());
        time.advance(hub.config().presence_delay);
        assert!(alice.is_woken());
        alice.fall_asleep();
    }
}

#[test]
fn a_message_takes_along_who_came_before_it() {
    let (_, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let bob = join(&hub, "bob", &["rust"]);
    say(&bob, "rust", "hello");
    assert!(alice.is_woken());
    assert_eq!(
        hears(&alice.session),
        ["bob joins #rust", "#rust 1 bob: hello"]
    );
}

#[test]
fn whoever_comes_hears_of_it_at_once() {
    let (_, hub) = a_hub();
    let mut alice = Sleeper::in_rust(&hub, "alice");
    alice.session.join(&room("tea")).unwrap();
    assert!(alice.is_woken());
    alice.fall_asleep();
    alice.session.leave(&room("tea")).unwrap();
    assert!(alice.is_woken());
}

#[test]
fn what_was_taken_meanwhile_wakes_nobody() {
    let (time, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let _bob = join(&hub, "bob", &["rust"]);
    alice.fall_asleep();
    time.advance(hub.config().presence_delay);
    assert!(!alice.is_woken());
}

#[test]
fn nothing_waits_in_an_outbox_that_is_a_quarter_full() {
    let mut config = HubConfig::default();
    config.outbox.messages = 8;
    let hub = hub_with(config);
    let alice = Sleeper::in_rust(&hub, "alice");
    let _others = ["bob", "carol"].map(|name| join(&hub, name, &["rust"]));
    assert!(!alice.is_woken());
    let _dave = join(&hub, "dave", &["rust"]);
    assert!(alice.is_woken());
}

#[test]
fn without_a_delay_everything_is_told_at_once() {
    let hub = hub_with(at_once());
    let alice = Sleeper::in_rust(&hub, "alice");
    let bob = join(&hub, "bob", &["rust"]);
    assert!(alice.is_woken());
    alice.fall_asleep();
    drop(bob);
    assert!(alice.is_woken());
}

#[test]
fn what_waits_for_a_subscription_goes_with_it() {
    let hub = hub_with(HubConfig {
        empty_rooms: 0,
        ..HubConfig::default()
    });
    let mut rust = hub.subscribe(&room("rust"));
    assert!(rust.next().now_or_never().is_none());
    drop(join(&hub, "alice", &["rust"]));
    drop(rust);
    assert_eq!(hub.memory_used(), 0);
}
