use std::sync::Arc;

use proptest::prelude::{Just, Strategy, any};
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::framing::Lines;
use crate::hub::{Hub, HubConfig, Outgoing, Queue};
use crate::message::{Message, PrivateMessage};
use crate::name::Nick;
use crate::policy::Credentials;
use crate::testing::{TestRuntime, strategies};

/// Somebody at a terminal: the protocol and its session, without a connection.
struct Person {
    protocol: TextProtocol,
    session: Session,
    lines: Lines,
}

impl Person {
    fn new(hub: &Hub) -> Self {
        let mut protocol = TextProtocol::default();
        let mut session = Session::open(hub);
        assert_eq!(protocol.open(&mut session), Flow::Continue);
        Self {
            lines: Lines::new(protocol.max_frame()),
            protocol,
            session,
        }
    }

    /// Somebody called `nick` who has read everything so far.
    fn called(hub: &Hub, nick: &str) -> Self {
        let mut person = Self::new(hub);
        person
            .session
            .take_nick(Nick::parse(nick).unwrap())
            .unwrap();
        person.reads();
        person
    }

    fn types(&mut self, bytes: impl AsRef<[u8]>) -> Flow {
        let mut input = bytes.as_ref();
        while let Some(frame) = self.lines.next(&mut input) {
            let flow = self.protocol.handle_frame(frame, &mut self.session);
            if flow != Flow::Continue {
                return flow;
            }
        }
        Flow::Continue
    }

    fn reads(&mut self) -> String {
        self.session.catch_up();
        let mut taken = Queue::default();
        while self.session.outbox().take(usize::MAX, &mut taken) {}
        let mut out = Vec::new();
        for outgoing in taken.drain() {
            let delivery = match &outgoing {
                Outgoing::Room(event) | Outgoing::Direct(event) | Outgoing::Own(event) => {
                    Delivery::Event(event)
                }
                Outgoing::Missed(missed) => Delivery::Missed(missed),
                Outgoing::Reply(bytes) => {
                    out.extend_from_slice(bytes);
                    continue;
                }
                Outgoing::Arrivals(_) => unreachable!("each is an entry of its own"),
            };
            self.protocol.encode(delivery, &self.session, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    /// Types one line and reads the answer.
    fn asks(&mut self, line: &str) -> String {
        assert_eq!(self.types(format!("{line}\n")), Flow::Continue);
        self.reads()
    }
}

fn hub() -> Hub {
    Hub::new(Arc::new(TestRuntime::new()), HubConfig::default())
}

#[test]
fn a_guest_is_welcomed_in_general() {
    let hub = hub();
    let mut first = Person::new(&hub);
    assert_eq!(first.reads(), "* welcome, guest-1 — you are in #general\n");
    let mut second = Person::new(&hub);
    assert_eq!(second.reads(), "* welcome, guest-2 — you are in #general\n");
    assert_eq!(first.reads(), "* guest-2 joined #general\n");
}

#[test]
fn a_line_is_a_message_to_the_room_and_to_its_sender() {
    let hub = hub();
    let (mut alice, mut bob) = (Person::called(&hub, "alice"), Person::called(&hub, "bob"));
    alice.reads();
    assert_eq!(
        alice.asks("hello, wörld"),
        "[#general] alice: hello, wörld\n"
    );
    assert_eq!(bob.reads(), "[#general] alice: hello, wörld\n");
    assert_eq!(alice.asks(" /join x "), "[#general] alice:  /join x \n");
    assert_eq!(alice.asks("//join x"), "[#general] alice: /join x\n");
    assert_eq!(alice.asks("///"), "[#general] alice: //\n");
}

#[test]
fn empty_lines_say_nothing() {
    let mut alice = Person::called(&hub(), "alice");
    assert_eq!(alice.types("\n\r\n\n"), Flow::Continue);
    assert_eq!(alice.reads(), "");
}

#[test]
fn a_join_is_announced_in_both_rooms() {
    let hub = hub();
    let (mut alice, mut bob) = (Person::called(&hub, "alice"), Person::called(&hub, "bob"));
    assert_eq!(bob.asks("/join #Rust"), "* bob joined #Rust\n");
    assert_eq!(alice.reads().lines().last(), Some("* bob left #general"));
    assert_eq!(alice.asks("/join rust"), "* alice joined #Rust\n");
    assert_eq!(bob.reads(), "* alice joined #Rust\n");
    assert_eq!(alice.asks("hi"), "[#Rust] alice: hi\n");
    assert_eq!(alice.asks("/join RUST"), "! you are in #Rust already\n");
}

#[test]
fn a_new_nick_is_announced() {
    let hub = hub();
    let (mut alice, mut bob) = (Person::called(&hub, "alice"), Person::called(&hub, "bob"));
    assert_eq!(bob.asks("/nick Bobby"), "* bob is now Bobby\n");
    assert_eq!(alice.reads().lines().last(), Some("* bob is now Bobby"));
    assert_eq!(bob.asks("/nick bobby"), "* Bobby is now bobby\n");
    assert_eq!(bob.asks("/nick bobby"), "! you are called that already\n");
    assert_eq!(bob.asks("/nick ALICE"), "! the nick alice is taken\n");
}

#[test]
fn rooms_are_listed_with_their_members() {
    let hub = hub();
    let mut alice = Person::called(&hub, "alice");
    let _bob = Person::called(&hub, "bob");
    let _carol = Person::called(&hub, "carol");
    alice.asks("/join cats");
    assert_eq!(
        alice.asks("/rooms"),
        "* #cats (1 member)\n* #general (2 members)\n"
    );
}

#[test]
fn that_there_are_no_rooms_is_an_answer_too() {
    let config = HubConfig {
        max_members_per_room: 1,
        ..HubConfig::default()
    };
    let hub = Hub::new(Arc::new(TestRuntime::new()), config);
    let first = Person::new(&hub);
    let mut second = Person::new(&hub);
    assert_eq!(second.reads(), "! #general is full (at most 1)\n");
    drop(first);
    assert_eq!(second.asks("/rooms"), "* nobody is in any room\n");
}

#[test]
fn members_are_listed_by_nick() {
    let hub = hub();
    let mut zoe = Person::called(&hub, "zoe");
    let _alice = Person::called(&hub, "Alice");
    zoe.reads();
    assert_eq!(zoe.asks("/who"), "* in #general (2): Alice, zoe\n");
}

#[test]
fn a_long_list_of_members_is_cut_into_lines() {
    let hub = hub();
    let mut crowd: Vec<_> = (0..100).map(|_| Person::new(&hub)).collect();
    crowd[0].reads();
    let listed = crowd[0].asks("/who");
    assert!(listed.lines().all(|line| line.len() <= 450));
    let nicks = listed.lines().flat_map(|line| {
        line.strip_prefix("* in #general (100): ")
            .unwrap()
            .split(", ")
    });
    assert_eq!(nicks.count(), 100);
}

#[test]
fn a_private_message_is_shown_as_one() {
    let hub = hub();
    let (mut alice, mut bob) = (Person::called(&hub, "alice"), Person::called(&hub, "bob"));
    alice.reads();
    assert_eq!(alice.asks("/msg BOB  psst, bob"), "");
    assert_eq!(bob.reads(), "[private] alice: psst, bob\n");
    assert_eq!(alice.asks("/msg eve hi"), "! there is nobody called eve\n");
}

#[test]
fn an_action_is_shown_as_one() {
    let mut alice = Person::called(&hub(), "alice");
    assert_eq!(alice.asks("/me waves"), "[#general] * alice waves\n");
}

#[test]
fn history_repeats_the_last_messages() {
    let hub = hub();
    let mut alice = Person::called(&hub, "alice");
    assert_eq!(alice.asks("/history"), "* no messages in #general yet\n");
    for text in ["one", "two", "/me three"] {
        alice.asks(text);
    }
    let mut late = Person::called(&hub, "late");
    let last = "[#general] alice: two\n[#general] * alice three\n";
    assert_eq!(late.asks("/history 2"), last);
    assert_eq!(
        late.asks("/history"),
        format!("[#general] alice: one\n{last}")
    );
    assert_eq!(
        late.asks("/history 999999"),
        format!("[#general] alice: one\n{last}")
    );
}

#[test]
fn help_names_every_command() {
    let help = Person::called(&hub(), "alice").asks("/help");
    for command in [
        "join", "nick", "rooms", "who", "msg", "me", "history", "quit",
    ] {
        assert!(help.contains(&format!("* /{command} ")), "{command}");
    }
    assert!(help.lines().all(|line| line.starts_with("* ")));
}

#[test]
fn whoever_quits_is_said_goodbye_and_gone() {
    let hub = hub();
    let (mut alice, mut bob) = (Person::called(&hub, "alice"), Person::called(&hub, "bob"));
    let mut eve = Person::called(&hub, "eve");
    for person in [&mut alice, &mut bob, &mut eve] {
        person.reads();
    }
    assert_eq!(
        bob.types("/quit for lunch\n"),
        Flow::Close(CloseReason::Quit)
    );
    assert_eq!(alice.reads(), "* bob left #general (for lunch)\n");
    assert_eq!(eve.types("/QUIT\n"), Flow::Close(CloseReason::Quit));
    assert_eq!(alice.reads(), "* eve left #general\n");
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason() {
    let mut alice = Person::called(&hub(), "alice");
    let long_nick = format!("/nick {}", "n".repeat(33));
    let long_room = format!("/join {}", "r".repeat(65));
    for (line, refusal) in [
        ("/", "there is no command /; /help lists them"),
        ("/dance now", "there is no command /dance; /help lists them"),
        ("/don't", "there is no command /don't; /help lists them"),
        (
            "/\u{202e}x",
            "there is no command /\\u{202e}x; /help lists them",
        ),
        ("/join", "usage: /join <room>"),
        ("/join   ", "usage: /join <room>"),
        ("/join #", "a room name needs at least one character"),
        (
            "/join a b",
            "a room name has only visible characters, no spaces and no commas, not ' '",
        ),
        (
            "/join a,b",
            "a room name has only visible characters, no spaces and no commas, not ','",
        ),
        (
            &long_room,
            "a room name has at most 64 characters; this one has 65",
        ),
        ("/nick", "usage: /nick <name>"),
        ("/nick 1a", "a nick cannot start with '1'"),
        (
            "/nick a b",
            "a nick has only ASCII letters, digits and -_[]{}\\|^`, not ' '",
        ),
        (
            &long_nick,
            "a nick has at most 32 characters; this one has 33",
        ),
        ("/rooms all", "usage: /rooms"),
        ("/who am i", "usage: /who"),
        ("/msg", "usage: /msg <nick> <text>"),
        ("/msg bob", "usage: /msg <nick> <text>"),
        ("/me", "usage: /me <action>"),
        ("/history 0", "usage: /history [n], with n from 1 up"),
        ("/history -1", "usage: /history [n], with n from 1 up"),
        ("/help me", "usage: /help"),
        ("a\tb", "a message has no control characters, not '\\t'"),
        ("a\0b", "a message has no control characters, not '\\0'"),
        (
            "a\x1b[2Jb",
            "a message has no control characters, not '\\u{1b}'",
        ),
        (
            "a\u{9b}2Jb",
            "a message has no control characters, not '\\u{9b}'",
        ),
        ("a\rb", "a message has no control characters, not '\\r'"),
    ] {
        assert_eq!(alice.asks(line), format!("! {refusal}\n"), "{line:?}");
    }
}

#[test]
fn a_line_that_is_not_utf8_is_refused() {
    let mut alice = Person::called(&hub(), "alice");
    assert_eq!(alice.types(b"a\xff\n"), Flow::Continue);
    assert_eq!(alice.reads(), "! that line is not valid UTF-8\n");
}

#[test]
fn a_line_that_is_too_long_is_refused_once() {
    let mut alice = Person::called(&hub(), "alice");
    assert_eq!(alice.types([b'x'; 10_000]), Flow::Continue);
    assert_eq!(alice.types("x\nhi\n"), Flow::Continue);
    let refused = "! a line has at most 4096 bytes; yours was longer and was dropped\n";
    assert_eq!(alice.reads(), format!("{refused}[#general] alice: hi\n"));
    let longest = "x".repeat(4096);
    assert_eq!(
        alice.asks(&longest),
        format!("[#general] alice: {longest}\n")
    );
}

#[test]
fn what_was_missed_is_told_exactly() {
    let mut config = HubConfig::default();
    config.outbox.messages = 3;
    let hub = Hub::new(Arc::new(TestRuntime::new()), config);
    let (mut alice, mut sloth) = (Person::called(&hub, "alice"), Person::called(&hub, "sloth"));
    for number in 1..=4 {
        alice.asks(&number.to_string());
    }
    let expected = "* you missed 1 message in #general (1–1)\n\
        [#general] alice: 2\n[#general] alice: 3\n[#general] alice: 4\n";
    assert_eq!(sloth.reads(), expected);
    for number in 5..=50 {
        alice.asks(&number.to_string());
    }
    let _late = Person::new(&hub);
    let expected = "* you missed 44 messages in #general (5–48)\n\
        [#general] alice: 49\n[#general] alice: 50\n* guest-3 joined #general\n";
    assert_eq!(sloth.reads(), expected);
    for _ in 0..4 {
        drop(Person::new(&hub));
    }
    let missed = sloth.reads();
    let first = missed.lines().next();
    assert_eq!(
        first,
        Some("* you missed 5 changes of members, nicks or topic in #general")
    );
}

#[test]
fn last_words_fit_the_reason() {
    let mut alice = Person::called(&hub(), "alice");
    let mut words = |reason| {
        let mut out = Vec::new();
        alice.protocol.farewell(&reason, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(words(CloseReason::Quit), "* goodbye\n");
    assert_eq!(words(CloseReason::PeerClosed), "");
    assert_eq!(words(CloseReason::Shutdown), "* server shutting down\n");
    let full = CloseReason::ServerFull { limit: 5 };
    assert_eq!(
        words(full),
        "! the server is full (at most 5); try again later\n"
    );
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let command = proptest::sample::select(vec![
        "/join ",
        "/nick ",
        "/rooms",
        "/who",
        "/msg ",
        "/me ",
        "/history ",
        "/help",
        "//",
        "/",
        "",
    ]);
    let argument = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        "\\PC{0,20}".prop_map(String::into_bytes),
        Just(b"guest-1 hi".to_vec()),
    ];
    (command, argument)
        .prop_map(|(command, argument)| [command.as_bytes(), &argument, b"\n"].concat())
}

/// A command, and a line that asks for it.
fn command() -> impl Strategy<Value = (Command, String)> {
    let spaces = " {1,3}";
    // At the end of a line, spaces are not part of what a command is given.
    let body = || strategies::body().prop_filter("a text", |body| !body.as_str().ends_with(' '));
    let first = |body: &Body| !body.as_str().starts_with(' ');
    let word = "[!-~]{1,10}";
    prop_oneof![
        (spaces, strategies::room()).prop_map(|(s, room)| {
            let line = format!("/JOIN{s}{room}");
            (Command::Join(room), line)
        }),
        (spaces, strategies::nick()).prop_map(|(s, nick)| {
            let line = format!("/nick{s}{nick}{s}");
            (Command::Nick(nick), line)
        }),
        (
            spaces,
            strategies::nick(),
            body().prop_filter("a text", first)
        )
            .prop_map(|(s, nick, body)| {
                let line = format!("/msg{s}{nick}{s}{body}");
                (Command::Private(nick, body), line)
            }),
        body().prop_filter("a text", first).prop_map(|body| {
            let line = format!("/Me {body}  ");
            (Command::Action(body), line)
        }),
        body().prop_filter("a text", first).prop_map(|body| {
            let line = format!("/quit {body}");
            (Command::Quit(Some(body)), line)
        }),
        (word, word).prop_map(|(account, password)| {
            let line = format!("/login {account} {password}");
            (
                Command::LogIn(Credentials::Password { account, password }),
                line,
            )
        }),
        (1..=usize::MAX).prop_map(|count| (Command::History(count), format!("/history {count}"))),
        strategies::body().prop_map(|body| {
            let escape = if body.as_str().starts_with('/') {
                "/"
            } else {
                ""
            };
            let line = format!("{escape}{body}");
            (Command::Say(body), line)
        }),
        Just((Command::Rooms, "/rooms".into())),
        Just((Command::Who, "/who ".into())),
        Just((Command::Help, "/Help".into())),
        Just((Command::Quit(None), "/quit  ".into())),
    ]
}

/// What a client can tell of a message to a room from its line: the room, who, how and what.
fn read_message(line: &str) -> Option<(RoomName, Nick, MessageKind, Body)> {
    let (room, said) = line
        .strip_suffix('\n')?
        .strip_prefix('[')?
        .split_once("] ")?;
    let (kind, nick, body) = match said.strip_prefix("* ") {
        Some(done) => {
            let (nick, body) = done.split_once(' ')?;
            (MessageKind::Action, nick, body)
        }
        None => {
            let (nick, body) = said.split_once(": ")?;
            (MessageKind::Say, nick, body)
        }
    };
    Some((
        RoomName::parse(room).ok()?,
        Nick::parse(nick).ok()?,
        kind,
        Body::parse(body).ok()?,
    ))
}

proptest! {
    #[test]
    fn a_line_asks_for_the_command_that_it_was_written_for((command, line) in command()) {
        prop_assert_eq!(Command::parse(&line), Ok(command));
    }

    #[test]
    fn a_message_can_be_read_from_its_line(message in strategies::message()) {
        let line = EventLine(&Event::Message(message.clone())).to_string();
        let Message { room, sender, kind, body, .. } = message;
        prop_assert_eq!(read_message(&line), Some((room, sender, kind, body)));
    }

    #[test]
    fn a_private_message_can_be_read_from_its_line(message in strategies::private_message()) {
        let line = EventLine(&Event::Private(message.clone())).to_string();
        let PrivateMessage { sender, body, .. } = message;
        let expected = format!("[private] {sender}: {body}\n");
        prop_assert_eq!(&line, &expected);
        let said = line.strip_prefix("[private] ").and_then(|said| said.split_once(": "));
        prop_assert_eq!(said.map(|(nick, _)| Nick::parse(nick)), Some(Ok(sender)));
    }

    #[test]
    fn whatever_is_typed_every_answer_is_made_of_known_lines(
        lines in proptest::collection::vec(line(), 0..30),
    ) {
        let hub = hub();
        let mut alice = Person::new(&hub);
        for line in lines {
            alice.types(line);
        }
        for line in alice.reads().lines() {
            let known = ["* ", "! ", "[#", "[private] "];
            prop_assert!(known.iter().any(|start| line.starts_with(start)), "{:?}", line);
            prop_assert!(!line.contains(char::is_control), "{:?}", line);
        }
    }
}
