//! Text and JSON on one port, as the peer chooses, and people and programs in one room.

use std::time::Duration;

use chat_core::protocol::DetectProtocol;
use chat_core::runtime::RuntimeExt;
use serde_json::json;

use super::program::{Program, joined, message};
use crate::chat::site::Site;
use crate::chat::venue::{is_welcomed, meet_both};
use crate::waiting_for;

/// Longer than it takes until a silent one is greeted.
const LATER: Duration = DetectProtocol::GREETING_DELAY.saturating_mul(2);

pub(in crate::chat) fn the_first_byte_tells_the_protocol(site: &dyn Site) {
    meet_both(site, async |venue| {
        for byte in [b"h".as_slice(), b"/", b" ", b"\n", b"[", b"\xff"] {
            let mut person = venue.stranger("a person").await;
            person.sends(byte).await;
            is_welcomed(&mut person).await;
        }
        // A program may take its time with the rest.
        let mut program = venue.silent_program("a program").await;
        program.person.sends(b"{").await;
        waiting_for("a program to be mistaken for a person");
        venue.runtime.sleep(LATER).await;
        program.person.sends(b"\"id\":1,\"op\":\"ping\"}\n").await;
        program.hears(json!({ "id": 1, "ok": {} })).await;
        // And it stays a program, whatever it says.
        program.person.says("/help").await;
        assert_eq!(program.frame().await["error"]["code"], "bad_json");
        let mut person = venue.talker("alice").await;
        person.says("{\"id\":1,\"op\":\"ping\"}").await;
        person
            .hears("[#general] alice: {\"id\":1,\"op\":\"ping\"}")
            .await;
    });
}

pub(in crate::chat) fn whoever_is_silent_at_first_is_greeted_as_a_person(site: &dyn Site) {
    meet_both(site, async |venue| {
        let before = venue.runtime.now();
        let mut person = venue.stranger("a silent one").await;
        is_welcomed(&mut person).await;
        let waited = venue.runtime.now() - before;
        assert!(waited >= DetectProtocol::GREETING_DELAY, "{waited:?}");
        // A line that merely begins like a request is none.
        person.says("{ not a request").await;
        person.hears("[#general] guest-1: { not a request").await;
    });
}

pub(in crate::chat) fn a_program_that_was_greeted_as_a_person_may_say_hello_after_all(
    site: &dyn Site,
) {
    meet_both(site, async |venue| {
        let mut bob = venue.talker("bob").await;
        let mut late = venue.stranger("a late program").await;
        let guest = is_welcomed(&mut late).await;
        bob.hears(&format!("* {guest} joined #general")).await;
        let mut late = Program::new(late);
        late.says_hello("robot").await;
        bob.hears(&format!("* {guest} left #general")).await;
        late.joins("general").await;
        bob.hears("* robot joined #general").await;
        late.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn people_and_programs_hear_each_other(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.talker("bob").await;
        let mut robot = venue.program("robot", &["general"]).await;
        bob.hears("* robot joined #general").await;

        robot.tells("general", "beep").await;
        robot.hears(message("general", 1, "robot", "beep")).await;
        bob.hears("[#general] robot: beep").await;
        bob.says("hello, robot").await;
        bob.hears("[#general] bob: hello, robot").await;
        robot
            .hears(message("general", 2, "bob", "hello, robot"))
            .await;

        bob.says("/me waves").await;
        bob.hears("[#general] * bob waves").await;
        let mut waves = message("general", 3, "bob", "waves");
        waves["kind"] = "action".into();
        robot.hears(waves).await;
        let fields = json!({ "room": "general", "text": "blinks", "kind": "action" });
        robot.asks("say", fields).await;
        assert_eq!(robot.event().await["kind"], "action");
        bob.hears("[#general] * robot blinks").await;

        robot
            .asks("topic", json!({ "room": "general", "text": "greetings" }))
            .await;
        robot.event().await;
        bob.hears("* robot set the topic of #general: greetings")
            .await;
        robot
            .asks("topic", json!({ "room": "general", "text": "" }))
            .await;
        robot.event().await;
        bob.hears("* robot took away the topic of #general").await;

        bob.says("/nick robert").await;
        bob.hears("* bob is now robert").await;
        let renamed =
            json!({ "event": "renamed", "room": "general", "from": "bob", "nick": "robert" });
        robot.hears(renamed).await;
        robot.asks("nick", json!({ "nick": "r2" })).await;
        robot.event().await;
        bob.hears("* robot is now r2").await;

        bob.says("/msg r2 psst").await;
        assert_eq!(robot.event().await["text"], "psst");
        robot
            .asks("message", json!({ "to": "robert", "text": "yes?" }))
            .await;
        bob.hears("[private] r2: yes?").await;

        bob.says("/join cats").await;
        bob.hears("* robert joined #cats").await;
        let left = json!({ "event": "left", "room": "general", "nick": "robert" });
        robot.hears(left).await;
        robot.joins("cats").await;
        bob.hears("* r2 joined #cats").await;
        bob.says("/who").await;
        bob.hears("* in #cats (2): r2, robert").await;
        robot.asks("leave", json!({ "room": "cats" })).await;
        robot.event().await;
        bob.hears("* r2 left #cats").await;
        robot.joins("cats").await;
        bob.hears("* r2 joined #cats").await;
        bob.says("/quit lunch").await;
        let quit = json!({ "event": "quit", "room": "cats", "nick": "robert", "reason": "lunch" });
        robot.hears(quit).await;

        let mut carol = venue.talker("carol").await;
        let guest = robot.event().await;
        let renamed = json!({ "event": "renamed", "room": "general", "from": guest["nick"], "nick": "carol" });
        assert_eq!(
            guest,
            joined("general", guest["nick"].as_str().expect("a nick"))
        );
        robot.hears(renamed).await;
        carol.says("/history").await;
        carol
            .hears_all([
                "[#general] robot: beep",
                "[#general] bob: hello, robot",
                "[#general] * bob waves",
                "[#general] * robot blinks",
            ])
            .await;
        robot.asks("quit", json!({ "text": "out of power" })).await;
        carol.hears("* r2 left #general (out of power)").await;
        carol.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn a_program_that_lost_its_connection_is_away_for_people_too(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.talker("bob").await;
        let (robot, welcome) = venue.welcomed_program("robot", &["general"]).await;
        bob.hears("* robot joined #general").await;
        drop(robot);
        venue.is_down_to(1).await;
        bob.says("/msg robot psst").await;
        let refusal = bob.is_refused().await;
        assert!(refusal.contains("away"), "{refusal}");
        bob.says("/nick robot").await;
        bob.is_refused().await;
        bob.says("are you there?").await;
        bob.hears("[#general] bob: are you there?").await;
        bob.says("/who").await;
        bob.hears("* in #general (2): bob, robot").await;
        let mut robot = venue.resumed(&welcome.token, &[("general", 0)]).await;
        robot
            .hears(message("general", 1, "bob", "are you there?"))
            .await;
        bob.hears_nothing_more().await;
    });
}
