use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;

use super::world::{Cut, Lots, World, body, messages, nick, options, room};
use crate::client::{Client, ClientError, Event, Events};
use crate::hub::HubConfig;
use crate::message::MessageKind;
use crate::runtime::RuntimeExt;
use crate::store::HistoryRange;

/// What alice does: everything that can be asked for, one after the other, and three messages at once.
async fn converse(alice: Client) -> Vec<u64> {
    let (rust, cats) = (room("rust"), room("cats"));
    let joined = alice.join(&rust).await.unwrap();
    assert!(joined.members > 0);
    let mut numbers = Vec::new();
    for text in ["one", "two"] {
        let said = alice.say(&rust, MessageKind::Say, body(text)).await;
        numbers.push(said.unwrap().number);
    }
    alice.join(&cats).await.unwrap();
    assert_eq!(
        alice.take_nick(nick("alicia")).await.unwrap(),
        nick("alicia")
    );
    alice.leave(&cats).await.unwrap();
    match alice.set_topic(&rust, Some(body("crabs"))).await {
        Ok(()) | Err(ClientError::Unknown) => {}
        Err(error) => panic!("{error}"),
    }
    match alice.message(&nick("bob"), body("psst")).await {
        Ok(()) | Err(ClientError::Unknown) => {}
        Err(error) => panic!("{error}"),
    }
    let three = ["three", "four", "five"];
    let says = three.map(|text| alice.say(&rust, MessageKind::Say, body(text)));
    for said in futures::future::join_all(says).await {
        numbers.push(said.unwrap().number);
    }
    let history = alice.history(&rust, HistoryRange::Latest, 9).await.unwrap();
    assert_eq!(history.len(), 5);
    assert_eq!(alice.who(&rust).await.unwrap().len(), 2);
    alice.ping().await.unwrap();
    alice.close().await.unwrap();
    numbers
}

/// Has the conversation with a connection that is cut; returns how many bytes the first one carried.
fn converse_over(cut: Option<Cut>) -> usize {
    let world = World::new();
    let (bob, mut bobs) = world.client("bob");
    world.join(&bob, "rust");
    world.heard(&mut bobs);
    let connector = world.connector(cut);
    let line = Arc::clone(&connector.line);
    let mut options = options("alice");
    // The very first connection may be cut as well.
    options.insist = true;
    let (alice, mut alices) = world.connect(connector, options).unwrap();
    let numbers = world.wait(converse(alice));
    assert_eq!(numbers, [1, 2, 3, 4, 5], "{cut:?}");
    let expected = ["one", "two", "three", "four", "five"].map(str::to_owned);
    let expected: Vec<_> = (1..).zip(expected).collect();
    assert_eq!(messages(&world.heard(&mut alices)), expected, "{cut:?}");
    // When it is the goodbye that is cut, the server waits for her in vain.
    world.time.advance(HubConfig::default().resume_grace);
    let bob_heard = world.heard(&mut bobs);
    assert_eq!(messages(&bob_heard), expected, "{cut:?}");
    let quits = bob_heard
        .iter()
        .filter(|event| matches!(event, Event::Quit { .. }));
    assert_eq!(quits.count(), 1, "{cut:?}: {bob_heard:?}");
    let lost = |event: &Event| matches!(event, Event::SessionLost { .. });
    assert!(!world.heard(&mut alices).iter().any(lost));
    assert!(*line.connections.lock().unwrap() <= 1 + usize::from(cut.is_some()));
    *line.carried.lock().unwrap()
}

#[test]
fn a_conversation_that_is_cut_at_any_byte_goes_on_as_if_nothing_had_happened() {
    let bytes = converse_over(None);
    for after in 0..bytes {
        let loses = after % 2 == 0;
        let cut = Cut { after, loses };
        let result = std::panic::catch_unwind(|| converse_over(Some(cut)));
        assert!(result.is_ok(), "{cut:?} of {bytes}");
    }
}

/// What became of each message that was tried to be said, by text.
type Fates = Arc<Mutex<BTreeMap<String, Result<u64, ClientError>>>>;

/// Says ten things at once.
async fn chatter(client: Client, round: usize, fates: Fates) {
    let rust = room("rust");
    let says = (0..10).map(|n| {
        let text = format!("{round}.{n}");
        let said = client.say(&rust, MessageKind::Say, body(&text));
        async move { (text, said.await.map(|said| said.number)) }
    });
    let said = futures::future::join_all(says).await;
    fates.lock().unwrap().extend(said);
}

/// Everything of a room that came, said or announced as missed, in order.
async fn listen(mut events: Events, heard: Arc<Mutex<Vec<Event>>>) {
    while let Some(event) = events.next().await {
        heard.lock().unwrap().push(event);
    }
}

#[test]
fn two_talk_over_lines_that_are_cut_a_thousand_times_and_every_message_is_accounted_for() {
    const CUTS: usize = 500;
    let world = World::new();
    let mut lots = Lots(42);
    let fates = Fates::default();
    let (witness, witness_events) = world.client("witness");
    world.join(&witness, "rust");
    let witnessed = Arc::<Mutex<Vec<Event>>>::default();
    world
        .runtime
        .spawn(listen(witness_events, Arc::clone(&witnessed)))
        .detach();
    let mut talkers = Vec::new();
    let mut lines = Vec::new();
    let mut hearings = Vec::new();
    for name in ["alice", "bob"] {
        let cuts = (0..CUTS).map(|_| Cut {
            after: 100 + lots.draw(4_000),
            loses: lots.draw(2) == 0,
        });
        let cuts: Vec<_> = cuts.collect();
        let connector = world.connector(cuts);
        lines.push(Arc::clone(&connector.line));
        let mut options = options(name);
        options.insist = true;
        options.backoff.max = Duration::from_millis(200);
        options.random = crate::client::RandomBits::new({
            let mut lots = Lots(name.len() as u64);
            move || (lots.draw(1 << 30) as u64) << 34
        });
        options.max_outstanding = 8;
        options.event_capacity = 100_000;
        let (client, events) = world.connect(connector, options).unwrap();
        world.join(&client, "rust");
        let heard = Arc::default();
        world
            .runtime
            .spawn(listen(events, Arc::clone(&heard)))
            .detach();
        hearings.push(heard);
        talkers.push(client);
    }
    // Talks until all the cuts are used up.
    let mut rounds = 0;
    while lines
        .iter()
        .any(|line| *line.connections.lock().unwrap() <= CUTS)
    {
        let talks = talkers.iter().map(|client| {
            rounds += 1;
            chatter(client.clone(), rounds, Arc::clone(&fates))
        });
        world.wait(futures::future::join_all(talks));
        assert!(rounds < 20_000, "the cuts are never used up");
    }
    for client in talkers {
        world.wait(async move { client.close().await.unwrap() });
    }
    world.wait(async move { witness.close().await.unwrap() });

    let witnessed = messages(&witnessed.lock().unwrap());
    let numbers: Vec<_> = witnessed.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=witnessed.len() as u64).collect::<Vec<_>>());
    let mut counts = BTreeMap::<_, Vec<u64>>::new();
    for (number, text) in &witnessed {
        counts.entry(text.clone()).or_default().push(*number);
    }
    let fates = fates.lock().unwrap();
    for (text, fate) in &*fates {
        let numbers = counts.get(text).cloned().unwrap_or_default();
        match fate {
            Ok(number) => assert_eq!(numbers, [*number], "{text}"),
            Err(ClientError::Unknown) => assert!(numbers.len() <= 1, "{text}"),
            Err(error) => panic!("{text}: {error}; {numbers:?}"),
        }
    }
    assert_eq!(counts.len(), fates.len());
    for heard in hearings {
        let mut next = None;
        let mut missed = 0;
        for event in &*heard.lock().unwrap() {
            match event {
                Event::Message(message) => {
                    let next = next.replace(message.number + 1);
                    assert!(next.is_none_or(|next| next == message.number));
                    assert_eq!(
                        witnessed[message.number as usize - 1].1,
                        message.body.as_str()
                    );
                }
                Event::Missed(gap) if gap.messages.is_some() => {
                    let (first, last) = gap.messages.unwrap();
                    assert!(next.is_none_or(|next| next == first));
                    next = Some(last + 1);
                    missed += last + 1 - first;
                }
                Event::SessionLost { .. } | Event::Lagged(_) => panic!("{event:?}"),
                _ => {}
            }
        }
        assert_eq!(missed, 0, "the room remembers enough");
        assert_eq!(next, Some(witnessed.len() as u64 + 1));
    }
}
