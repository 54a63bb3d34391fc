//! How long the server waits for its peers.

use std::time::Duration;

use chat_core::event::CloseReason;
use chat_core::framing::Frame;
use chat_core::protocol::{Delivery, Flow, Protocol};
use chat_core::runtime::RuntimeExt;
use chat_core::session::Session;

use super::person::Heard;
use super::site::Site;
use super::venue::{Setup, is_welcomed, meet_speaking, meet_with};
use crate::waiting_for;

pub(super) fn whoever_is_silent_for_too_long_is_sent_away(site: &dyn Site) {
    const LIMIT: Duration = Duration::from_millis(300);
    let setup = Setup::with(|setup| setup.server.connection.idle_timeout = Some(LIMIT));
    meet_with(site, setup, async |venue| {
        let mut alice = venue.stranger("alice").await;
        is_welcomed(&mut alice).await;
        // Heard by the server at this moment or later.
        let said = venue.runtime.now();
        alice.says("hello").await;
        alice.hears("[#general] guest-1: hello").await;
        alice
            .hears("! nothing heard from you for 300ms; goodbye")
            .await;
        let silent = venue.runtime.now() - said;
        assert!(silent >= LIMIT, "sent away after {silent:?}");
        alice.hears_the_end().await;
        drop(alice);
        venue.is_down_to(0).await;
    });
}

pub(super) fn whoever_says_something_now_and_then_may_stay(site: &dyn Site) {
    const LIMIT: Duration = Duration::from_millis(400);
    const PAUSE: Duration = Duration::from_millis(150);
    let setup = Setup::with(|setup| setup.server.connection.idle_timeout = Some(LIMIT));
    meet_with(site, setup, async |venue| {
        // On a machine that is too busy to keep the pauses short, it proves nothing to be sent away.
        'attempt: loop {
            let mut alice = venue.stranger("alice").await;
            is_welcomed(&mut alice).await;
            let mut heard_after = venue.runtime.now();
            for n in 0..8 {
                waiting_for("a pause in the conversation");
                venue.runtime.sleep(PAUSE).await;
                let before = venue.runtime.now();
                let said = alice.try_send(format!("/me {n}\n").as_bytes()).await;
                let next = alice.next().await;
                let in_time = venue.runtime.now() - heard_after < LIMIT;
                match next {
                    Heard::Line(line) if line.ends_with(&format!(" {n}")) => {}
                    _ if !in_time => continue 'attempt,
                    other => panic!("sent away too early: {said:?}, {other:?}"),
                }
                heard_after = before;
            }
            // Nor are bytes silence that are no line yet; and silence is silence in the end.
            alice.sends(b"half").await;
            alice
                .hears("! nothing heard from you for 400ms; goodbye")
                .await;
            alice.hears_the_end().await;
            return;
        }
    });
}

pub(super) fn whoever_does_not_introduce_themselves_is_sent_away(site: &dyn Site) {
    const LIMIT: Duration = Duration::from_millis(300);
    let setup = Setup::with(|setup| setup.server.connection.registration_timeout = Some(LIMIT));
    meet_speaking(
        site,
        setup,
        || Anonymous,
        async |venue| {
            let before = venue.runtime.now();
            let mut stranger = venue.stranger("a stranger").await;
            stranger
                .hears("bye: no introduction within 300ms; goodbye")
                .await;
            stranger.hears_the_end().await;
            let stayed = venue.runtime.now() - before;
            assert!(stayed >= LIMIT, "sent away after {stayed:?}");
            drop(stranger);
            venue.is_down_to(0).await;
        },
    );
}

pub(super) fn talking_is_no_introduction(site: &dyn Site) {
    const LIMIT: Duration = Duration::from_millis(300);
    let setup = Setup::with(|setup| setup.server.connection.registration_timeout = Some(LIMIT));
    meet_speaking(
        site,
        setup,
        || Anonymous,
        async |venue| {
            let mut stranger = venue.stranger("a stranger").await;
            let mut talked = Duration::ZERO;
            let before = venue.runtime.now();
            // As long as it is listened to, each line gets its answer.
            loop {
                if stranger.try_send(b"hello\n").await.is_err() {
                    break;
                }
                match stranger.next().await {
                    Heard::Line(line) if line == "who are you?" => {}
                    Heard::Line(line) => {
                        assert_eq!(line, "bye: no introduction within 300ms; goodbye");
                        break;
                    }
                    Heard::End | Heard::Broken(_) => break,
                }
                talked = venue.runtime.now() - before;
                assert!(
                    talked < 20 * LIMIT,
                    "whoever goes on talking is never sent away"
                );
                waiting_for("a pause in the conversation");
                venue.runtime.sleep(LIMIT / 10).await;
            }
            assert!(talked < 20 * LIMIT, "sent away after {talked:?}");
            drop(stranger);
            venue.is_down_to(0).await;
        },
    );
}

pub(super) fn whoever_does_not_take_the_last_words_is_cut_off(site: &dyn Site) {
    const LIMIT: Duration = Duration::from_millis(300);
    let setup = Setup::with(|setup| {
        setup.hub.outbox.messages = 100_000;
        setup.hub.outbox.bytes = 1024 * 1024 * 1024;
        setup.server.connection.close_timeout = LIMIT;
    });
    meet_with(site, setup, async |venue| {
        let [mut alice, mut stuck] = venue.people(["alice", "stuck"]).await;
        let long = "z".repeat(4000);
        for _ in 0..4000 {
            alice.says(&long).await;
            alice.hears(&format!("[#general] alice: {long}")).await;
        }
        let said = venue.runtime.now();
        stuck.says("/quit enough").await;
        alice.hears("* stuck left #general (enough)").await;
        venue.is_down_to(1).await;
        let took = venue.runtime.now() - said;
        assert!(took >= LIMIT, "cut off after {took:?}");
        // What it gets to read now is a part of what was said.
        let (lines, _) = stuck.hears_out_broken().await;
        assert!(lines < 4000, "everything was sent: nobody was stuck");
    });
}

/// Knows nobody's nick, answers every line, and says why it closes.
struct Anonymous;

impl Protocol for Anonymous {
    fn max_frame(&self) -> usize {
        100
    }

    fn open(&mut self, _: &mut Session) -> Flow {
        Flow::Continue
    }

    fn handle_frame(&mut self, _: Frame<'_>, session: &mut Session) -> Flow {
        session.reply(*b"who are you?\n");
        Flow::Continue
    }

    fn encode(&mut self, _: Delivery<'_>, _: &Session, _: &mut Vec<u8>) {}

    fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("bye: {reason}\n").as_bytes());
    }
}
