//! Connections that are cut anywhere while people talk, with every message accounted for.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::time::Duration;

use chat_core::client::{Client, ClientError, Event, Events, RandomBits};
use chat_core::message::MessageKind;
use chat_core::runtime::RuntimeExt;
use futures::StreamExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::{body, options, room};
use crate::chat::json::program::Program;
use crate::chat::site::Site;
use crate::chat::venue::{Setup, meet_both_with};
use crate::waiting_for;

/// How often connections are cut, and where.
///
/// # Examples
///
/// Ten times as often as usual, at the same places in every run:
///
/// ```
/// use chat_conformance::chat::Cuts;
///
/// let mut cuts = Cuts::default();
/// cuts.count = 10_000;
/// cuts.seed = Some(7);
/// cuts.set();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cuts {
    /// How many connections are cut in all. Default: 1,000.
    pub count: usize,
    /// What decides after how many bytes each is cut; `None` for another one in each run, which is the default. It
    /// is printed to standard error.
    pub seed: Option<u64>,
}

static CUTS: OnceLock<Cuts> = OnceLock::new();

impl Default for Cuts {
    fn default() -> Self {
        Self {
            count: 1_000,
            seed: None,
        }
    }
}

impl Cuts {
    /// Lets the cases of this process cut so. The first call counts, before any case is run.
    pub fn set(self) {
        let _ = CUTS.set(self);
    }

    /// How much longer than others the case may take.
    pub(in crate::chat) fn patience() -> Duration {
        let beyond = Self::current().count.saturating_sub(1_000);
        Duration::from_millis(20) * u32::try_from(beyond).unwrap_or(u32::MAX)
    }

    fn current() -> Self {
        *CUTS.get_or_init(Self::default)
    }
}

/// What became of a message that a client tried to say.
#[derive(Debug)]
struct Tried {
    text: String,
    fate: Result<u64, ClientError>,
}

const ROOM: &str = "rust";
const TALKERS: [&str; 2] = ["alice", "bob"];

/// Longer than it takes to get over anything that can be wrong with a connection, but less than a witness waits.
const ANSWERED_WITHIN: Duration = Duration::from_secs(13);

/// How many messages a client says without waiting for one of them.
const AT_ONCE: usize = 4;

pub(in crate::chat) fn connections_are_cut_anywhere_and_every_message_is_accounted_for(
    site: &dyn Site,
) {
    let Cuts { count, seed } = Cuts::current();
    let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    eprintln!("cutting {count} connections, seed {seed}");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let setup = Setup::with(|setup| {
        setup.hub.outbox.messages = 1_000_000;
        setup.hub.outbox.bytes = 1024 * 1024 * 1024;
        // So that a long run is not refused for its ids.
        setup.hub.message_id_memory = Duration::from_secs(20);
    });
    meet_both_with(site, setup, async |venue| {
        let mut witness = venue.program("witness", &[ROOM]).await;
        let proxy = Proxy::open(venue.site, venue.way.clone()).await;
        let mut clients = Vec::new();
        let mut hearings = Vec::new();
        for name in TALKERS {
            // A welcome that is lost would leave the nick behind: the first connections get that far.
            proxy.cuts([2_000 + draw(&mut random, 2_000)]);
            let mut options = options(name);
            options.backoff.base = Duration::from_millis(1);
            options.backoff.max = Duration::from_millis(4);
            options.event_capacity = usize::MAX;
            options.max_outstanding = 2 * AT_ONCE;
            let mut bits = Xoshiro256PlusPlus::seed_from_u64(random.next_u64());
            options.random = RandomBits::new(move || bits.next_u64());
            waiting_for("a client to be welcomed");
            let client = Client::reconnecting(proxy.connector(), options, &venue.runtime).await;
            let (client, events) = client.expect("the client is let in");
            let joined = client.join(&room(ROOM)).await.expect("it may join");
            hearings.push((joined.last, venue.runtime.spawn(listen(events))));
            clients.push(client);
        }
        proxy.cuts((TALKERS.len()..count).map(|_| 1 + draw(&mut random, 3_000)));

        waiting_for("two clients to talk until all cuts are used up");
        let talking = clients.iter().enumerate().map(async |(n, client)| {
            let mut tried = Vec::new();
            let mut is_last = false;
            while !is_last {
                // Over whatever connection there is then, and perhaps the last one that is cut.
                is_last = proxy.cuts_left() == 0;
                let said = talk(client, n, tried.len());
                let Ok(said) = venue.runtime.timeout(ANSWERED_WITHIN, said).await else {
                    panic!(
                        "{client:?} waits in vain to be answered, {} said, seed {seed}, {} connections, {} cuts left",
                        tried.len(),
                        proxy.connections(),
                        proxy.cuts_left(),
                    );
                };
                tried.extend(said);
            }
            client.close().await.expect("all is answered");
            tried
        });
        let mut herald = venue.program("herald", &[]).await;
        let talking = async {
            let tried = futures::future::join_all(talking).await;
            // A goodbye may be cut off like anything else, so this is what tells the witness that all is over.
            let over = json!({ "to": "witness", "text": "all is over" });
            herald.asks("message", over).await;
            tried
        };
        let (tried, witnessed) = futures::join!(talking, watch(&mut witness));
        // All that were cut were made again.
        assert!(
            proxy.connections() >= count,
            "{} connections",
            proxy.connections()
        );

        eprintln!(
            "{count} cuts, {} connections, {} messages",
            proxy.connections(),
            witnessed.len()
        );
        check_fates(&witnessed, &tried);
        waiting_for("the clients to hear the end");
        for (name, (last, hearing)) in TALKERS.iter().zip(hearings) {
            let heard = hearing.await.expect("it listens to the end");
            check_hearing(name, &witnessed, last, &heard);
        }
    });
}

/// Says a few things at once, each of them only this time.
async fn talk(client: &Client, talker: usize, said: usize) -> Vec<Tried> {
    let room = room(ROOM);
    let says = (said..said + AT_ONCE).map(async |n| {
        let text = format!("{} says {n}", TALKERS[talker]);
        let said = client.say(&room, MessageKind::Say, body(&text)).await;
        let fate = said.map(|said| said.number);
        Tried { text, fate }
    });
    futures::future::join_all(says).await
}

async fn listen(events: Events) -> Vec<Event> {
    events.collect().await
}

/// The room as somebody hears it whose connection is not cut: the authors and texts of its messages.
async fn watch(witness: &mut Program) -> Vec<(String, String)> {
    let mut messages = Vec::new();
    loop {
        let event = witness.event().await;
        let text = |field: &Value| field.as_str().expect("a text").to_owned();
        match event["event"].as_str() {
            Some("message") => {
                messages.push((text(&event["from"]), text(&event["text"])));
                assert_eq!(event["number"], messages.len(), "{event}");
            }
            Some("private") => return messages,
            Some("joined" | "quit") => {}
            // Nobody sees that connections are lost.
            _ => panic!("the witness hears {event}"),
        }
    }
}

/// What was acknowledged is in the room once, under its number; what was refused is not there; and what is there
/// was tried, in that order.
fn check_fates(witnessed: &[(String, String)], tried: &[Vec<Tried>]) {
    let mut numbers = BTreeMap::<_, Vec<u64>>::new();
    for (number, (_, text)) in (1..).zip(witnessed) {
        numbers.entry(text.as_str()).or_default().push(number);
    }
    let mut known = 0;
    for (name, tried) in TALKERS.iter().zip(tried) {
        let mut last = 0;
        for Tried { text, fate } in tried {
            let numbers = numbers.get(text.as_str()).map_or(&[][..], Vec::as_slice);
            match fate {
                Ok(number) => assert_eq!(numbers, [*number], "{text:?}"),
                Err(ClientError::Unknown) => assert!(numbers.len() <= 1, "{text:?}: {numbers:?}"),
                Err(error) => assert!(numbers.is_empty(), "{text:?}: {error}, {numbers:?}"),
            }
            for number in numbers {
                assert!(
                    *number > last,
                    "{name} said {text:?} earlier than what came before"
                );
                last = *number;
                assert_eq!(witnessed[*number as usize - 1].0, *name, "{text:?}");
                known += 1;
            }
        }
    }
    assert_eq!(known, witnessed.len(), "nobody said that");
}

/// Each message was heard once and in order, or announced as missed.
fn check_hearing(name: &str, witnessed: &[(String, String)], last: u64, heard: &[Event]) {
    let mut next = last + 1;
    for event in heard {
        match event {
            Event::Message(message) => {
                assert_eq!(message.number, next, "{name} hears {message:?}");
                let (from, text) = &witnessed[next as usize - 1];
                assert_eq!(message.sender.as_str(), from, "{name} hears {message:?}");
                assert_eq!(message.body.as_str(), text, "{name} hears {message:?}");
                next += 1;
            }
            Event::Missed(missed) => {
                if let Some((first, last)) = missed.messages {
                    assert_eq!(first, next, "{name} hears {missed:?}");
                    next = last + 1;
                }
            }
            Event::SessionLost { .. } | Event::Lagged(_) => panic!("{name} hears {event:?}"),
            _ => {}
        }
    }
    let all = witnessed.len() as u64;
    // Whoever leaves first does not hear what is said then.
    let own = (1..=all)
        .rev()
        .find(|n| witnessed[*n as usize - 1].0 == name);
    assert!(
        next > own.unwrap_or(0),
        "{name} heard less than it said: {next} of {all}"
    );
}

/// One of `0..below`.
fn draw(random: &mut Xoshiro256PlusPlus, below: u64) -> usize {
    usize::try_from(random.next_u64() % below).unwrap_or(0)
}
