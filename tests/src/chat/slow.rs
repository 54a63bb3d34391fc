//! Those who read slower than others write.

use chat_core::hub::SlowConsumer;

use super::person::{Heard, Person};
use super::plain::{self, Plain};
use super::site::Site;
use super::venue::{Setup, meet_speaking, meet_with};

/// How long each message is, so that what nobody reads does not vanish in the buffers of the sockets.
const LENGTH: usize = 4000;

/// How many messages pass: 16 MB in all.
const MESSAGES: u64 = 4000;

/// How many are said before everyone who listens has to have heard them. Below the size of the outbox.
const AT_ONCE: u64 = 16;

pub(super) fn a_slow_member_is_told_exactly_what_it_missed(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.outbox.messages = 2 * AT_ONCE as usize);
    meet_with(site, setup, async |venue| {
        let [mut talker, mut listener, mut slow] =
            venue.people(["talker", "listener", "slow"]).await;
        talk(&mut talker, &mut listener, MESSAGES).await;
        talker.says("/me is done").await;
        let account = listen(&mut slow, "[#general] * talker is done").await;
        assert!(
            account.heard > 0 && account.missed > 0,
            "nobody was slow: {account:?}"
        );
        // The action has the number after them.
        assert_eq!(account.next, MESSAGES + 1, "{account:?}");
        slow.hears_nothing_more().await;
        // Caught up, it misses nothing.
        for n in 0..3 {
            talker.says(&format!("afterwards {n}")).await;
            slow.hears(&format!("[#general] talker: afterwards {n}"))
                .await;
        }
    });
}

pub(super) fn a_slow_member_may_fall_behind_again_and_again(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.outbox.bytes = 2 * AT_ONCE as usize * 4200);
    meet_with(site, setup, async |venue| {
        let [mut talker, mut listener, mut slow] =
            venue.people(["talker", "listener", "slow"]).await;
        let mut next = 1;
        for round in 0..3 {
            let upto = (round + 1) * MESSAGES / 3;
            let from = round * MESSAGES / 3;
            talk_on(&mut talker, &mut listener, from + 1..=upto).await;
            // Nobody else has a line of this form, and it is no message of the room.
            talker.says(&format!("/msg slow round {round}")).await;
            let until = format!("[private] talker: round {round}");
            let account = listen_from(&mut slow, next, &until).await;
            next = account.next;
        }
        assert_eq!(next, MESSAGES + 1);
        slow.hears_nothing_more().await;
    });
}

pub(super) fn a_slow_member_may_be_disconnected_instead(site: &dyn Site) {
    let setup = Setup::with(|setup| {
        setup.hub.outbox.messages = 2 * AT_ONCE as usize;
        setup.hub.outbox.slow_consumer = SlowConsumer::Disconnect;
    });
    meet_with(site, setup, async |venue| {
        let [mut talker, mut listener, mut slow] =
            venue.people(["talker", "listener", "slow"]).await;
        let mut said = 0;
        // Until the server has had enough of it.
        let left = "* slow left #general";
        'talking: loop {
            assert!(said < MESSAGES, "nobody was slow");
            for _ in 0..AT_ONCE {
                said += 1;
                talker.says(&message(said)).await;
            }
            let last = format!("[#general] talker: {}", message(said));
            for line in listener.hears_until(&last).await {
                if line == left {
                    talker.hears_until(&last).await;
                    break 'talking;
                }
            }
            talker.hears_until(&last).await;
        }
        // It gets what was queued, in order and without holes, and learns why there is no more.
        let (lines, end) = slow.hears_out().await;
        let (last, messages) = lines.split_last().expect("it heard something");
        for (n, line) in (1..).zip(messages) {
            assert_eq!(*line, format!("[#general] talker: {}", message(n)));
        }
        assert!(last.starts_with("! "), "{last:?} is no reason");
        assert!(matches!(end, Heard::End), "{end:?}");
    });
}

pub(super) fn a_message_larger_than_an_outbox_is_told_of(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.outbox.bytes = 1000);
    meet_with(site, setup, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says(&message(1)).await;
        for person in [&mut alice, &mut bob] {
            person
                .hears("* you missed 1 message in #general (1–1)")
                .await;
        }
        alice.says("short").await;
        for person in [&mut alice, &mut bob] {
            person.hears("[#general] alice: short").await;
            person.hears_nothing_more().await;
        }
    });
}

pub(super) fn what_was_missed_is_told_for_each_room(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.outbox.messages = 2 * AT_ONCE as usize);
    meet_speaking(
        site,
        setup,
        || Plain,
        async |venue| {
            let mut talker = plain::person(&venue, "talker", &["a", "b"]).await;
            let mut slow = plain::person(&venue, "slow", &["a", "b"]).await;
            talker.hears_all(["#a joined slow", "#b joined slow"]).await;
            let (mut in_a, mut in_b) = (0, 0);
            for n in 1..=MESSAGES {
                // Now more in the one, now more in the other.
                let (room, number) = if (n / 100 + n % 3) % 2 == 0 {
                    ("a", &mut in_a)
                } else {
                    ("b", &mut in_b)
                };
                *number += 1;
                talker.says(&format!("say {room} {}", message(n))).await;
                talker
                    .hears(&format!("#{room} {number} talker: {}", message(n)))
                    .await;
            }
            talker.says("quit done").await;
            let (mut next_a, mut next_b, mut missed) = (1, 1, 0);
            loop {
                let line = slow.line().await;
                if line == "quit talker (done)" {
                    break;
                }
                let next = if line.starts_with("#a ") {
                    &mut next_a
                } else {
                    &mut next_b
                };
                missed += plain_account(&line[3..], next);
            }
            assert_eq!((next_a, next_b), (in_a + 1, in_b + 1));
            assert!(missed > 0, "nobody was slow");
        },
    );
}

pub(super) fn what_was_said_while_one_was_away_is_not_missed(site: &dyn Site) {
    const ROUNDS: u64 = 3;
    let setup = Setup::with(|setup| setup.hub.outbox.messages = 2 * AT_ONCE as usize);
    meet_speaking(
        site,
        setup,
        || Plain,
        async |venue| {
            let mut talker = plain::person(&venue, "talker", &["a"]).await;
            let mut slow = plain::person(&venue, "slow", &["a"]).await;
            talker.hears("#a joined slow").await;
            let mut number = 0;
            let talk = async |talker: &mut Person, number: &mut u64, messages| {
                for _ in 0..messages {
                    *number += 1;
                    talker.says(&format!("say a {}", message(*number))).await;
                    talker
                        .hears(&format!("#a {number} talker: {}", message(*number)))
                        .await;
                }
            };
            // What it is in the room for, by the numbers of the room.
            let mut stays = Vec::new();
            for _ in 0..ROUNDS {
                let first = number + 1;
                talk(&mut talker, &mut number, MESSAGES / ROUNDS).await;
                stays.push((first, number));
                slow.says("leave a").await;
                talker.hears("#a left slow").await;
                talk(&mut talker, &mut number, 40).await;
                slow.says("join a").await;
                talker.hears("#a joined slow").await;
            }
            let mut missed = 0;
            for (first, last) in stays {
                let mut next = first;
                loop {
                    let line = slow.line().await;
                    if line == "#a left slow" {
                        break;
                    }
                    missed += plain_account(&line[3..], &mut next);
                }
                assert_eq!(next, last + 1, "at the end of a stay");
                slow.hears("#a joined slow").await;
            }
            assert!(missed > 0, "nobody was slow");
        },
    );
}

/// Reads `<number> talker: ...` or `missed <first>-<last>`, moves `next` on, and returns how many were missed.
fn plain_account(line: &str, next: &mut u64) -> u64 {
    let start = &line[..line.len().min(60)];
    let number = |number: &str| {
        number
            .parse::<u64>()
            .unwrap_or_else(|_| panic!("{start:?}"))
    };
    let (first, last, missed) = match line.strip_prefix("missed ") {
        Some(range) => {
            let (first, last) = range.split_once('-').unwrap_or_else(|| panic!("{start:?}"));
            let (first, last) = (number(first), number(last));
            (first, last, last + 1 - first)
        }
        None => {
            let n = number(line.split(' ').next().unwrap_or_default());
            (n, n, 0)
        }
    };
    assert_eq!(first, *next, "{start:?}");
    *next = last + 1;
    missed
}

/// What a slow member made of the messages.
#[derive(Debug)]
struct Account {
    /// The number after the last one it has heard or heard of.
    next: u64,
    heard: u64,
    missed: u64,
}

fn message(n: u64) -> String {
    let start = format!("number {n} ");
    let rest = "x".repeat(LENGTH - start.len());
    start + &rest
}

async fn talk(talker: &mut Person, listener: &mut Person, messages: u64) {
    talk_on(talker, listener, 1..=messages).await;
}

/// Lets one talk as quickly as itself and the other one can hear it.
async fn talk_on(
    talker: &mut Person,
    listener: &mut Person,
    numbers: std::ops::RangeInclusive<u64>,
) {
    let numbers: Vec<_> = numbers.collect();
    for some in numbers.chunks(AT_ONCE as usize) {
        for n in some {
            talker.says(&message(*n)).await;
        }
        for n in some {
            let heard = format!("[#general] talker: {}", message(*n));
            talker.hears(&heard).await;
            listener.hears(&heard).await;
        }
    }
}

async fn listen(slow: &mut Person, until: &str) -> Account {
    listen_from(slow, 1, until).await
}

/// Checks that what is heard and what is said to be missed is everything, once, in order.
async fn listen_from(slow: &mut Person, next: u64, until: &str) -> Account {
    let mut account = Account {
        next,
        heard: 0,
        missed: 0,
    };
    loop {
        let line = slow.line().await;
        if line == until {
            return account;
        }
        if let Some((first, last)) = missed(&line) {
            assert_eq!(first, account.next, "{line:?} in {account:?}");
            account.missed += last + 1 - first;
            account.next = last + 1;
        } else {
            let expected = format!("[#general] talker: {}", message(account.next));
            assert!(
                line == expected,
                "{:?} in {account:?}",
                &line[..line.len().min(60)]
            );
            account.heard += 1;
            account.next += 1;
        }
    }
}

/// The numbers in `* you missed 12 messages in #general (41–52)`.
fn missed(line: &str) -> Option<(u64, u64)> {
    let (count, rest) = line.strip_prefix("* you missed ")?.split_once(" message")?;
    let (plural, range) = rest.strip_suffix(')')?.split_once(" in #general (")?;
    let (first, last) = range.split_once('–')?;
    let (count, first, last): (u64, u64, u64) =
        (count.parse().ok()?, first.parse().ok()?, last.parse().ok()?);
    assert!(first <= last, "{line:?}");
    assert_eq!(count, last + 1 - first, "{line:?}");
    assert_eq!(plural, if count == 1 { "" } else { "s" }, "{line:?}");
    Some((first, last))
}
