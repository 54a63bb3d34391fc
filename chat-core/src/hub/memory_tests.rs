//! All outboxes and rooms against one limit, and the counter against a recount.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::{Strategy, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::outbox::tests::Ledger;
use super::{Hub, HubConfig, HubError, Outgoing, Queue};
use crate::event::{Batch, Event, SharedEvent, Variant};
use crate::memory::Memory;
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::session::{Action, Done, Session, Step};
use crate::store::{ClientId, HistoryRange};
use crate::testing::TestRuntime;

/// A hub that forgets a room when the last one has left it.
fn hub(max_memory: usize) -> Hub {
    let config = HubConfig {
        max_memory,
        empty_rooms: 0,
        ..HubConfig::default()
    };
    Hub::new(Arc::new(TestRuntime::new()), config)
}

fn room(number: usize) -> RoomName {
    RoomName::parse(&format!("room-{number}")).unwrap()
}

fn join(hub: &Hub, number: usize, rooms: impl IntoIterator<Item = usize>) -> Session {
    let mut session = Session::open(hub);
    let nick = Nick::parse(&format!("member-{number}")).unwrap();
    session.take_nick(nick).unwrap();
    for number in rooms {
        session.join(&room(number)).unwrap();
    }
    session
}

fn text(bytes: usize) -> Body {
    Body::parse(&"x".repeat(bytes)).unwrap()
}

fn say(session: &Session, number: usize, bytes: usize) -> u64 {
    let said = session.say(&room(number), MessageKind::Say, text(bytes));
    said.unwrap()
}

/// What a session may hold beyond the limit, with no answers waiting for it: what it is promised whatever is
/// free, the notes of what it missed in `rooms` rooms, and a queue that is up to twice as large as it need be.
fn floor(rooms: usize) -> usize {
    let largest = Body::MAX_BYTES + 64 + SharedEvent::OVERHEAD;
    let entries = Memory::FLOOR / 64 + rooms + 8;
    Memory::FLOOR + 2 * largest + rooms * 128 + 2 * entries * size_of::<Outgoing>()
}

/// Takes all that waits for a session, and notes what it heard of each room.
fn listen(session: &Session, heard: &mut BTreeMap<String, Ledger>) {
    let mut taken = Queue::default();
    while session.outbox().take(usize::MAX, &mut taken) {}
    for outgoing in taken.drain() {
        match outgoing {
            Outgoing::Room(event) => {
                let name = event.event().room().unwrap().as_str().to_owned();
                let ledger = heard.entry(name).or_default();
                ledger.numbers.extend(event.number());
                ledger.presence += u64::from(event.number().is_none());
            }
            Outgoing::Missed(missed) => {
                let ledger = heard.entry(missed.room.as_str().to_owned()).or_default();
                let (first, last) = missed.messages.unwrap_or((1, 0));
                ledger.numbers.extend(first..=last);
                ledger.presence += missed.presence;
            }
            Outgoing::Arrivals(_) => unreachable!("each is an entry of its own"),
            Outgoing::Direct(_) | Outgoing::Own(_) | Outgoing::Reply(_) => {}
        }
    }
}

#[test]
fn many_rooms_and_slow_members_keep_to_the_limit_and_learn_exactly_what_they_missed() {
    const ROOMS: usize = 30;
    const SLOW: usize = 5;
    const MESSAGES: u64 = 150;
    let limit = 512 * 1024;
    let hub = hub(limit);
    let talkers: Vec<_> = (0..ROOMS).map(|n| join(&hub, n, [n])).collect();
    // Each of them is slow in a room of its own and in one that all share.
    let slow: Vec<_> = (0..ROOMS * SLOW)
        .map(|n| join(&hub, 1_000 + n, [n % ROOMS, ROOMS]))
        .collect();
    let quiet = ROOMS + 1;
    let quiet_talker = join(&hub, 5_000, [quiet, ROOMS]);
    let fast = join(&hub, 5_001, [quiet]);
    let mut heard = vec![BTreeMap::new(); slow.len()];
    for (session, heard) in slow.iter().zip(&mut heard) {
        listen(session, heard);
        heard.clear();
    }
    let mut heard_by_fast = BTreeMap::new();
    listen(&fast, &mut heard_by_fast);
    let mut most = 0;
    let bound = limit + (slow.len() + talkers.len() + 2) * floor(2);
    for number in 1..=MESSAGES {
        for (n, talker) in talkers.iter().enumerate() {
            assert_eq!(say(talker, n, 1 + (n * 137 + 700) % 4096), number);
            listen(talker, &mut BTreeMap::new());
            most = most.max(hub.memory_used());
        }
        // Three at once, which is more than the newest.
        for _ in 0..3 {
            say(&quiet_talker, quiet, 1_000);
        }
        say(&quiet_talker, ROOMS, 100);
        listen(&quiet_talker, &mut BTreeMap::new());
        listen(&fast, &mut heard_by_fast);
        most = most.max(hub.memory_used());
    }
    assert!(most <= bound, "{most} of {bound} bytes");
    assert!(most > limit / 2, "{most} bytes: it is put to use");
    let without_gaps: Vec<_> = (1..=3 * MESSAGES).collect();
    assert_eq!(heard_by_fast["room-31"].numbers, without_gaps);

    let all: Vec<_> = (1..=MESSAGES).collect();
    let mut gaps = 0;
    for (n, (session, heard)) in slow.iter().zip(&mut heard).enumerate() {
        let state = session.outbox().audit();
        gaps += state.notes;
        listen(session, heard);
        for room in [n % ROOMS, ROOMS] {
            assert_eq!(heard[&format!("room-{room}")].numbers, all, "in {room}");
        }
    }
    assert!(gaps >= slow.len(), "only {gaps} gaps");

    // Whoever reads again has room again.
    for _ in 0..8 {
        say(&talkers[0], 0, 1_000);
    }
    assert_eq!(slow[0].outbox().audit().notes, 0);

    drop((talkers, slow, quiet_talker, fast));
    assert_eq!(hub.memory_used(), 0);
}

#[test]
fn a_full_hub_remembers_nothing_and_refuses_what_takes_more() {
    let hub = hub(0);
    let mut alice = join(&hub, 1, [0]);
    let bob = join(&hub, 2, [0]);
    assert_eq!(say(&alice, 0, 1_000), 1);
    let history = |range| alice.history(&room(0), range, 10).unwrap().len();
    assert_eq!(history(HistoryRange::Latest), 0);
    let topic = alice.set_topic(&room(0), Some(text(10)));
    assert_eq!(topic, Err(HubError::NoMemory));
    assert_eq!(alice.set_topic(&room(0), None), Ok(()));
    // One private message may wait, and the next one if both are small.
    let to = Nick::parse("member-2").unwrap();
    assert_eq!(alice.say_privately(&to, text(4_000)), Ok(()));
    let refused = alice.say_privately(&to, text(1));
    assert_eq!(refused, Err(HubError::RecipientFull(to)));
    let mut remembered = 0;
    let refused = loop {
        let say = Action::Say {
            room: room(0),
            kind: MessageKind::Say,
            body: text(1),
            client_id: ClientId::parse(&format!("id-{remembered}")),
        };
        match alice.start(say) {
            Step::Done(Ok(Done::Said { duplicate, .. })) => assert!(!duplicate),
            Step::Done(Err(error)) => break error,
            other => panic!("{other:?}"),
        }
        remembered += 1;
        assert!(remembered < 100, "as if there were memory");
    };
    assert!(remembered > 0);
    assert_eq!(refused, HubError::TooManyIds { limit: remembered });
    drop((alice, bob));
    assert_eq!(hub.memory_used(), 0);
}

#[test]
fn notes_of_what_was_missed_hold_up_a_session_that_goes_on_asking() {
    const ROOMS: usize = 50;
    let hub = hub(1024 * 1024);
    let talker = join(&hub, 0, 0..ROOMS);
    let asker = join(&hub, 1, 0..ROOMS);
    let mut asked = 0;
    // A connection hears no more of its peer then.
    while asker.outbox().answer_bytes() <= Memory::FLOOR {
        asker.reply(*b"pong\n");
        asked += 1;
        for room in 0..ROOMS {
            say(&talker, room, 4_000);
            listen(&talker, &mut BTreeMap::new());
        }
    }
    assert!(asked < 5, "{asked} answers with notes behind each of them");
    let notes = asker.outbox().audit().notes;
    assert!(notes * 64 <= 2 * Memory::FLOOR, "{notes} notes");
    listen(&asker, &mut BTreeMap::new());
    assert_eq!(asker.outbox().answer_bytes(), 0);
}

#[test]
fn an_answer_that_is_longer_than_there_is_memory_for_is_refused() {
    let hub = hub(0);
    let alice = join(&hub, 1, [0]);
    listen(&alice, &mut BTreeMap::new());
    assert_eq!(alice.try_reply(vec![0; Memory::FLOOR]), Ok(()));
    let longer = alice.try_reply(vec![0; Memory::FLOOR + 1]);
    assert_eq!(longer, Err(HubError::NoMemory));
}

#[test]
fn what_a_parked_session_keeps_is_counted_until_it_is_gone() {
    let hub = hub(1024 * 1024);
    let alice = join(&hub, 1, [0]);
    let mut bob = join(&hub, 2, [0]);
    assert!(bob.make_resumable().is_some());
    let to = Nick::parse("member-2").unwrap();
    alice.say_privately(&to, text(1_000)).unwrap();
    say(&alice, 0, 1_000);
    drop(alice);
    let with_both = hub.memory_used();
    drop(bob);
    let with_the_private_one = hub.memory_used();
    assert!(
        (1_000..2_500).contains(&with_the_private_one),
        "{with_the_private_one}"
    );
    assert!(with_both > with_the_private_one);
}

#[test]
fn an_event_that_cannot_be_kept_encoded_is_encoded_for_everyone_anew() {
    const VARIANT: Variant = Variant::new("counted");
    let memory = Memory::new(100_000);
    let event = Event::Topic {
        room: room(0),
        who: crate::event::Who {
            session: crate::event::SessionId(1),
            nick: Nick::parse("alice").unwrap(),
        },
        topic: None,
    };
    let event = SharedEvent::new(event, &memory);
    let encodings = || {
        let mut count = 0;
        for _ in 0..2 {
            let mut out = b"> ".to_vec();
            event.encode_into(VARIANT, &mut out, |_, out| {
                count += 1;
                out.extend_from_slice(b"topic");
            });
            assert_eq!(out, b"> topic");
        }
        count
    };
    let free = 100_000 - memory.used();
    memory.charge(free);
    assert_eq!((encodings(), memory.used()), (2, 100_000));
    memory.release(free);
    assert_eq!(encodings(), 1, "once for both");
    drop(event);
    assert_eq!(memory.used(), 0);
}

#[derive(Clone, Debug)]
enum Act {
    Say(usize, usize, usize),
    SayPrivately(usize, usize, usize),
    Answer(usize, usize),
    SetTopic(usize, usize, usize),
    Come(usize, usize),
    Go(usize, usize),
    Listen(usize, usize),
    Encode(usize),
    Leave(usize),
}

const PEOPLE: usize = 6;
const ROOMS: usize = 4;

fn act() -> impl Strategy<Value = Act> {
    let (who, place, bytes) = (0..PEOPLE, 0..ROOMS, 1..=Body::MAX_BYTES);
    let (a, b, c) = (who.clone(), place.clone(), bytes.clone());
    prop_oneof![
        20 => (a.clone(), b.clone(), c.clone()).prop_map(|(a, b, c)| Act::Say(a, b, c)),
        3 => (a.clone(), who, c.clone()).prop_map(|(a, b, c)| Act::SayPrivately(a, b, c)),
        1 => (a.clone(), c.clone()).prop_map(|(a, c)| Act::Answer(a, c)),
        1 => (a.clone(), b.clone(), c).prop_map(|(a, b, c)| Act::SetTopic(a, b, c)),
        4 => (a.clone(), b.clone()).prop_map(|(a, b)| Act::Come(a, b)),
        1 => (a.clone(), b).prop_map(|(a, b)| Act::Go(a, b)),
        3 => (a.clone(), 0..20_000_usize).prop_map(|(a, c)| Act::Listen(a, c)),
        2 => a.clone().prop_map(Act::Encode),
        1 => a.prop_map(Act::Leave),
    ]
}

/// What the hub uses, counted by looking at everything there is.
fn recount(hub: &Hub, people: &[Session]) -> usize {
    let mut events: BTreeMap<*const SharedEvent, usize> = BTreeMap::new();
    let mut arrivals = Vec::new();
    let mut rest = 0;
    let mut note = |event: &Arc<SharedEvent>| {
        events.insert(Arc::as_ptr(event), event.footprint());
    };
    for person in people {
        let held = person.outbox().audit();
        held.events.iter().for_each(&mut note);
        rest += held.own_bytes;
        arrivals.extend(held.arrivals);
    }
    for room in hub.directory().all_rooms() {
        let (held, slots, told) = room.audit();
        held.iter().for_each(&mut note);
        rest += slots;
        arrivals.extend(told);
    }
    let arrivals: BTreeMap<_, _> = arrivals
        .iter()
        .map(|arrivals| (Arc::as_ptr(arrivals), arrivals.footprint()))
        .collect();
    rest += arrivals.values().sum::<usize>();
    rest + events.values().sum::<usize>()
}

proptest! {
    #[test]
    fn the_counter_is_what_a_recount_finds_and_the_bound_holds(
        limit in 0..200_000_usize,
        acts in proptest::collection::vec(act(), 0..120),
    ) {
        const VARIANT: Variant = Variant::new("wide");
        let hub = hub(limit);
        let mut people: Vec<_> = (0..PEOPLE).map(|n| join(&hub, n, [])).collect();
        let mut taken = Queue::default();
        for act in acts {
            match act {
                Act::Say(who, place, bytes) => {
                    let _ = people[who].say(&room(place), MessageKind::Say, text(bytes));
                }
                Act::SayPrivately(who, whom, bytes) => {
                    let whom = Nick::parse(&format!("member-{whom}")).unwrap();
                    let _ = people[who].say_privately(&whom, text(bytes));
                }
                Act::Answer(who, bytes) => people[who].reply(vec![0; bytes]),
                Act::SetTopic(who, place, bytes) => {
                    let topic = (bytes % 3 > 0).then(|| text(bytes));
                    let _ = people[who].set_topic(&room(place), topic);
                }
                Act::Come(who, place) => drop(people[who].join(&room(place))),
                Act::Go(who, place) => drop(people[who].leave(&room(place))),
                Act::Listen(who, budget) => {
                    people[who].outbox().take(budget, &mut taken);
                    taken.clear();
                }
                Act::Encode(who) => {
                    let encode = |_: &Event, out: &mut Vec<u8>| out.extend([b'x'; 700]);
                    let held = people[who].outbox().audit();
                    for arrivals in held.arrivals {
                        let batch = Batch::new(&arrivals, 0);
                        batch.encode_into(VARIANT, &mut Vec::new(), encode);
                    }
                    for event in held.events {
                        event.encode_into(VARIANT, &mut Vec::new(), encode);
                    }
                }
                Act::Leave(who) => people[who] = Session::open(&hub),
            }
            prop_assert_eq!(hub.memory_used(), recount(&hub, &people));
            let answers: usize = people.iter().map(|person| {
                let held = person.outbox().audit();
                held.own_bytes + held.answers * (64 + SharedEvent::OVERHEAD)
            }).sum();
            let bound = limit + PEOPLE * floor(ROOMS) + answers;
            prop_assert!(hub.memory_used() <= bound, "{} of {bound}", hub.memory_used());
        }
        drop(people);
        prop_assert_eq!(hub.memory_used(), 0);
    }
}
