use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::SystemTime;

use futures::executor::block_on;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::event::{Event, Series, SessionId, Who};
use crate::hub::arrivals::Unannounced;
use crate::message::{Body, Message, MessageKind, PrivateMessage};
use crate::name::{Nick, RoomName};

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn nick() -> Nick {
    Nick::parse("alice").unwrap()
}

/// An event that takes memory of its own.
fn new_event(event: Event) -> Arc<SharedEvent> {
    SharedEvent::new(event, &Memory::new(usize::MAX))
}

pub(super) fn message(room_name: &str, number: u64) -> Arc<SharedEvent> {
    new_event(Event::Message(Message {
        room: room(room_name),
        number,
        sender: nick(),
        kind: MessageKind::Say,
        body: Body::parse("hello").unwrap(),
        at: SystemTime::UNIX_EPOCH,
    }))
}

fn arrival(room_name: &str) -> Arc<SharedEvent> {
    new_event(Event::Joined {
        room: room(room_name),
        who: Who {
            session: SessionId(1),
            nick: nick(),
        },
    })
}

/// What somebody is told who knows the first few of so many arrivals.
fn together(room_name: &str, count: usize, known: u64) -> Option<Latest> {
    let mut unannounced = Unannounced::new(&Memory::new(usize::MAX));
    (0..count).for_each(|_| unannounced.push(arrival(room_name)));
    unannounced.take()?.since(known)
}

fn private() -> Arc<SharedEvent> {
    new_event(Event::Private(PrivateMessage {
        sender: nick(),
        recipient: nick(),
        body: Body::parse("psst").unwrap(),
        at: SystemTime::UNIX_EPOCH,
    }))
}

pub(super) fn outbox(messages: usize) -> Outbox {
    limited(OutboxLimits {
        messages,
        ..OutboxLimits::default()
    })
}

fn limited(limits: OutboxLimits) -> Outbox {
    Outbox::new(&Bounds::new(limits, Memory::new(usize::MAX)))
}

fn push(outbox: &Outbox, event: &Arc<SharedEvent>) {
    outbox.push_room(event, &mut Wakes::default());
}

#[test]
fn taking_private_messages_out_leaves_the_rest_in_order() {
    let outbox = outbox(8);
    push(&outbox, &message("a", 1));
    assert!(outbox.push_direct(private(), &mut Wakes::default()));
    outbox.push_reply(b"answer".as_slice().into(), &mut Wakes::default());
    assert!(outbox.push_direct(private(), &mut Wakes::default()));
    outbox.seal(CloseReason::Superseded.into(), b"bye".as_slice().into());
    assert_eq!(outbox.take_direct().len(), 2);
    assert!(outbox.take_direct().is_empty());
    let mut taken = Queue::default();
    assert!(!outbox.take(usize::MAX, &mut taken));
    let taken: Vec<_> = taken.iter().collect();
    let reply = |entry: &Outgoing, bytes: &[u8]| matches!(entry, Outgoing::Reply(reply) if **reply == *bytes);
    assert!(matches!(taken[0], Outgoing::Room(_)), "{taken:?}");
    assert!(
        reply(taken[1], b"answer") && reply(taken[2], b"bye"),
        "{taken:?}"
    );
    assert_eq!((taken.len(), outbox.answer_bytes()), (3, 0));
}

/// What was taken, as short words: `rust 7`, `rust +` (an arrival), `rust missed 3–5 +2`, `private`,
/// `reply`.
fn take(outbox: &Outbox) -> Vec<String> {
    let mut taken = Queue::default();
    while outbox.take(100, &mut taken) {}
    taken.drain().iter().map(describe).collect()
}

fn describe(outgoing: &Outgoing) -> String {
    match outgoing {
        Outgoing::Room(event) | Outgoing::Direct(event) | Outgoing::Own(event) => {
            match event.event() {
                Event::Message(message) => {
                    format!("{} {}", message.room.as_str(), message.number)
                }
                Event::Private(_) => "private".into(),
                event => format!("{} +", event.room().unwrap().as_str()),
            }
        }
        Outgoing::Arrivals(_) => unreachable!("each is an entry of its own"),
        Outgoing::Reply(_) => "reply".into(),
        Outgoing::Missed(missed) => {
            let messages = missed
                .messages
                .map(|(first, last)| format!(" {first}–{last}"));
            let presence = (missed.presence > 0).then(|| format!(" +{}", missed.presence));
            let (messages, presence) = (messages.unwrap_or_default(), presence.unwrap_or_default());
            format!("{} missed{messages}{presence}", missed.room.as_str())
        }
    }
}

#[derive(Default)]
struct CountedWaker(AtomicUsize);

impl Wake for CountedWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn what_fits_is_taken_in_order() {
    let outbox = outbox(8);
    push(&outbox, &message("rust", 1));
    outbox.push_reply((*b"reply").into(), &mut Wakes::default());
    push(&outbox, &arrival("rust"));
    assert!(outbox.push_direct(private(), &mut Wakes::default()));
    push(&outbox, &message("rust", 2));
    assert_eq!(
        take(&outbox),
        ["rust 1", "reply", "rust +", "private", "rust 2"]
    );
    assert_eq!(take(&outbox), Vec::<String>::new());
}

#[test]
fn the_oldest_messages_make_way_and_are_noted_in_their_place() {
    let outbox = outbox(3);
    for number in 1..=10 {
        push(&outbox, &message("rust", number));
    }
    assert_eq!(
        take(&outbox),
        ["rust missed 1–7", "rust 8", "rust 9", "rust 10"]
    );
    push(&outbox, &message("rust", 11));
    assert_eq!(take(&outbox), ["rust 11"]);
}

#[test]
fn bytes_are_limited_like_messages() {
    let weight = message("rust", 1).weight();
    let outbox = limited(OutboxLimits {
        bytes: 2 * weight,
        ..OutboxLimits::default()
    });
    for number in 1..=5 {
        push(&outbox, &message("rust", number));
    }
    assert_eq!(take(&outbox), ["rust missed 1–3", "rust 4", "rust 5"]);
}

#[test]
fn an_event_larger_than_the_outbox_is_missed_itself() {
    let outbox = limited(OutboxLimits {
        bytes: 1,
        ..OutboxLimits::default()
    });
    push(&outbox, &message("rust", 1));
    push(&outbox, &message("rust", 2));
    assert_eq!(take(&outbox), ["rust missed 1–2"]);
}

#[test]
fn rooms_are_noted_apart() {
    let outbox = outbox(2);
    for number in 1..=3 {
        push(&outbox, &message("rust", number));
        push(&outbox, &message("cats", number));
    }
    let expected = ["rust missed 1–2", "cats missed 1–2", "rust 3", "cats 3"];
    assert_eq!(take(&outbox), expected);
}

#[test]
fn arrivals_are_missed_without_numbers() {
    let outbox = outbox(1);
    for number in 1..=3 {
        push(&outbox, &arrival("rust"));
        push(&outbox, &message("rust", number));
    }
    assert_eq!(take(&outbox), ["rust missed 1–2 +3", "rust 3"]);
}

#[test]
fn numbers_that_do_not_go_on_get_a_note_of_their_own() {
    let outbox = outbox(1);
    for number in [1, 2, 7, 8, 9] {
        push(&outbox, &message("rust", number));
    }
    assert_eq!(
        take(&outbox),
        ["rust missed 1–2", "rust missed 7–8", "rust 9"]
    );
}

#[test]
fn answers_and_private_messages_keep_their_place_while_room_messages_make_way() {
    let outbox = outbox(4);
    push(&outbox, &message("rust", 1));
    outbox.push_reply((*b"reply").into(), &mut Wakes::default());
    assert!(outbox.push_direct(private(), &mut Wakes::default()));
    for number in 2..=6 {
        push(&outbox, &message("rust", number));
    }
    let expected = [
        "rust missed 1–1",
        "reply",
        "private",
        "rust missed 2–3",
        "rust 4",
        "rust 5",
        "rust 6",
    ];
    assert_eq!(take(&outbox), expected);
}

#[test]
fn an_answer_ends_a_note_so_that_it_is_as_old_as_what_stands_before_it() {
    let outbox = outbox(1);
    for number in [1, 2, 3] {
        push(&outbox, &message("rust", number));
        // As one to a join that is asked again: it tells the last number.
        outbox.push_reply((*b"reply").into(), &mut Wakes::default());
    }
    let expected = [
        "rust missed 1–1",
        "reply",
        "rust missed 2–2",
        "reply",
        "rust 3",
        "reply",
    ];
    assert_eq!(take(&outbox), expected);
}

#[test]
fn private_messages_are_refused_beyond_half_of_the_outbox() {
    let outbox = outbox(4);
    for number in 1..=4 {
        push(&outbox, &message("rust", number));
    }
    let accepted = [(); 3].map(|()| outbox.push_direct(private(), &mut Wakes::default()));
    assert_eq!(accepted, [true, true, false]);
    let expected = ["rust missed 1–2", "rust 3", "rust 4", "private", "private"];
    assert_eq!(take(&outbox), expected);
    assert!(outbox.push_direct(private(), &mut Wakes::default()));
}

#[test]
fn a_full_outbox_disconnects_if_that_is_the_policy() {
    let outbox = limited(OutboxLimits {
        messages: 2,
        slow_consumer: SlowConsumer::Disconnect,
        ..OutboxLimits::default()
    });
    for number in 1..=4 {
        push(&outbox, &message("rust", number));
    }
    let waker = Waker::noop();
    let Rest::Closing(closing) = outbox.fall_asleep(waker, true) else {
        panic!("told to close");
    };
    assert_eq!(closing.reason, CloseReason::SlowConsumer);
    assert_eq!(take(&outbox), ["rust 1", "rust 2"]);
}

/// How often a waker was used, and the waker.
fn counted() -> (Arc<CountedWaker>, Waker) {
    let count = Arc::<CountedWaker>::default();
    let waker = Waker::from(Arc::clone(&count));
    (count, waker)
}

#[test]
fn only_a_push_to_a_sleeper_wakes() {
    let outbox = outbox(8);
    let (count, waker) = counted();
    let push = |number| {
        let mut wakes = Wakes::default();
        outbox.push_room(&message("rust", number), &mut wakes);
        wakes.wake();
        count.0.load(Ordering::SeqCst)
    };
    assert_eq!(push(1), 0, "never asleep");
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Awake));
    take(&outbox);
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Asleep));
    assert_eq!(push(2), 1, "the first one wakes");
    assert_eq!(push(3), 1, "the second finds it awake");
    assert!(matches!(outbox.fall_asleep(&waker, false), Rest::Asleep));
    assert_eq!(push(4), 1, "whoever waits for the stream is left alone");
    let mut wakes = Wakes::default();
    outbox.close(CloseReason::Shutdown.into(), &mut wakes);
    wakes.wake();
    assert_eq!(count.0.load(Ordering::SeqCst), 2, "but is told to close");
}

#[test]
fn a_stream_wakes_a_sleeper_and_lets_nobody_sleep_who_was_awake() {
    let outbox = Arc::new(outbox(8));
    let (count, waker) = counted();
    assert!(matches!(outbox.fall_asleep(&waker, false), Rest::Asleep));
    outbox.stir().settle();
    outbox.stir_waker().wake_by_ref();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(outbox.stir().is_stirred());

    outbox.stir().answer();
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Asleep));
    push(&outbox, &message("rust", 1));
    outbox.stir().answer();
    // The push has taken the waker.
    outbox.stir_waker().wake_by_ref();
    assert_eq!(take(&outbox), ["rust 1"]);
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Awake));
    outbox.stir().answer();
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Asleep));
}

#[test]
fn a_stream_that_wakes_the_task_of_before_lets_the_new_one_not_sleep() {
    let outbox = Arc::new(outbox(8));
    let (before, waker) = counted();
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Asleep));
    outbox.stir().answer();
    outbox.stir_waker().wake_by_ref();
    assert_eq!(before.0.load(Ordering::SeqCst), 1);
    let (now, waker) = counted();
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Awake));
    outbox.stir().answer();
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Asleep));
    outbox.stir_waker().wake_by_ref();
    assert_eq!(now.0.load(Ordering::SeqCst), 1);
}

#[test]
fn a_note_in_the_place_of_what_made_way_needs_no_more_memory() {
    for messages in 1..20 {
        // So a queue grows by few entries.
        let limits = OutboxLimits {
            messages,
            ..OutboxLimits::default()
        };
        let outbox = Outbox::new(&Bounds::new(limits, Memory::new(0)));
        for number in 0..2 * messages as u64 {
            push(&outbox, &message("rust", number));
        }
        let slots = outbox.lock().queue.slots();
        assert_eq!(take(&outbox).len(), messages + 1);
        assert!(slots <= messages + IDLE_CAPACITY, "{slots} for {messages}");
    }
}

#[test]
fn a_queue_is_quiet_up_to_what_it_keeps_memory_for() {
    let outbox = outbox(100);
    // How many slots it had for so many.
    let fill = |count| {
        (0..count).for_each(|number| push(&outbox, &message("rust", number)));
        let slots = outbox.lock().queue.slots();
        assert!(!outbox.take(usize::MAX, &mut Queue::default()));
        slots
    };
    let quiet = 1 + IDLE_CAPACITY as u64;
    assert_eq!(fill(quiet), IDLE_CAPACITY);
    fill(quiet + 1);
    assert_eq!(fill(quiet), BUSY_CAPACITY, "it was busy");
    assert_eq!(fill(quiet), IDLE_CAPACITY);
}

#[test]
fn no_call_is_lost_between_threads() {
    let calls = if cfg!(miri) { 50 } else { 20_000 };
    let outbox = Arc::new(outbox(8));
    outbox.stir().settle();
    let heard = AtomicUsize::new(0);
    let connection = poll_fn(|cx| {
        outbox.stir().answer();
        if outbox.stir().is_stirred() {
            outbox.stir().settle();
            heard.fetch_add(1, Ordering::SeqCst);
        }
        // What a delivery does, which is awake then.
        take(&outbox);
        if heard.load(Ordering::SeqCst) == calls {
            return Poll::Ready(());
        }
        match outbox.fall_asleep(cx.waker(), true) {
            Rest::Asleep => {}
            Rest::Awake => cx.waker().wake_by_ref(),
            Rest::Closing(_) => return Poll::Ready(()),
        }
        Poll::Pending
    });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for call in 0..calls {
                let mut wakes = Wakes::default();
                outbox.push_room(&message("rust", call as u64), &mut wakes);
                wakes.wake();
                outbox.stir_waker().wake_by_ref();
                // Some ten seconds.
                let mut patience = 20_000_000;
                while heard.load(Ordering::SeqCst) == call {
                    std::thread::yield_now();
                    patience -= 1;
                    if patience == 0 {
                        let mut wakes = Wakes::default();
                        outbox.close(CloseReason::Shutdown.into(), &mut wakes);
                        wakes.wake();
                        return;
                    }
                }
            }
        });
        block_on(connection);
    });
    assert_eq!(heard.into_inner(), calls, "calls were heard");
}

#[test]
fn a_sleeper_with_room_for_nothing_is_woken_to_hear_what_it_missed() {
    let outbox = outbox(0);
    let (count, waker) = counted();
    assert!(matches!(outbox.fall_asleep(&waker, true), Rest::Asleep));
    let mut wakes = Wakes::default();
    outbox.push_room(&message("rust", 1), &mut wakes);
    wakes.wake();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(take(&outbox), ["rust missed 1–1"]);
}

#[test]
fn a_private_message_too_many_disconnects_if_that_is_the_policy() {
    let outbox = limited(OutboxLimits {
        messages: 2,
        slow_consumer: SlowConsumer::Disconnect,
        ..OutboxLimits::default()
    });
    push(&outbox, &message("rust", 1));
    push(&outbox, &message("rust", 2));
    assert!(!outbox.push_direct(private(), &mut Wakes::default()));
    assert!(matches!(
        outbox.fall_asleep(Waker::noop(), true),
        Rest::Closing(_)
    ));
    assert_eq!(take(&outbox), ["rust 1", "rust 2"]);
}

#[test]
fn a_session_that_nobody_serves_does_not_grow_for_ever() {
    let outbox = outbox(8);
    for _ in 0..100 {
        outbox.push_reply(vec![0; 100_000].into(), &mut Wakes::default());
    }
    assert!(outbox.answer_bytes() <= ANSWERS_AT_LEAST + 100_000);
    assert!(matches!(
        outbox.fall_asleep(Waker::noop(), true),
        Rest::Closing(_)
    ));
}

#[test]
fn a_sealed_outbox_takes_nothing_but_the_last_words() {
    let outbox = outbox(8);
    push(&outbox, &message("rust", 1));
    outbox.seal(CloseReason::Quit.into(), (*b"bye").into());
    push(&outbox, &message("rust", 2));
    assert!(!outbox.push_direct(private(), &mut Wakes::default()));
    outbox.push_reply((*b"reply").into(), &mut Wakes::default());
    assert_eq!(take(&outbox), ["rust 1", "reply"]);
}

#[test]
fn answers_are_weighed_until_they_are_taken() {
    let outbox = outbox(8);
    outbox.push_reply(vec![0; 1000].into(), &mut Wakes::default());
    outbox.push_own(arrival("rust"), &mut Wakes::default());
    assert_eq!(outbox.answer_bytes(), 1000 + arrival("rust").weight());
    take(&outbox);
    assert_eq!(outbox.answer_bytes(), 0);
}

#[test]
fn an_empty_outbox_owns_next_to_nothing() {
    let outbox = outbox(1024);
    for number in 1..=1000 {
        push(&outbox, &message("rust", number));
    }
    take(&outbox);
    assert!(outbox.lock().queue.slots() <= IDLE_CAPACITY);
}

#[derive(Clone, Debug)]
enum Step {
    Say(usize),
    Arrive(usize),
    /// So many come at once, and all but the first few of them are told.
    ArriveTogether(usize, usize, u64),
    Private,
    Answer,
    /// The session leaves the room and comes back after so many messages.
    Away(usize, u64),
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize).prop_map(Step::Say),
        2 => (0..3_usize).prop_map(Step::Arrive),
        2 => (0..3_usize, 0..8_usize, 0..8_u64)
            .prop_map(|(room, count, known)| Step::ArriveTogether(room, count, known)),
        1 => any::<()>().prop_map(|()| Step::Private),
        1 => any::<()>().prop_map(|()| Step::Answer),
        1 => (0..3_usize, 0..4_u64).prop_map(|(room, missed)| Step::Away(room, missed)),
        2 => (0..600_usize).prop_map(Step::Take),
    ]
}

/// What one room pushed, and what came out.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) numbers: Vec<u64>,
    pub(crate) presence: u64,
}

/// What an outbox holds, found by looking at everything in it.
pub(crate) struct Audit {
    pub(crate) events: Vec<Arc<SharedEvent>>,
    /// Those whose events are among them, which take memory beside that, and others may hold too.
    pub(crate) arrivals: Vec<Arc<Series>>,
    /// What it holds beside events: its slots, notes and replies.
    pub(crate) own_bytes: usize,
    pub(crate) notes: usize,
    pub(crate) answers: usize,
}

impl Outbox {
    pub(crate) fn audit(&self) -> Audit {
        let state = self.lock();
        let mut audit = Audit {
            events: Vec::new(),
            arrivals: Vec::new(),
            own_bytes: state.queue.slots() * Queue::SLOT,
            notes: 0,
            answers: 0,
        };
        for entry in state.queue.iter() {
            match entry {
                Outgoing::Room(event) | Outgoing::Direct(event) => {
                    audit.events.push(Arc::clone(event));
                }
                Outgoing::Arrivals(latest) => {
                    let arrivals = latest.audit();
                    audit.events.extend_from_slice(arrivals.events());
                    audit.arrivals.push(Arc::clone(arrivals));
                }
                Outgoing::Own(event) => {
                    audit.events.push(Arc::clone(event));
                    audit.answers += 1;
                }
                Outgoing::Missed(_) => {
                    audit.own_bytes += size_of::<Missed>();
                    audit.notes += 1;
                }
                Outgoing::Reply(bytes) => {
                    audit.own_bytes += bytes.len();
                    audit.answers += 1;
                }
            }
        }
        audit
    }
}

proptest! {
    #[test]
    fn whatever_happens_everything_is_delivered_or_noted_in_order(
        limit in 1..12_usize,
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        const ROOMS: [&str; 3] = ["a", "b", "c"];
        let outbox = Arc::new(outbox(limit));
        let mut next = [1; 3];
        let mut pushed: [Ledger; 3] = Default::default();
        let mut others = 0;
        let mut taken = Queue::default();
        for step in steps {
            match step {
                Step::Say(room) => {
                    push(&outbox, &message(ROOMS[room], next[room]));
                    pushed[room].numbers.push(next[room]);
                    next[room] += 1;
                }
                Step::Arrive(room) => {
                    push(&outbox, &arrival(ROOMS[room]));
                    pushed[room].presence += 1;
                }
                Step::ArriveTogether(room, count, known) => {
                    if let Some(latest) = together(ROOMS[room], count, known) {
                        pushed[room].presence += latest.events().len() as u64;
                        outbox.push_arrivals(latest, When::Now, &mut Wakes::default());
                    }
                }
                Step::Private => {
                    others += usize::from(outbox.push_direct(private(), &mut Wakes::default()));
                }
                Step::Answer => {
                    outbox.push_reply((*b"answer").into(), &mut Wakes::default());
                    others += 1;
                }
                Step::Away(room, missed) => next[room] += missed,
                Step::Take(budget) => {
                    outbox.take(budget, &mut taken);
                }
            }
            let state = outbox.lock();
            prop_assert!(state.room.entries + state.direct.entries <= limit);
            let lead = state.queue.iter().take_while(|entry| !entry.is_of_room());
            prop_assert_eq!(lead.count(), state.lead);
        }
        while outbox.take(usize::MAX, &mut taken) {}
        let state = outbox.lock();
        prop_assert_eq!((state.room.entries, state.room.bytes), (0, 0));
        prop_assert_eq!((state.direct.entries, state.direct.bytes), (0, 0));
        prop_assert_eq!(outbox.answer_bytes(), 0);

        let mut heard: HashMap<&str, Ledger> = HashMap::new();
        let mut others_heard = 0;
        let taken = taken.drain();
        for outgoing in &taken {
            let (room, numbers, presence) = match outgoing {
                Outgoing::Room(event) => match event.event() {
                    Event::Message(message) => (&message.room, message.number..=message.number, 0),
                    #[expect(clippy::reversed_empty_ranges, reason = "no messages")]
                    event => (event.room().unwrap(), 1..=0, 1),
                },
                Outgoing::Missed(missed) => {
                    let (first, last) = missed.messages.unwrap_or((1, 0));
                    prop_assert!(missed.presence > 0 || last >= first);
                    (&missed.room, first..=last, missed.presence)
                }
                _ => {
                    others_heard += 1;
                    continue;
                }
            };
            let ledger = heard.entry(room.as_str()).or_default();
            ledger.numbers.extend(numbers);
            ledger.presence += presence;
        }
        prop_assert_eq!(others_heard, others);
        for (room, pushed) in ROOMS.iter().zip(pushed) {
            prop_assert_eq!(heard.remove(room).unwrap_or_default(), pushed);
        }
    }
}
