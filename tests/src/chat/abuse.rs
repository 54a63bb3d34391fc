//! Those who take more than their part: of what can be heard, of connections, of memory.

use std::time::Duration;

use chat_core::connection::RateLimit;
use chat_core::runtime::RuntimeExt;

use super::site::Site;
use super::venue::{Setup, meet_with};
use crate::waiting_for;

pub(super) fn whoever_is_too_fast_is_heard_later_and_nobody_else(site: &dyn Site) {
    const BURST: u32 = 5;
    const PERIOD: Duration = Duration::from_millis(500);
    let setup = Setup::with(|setup| {
        setup.server.connection.rate_limit = RateLimit::new(BURST, PERIOD);
    });
    meet_with(site, setup, async |venue| {
        let (mut alice, _) = venue.guest("alice").await;
        let (mut bob, _) = venue.guest("bob").await;
        alice.hears("* guest-2 joined #general").await;
        let said = venue.runtime.now();
        let lines: String = (1..=20).map(|n| format!("{n}\n")).collect();
        alice.sends(lines.as_bytes()).await;
        alice.hears("[#general] guest-1: 1").await;
        // He is heard while she has to wait: at a lower pace than hers, as he is one line and she is fifteen.
        bob.says("hello").await;
        let before = alice.hears_until("[#general] guest-2: hello").await;
        let mut next = 2 + before.len();
        for line in &before {
            assert!(line.starts_with("[#general] guest-1: "), "{line:?}");
        }
        while next <= 20 {
            alice.hears(&format!("[#general] guest-1: {next}")).await;
            next += 1;
        }
        // Twenty, of which five may come at once.
        let took = venue.runtime.now() - said;
        let at_least = PERIOD / BURST * (20 - BURST);
        assert!(took >= at_least, "heard after {took:?}");
        // Nothing was lost, and what has rested may burst again.
        alice.says("afterwards").await;
        alice.hears("[#general] guest-1: afterwards").await;
    });
}

pub(super) fn whoever_never_stops_flooding_is_sent_away(site: &dyn Site) {
    const PATIENCE: Duration = Duration::from_millis(400);
    let setup = Setup::with(|setup| {
        let connection = &mut setup.server.connection;
        connection.rate_limit = RateLimit::new(5, Duration::from_millis(100));
        connection.flood_timeout = Some(PATIENCE);
    });
    meet_with(site, setup, async |venue| {
        let (mut alice, _) = venue.guest("alice").await;
        let (mut mallory, _) = venue.guest("mallory").await;
        alice.hears("* guest-2 joined #general").await;
        let began = venue.runtime.now();
        mallory.sends("spam\n".repeat(2_000).as_bytes()).await;
        let heard = alice.hears_until("* guest-2 left #general").await.len();
        let took = venue.runtime.now() - began;
        assert!(took >= PATIENCE, "sent away after {took:?}");
        assert!((5..2_000).contains(&heard), "heard {heard} lines");
        let (lines, _) = mallory.hears_out().await;
        let last = lines.last().map(String::as_str);
        assert_eq!(last, Some("! you are sending too much; goodbye"));
        alice.hears_nothing_more().await;
    });
}

pub(super) fn an_address_may_connect_only_so_fast(site: &dyn Site) {
    let setup = Setup::with(|setup| {
        setup.server.connect_rate = RateLimit::new(2, Duration::from_secs(24 * 60 * 60));
    });
    meet_with(site, setup, async |venue| {
        let (mut alice, _) = venue.guest("alice").await;
        let (bob, _) = venue.guest("bob").await;
        alice.hears("* guest-2 joined #general").await;
        drop(bob);
        alice.hears("* guest-2 left #general").await;
        if venue.way.address.ip().is_none() {
            // Unix sockets have none.
            for _ in 0..3 {
                venue.guest("the next").await;
            }
            return;
        }
        for _ in 0..3 {
            let mut third = venue.stranger("the third").await;
            let why = third.is_refused().await;
            assert!(why.contains("in a short time"), "{why}");
            third.hears_the_end().await;
        }
        alice.hears_nothing_more().await;
    });
}

pub(super) fn whoever_takes_nothing_for_too_long_is_sent_away(site: &dyn Site) {
    const PATIENCE: Duration = Duration::from_millis(300);
    let setup = Setup::with(|setup| {
        setup.server.connection.write_timeout = Some(PATIENCE);
        setup.server.connection.close_timeout = Duration::from_millis(50);
    });
    meet_with(site, setup, async |venue| {
        let [mut alice, _stuck] = venue.people(["alice", "stuck"]).await;
        let line = "x".repeat(4_000);
        let heard = format!("[#general] alice: {line}");
        let began = venue.runtime.now();
        // Until the buffers of the sockets are full, and then for as long as it takes.
        loop {
            alice.says(&line).await;
            match alice.line().await {
                left if left == "* stuck left #general" => break,
                next => assert!(next == heard, "{:?}", &next[..next.len().min(60)]),
            }
        }
        let took = venue.runtime.now() - began;
        assert!(took >= PATIENCE, "sent away after {took:?}");
        alice.hears(&heard).await;
        venue.is_down_to(1).await;
    });
}

pub(super) fn slow_readers_keep_to_the_memory_there_is(site: &dyn Site) {
    /// Far less than what the outboxes and the rooms could hold by their own limits.
    const LIMIT: usize = 256 * 1024;
    /// What four sessions are promised on top, and the buffers of their connections.
    const PROMISED: usize = 4 * 64 * 1024;
    /// For each room 16 MB, which is more than the buffers of the sockets take.
    const MESSAGES: u64 = 4_000;
    const AT_ONCE: u64 = 8;
    let setup = Setup::with(|setup| {
        setup.hub.max_memory = LIMIT;
        setup.hub.empty_rooms = 0;
    });
    meet_with(site, setup, async |venue| {
        let mut talkers = Vec::new();
        let mut slow = Vec::new();
        for room in ["a", "b"] {
            for (who, people) in [("talker", &mut talkers), ("slow", &mut slow)] {
                let mut person = venue.person(&format!("{who}-{room}")).await;
                person.says(&format!("/join {room}")).await;
                person
                    .hears(&format!("* {who}-{room} joined #{room}"))
                    .await;
                people.push((room, person));
            }
            let (_, talker) = talkers.last_mut().expect("one has just come");
            talker.hears(&format!("* slow-{room} joined #{room}")).await;
        }
        let hub = venue.server.hub().clone();
        let mut most = 0;
        for first in (1..=MESSAGES).step_by(AT_ONCE as usize) {
            for (room, talker) in &mut talkers {
                for number in first..first + AT_ONCE {
                    talker.says(&message(number)).await;
                }
                most = most.max(hub.memory_used());
                // Its own messages may make way, as everybody's.
                let mut next = first;
                while next < first + AT_ONCE {
                    next = heard_or_missed(&talker.line().await, room, next);
                }
            }
        }
        assert!(most <= LIMIT + PROMISED, "{most} bytes");
        for (room, person) in &mut slow {
            let (mut next, mut lines) = (1, 0);
            while next <= MESSAGES {
                next = heard_or_missed(&person.line().await, room, next);
                lines += 1;
            }
            assert!(lines < MESSAGES, "nobody was slow");
            person.hears_nothing_more().await;
        }
        drop((talkers, slow));
        venue.is_down_to(0).await;
        waiting_for("the memory to be given back");
        while hub.memory_used() > 0 {
            venue.runtime.sleep(Duration::from_millis(2)).await;
        }
    });
}

fn message(number: u64) -> String {
    format!("{number} {}", "x".repeat(4_000))
}

/// The number after that of the message in `line`, or after the last one that it says was missed; the first
/// one has to be `next`.
fn heard_or_missed(line: &str, room: &str, next: u64) -> u64 {
    let start = &line[..line.len().min(60)];
    if let Some(text) = line.strip_prefix(&format!("[#{room}] talker-{room}: ")) {
        assert!(text == message(next), "{start:?} instead of {next}");
        return next + 1;
    }
    let range = line.strip_prefix("* you missed ").and_then(|rest| {
        let (_, range) = rest
            .strip_suffix(')')?
            .split_once(&format!(" in #{room} ("))?;
        range.split_once('–')
    });
    let Some((first, last)) = range else {
        panic!("{start:?} is neither a message nor a gap");
    };
    assert_eq!(first.parse(), Ok(next), "{line:?}");
    last.parse::<u64>().expect("a number") + 1
}
