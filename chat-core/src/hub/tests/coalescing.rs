use std::collections::BTreeMap;
use std::sync::Barrier;
use std::task::Waker;
use std::time::Duration;

use futures::{FutureExt, StreamExt};

use super::*;
use crate::event::{CloseReason, Heard};
use crate::hub::{Rest, RoomView};
use crate::memory::Memory;
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

    /// What was queued so far, and nothing that still waits in a room.
    fn has_queued(&self) -> Vec<String> {
        let mut taken = Queue::default();
        while self.session.outbox().take(usize::MAX, &mut taken) {}
        short(taken)
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

#[test]
fn everyone_is_told_of_those_who_came_after_them() {
    let (time, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let [bob, carol, _dave] = ["bob", "carol", "dave"].map(|name| join(&hub, name, &["rust"]));
    let mut rust = hub.subscribe(&room("rust"));
    let _erin = join(&hub, "erin", &["rust"]);
    time.advance(hub.config().presence_delay);
    let came = |names: &[&str]| -> Vec<_> {
        names
            .iter()
            .map(|name| format!("{name} joins #rust"))
            .collect()
    };
    assert_eq!(alice.has_queued(), came(&["bob", "carol", "dave", "erin"]));
    assert_eq!(hears(&bob), came(&["bob", "carol", "dave", "erin"]));
    assert_eq!(hears(&carol), came(&["carol", "dave", "erin"]));
    let heard = rust.next().now_or_never().flatten().unwrap();
    assert_eq!(describe(heard.event().unwrap()), "erin joins #rust");
    assert!(rust.next().now_or_never().is_none());
}

#[test]
fn an_answer_that_shows_a_room_comes_after_those_who_are_in_it() {
    let (time, hub) = a_hub();
    let mut alice = Sleeper::in_rust(&hub, "alice");
    let _bob = join(&hub, "bob", &["rust"]);
    assert_eq!(alice.session.occupants(&room("rust")).unwrap().len(), 2);
    assert_eq!(alice.has_queued(), ["bob joins #rust"]);
    let _carol = join(&hub, "carol", &["rust"]);
    let count = |view: RoomView<'_>| view.member_count().to_string().into_bytes();
    alice.session.reply_about(&room("rust"), count).unwrap();
    assert_eq!(alice.has_queued(), ["carol joins #rust", "Reply([51])"]);
    time.advance(hub.config().presence_delay);
    assert_eq!(alice.has_queued(), [""; 0], "nobody is announced twice");
}

#[test]
fn a_private_message_is_not_heard_before_its_sender_has_come() {
    let (_, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let bob = join(&hub, "bob", &["rust"]);
    bob.say_privately(&nick("alice"), body("psst")).unwrap();
    assert!(alice.is_woken());
    assert_eq!(alice.has_queued(), ["bob joins #rust", "bob whispers psst"]);
}

#[test]
fn a_new_nick_and_a_quit_are_not_heard_before_those_have_come_who_are_meant() {
    let (_, hub) = a_hub();
    let mut alice = Sleeper::in_rust(&hub, "alice");
    alice.session.join(&room("tea")).unwrap();
    alice.fall_asleep();
    for again in ["bill", "ben"] {
        let mut bob = join(&hub, "bob", &["rust", "tea"]);
        bob.take_nick(nick(again)).unwrap();
        assert!(alice.is_woken());
        assert_eq!(
            alice.has_queued(),
            [
                "bob joins #rust".to_owned(),
                "bob joins #tea".to_owned(),
                format!("bob becomes {again}"),
            ]
        );
        drop(bob);
        alice.fall_asleep();
    }
    drop(join(&hub, "carol", &["rust", "tea"]));
    assert_eq!(
        alice.has_queued(),
        [
            "carol joins #rust",
            "carol joins #tea",
            "carol quits #rust None"
        ]
    );
}

#[test]
fn whoever_comes_into_a_large_crowd_of_arrivals_ends_the_wait() {
    let (_, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let most = hub.config().outbox.messages / 4;
    let crowd: Vec<_> = (0..most)
        .map(|n| join(&hub, &format!("guest{n}"), &["rust"]))
        .collect();
    assert!(!alice.is_woken());
    let _last = join(&hub, "last", &["rust"]);
    assert!(alice.is_woken());
    assert_eq!(alice.has_queued().len(), crowd.len() + 1);
}

#[test]
fn a_hub_that_settles_announces_who_came() {
    let (_, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let _bob = join(&hub, "bob", &["rust"]);
    hub.settle();
    assert!(alice.is_woken());
    assert_eq!(alice.has_queued(), ["bob joins #rust"]);
}

#[test]
fn arrivals_that_do_not_fit_together_make_way_one_by_one() {
    let (time, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let limit = hub.config().outbox.messages;
    let talker = join(&hub, "talker", &["rust"]);
    for _ in 0..limit - 2 {
        say(&talker, "rust", "hello");
    }
    let crowd = ["bob", "carol", "dave"].map(|name| join(&hub, name, &["rust"]));
    time.advance(hub.config().presence_delay);
    let queued = alice.has_queued();
    assert!(queued[0].starts_with("Missed("), "{}", queued[0]);
    assert!(
        queued[0].contains("messages: Some((1, 1)), presence: 1"),
        "{}",
        queued[0]
    );
    assert_eq!(queued[1], "#rust 2 talker: hello");
    assert_eq!(queued.len(), 1 + limit);
    assert_eq!(queued[limit], "dave joins #rust");
    drop(crowd);
}

#[test]
fn who_is_in_several_rooms_hears_in_order_what_happens_in_them() {
    let (time, hub) = a_hub();
    let mut alice = Sleeper::in_rust(&hub, "alice");
    alice.session.join(&room("tea")).unwrap();
    alice.fall_asleep();
    let _bob = join(&hub, "bob", &["rust"]);
    let _carol = join(&hub, "carol", &["tea"]);
    let _dave = join(&hub, "dave", &["rust"]);
    let erin = join(&hub, "erin", &["tea"]);
    assert!(!alice.is_woken());
    time.advance(hub.config().presence_delay);
    assert!(alice.is_woken());
    let came = [
        "bob joins #rust",
        "carol joins #tea",
        "dave joins #rust",
        "erin joins #tea",
    ];
    assert_eq!(alice.has_queued(), came);
    drop(erin);
}

#[test]
fn where_nobody_is_in_several_rooms_all_of_them_wait() {
    let (time, hub) = a_hub();
    let in_rust = Sleeper::in_rust(&hub, "alice");
    let mut in_tea = join(&hub, "bob", &["tea"]);
    let _carol = join(&hub, "carol", &["rust"]);
    let dave = join(&hub, "dave", &["tea"]);
    say(&in_tea, "tea", "hello");
    in_tea.set_topic(&room("tea"), None).unwrap();
    in_tea.take_nick(nick("bobby")).unwrap();
    drop(dave);
    in_tea.switch(&room("tea"), &room("milk")).unwrap();
    in_tea.leave(&room("milk")).unwrap();
    let _erin = join(&hub, "erin", &["rust"]);
    assert_eq!(in_rust.has_queued(), [""; 0]);
    time.advance(hub.config().presence_delay);
    assert_eq!(
        in_rust.has_queued(),
        ["carol joins #rust", "erin joins #rust"]
    );
}

#[test]
fn whoever_enters_a_second_room_hears_first_who_came_into_the_one_before() {
    let (_, hub) = a_hub();
    let mut alice = Sleeper::in_rust(&hub, "alice");
    let bob = join(&hub, "bob", &["tea"]);
    let _carol = join(&hub, "carol", &["rust"]);
    let _dave = join(&hub, "dave", &["tea"]);
    alice.session.join(&room("tea")).unwrap();
    let _erin = join(&hub, "erin", &["rust"]);
    say(&bob, "tea", "hello");
    let heard = [
        "carol joins #rust",
        "alice joins #tea",
        "erin joins #rust",
        "#tea 1 bob: hello",
    ];
    assert_eq!(alice.has_queued(), heard);
}

/// Otherwise somebody else could come into the first room and then have something said in the second, with nobody seeing that it is
/// heard in both.
#[test]
fn whoever_enters_a_second_room_counts_before_anything_is_heard_there() {
    let (_, hub) = a_hub();
    let mut alice = Sleeper::in_rust(&hub, "alice");
    let outbox = Arc::clone(alice.session.outbox());
    let held = outbox.hold();
    let is_counted = std::thread::scope(|scope| {
        // Waits for the outbox.
        scope.spawn(|| alice.session.join(&room("tea")).unwrap());
        let is_counted = (0..10_000).any(|_| {
            std::thread::park_timeout(SHORTLY);
            hub.has_order_between_rooms()
        });
        drop(held);
        is_counted
    });
    assert!(is_counted);
    assert_eq!(alice.has_queued(), ["alice joins #tea"]);
}

#[test]
fn whoever_waits_while_others_are_announced_is_not_overtaken() {
    let (_, hub) = a_hub();
    let zoe = join(&hub, "zoe", &["rust"]);
    let dave = join(&hub, "dave", &["tea"]);
    let bob = join(&hub, "bob", &[]);
    let early = join(&hub, "early", &["early"]);
    hears(&zoe);
    let _eva = join(&hub, "eva", &["early"]);
    let _carol = join(&hub, "carol", &["rust"]);
    let outbox = Arc::clone(early.outbox());
    let held = outbox.hold();
    let zoe = std::thread::scope(|scope| {
        // Announces eva, for which it waits for the outbox, and would then announce carol.
        scope.spawn(move || bob.say_privately(&nick("dave"), body("hello")).unwrap());
        while !hub.shared.coalescing.is_announcing() {
            std::thread::yield_now();
        }
        let hub = &hub;
        let others = scope.spawn(move || {
            let second = join(hub, "second", &["rust"]);
            let mut zoe = zoe;
            zoe.join(&room("tea")).unwrap();
            say(&dave, "tea", "hello");
            (zoe, second, dave)
        });
        // They wait as well, and if they do not, they have heard by then what they should not.
        (0..50)
            .take_while(|_| !others.is_finished())
            .for_each(|_| std::thread::park_timeout(SHORTLY));
        drop(held);
        others.join().unwrap()
    });
    let heard = [
        "carol joins #rust",
        "second joins #rust",
        "zoe joins #tea",
        "#tea 1 dave: hello",
    ];
    assert_eq!(hears(&zoe.0), heard);
}

#[test]
fn rooms_wait_again_once_nobody_is_in_several_however_that_ended() {
    let ends: [fn(&Hub, &mut Session); 6] = [
        |_, session| session.leave(&room("tea")).unwrap(),
        |_, session| session.leave(&room("rust")).unwrap(),
        |_, session| session.quit(None),
        |_, session| *session = Session::open(session.hub()),
        |hub, session| {
            hub.kick(&room("tea"), &nick("zoe"), None).unwrap();
            // A seat that was taken away is missed when others are counted.
            session.switch(&room("rust"), &room("milk")).unwrap();
        },
        |hub, session| {
            hub.close_room(&room("tea"), None).unwrap();
            session.switch(&room("rust"), &room("milk")).unwrap();
        },
    ];
    for end in ends {
        let (_, hub) = a_hub();
        let alice = Sleeper::in_rust(&hub, "alice");
        let bob = join(&hub, "bob", &["tea"]);
        let mut zoe = join(&hub, "zoe", &["rust", "tea"]);
        let hears = |comer: &str, expected: &[&str]| {
            alice.has_queued();
            let comer = join(&hub, comer, &["rust"]);
            let _ = bob.say(&room("tea"), MessageKind::Say, body("hello"));
            assert_eq!(alice.has_queued(), expected);
            comer
        };
        let _carol = hears("carol", &["carol joins #rust"]);
        end(&hub, &mut zoe);
        let _dave = hears("dave", &[]);
    }
}

#[test]
fn members_who_look_for_themselves_share_what_they_are_told() {
    let (_, hub) = a_hub();
    let asking: Vec<_> = (0..100)
        .map(|n| Sleeper::in_rust(&hub, &format!("asking-{n}")))
        .collect();
    asking.iter().for_each(Sleeper::fall_asleep);
    let _comers: Vec<_> = (0..100)
        .map(|n| join(&hub, &format!("comer-{n}"), &["rust"]))
        .collect();
    let used = hub.memory_used();
    for sleeper in &asking {
        sleeper.session.catch_up();
    }
    let takes = (hub.memory_used() - used) / asking.len();
    assert!(takes < 100, "{takes} bytes each, to be told of a hundred");
    let one_more = join(&hub, "latest", &["rust"]);
    for sleeper in &asking {
        sleeper.session.catch_up();
        let queued = sleeper.has_queued();
        assert_eq!(queued.len(), 101);
        assert_eq!(queued[100], "latest joins #rust");
    }
    drop(one_more);
}

#[test]
fn whoever_comes_where_nobody_is_lets_the_others_wait_for_more() {
    let (time, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let _bob = join(&hub, "bob", &["rust"]);
    let mut carol = join(&hub, "carol", &["tea"]);
    carol.switch(&room("tea"), &room("milk")).unwrap();
    assert_eq!(alice.has_queued(), [""; 0]);
    carol.switch(&room("milk"), &room("rust")).unwrap();
    assert_eq!(alice.has_queued(), [""; 0]);
    time.advance(hub.config().presence_delay);
    assert_eq!(alice.has_queued(), ["bob joins #rust", "carol joins #rust"]);
}

#[test]
fn whoever_is_told_to_go_hears_first_who_came() {
    let (_, hub) = a_hub();
    for removed in [false, true] {
        let alice = Sleeper::in_rust(&hub, "alice");
        let _bob = join(&hub, "bob", &["rust"]);
        match removed {
            true => hub.disconnect(&nick("alice"), None).unwrap(),
            false => alice.session.handle().close(CloseReason::Quit),
        }
        assert!(alice.is_woken());
        assert_eq!(alice.has_queued(), ["bob joins #rust"]);
    }
}

#[test]
fn a_program_that_looks_hears_at_once_who_came() {
    let (_, hub) = a_hub();
    let mut rust = hub.subscribe(&room("rust"));
    let mut alice = join(&hub, "alice", &["rust"]);
    let _bob = join(&hub, "bob", &["rust"]);
    let hears = |heard: Option<Heard>| describe(heard.unwrap().event().unwrap());
    for expected in ["alice joins #rust", "bob joins #rust"] {
        assert_eq!(hears(rust.next().now_or_never().flatten()), expected);
        assert_eq!(hears(alice.hear().now_or_never().flatten()), expected);
    }
}

#[test]
fn nobody_is_heard_before_having_come_whatever_others_do_meanwhile() {
    const THREADS: usize = 4;
    let times = if cfg!(miri) { 5 } else { 500 };
    let mut config = HubConfig::default();
    config.outbox.messages = 8 * THREADS * times;
    config.outbox.bytes = usize::MAX;
    config.max_memory = usize::MAX;
    let hub = hub_with(config);
    let alice = join(&hub, "alice", &["rust", "tea"]);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let hub = &hub;
            scope.spawn(move || {
                for time in 0..times {
                    let name = format!("n{thread}x{time}");
                    let mut somebody = join(hub, &name, &["rust", "tea"]);
                    if time % 2 == 0 {
                        say(&somebody, "tea", "hello");
                    } else {
                        let to = nick("alice");
                        somebody.say_privately(&to, body("hello")).unwrap();
                    }
                    somebody.take_nick(nick(&format!("m{name}"))).unwrap();
                }
            });
        }
    });
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for what in hears(&alice) {
        let who = match what.starts_with('#') {
            true => what.split([' ', ':']).nth(2),
            false => what.split(' ').next(),
        };
        let name = who.unwrap().trim_start_matches('m').to_owned();
        heard.entry(name).or_default().push(what);
    }
    heard.remove("alice");
    assert_eq!(heard.len(), THREADS * times);
    for (name, heard) in heard {
        let place = |part: &str| heard.iter().position(|what| what.contains(part)).unwrap();
        let [rust, tea] = ["joins #rust", "joins #tea"].map(place);
        match place("hello") {
            said if heard[said].starts_with('#') => assert!(tea < said, "{heard:?}"),
            whispered => assert!(rust < whispered && tea < whispered, "{heard:?}"),
        }
        assert_eq!((place("becomes"), place("quits")), (3, 4), "{heard:?}");
        assert_eq!(heard.len(), 5, "{name}: {heard:?}");
    }
}

#[test]
fn whoever_reads_slowly_holds_on_to_no_more_than_twice_what_waits() {
    let (_, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    let names: Vec<_> = (0..200).map(|n| format!("guest{n}")).collect();
    let crowd = names.iter().map(|name| join(&hub, name, &["rust"]));
    let crowd: Vec<_> = crowd.collect();
    hub.settle();
    for somebody in &crowd {
        hears(somebody);
    }
    let mut used = vec![hub.memory_used()];
    while alice.session.outbox().take_one().is_some() {
        used.push(hub.memory_used());
    }
    assert_eq!(used.len(), 201);
    let held: Vec<_> = used.iter().map(|used| used - hub.memory_used()).collect();
    for (taken, &held_then) in held.iter().enumerate() {
        let most = 2 * held[0] * (200 - taken) / 200 + Memory::FLOOR;
        assert!(
            held_then <= most,
            "{held_then} of {} after {taken}",
            held[0]
        );
    }
    // Without that, it would be all until the last one is taken.
    assert!(held[0] > 4 * Memory::FLOOR);
}

#[test]
fn what_is_refused_takes_nobodys_waker_along() {
    let times = if cfg!(miri) { 5 } else { 2_000 };
    let (_, hub) = a_hub();
    let alice = Sleeper::in_rust(&hub, "alice");
    for _ in 0..times {
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                let bob = join(&hub, "bob", &["rust"]);
                say(&bob, "rust", "hello");
            });
            start.wait();
            for _ in 0..10 {
                let refused = hub.kick(&room("rust"), &nick("nobody"), None);
                assert!(refused.is_err());
            }
        });
        assert!(alice.is_woken());
        alice.fall_asleep();
    }
}
