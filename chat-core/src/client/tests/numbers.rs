use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::world::{Cut, World, options, room};
use crate::client::{Client, Event, Events};
use crate::runtime::RuntimeExt;
use crate::testing::{TestStream, duplex};

/// A client whose server is played by the test, one connection after the other.
struct Play {
    world: World,
    lines: Vec<TestStream>,
}

impl Play {
    fn new(connections: usize) -> (Self, Client, Events) {
        let world = World::new();
        let (mut here, lines): (Vec<_>, Vec<_>) =
            (0..connections).map(|_| duplex(1024 * 1024)).unzip();
        here.reverse();
        let here = Arc::new(Mutex::new(here));
        let connector = move || {
            let stream = here.lock().unwrap().pop();
            async { stream.ok_or(io::ErrorKind::ConnectionRefused.into()) }
        };
        let runtime = world.runtime.clone();
        let mut options = options("alice");
        options.backoff.jitter = false;
        let connect = world
            .runtime
            .spawn(async move { Client::reconnecting(connector, options, &runtime).await });
        world.time.run();
        let play = Self { world, lines };
        play.welcome(0);
        let (client, events) = play.world.wait(connect).unwrap().unwrap();
        (play, client, events)
    }

    fn welcome(&self, line: usize) {
        self.lets_in(line, "hello", "");
    }

    fn resume(&self, line: usize, rooms: &str) {
        self.lets_in(line, "resume", rooms);
    }

    fn lets_in(&self, line: usize, id: &str, rooms: &str) {
        let (token, resumed) = ("0".repeat(32), id == "resume");
        let ok = format!(
            "{{\"nick\":\"alice\",\"token\":\"{token}\",\"resumed\":{resumed},\"rooms\":[{rooms}]}}"
        );
        self.send(line, &format!("{{\"id\":\"{id}\",\"ok\":{ok}}}"));
    }

    /// The client enters the room, whose last message is `last`.
    fn join(&self, client: &Client, last: u64) {
        let there = client.clone();
        let join = async move { there.join(&room("rust")).await };
        let join = self.world.runtime.spawn(join);
        let id = id_of(&self.said(0));
        let ok = format!("{{\"room\":\"rust\",\"members\":2,\"last\":{last},\"topic\":null}}");
        self.send(0, &format!("{{\"id\":{id},\"ok\":{ok}}}"));
        self.world.wait(join).unwrap().unwrap();
    }

    fn send(&self, line: usize, text: &str) {
        self.lines[line].send(format!("{text}\n"));
        self.world.time.run();
    }

    fn said(&self, line: usize) -> String {
        self.world.time.run();
        self.lines[line].receive()
    }

    fn lose(&self, line: usize) {
        self.lines[line].reset();
        self.world.time.run();
        for _ in 0..50 {
            self.world.time.advance(Duration::from_millis(100));
            self.world.time.run();
        }
    }

    fn message(&self, line: usize, number: u64) {
        self.send(line, &format!(
            "{{\"event\":\"message\",\"room\":\"rust\",\"number\":{number},\"from\":\"bob\",\"kind\":\"say\",\"text\":\"{number}\",\"time\":\"2026-03-14T15:09:26.535Z\"}}"
        ));
    }

    fn missed(&self, line: usize, first: u64, last: u64) {
        self.send(line, &format!(
            "{{\"event\":\"missed\",\"room\":\"rust\",\"first\":{first},\"last\":{last},\"presence\":0}}"
        ));
    }
}

fn id_of(said: &str) -> String {
    let line = said.lines().last().unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["id"].to_string()
}

fn numbers(events: &[Event]) -> Vec<(u64, u64)> {
    let of = |event: &Event| match event {
        Event::Message(message) => Some((message.number, message.number)),
        Event::Missed(missed) => missed.messages,
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn what_comes_before_the_session_is_for_somebody_else() {
    let (play, client, mut events) = Play::new(2);
    play.join(&client, 4);
    play.lose(0);
    // The server took the second connection for a person's, as its first line was late.
    play.message(1, 6);
    play.resume(1, "\"rust\"");
    play.message(1, 5);
    play.message(1, 6);
    assert_eq!(numbers(&play.world.heard(&mut events)), [(5, 5), (6, 6)]);
}

#[test]
fn what_is_missed_in_a_room_that_began_anew_is_told_from_its_own_first_number_on() {
    let (play, alice, mut events) = Play::new(2);
    play.join(&alice, 50);
    // Left and entered again: it began anew, and the answer is lost.
    let there = alice.clone();
    let _again = play
        .world
        .runtime
        .spawn(async move { there.join(&room("rust")).await });
    play.world.time.run();
    play.lose(0);
    play.resume(1, "\"rust\"");
    play.world.heard(&mut events);
    play.missed(1, 4, 60);
    play.message(1, 61);
    let heard = play.world.heard(&mut events);
    assert_eq!(numbers(&heard), [(4, 60), (61, 61)], "{heard:?}");
}

#[test]
fn a_room_is_entered_again_also_when_the_new_session_loses_its_connection_first() {
    for after in 0..900 {
        let world = World::new();
        let (whole, cut) = (
            Cut {
                after: usize::MAX,
                loses: false,
            },
            Cut {
                after,
                loses: after % 2 == 0,
            },
        );
        let connector = world.connector([whole, cut]);
        let line = Arc::clone(&connector.line);
        let (alice, mut events) = world.connect(connector, options("alice")).unwrap();
        world.join(&alice, "rust");
        world.say(&alice, "rust", "one").unwrap();
        world.heard(&mut events);
        drop(world.stop_server());
        world.start_server(None);
        line.cut();
        let there = alice.clone();
        world.wait(async move { there.ping().await }).unwrap();
        // It may be that nothing but the answers to its own requests was cut off.
        for _ in 0..20 {
            world.time.advance(Duration::from_secs(1));
            world.time.run();
        }
        let there = alice.clone();
        world.wait(async move { there.ping().await }).unwrap();
        let heard = world.heard(&mut events);
        let told = heard
            .iter()
            .filter(|event| matches!(event, Event::Rejoined(_) | Event::NotRejoined { .. }))
            .count();
        assert_eq!(
            alice.joined_rooms(),
            [room("rust")],
            "cut after {after}: {heard:?}"
        );
        assert!(told > 0, "cut after {after}: {heard:?}");
    }
}

#[test]
fn a_room_that_was_left_meanwhile_is_not_entered_again() {
    let (play, alice, _events) = Play::new(3);
    play.join(&alice, 1);
    play.lose(0);
    play.said(1);
    let gone = "{\"code\":\"not_resumable\",\"text\":\"there is no session to resume\"}";
    play.send(1, &format!("{{\"id\":\"resume\",\"error\":{gone}}}"));
    play.welcome(1);
    let there = alice.clone();
    let leave = async move { there.leave(&room("rust")).await };
    let leave = play.world.runtime.spawn(leave);
    let said = play.said(1);
    assert!(said.contains("\"op\":\"join\"") && said.contains("\"op\":\"leave\""));
    // Both were done, and neither answer came.
    play.lose(1);
    play.said(2);
    play.resume(2, "");
    play.world.wait(leave).unwrap().unwrap();
    assert_eq!(play.said(2), "");
    assert!(alice.joined_rooms().is_empty());
}

#[test]
fn a_room_that_was_closed_while_it_was_entered_begins_anew_when_it_is_entered_again() {
    let (play, alice, mut events) = Play::new(1);
    // The server has made the answer, and not queued it, when the room is closed by another thread.
    play.send(
        0,
        "{\"event\":\"room_closed\",\"room\":\"rust\",\"reason\":null}",
    );
    play.join(&alice, 50);
    play.send(
        0,
        "{\"event\":\"joined\",\"room\":\"rust\",\"nick\":\"alice\"}",
    );
    play.join(&alice, 0);
    play.message(0, 1);
    let heard = play.world.heard(&mut events);
    assert_eq!(numbers(&heard), [(1, 1)], "{heard:?}");
}

#[test]
fn a_leave_is_asked_for_again_behind_a_join_that_is() {
    let (play, alice, _events) = Play::new(2);
    play.said(0);
    let rust = room("rust");
    let asked = async move { futures::join!(alice.join(&rust), alice.leave(&rust)) };
    let asked = play.world.runtime.spawn(asked);
    let asks_in_order = |said: String| {
        let at = |op| said.find(op).unwrap_or(usize::MAX);
        at("\"op\":\"join\"") < at("\"op\":\"leave\"") && said.contains("\"leave\"")
    };
    assert!(asks_in_order(play.said(0)));
    play.lose(0);
    play.said(1);
    play.resume(1, "");
    assert!(asks_in_order(play.said(1)));
    drop(asked);
}
