//! What a program can do with sessions that people with the text protocol cannot: be in several rooms.

use chat_core::event::CloseReason;
use chat_core::hub::{Hub, HubError, Role};
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::protocol::TextProtocol;
use chat_core::session::Session;
use chat_core::store::HistoryRange;

use super::person::Person;
use super::plain::{Plain, person};
use super::site::{Door, Site};
use super::venue::{Setup, Venue, is_welcomed, meet_speaking};
use crate::waiting_for;

pub(super) fn a_session_may_be_in_several_rooms(site: &dyn Site) {
    with_sessions(site, async |venue| {
        let mut alice = person(&venue, "alice", &["a", "b", "c"]).await;
        let mut bob = person(&venue, "bob", &["b"]).await;
        alice.hears("#b joined bob").await;
        alice.says("rooms").await;
        alice.hears("rooms: #a #b #c").await;
        alice.says("say a to a").await;
        alice.says("say b to b").await;
        alice.hears("#a 1 alice: to a").await;
        alice.hears("#b 1 alice: to b").await;
        bob.hears("#b 1 alice: to b").await;
        alice.says("leave b").await;
        alice.hears("#b left alice").await;
        bob.hears("#b left alice").await;
        for (nonsense, error) in [
            ("say b hello", "error: you are not in #b"),
            ("leave b", "error: you are not in #b"),
            ("who b", "error: you are not in #b"),
            ("join A", "error: you are in #a already"),
        ] {
            alice.says(nonsense).await;
            alice.hears(error).await;
        }
        bob.says("rooms").await;
        bob.hears("rooms: #b").await;
    });
}

pub(super) fn a_quit_is_heard_once_however_many_rooms_are_shared(site: &dyn Site) {
    with_sessions(site, async |venue| {
        let mut alice = person(&venue, "alice", &["a", "b", "c"]).await;
        let mut bob = person(&venue, "bob", &["b", "c", "d"]).await;
        let mut carol = person(&venue, "carol", &["a"]).await;
        let mut dave = person(&venue, "dave", &["d"]).await;
        alice
            .hears_all(["#b joined bob", "#c joined bob", "#a joined carol"])
            .await;
        bob.hears("#d joined dave").await;
        alice.says("quit see you").await;
        bob.hears("quit alice (see you)").await;
        carol.hears("quit alice (see you)").await;
        for person in [&mut bob, &mut carol, &mut dave] {
            person.says("rooms").await;
            assert!(person.line().await.starts_with("rooms:"));
        }
        alice.hears("closed: goodbye").await;
        alice.hears_the_end().await;
        bob.says("who c").await;
        bob.hears("who #c: bob").await;
    });
}

pub(super) fn a_new_nick_is_heard_once_however_many_rooms_are_shared(site: &dyn Site) {
    with_sessions(site, async |venue| {
        let mut alice = person(&venue, "alice", &["a", "b", "c"]).await;
        let mut bob = person(&venue, "bob", &["a", "b", "c"]).await;
        alice
            .hears_all(["#a joined bob", "#b joined bob", "#c joined bob"])
            .await;
        alice.says("nick eve").await;
        for person in [&mut alice, &mut bob] {
            person.hears("renamed alice eve").await;
            person.says("who b").await;
            person.hears("who #b: bob @eve").await;
        }
        alice.says("say b hello").await;
        bob.hears("#b 1 eve: hello").await;
    });
}

pub(super) fn rooms_number_their_messages_apart_and_without_holes(site: &dyn Site) {
    const EACH: usize = 200;
    with_sessions(site, async |venue| {
        let mut listener = person(&venue, "listener", &["a", "b"]).await;
        let mut alice = person(&venue, "alice", &["a", "b"]).await;
        let mut bob = person(&venue, "bob", &["a", "b"]).await;
        for who in ["alice", "bob"] {
            listener.hears(&format!("#a joined {who}")).await;
            listener.hears(&format!("#b joined {who}")).await;
        }
        let talk = async |person: &mut Person| {
            for n in 0..EACH {
                let room = if n % 4 == 0 { "b" } else { "a" };
                person.says(&format!("say {room} {n}")).await;
            }
        };
        futures::join!(talk(&mut alice), talk(&mut bob));
        let (mut in_a, mut in_b) = (0, 0);
        for _ in 0..2 * EACH {
            let line = listener.line().await;
            let last = if line.starts_with("#a ") {
                &mut in_a
            } else {
                &mut in_b
            };
            *last += 1;
            let number = line[3..].split(' ').next();
            assert_eq!(number, Some(last.to_string().as_str()), "{line:?}");
        }
        assert_eq!((in_a, in_b), (2 * EACH * 3 / 4, 2 * EACH / 4));
    });
}

pub(super) fn numbers_go_on_when_a_room_was_empty(site: &dyn Site) {
    with_sessions(site, async |venue| {
        let mut alice = person(&venue, "alice", &["a"]).await;
        for number in 1..=3 {
            alice.says("say a hello").await;
            alice.hears(&format!("#a {number} alice: hello")).await;
            alice.says("leave a").await;
            alice.hears("#a left alice").await;
            alice.says("join a").await;
            alice.hears("#a joined alice").await;
        }
    });
}

pub(super) fn a_topic_is_told_to_all_and_kept(site: &dyn Site) {
    with_sessions(site, async |venue| {
        let mut alice = person(&venue, "alice", &["a"]).await;
        let mut bob = person(&venue, "bob", &["a"]).await;
        alice.hears("#a joined bob").await;
        alice.says("topic a the weather").await;
        for person in [&mut alice, &mut bob] {
            person.hears("#a topic of alice: the weather").await;
        }
        let mut session = Session::open(venue.server.hub());
        let room = RoomName::parse("a").expect("a good name");
        assert_eq!(session.topic(&room), Err(HubError::NotIn(room.clone())));
        session.take_guest_nick();
        session.join(&room).expect("the room can be joined");
        let topic = session.topic(&room).expect("it is in the room");
        assert_eq!(topic.as_ref().map(Body::as_str), Some("the weather"));
        drop(session);
        bob.says("topic a").await;
        bob.hears_all(["#a joined guest-1", "quit guest-1", "#a topic of bob: "])
            .await;
    });
}

pub(super) fn whoever_opens_a_room_is_its_operator(site: &dyn Site) {
    with_sessions(site, async |venue| {
        let mut alice = person(&venue, "alice", &["a"]).await;
        let mut bob = person(&venue, "bob", &["a", "b"]).await;
        alice.hears("#a joined bob").await;
        alice.says("who a").await;
        alice.hears("who #a: @alice bob").await;
        bob.says("who b").await;
        bob.hears("who #b: @bob").await;
    });
}

pub(super) fn a_session_needs_a_nick_and_a_room_to_talk(site: &dyn Site) {
    let hub = Hub::new(site.runtime(), Default::default());
    let mut session = Session::open(&hub);
    let room = RoomName::general();
    let body = || Body::parse("hello").expect("a good text");
    let nick = Nick::parse("alice").expect("a good nick");
    assert_eq!(session.join(&room), Err(HubError::NotRegistered));
    let said = session.say(&room, MessageKind::Say, body());
    assert_eq!(said, Err(HubError::NotIn(room.clone())));
    let said = session.say_privately(&nick, body());
    assert_eq!(said, Err(HubError::NotRegistered));
    session.take_nick(nick.clone()).expect("the nick is free");
    session.join(&room).expect("the room can be joined");
    assert_eq!(session.join(&room), Err(HubError::AlreadyIn(room.clone())));
    assert_eq!(session.say(&room, MessageKind::Say, body()), Ok(1));
    assert_eq!(session.say(&room, MessageKind::Action, body()), Ok(2));
    let history = session.history(&room, HistoryRange::Latest, 5);
    assert_eq!(history.expect("it is in the room").len(), 2);
    let occupants = session.occupants(&room).expect("it is in the room");
    assert_eq!(
        (&occupants[0].nick, occupants[0].role),
        (&nick, Role::Operator)
    );
    let taken = Session::open(&hub).take_nick(nick.clone());
    assert_eq!(taken, Err(HubError::NickTaken(nick.clone())));
    session.quit(None);
    assert!(hub.rooms().is_empty());
    let mut other = Session::open(&hub);
    other.take_nick(nick).expect("the nick is free again");
}

pub(super) fn protocols_share_one_hub(site: &dyn Site) {
    with_sessions(site, async |venue| {
        let mut alice = person(&venue, "alice", &["general"]).await;
        waiting_for("a second listener");
        let door = venue.site.listen().await.expect("a free place is bound");
        let address = venue.server.listen(door.listener, TextProtocol::default);
        address.expect("a listener has an address");
        let stream = door.way.connect().await.expect("the connection is made");
        let mut bob = Person::new("bob", stream, &venue.runtime);
        is_welcomed(&mut bob).await;
        alice.hears("#general joined guest-1").await;
        bob.says("hello").await;
        bob.hears("[#general] guest-1: hello").await;
        alice.hears("#general 1 guest-1: hello").await;
        alice.says("say general welcome").await;
        bob.hears("[#general] alice: welcome").await;
        alice.says("topic general greetings").await;
        bob.hears("* alice set the topic of #general: greetings")
            .await;
    });
}

pub(super) fn a_session_can_be_closed_from_elsewhere(site: &dyn Site) {
    let runtime = site.runtime();
    site.run(Box::pin(async {
        use chat_core::connection::serve_connection;
        use chat_core::runtime::{Listener, RuntimeExt};
        waiting_for("a connection to be made and accepted");
        let Door { listener, way } = site.listen().await.expect("a free place is bound");
        let (client, accepted) = futures::join!(way.connect(), listener.accept());
        let (stream, _) = accepted.expect("the connection is accepted");
        let hub = Hub::new(runtime.clone(), Default::default());
        let connection = serve_connection(stream, TextProtocol::default(), &hub, &runtime);
        let handle = connection.handle();
        let serving = runtime.spawn(connection);
        let client = client.expect("the connection is made");
        let mut alice = Person::new("alice", client, &runtime);
        is_welcomed(&mut alice).await;
        handle.close(CloseReason::Shutdown);
        // The first order stands.
        handle.close(CloseReason::SlowConsumer);
        alice.hears("* server shutting down").await;
        alice.hears_the_end().await;
        drop(alice);
        waiting_for("a connection to end");
        let ended = serving.await.expect("it is not cancelled");
        assert_eq!(ended.expect("it ends in good order"), CloseReason::Shutdown);
    }));
}

/// A server whose peers are sessions in the raw.
fn with_sessions(site: &dyn Site, scene: impl AsyncFnOnce(Venue<'_>)) {
    meet_speaking(site, Setup::default(), || Plain, scene);
}
