//! How a server ends.

use std::time::Duration;

use super::person::{Heard, Person};
use super::site::Site;
use super::venue::{Setup, Venue, breathe, is_welcomed, meet, meet_with};
use crate::waiting_for;

/// Far more than it takes.
const LONG: Duration = Duration::from_secs(15);

pub(super) fn shutting_down_is_announced(site: &dyn Site) {
    meet(site, async |venue| {
        let people = venue.people(["alice", "bob", "carol"]).await;
        let Venue { server, way, .. } = venue;
        waiting_for("the server to shut down");
        let listening = people.map(async |mut person| is_told(&mut person).await);
        let listening = futures::future::join_all(listening);
        let (report, _) = futures::join!(server.shutdown(LONG), listening);
        assert_eq!((report.drained, report.cut_off), (3, 0), "{report}");
        // Nobody listens any more.
        waiting_for("a connection to be refused");
        if let Ok(stream) = way.connect().await {
            drop(stream);
            panic!("there is still somebody to connect to");
        }
    });
}

pub(super) fn shutting_down_loses_nothing_that_was_accepted(site: &dyn Site) {
    const PEOPLE: usize = 20;
    const EACH: usize = 40;
    let setup = Setup::with(|setup| setup.hub.outbox.messages = 100_000);
    meet_with(site, setup, async |venue| {
        let mut people = Vec::new();
        for n in 0..PEOPLE {
            let mut person = venue.stranger(&format!("number {n}")).await;
            is_welcomed(&mut person).await;
            people.push(person);
        }
        // Accepted beyond doubt: who said it has an answer to what was asked behind it.
        let mut heard = Vec::new();
        for (n, person) in people.iter_mut().enumerate() {
            for said in 0..EACH {
                person.says(&format!("{n} says {said}")).await;
            }
            heard.push(person.catches_up().await);
        }
        // And still in mid-sentence.
        for person in &mut people {
            person.says("perhaps").await;
        }
        let Venue { server, .. } = venue;
        waiting_for("the server to shut down");
        let listening = people
            .into_iter()
            .zip(&mut heard)
            .map(async |(mut person, heard)| {
                let (rest, end) = person.hears_out().await;
                heard.extend(rest);
                end
            });
        let (report, ends) =
            futures::join!(server.shutdown(LONG), futures::future::join_all(listening));
        assert_eq!((report.drained, report.cut_off), (PEOPLE, 0), "{report}");
        for (n, (heard, end)) in heard.iter_mut().zip(&ends).enumerate() {
            assert!(matches!(end, Heard::End), "{n}: {end:?}");
            assert_eq!(
                heard.pop().as_deref(),
                Some("* server shutting down"),
                "{n}"
            );
            heard.retain(|line| line.starts_with('['));
        }
        let longest = heard.iter().max_by_key(|heard| heard.len());
        let longest = longest.expect("there are people").clone();
        for (n, heard) in heard.iter().enumerate() {
            assert!(longest.starts_with(heard), "{n} has heard something else");
            let accepted = heard.iter().filter(|line| line.contains(" says "));
            assert_eq!(accepted.count(), PEOPLE * EACH, "{n} misses something");
        }
    });
}

pub(super) fn shutting_down_loses_nothing_for_those_who_read_slowly_and_go_on_talking(
    site: &dyn Site,
) {
    const MESSAGES: usize = 500;
    let setup = Setup::with(|setup| {
        setup.server.connection.linger = LONG / 3;
        setup.hub.outbox.messages = 100_000;
        setup.hub.outbox.bytes = 1024 * 1024 * 1024;
    });
    meet_with(site, setup, async |venue| {
        let [mut alice, mut slow] = venue.people(["alice", "slow"]).await;
        let long = "z".repeat(4000);
        for _ in 0..MESSAGES {
            alice.says(&long).await;
            alice.hears(&format!("[#general] alice: {long}")).await;
        }
        let Venue { server, .. } = venue;
        let reading = async {
            for n in 0..MESSAGES {
                slow.hears(&format!("[#general] alice: {long}")).await;
                // Which nobody listens to any more, and which is no reason to lose anything.
                if n % 5 == 0 {
                    let _ = slow.try_send(b"wait\n").await;
                    breathe().await;
                }
            }
            let (rest, _) = slow.hears_out().await;
            drop(slow);
            rest
        };
        let listening = async {
            alice.hears_until("* server shutting down").await;
            alice.hears_the_end().await;
            drop(alice);
        };
        let (report, rest, ()) = futures::join!(server.shutdown(LONG), reading, listening);
        assert_eq!((report.drained, report.cut_off), (2, 0), "{report}");
        let last = rest.last().map(String::as_str);
        assert_eq!(last, Some("* server shutting down"), "{rest:?}");
    });
}

pub(super) fn shutting_down_is_not_told_as_everybody_leaving(site: &dyn Site) {
    const PEOPLE: usize = 30;
    meet(site, async |venue| {
        let mut people = Vec::new();
        for n in 0..PEOPLE {
            let mut person = venue.stranger(&format!("number {n}")).await;
            is_welcomed(&mut person).await;
            people.push(person);
        }
        for person in &mut people {
            person.catches_up().await;
        }
        let Venue { server, .. } = venue;
        waiting_for("the server to shut down");
        let listening = people.into_iter().map(async |mut person| {
            person.hears("* server shutting down").await;
            person.hears_the_end().await;
        });
        let listening = futures::future::join_all(listening);
        futures::join!(server.shutdown(LONG), listening);
    });
}

pub(super) fn shutting_down_does_not_wait_for_the_stuck(site: &dyn Site) {
    const WITHIN: Duration = Duration::from_millis(500);
    const MESSAGES: usize = 4000;
    let setup = Setup::with(|setup| {
        setup.hub.outbox.messages = 100_000;
        setup.hub.outbox.bytes = 1024 * 1024 * 1024;
    });
    meet_with(site, setup, async |venue| {
        let [mut alice, mut bob, mut stuck] = venue.people(["alice", "bob", "stuck"]).await;
        let long = "z".repeat(4000);
        for _ in 0..MESSAGES {
            alice.says(&long).await;
            for person in [&mut alice, &mut bob] {
                person.hears(&format!("[#general] alice: {long}")).await;
            }
        }
        let runtime = venue.runtime.clone();
        let Venue { server, .. } = venue;
        let before = runtime.now();
        waiting_for("the server to shut down");
        let report = server.shutdown(WITHIN).await;
        let took = runtime.now() - before;
        assert_eq!((report.drained, report.cut_off), (2, 1), "{report}");
        assert!(took >= WITHIN, "gave up after {took:?}");
        assert!(took < LONG, "gave up after {took:?} only");
        for person in [&mut alice, &mut bob] {
            is_told(person).await;
        }
        let (lines, _) = stuck.hears_out_broken().await;
        assert!(lines < MESSAGES, "everything was sent: nobody was stuck");
    });
}

pub(super) fn a_server_that_is_dropped_closes_its_connections(site: &dyn Site) {
    meet(site, async |venue| {
        let mut people = venue.people(["alice", "bob", "carol"]).await;
        let Venue { server, way, .. } = venue;
        let hub = server.hub().clone();
        drop(server);
        for person in &mut people {
            let (lines, _) = person.hears_out().await;
            let farewell = lines.iter().all(|line| line.contains(" left #general"));
            assert!(farewell, "{} hears {lines:?}", person.name);
        }
        waiting_for("a listener to be closed");
        while way.connect().await.is_ok() {
            breathe().await;
        }
        // A stream is closed a moment before its session ends.
        waiting_for("the sessions to end");
        while !hub.rooms().is_empty() {
            breathe().await;
        }
    });
}

/// The next thing that somebody hears, apart from others who leave, is that the server is shutting down; and
/// then the end.
async fn is_told(person: &mut Person) {
    let before = person.hears_until("* server shutting down").await;
    let others_left = before.iter().all(|line| line.ends_with(" left #general"));
    assert!(others_left, "{} hears {before:?}", person.name);
    person.hears_the_end().await;
}
