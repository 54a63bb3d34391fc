//! What the program that the server belongs to does itself.

use chat_core::event::{Event, Heard};
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use futures::StreamExt;
use serde_json::json;

use super::json::program::{joined, message};
use super::site::Site;
use super::venue::meet_both;
use crate::waiting_for;

pub(super) fn the_server_may_say_something_in_a_room(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.talker("alice").await;
        let mut robot = venue.program("robot", &["general"]).await;
        alice.hears("* robot joined #general").await;
        let hub = venue.server.hub();
        let published = hub.publish(&RoomName::general(), MessageKind::Say, body("back soon"));
        assert_eq!(published, Ok(1));
        alice.hears("[#general] server: back soon").await;
        robot
            .hears(message("general", 1, "server", "back soon"))
            .await;
        assert_eq!(robot.tells("general", "beep").await, 2);
        alice.hears("[#general] robot: beep").await;
        alice.says("/history").await;
        alice
            .hears_all(["[#general] server: back soon", "[#general] robot: beep"])
            .await;
        // It is nobody whom one could write to, be, or find in the room.
        alice.says("/nick server").await;
        alice.is_refused().await;
        alice.says("/msg server psst").await;
        alice.is_refused().await;
        alice.says("/who").await;
        alice.hears("* in #general (2): alice, robot").await;
        let nowhere = hub.publish(&room("nowhere"), MessageKind::Say, body("hello?"));
        assert!(nowhere.is_err());
    });
}

pub(super) fn somebody_may_be_kicked_out_of_a_room(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.talker("alice").await;
        let mut robot = venue.program("robot", &["general", "cats"]).await;
        alice.hears("* robot joined #general").await;
        let hub = venue.server.hub();
        let kicked = hub.kick(&RoomName::general(), &nick("ROBOT"), Some(body("noise")));
        assert_eq!(kicked, Ok(()));
        alice
            .hears("* robot was kicked from #general (noise)")
            .await;
        let event =
            json!({ "event": "kicked", "room": "general", "nick": "robot", "reason": "noise" });
        robot.hears(event).await;
        let say = json!({ "room": "general", "text": "beep" });
        assert_eq!(robot.is_refused("say", say).await, "not_in");
        assert_eq!(robot.tells("cats", "beep").await, 1);
        assert!(
            hub.kick(&RoomName::general(), &nick("robot"), None)
                .is_err()
        );
        // One may come back, and is not told what was said meanwhile.
        alice.says("quiet at last").await;
        alice.hears("[#general] alice: quiet at last").await;
        robot.catches_up().await;
        assert_eq!(robot.joins("general").await, 1);
        alice.hears("* robot joined #general").await;
        hub.kick(&RoomName::general(), &nick("alice"), None)
            .expect("alice is there");
        alice.hears("* alice was kicked from #general").await;
        alice.says("hello?").await;
        alice.hears("! you are in no room; /join one").await;
        let event =
            json!({ "event": "kicked", "room": "general", "nick": "alice", "reason": null });
        robot.hears(event).await;
        robot.hears_nothing_more().await;
    });
}

pub(super) fn a_room_may_be_closed(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.talker("alice").await;
        let (mut robot, welcome) = venue.welcomed_program("robot", &["general", "cats"]).await;
        let (away, _) = venue.welcomed_program("away", &["general"]).await;
        drop(away);
        venue.is_down_to(2).await;
        alice.says("hello").await;
        alice.catches_up().await;
        robot.catches_up().await;
        let hub = venue.server.hub();
        let closed = hub.close_room(&RoomName::general(), Some(body("spring cleaning")));
        assert_eq!(closed, Ok(3));
        alice.hears("* #general was closed (spring cleaning)").await;
        let event =
            json!({ "event": "room_closed", "room": "general", "reason": "spring cleaning" });
        robot.hears(event).await;
        alice.says("hello?").await;
        alice.hears("! you are in no room; /join one").await;
        assert!(hub.close_room(&RoomName::general(), None).is_err());
        // One of that name is another room.
        assert_eq!(robot.joins("general").await, 0);
        assert_eq!(robot.tells("general", "anybody?").await, 1);
        robot
            .hears(message("general", 1, "robot", "anybody?"))
            .await;
        alice.says("/join general").await;
        alice.hears("* alice joined #general").await;
        robot.hears(joined("general", "alice")).await;
        // Whoever comes back is told where it is no longer.
        drop(robot);
        venue.is_down_to(1).await;
        hub.close_room(&room("cats"), None).expect("there is one");
        let mut robot = venue
            .resumed(&welcome.token, &[("general", 1), ("cats", 0)])
            .await;
        let event = json!({ "event": "kicked", "room": "cats", "nick": "robot", "reason": null });
        robot.hears(event).await;
        robot.hears_nothing_more().await;
        let say = json!({ "room": "cats", "text": "beep" });
        assert_eq!(robot.is_refused("say", say).await, "not_in");
    });
}

pub(super) fn a_session_may_be_ended_for_good(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.talker("alice").await;
        let (mut robot, welcome) = venue.welcomed_program("robot", &["general"]).await;
        let (away, away_welcome) = venue.welcomed_program("away", &["general"]).await;
        drop(away);
        venue.is_down_to(2).await;
        alice.catches_up().await;
        robot.catches_up().await;
        let hub = venue.server.hub();
        for nobody in ["robot", "away"] {
            hub.disconnect(&nick(nobody), Some(body("spam")))
                .expect("it is there");
            alice.hears(&format!("* {nobody} left #general")).await;
            assert!(hub.disconnect(&nick(nobody), None).is_err());
        }
        robot.is_sent_away("removed").await;
        for token in [welcome.token, away_welcome.token] {
            let mut late = venue.silent_program("a late one").await;
            let resume = json!({ "resume": token });
            assert_eq!(late.is_refused("hello", resume).await, "not_resumable");
        }
        hub.disconnect(&nick("alice"), None)
            .expect("alice is there");
        alice.hears("! you were removed").await;
        alice.hears_the_end().await;
    });
}

pub(super) fn a_subscription_hears_a_room_without_being_in_it(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.talker("alice").await;
        let hub = venue.server.hub();
        let mut general = hub.subscribe(&RoomName::general());
        alice.says("/who").await;
        alice.hears("* in #general (1): alice").await;
        for text in ["hello", "is anybody listening?"] {
            alice.says(text).await;
            waiting_for("a subscription to hear something");
            match general.next().await.as_ref().and_then(Heard::event) {
                Some(Event::Message(heard)) => assert_eq!(heard.body.as_str(), text),
                other => panic!("{other:?}"),
            }
        }
        let mut robot = venue.program("robot", &["general"]).await;
        robot.asks("quit", json!({})).await;
        hub.close_room(&RoomName::general(), None)
            .expect("there is one");
        waiting_for("a subscription to end");
        let rest: Vec<_> = general.collect().await;
        let rest: Vec<_> = rest.iter().filter_map(Heard::event).collect();
        assert!(
            matches!(
                rest[..],
                [
                    Event::Joined { .. },
                    Event::Quit { .. },
                    Event::RoomClosed { .. }
                ]
            ),
            "{rest:?}"
        );
    });
}

fn body(text: &str) -> Body {
    Body::parse(text).expect("a good text")
}

fn nick(name: &str) -> Nick {
    Nick::parse(name).expect("a good nick")
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).expect("a good name")
}
