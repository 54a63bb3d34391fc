use futures::{FutureExt, StreamExt};

use super::world::{World, body, messages, nick, options};
use crate::client::{Client, ClientOptions, Event, Events, WhenFull};
use crate::testing::at_once;

/// Two in a room, of whom the first takes no events and has little room for them.
fn a_slow_one_and_another(world: &World, when_full: WhenFull) -> (Client, Events, Client) {
    let slow = ClientOptions {
        event_capacity: 4,
        when_full,
        ..options("slow")
    };
    let (slow, mut events) = world.connect(world.connector([]), slow).unwrap();
    let (other, _) = world.client("other");
    world.join(&slow, "rust");
    world.join(&other, "rust");
    world.heard(&mut events);
    (slow, events, other)
}

fn say_many(world: &World, client: &Client, count: u64) {
    for n in 1..=count {
        assert_eq!(world.say(client, "rust", &n.to_string()).unwrap(), n);
    }
}

#[test]
fn who_takes_events_too_slowly_is_told_exactly_what_was_dropped() {
    let world = World::new();
    let (slow, mut events, other) = a_slow_one_and_another(&world, WhenFull::DropOldest);
    say_many(&world, &other, 10);
    let there = other.clone();
    let asking = slow.clone();
    world.wait(async move {
        there.message(&nick("slow"), body("psst")).await.unwrap();
        asking.ping().await.expect("answers are not held up");
    });
    let heard = world.heard(&mut events);
    let Event::Lagged(lagged) = &heard[0] else {
        panic!("{heard:?}")
    };
    assert_eq!((lagged.events, lagged.private), (7, 0));
    let ranges: Vec<_> = lagged.messages.values().copied().collect();
    assert_eq!(ranges, [(1, 7)]);
    let numbers: Vec<_> = messages(&heard).iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [8, 9, 10]);
    assert!(matches!(heard[4], Event::Private(_)));
    assert_eq!(heard.len(), 5);
}

#[test]
fn who_wants_backpressure_gets_everything_and_the_server_waits() {
    let mut config = at_once();
    config.outbox.messages = 10;
    let world = World::with(config);
    let (slow, mut events, other) = a_slow_one_and_another(&world, WhenFull::Backpressure);
    // More than its queue, its read buffer, the stream and its outbox hold.
    let count = 40_000;
    drop(other);
    world.speak("rust", count);
    let ping = world.now({
        let slow = slow.clone();
        async move { slow.ping().await }
    });
    assert!(ping.is_none(), "the answer is behind the events");
    let mut next = 1;
    let mut missed = 0;
    while next <= count {
        world.time.run();
        match events.next().now_or_never() {
            Some(Some(Event::Message(message))) => {
                assert_eq!(message.number, next);
                next += 1;
            }
            Some(Some(Event::Missed(gap))) => {
                if let Some((first, last)) = gap.messages {
                    assert_eq!(first, next);
                    missed += last + 1 - first;
                    next = last + 1;
                }
            }
            Some(Some(Event::Joined { .. } | Event::Quit { .. })) => {}
            other => panic!("{next}: {other:?}"),
        }
    }
    assert!(missed > 10_000, "the server was pushed back, and dropped");
    world.wait(async move { slow.ping().await.unwrap() });
}

#[test]
fn a_program_that_takes_no_events_for_long_keeps_its_connection() {
    let world = World::new();
    let (slow, mut events, other) = a_slow_one_and_another(&world, WhenFull::Backpressure);
    say_many(&world, &other, 20);
    for _ in 0..3_600 {
        world.time.advance(std::time::Duration::from_secs(1));
    }
    assert!(slow.is_connected());
    for chunk in 0..5 {
        let numbers = messages(&world.heard(&mut events)).into_iter();
        let numbers: Vec<_> = numbers.map(|(number, _)| number).collect();
        assert_eq!(numbers, (1..=4).map(|n| 4 * chunk + n).collect::<Vec<_>>());
    }
    let heard = world.heard(&mut events);
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn nobody_has_to_take_events_at_all() {
    for when_full in [WhenFull::DropOldest, WhenFull::Backpressure] {
        let world = World::new();
        let (slow, events, other) = a_slow_one_and_another(&world, when_full);
        drop(events);
        say_many(&world, &other, 20);
        assert_eq!(world.say(&slow, "rust", "hello").unwrap(), 21);
    }
}
