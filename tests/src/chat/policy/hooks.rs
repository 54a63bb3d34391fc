//! Every decision, and every way to take it.

use std::sync::Arc;
use std::time::Duration;

use chat_core::protocol::JsonProtocol;
use serde_json::{Value, json};

use super::house::{BETTER, Hook, House, NO, Rule, What};
use crate::chat::json::program::{Program, joined, message};
use crate::chat::site::Site;
use crate::chat::venue::{Setup, Venue, is_welcomed, meet_both_with, meet_speaking};

/// What a program can ask for that is decided about.
const HOOKS: [Hook; 6] = [
    Hook::LogIn,
    Hook::Topic,
    Hook::Join,
    Hook::Message,
    Hook::Private,
    // Last, as what others hear names the nick.
    Hook::Nick,
];

/// Shorter than anybody's patience.
const DECISION_TIMEOUT: Duration = Duration::from_millis(200);

pub(in crate::chat) fn what_is_allowed_happens(site: &dyn Site) {
    for when in [Rule::Now, Rule::Later] {
        let (house, setup) = House::open();
        meet_both_with(site, setup, async |venue| {
            let (mut alice, mut bob) = two(&venue).await;
            for hook in HOOKS {
                house.rules(hook, when(What::Allow));
                let answer = tries(&mut alice, hook).await;
                assert!(answer["ok"].is_object(), "{hook:?}: {answer}");
                if let Some(event) = effect(hook, "hello") {
                    bob.hears(event).await;
                }
            }
            bob.hears_nothing_more().await;
        });
    }
}

pub(in crate::chat) fn what_is_refused_has_no_effect_and_is_answered_with_the_reason(
    site: &dyn Site,
) {
    for when in [Rule::Now, Rule::Later] {
        let (house, setup) = House::open();
        meet_both_with(site, setup, async |venue| {
            let (mut alice, mut bob) = two(&venue).await;
            let mut carol = venue.talker("carol").await;
            for hook in HOOKS {
                house.rules(hook, when(What::Refuse));
                let answer = tries(&mut alice, hook).await;
                assert_eq!(
                    answer["error"],
                    json!({ "code": "denied", "text": NO }),
                    "{hook:?}"
                );
                if let Some(line) = line(hook) {
                    carol.says(line).await;
                    carol.hears(&format!("! {NO}")).await;
                }
            }
            for program in [&mut alice, &mut bob] {
                program.hears_nothing_more().await;
            }
            let members = json!([
                { "nick": "alice", "role": "operator" },
                { "nick": "bob", "role": "member" },
            ]);
            let who = alice.asks("who", json!({ "room": "rust" })).await;
            assert_eq!(who["members"], members);
            carol.says("/who").await;
            carol.hears("* in #general (1): carol").await;
        });
    }
}

pub(in crate::chat) fn messages_may_be_rewritten(site: &dyn Site) {
    for when in [Rule::Now, Rule::Later] {
        let (house, setup) = House::open();
        house.rules(Hook::Message, when(What::Rewrite));
        house.rules(Hook::Topic, when(What::Rewrite));
        house.rules(Hook::Private, when(What::Rewrite));
        meet_both_with(site, setup, async |venue| {
            let (mut alice, mut bob) = two(&venue).await;
            for hook in [Hook::Topic, Hook::Message, Hook::Private] {
                assert!(tries(&mut alice, hook).await["ok"].is_object());
                bob.hears(effect(hook, BETTER).expect("it is heard")).await;
            }
            // Its author hears it as everybody does, and so it is remembered.
            alice
                .hears(effect(Hook::Topic, BETTER).expect("it is heard"))
                .await;
            alice.hears(message("rust", 1, "alice", BETTER)).await;
            let history = alice.asks("history", json!({ "room": "rust" })).await;
            assert_eq!(history["messages"][0]["text"], BETTER);
            let mut carol = venue.talker("carol").await;
            carol.says("something bad").await;
            carol.hears(&format!("[#general] carol: {BETTER}")).await;
            carol.says("/me does it").await;
            carol.hears(&format!("[#general] * carol {BETTER}")).await;
            carol.says("/msg carol something worse").await;
            carol.hears(&format!("[private] carol: {BETTER}")).await;
        });
    }
}

pub(in crate::chat) fn a_hook_that_panics_refuses_that_one_action(site: &dyn Site) {
    for when in [Rule::Now, Rule::Later] {
        let (house, setup) = House::open();
        meet_both_with(site, setup, async |venue| {
            let (mut alice, mut bob) = two(&venue).await;
            let mut carol = venue.talker("carol").await;
            for hook in HOOKS {
                house.rules(hook, when(What::Panic));
                let answer = tries(&mut alice, hook).await;
                assert_eq!(answer["error"]["code"], "undecided", "{hook:?}: {answer}");
                if let Some(line) = line(hook) {
                    carol.says(line).await;
                    carol.hears("! that could not be decided; try again").await;
                }
                bob.hears_nothing_more().await;
                // That was all.
                house.rules(hook, Rule::Now(What::Allow));
                let answer = tries(&mut alice, hook).await;
                assert!(answer["ok"].is_object(), "{hook:?}: {answer}");
                if let Some(event) = effect(hook, "hello") {
                    bob.hears(event).await;
                }
            }
        });
    }
}

pub(in crate::chat) fn a_hook_that_never_decides_refuses_in_time(site: &dyn Site) {
    let (house, mut setup) = House::open();
    setup.hub.decision_timeout = DECISION_TIMEOUT;
    meet_both_with(site, setup, async |venue| {
        let (mut alice, mut bob) = two(&venue).await;
        let mut carol = venue.talker("carol").await;
        for hook in HOOKS {
            house.rules(hook, Rule::Never);
            let before = venue.runtime.now();
            let line = line(hook);
            if let Some(line) = line {
                carol.says(line).await;
            }
            let answer = tries(&mut alice, hook).await;
            let took = venue.runtime.now() - before;
            assert_eq!(answer["error"]["code"], "undecided", "{hook:?}: {answer}");
            assert!(took >= DECISION_TIMEOUT, "{hook:?} took {took:?}");
            if line.is_some() {
                carol.hears("! that could not be decided; try again").await;
            }
        }
        alice.hears_nothing_more().await;
        bob.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn a_slow_hook_delays_only_its_own_session(site: &dyn Site) {
    let (house, mut setup) = House::open();
    setup.hub.decision_timeout = Duration::from_secs(60);
    meet_both_with(site, setup, async |venue| {
        let (mut alice, mut bob) = two(&venue).await;
        let mut carol = venue.talker("carol").await;
        let mut number = 0;
        for hook in HOOKS {
            house.rules(hook, Rule::Wait);
            let (op, fields) = request(hook);
            let slow = alice.requests(op, fields).await;
            let behind = alice.requests("rooms", json!({})).await;
            let line = line(hook);
            if let Some(line) = line {
                carol.says(line).await;
                carol.says("/help").await;
            }
            house.keeps_waiting(1 + usize::from(line.is_some())).await;
            house.rules(hook, Rule::Now(What::Allow));
            // Others go on, and those who wait hear of it.
            for _ in 0..3 {
                number += 1;
                assert_eq!(bob.tells("rust", "meanwhile").await, number);
                bob.hears(message("rust", number, "bob", "meanwhile")).await;
                alice
                    .hears(message("rust", number, "bob", "meanwhile"))
                    .await;
            }
            house.lets_go();
            // What was asked behind it is answered behind it.
            assert!(alice.answer(&slow).await["ok"].is_object(), "{hook:?}");
            assert!(alice.answer(&behind).await["ok"].is_object(), "{hook:?}");
            if line.is_some() {
                let answer =
                    carol.hears_until("* /join <room>        leave this room and join another one");
                assert_eq!(answer.await.len(), 1, "{hook:?}");
                carol
                    .hears_until("* anything else       say it to this room")
                    .await;
            }
            alice.catches_up().await;
            let heard = bob.catches_up().await;
            if hook == Hook::Message {
                number += 1;
                assert_eq!(heard[0]["number"], number);
            }
        }
    });
}

pub(in crate::chat) fn what_waits_for_a_decision_is_dropped_with_its_connection(site: &dyn Site) {
    let (house, mut setup) = House::open();
    setup.hub.decision_timeout = Duration::from_secs(60);
    meet_both_with(site, setup, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        for hook in HOOKS {
            house.rules(hook, Rule::Wait);
            let (op, fields) = request(hook);
            alice.requests(op, fields).await;
            house.keeps_waiting(1).await;
            // Taken over, which a connection that waits notices at once.
            alice = venue.resumed(&welcome.token, &[]).await;
            house.is_left_alone().await;
            house.lets_go();
            house.rules(hook, Rule::Now(What::Allow));
            alice.hears_nothing_more().await;
            bob.hears_nothing_more().await;
        }
    });
}

pub(in crate::chat) fn whoever_connects_may_be_turned_away(site: &dyn Site) {
    const UNDECIDED: &str = "that could not be decided; try again";
    for (rule, reason) in [
        (Rule::Now(What::Refuse), NO),
        (Rule::Later(What::Refuse), NO),
        (Rule::Now(What::Panic), UNDECIDED),
        (Rule::Later(What::Panic), UNDECIDED),
        (Rule::Never, UNDECIDED),
    ] {
        let (house, setup) = open_for(rule);
        meet_both_with(site, setup.clone(), async |venue| {
            let mut alice = venue.program("alice", &[]).await;
            house.rules(Hook::Connect, rule);
            let mut stranger = venue.stranger("a stranger").await;
            stranger.hears(&format!("! {reason}")).await;
            stranger.hears_the_end().await;
            alice.hears_nothing_more().await;
        });
        meet_speaking(site, setup, JsonProtocol::default, async |venue| {
            let mut stranger = venue.silent_program("a stranger").await;
            let closing = json!({ "event": "closing", "code": "denied", "text": reason });
            stranger.hears(closing).await;
            stranger.person.hears_the_end().await;
        });
    }
    let (house, setup) = House::open();
    house.rules(Hook::Connect, Rule::Later(What::Allow));
    meet_both_with(site, setup, async |venue| {
        let mut person = venue.stranger("a person").await;
        is_welcomed(&mut person).await;
        venue.program("alice", &[]).await.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn whoever_waits_to_be_let_in_is_heard_afterwards(site: &dyn Site) {
    let (house, mut setup) = House::open();
    setup.hub.decision_timeout = Duration::from_secs(60);
    meet_both_with(site, setup, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        house.rules(Hook::Connect, Rule::Wait);
        let mut alice = venue.silent_program("alice").await;
        let hello = alice.requests("hello", json!({ "nick": "alice" })).await;
        let join = alice.requests("join", json!({ "room": "rust" })).await;
        house.keeps_waiting(1).await;
        bob.hears_nothing_more().await;
        house.lets_go();
        assert_eq!(alice.answer(&hello).await["ok"]["nick"], "alice");
        assert_eq!(alice.answer(&join).await["ok"]["members"], 2);
        bob.hears(joined("rust", "alice")).await;
    });
}

pub(in crate::chat) fn a_person_may_be_kept_out_of_the_first_room(site: &dyn Site) {
    for when in [Rule::Now, Rule::Later] {
        let (house, setup) = House::open();
        meet_both_with(site, setup, async |venue| {
            house.rules(Hook::Join, when(What::Refuse));
            let mut alice = venue.stranger("alice").await;
            alice.says("").await;
            alice.hears(&format!("! {NO}")).await;
            for line in ["hello", "/me waves", "/who", "/history"] {
                alice.says(line).await;
                alice.hears("! you are in no room; /join one").await;
            }
            house.rules(Hook::Join, when(What::Allow));
            alice.says("/join rust").await;
            alice.hears("* welcome, guest-1 — you are in #rust").await;
            alice.says("hello").await;
            alice.hears("[#rust] guest-1: hello").await;
        });
    }
}

pub(in crate::chat) fn each_action_is_decided_once_and_by_what_is_known_of_its_author(
    site: &dyn Site,
) {
    let (house, setup) = House::open();
    meet_both_with(site, setup, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        assert_eq!(
            house.was_asked(),
            [
                "Nick nobody (no account): alice",
                "Join alice (no account): rust"
            ]
        );
        let say = || json!({ "room": "rust", "text": "hello", "client_id": "x" });
        alice.asks("say", say()).await;
        // Said again is not said: nobody is asked, whatever the answer would be.
        house.rules(Hook::Message, Rule::Now(What::Refuse));
        assert_eq!(alice.asks("say", say()).await["duplicate"], true);
        house.rules(Hook::Message, Rule::Now(What::Allow));
        alice
            .asks("message", json!({ "to": "alice", "text": "psst" }))
            .await;
        assert_eq!(
            house.was_asked(),
            [
                "Message alice (no account): Say hello in #rust",
                "Private alice (no account): psst to alice",
            ]
        );
        let topic = json!({ "room": "rust", "text": "crabs" });
        alice.asks("topic", topic).await;
        // Neither are questions, leaving or coming back.
        for op in ["topic", "who", "history", "leave"] {
            alice.asks(op, json!({ "room": "rust" })).await;
        }
        let mut alice = venue.resumed(&welcome.token, &[]).await;
        alice.asks("quit", json!({ "text": "lunch" })).await;
        let mut guest = venue.silent_program("a guest").await;
        guest.asks("hello", json!({})).await;
        assert_eq!(
            house.was_asked(),
            [
                "Topic alice (no account): crabs in #rust",
                "Quit alice (no account): lunch",
                "Guest nobody (no account): to stay",
            ]
        );
    });
}

pub(in crate::chat) fn nobody_is_kept_from_leaving(site: &dyn Site) {
    for (rule, reason) in [
        (Rule::Now(What::Allow), json!("lunch")),
        (Rule::Later(What::Allow), json!("lunch")),
        (Rule::Now(What::Rewrite), json!(BETTER)),
        (Rule::Later(What::Rewrite), json!(BETTER)),
        (Rule::Now(What::Refuse), json!(null)),
        (Rule::Later(What::Refuse), json!(null)),
        (Rule::Now(What::Panic), json!(null)),
        (Rule::Later(What::Panic), json!(null)),
        (Rule::Never, json!(null)),
    ] {
        let (house, setup) = open_for(rule);
        house.rules(Hook::Quit, rule);
        meet_both_with(site, setup, async |venue| {
            let (mut alice, mut bob) = two(&venue).await;
            alice.asks("quit", json!({ "text": "lunch" })).await;
            alice.is_sent_away("quit").await;
            let quit =
                json!({ "event": "quit", "room": "rust", "nick": "alice", "reason": reason });
            bob.hears(quit).await;
            bob.joins("general").await;
            let mut carol = venue.talker("carol").await;
            carol.says("/quit lunch").await;
            carol.hears("* goodbye").await;
            carol.hears_the_end().await;
            let heard = bob.catches_up().await;
            let quit = heard.last().expect("somebody quit");
            assert_eq!(
                (&quit["nick"], &quit["reason"]),
                (&json!("carol"), &reason),
                "{rule:?}"
            );
        });
    }
}

pub(in crate::chat) fn guests_may_have_to_choose_a_nick(site: &dyn Site) {
    for when in [Rule::Now, Rule::Later] {
        let (house, setup) = House::open();
        house.rules(Hook::Guest, when(What::Refuse));
        meet_both_with(site, setup, async |venue| {
            let mut alice = venue.silent_program("alice").await;
            assert_eq!(alice.is_refused("hello", json!({})).await, "denied");
            assert_eq!(alice.is_refused("rooms", json!({})).await, "hello_first");
            alice.says_hello("alice").await;
            let mut bob = venue.stranger("bob").await;
            bob.says("").await;
            bob.hears(&format!("! {NO}")).await;
            bob.says("/nick bob").await;
            bob.hears("* welcome, bob — you are in #general").await;
            bob.says("hello").await;
            bob.hears("[#general] bob: hello").await;
        });
    }
}

pub(in crate::chat) fn what_happens_is_observed_once(site: &dyn Site) {
    let (house, setup) = House::open();
    meet_both_with(site, setup, async |venue| {
        let (mut alice, mut bob) = two(&venue).await;
        assert_eq!(
            house.has_observed(),
            ["alice joined #rust", "bob joined #rust"]
        );
        alice.tells("rust", "hello").await;
        alice
            .asks("message", json!({ "to": "bob", "text": "psst" }))
            .await;
        alice
            .asks("topic", json!({ "room": "rust", "text": "crabs" }))
            .await;
        alice.asks("nick", json!({ "nick": "alicia" })).await;
        assert_eq!(
            house.has_observed(),
            [
                "#rust 1: hello",
                "to bob: psst",
                "topic of #rust: Some(\"crabs\")",
                "alice is alicia"
            ]
        );
        // What was refused has not happened.
        alice
            .is_refused("say", json!({ "room": "cats", "text": "miau" }))
            .await;
        alice
            .is_refused("message", json!({ "to": "eve", "text": "psst" }))
            .await;
        bob.asks("leave", json!({ "room": "rust" })).await;
        bob.asks("quit", json!({})).await;
        alice.catches_up().await;
        alice.asks("quit", json!({})).await;
        alice.is_sent_away("quit").await;
        assert_eq!(house.has_observed(), ["bob left #rust", "alicia quit"]);
    });
}

pub(in crate::chat) fn an_observer_that_panics_changes_nothing(site: &dyn Site) {
    let (house, setup) = House::open();
    meet_both_with(site, setup, async |venue| {
        let (mut alice, mut bob) = two(&venue).await;
        house.observer_panics();
        for hook in HOOKS {
            assert!(tries(&mut alice, hook).await["ok"].is_object(), "{hook:?}");
            if let Some(event) = effect(hook, "hello") {
                bob.hears(event).await;
            }
        }
        bob.hears_nothing_more().await;
        assert!(house.has_observed().len() > HOOKS.len());
    });
}

/// A house that is late soon, if it is going to be.
fn open_for(rule: Rule) -> (Arc<House>, Setup) {
    let (house, mut setup) = House::open();
    if rule == Rule::Never {
        setup.hub.decision_timeout = DECISION_TIMEOUT;
    }
    (house, setup)
}

/// alice and bob in one room, with nothing to hear yet.
async fn two(venue: &Venue<'_>) -> (Program, Program) {
    let mut alice = venue.program("alice", &["rust"]).await;
    let bob = venue.program("bob", &["rust"]).await;
    alice.hears(joined("rust", "bob")).await;
    (alice, bob)
}

/// The request that is decided by `hook`, in the order in which they do not disturb each other.
fn request(hook: Hook) -> (&'static str, Value) {
    match hook {
        Hook::Connect | Hook::Guest | Hook::Quit => unreachable!("decided in other cases"),
        Hook::Topic => ("topic", json!({ "room": "rust", "text": "hello" })),
        Hook::LogIn => (
            "login",
            json!({ "account": "ann", "password": "open sesame" }),
        ),
        // Another spelling, which nothing else depends on.
        Hook::Nick => ("nick", json!({ "nick": "Alice" })),
        Hook::Join => ("join", json!({ "room": "cats" })),
        Hook::Message => ("say", json!({ "room": "rust", "text": "hello" })),
        Hook::Private => ("message", json!({ "to": "bob", "text": "hello" })),
    }
}

/// The same for a person, who cannot set topics.
fn line(hook: Hook) -> Option<&'static str> {
    Some(match hook {
        Hook::Connect | Hook::Guest | Hook::Quit => unreachable!("decided in other cases"),
        Hook::Topic => return None,
        Hook::LogIn => "/login ann open sesame",
        Hook::Nick => "/nick caroline",
        Hook::Join => "/join dogs",
        Hook::Message => "hello",
        Hook::Private => "/msg carol hello",
    })
}

async fn tries(alice: &mut Program, hook: Hook) -> Value {
    let (op, fields) = request(hook);
    let id = alice.requests(op, fields).await;
    alice.answer(&id).await
}

/// What bob hears of it when it is done.
fn effect(hook: Hook, text: &str) -> Option<Value> {
    match hook {
        Hook::Message => Some(message("rust", 1, "alice", text)),
        Hook::Private => {
            Some(json!({ "event": "private", "from": "alice", "to": "bob", "text": text }))
        }
        Hook::Nick => Some(json!({
            "event": "renamed", "room": "rust", "from": "alice", "nick": "Alice",
        })),
        Hook::Topic => {
            Some(json!({ "event": "topic", "room": "rust", "nick": "alice", "topic": text }))
        }
        Hook::Connect | Hook::Guest | Hook::Quit | Hook::LogIn | Hook::Join => None,
    }
}
