//! Those who ask for more than they read.

use super::person::Person;
use super::site::Site;
use super::venue::{Setup, Venue, meet, meet_with};
use crate::waiting_for;

/// What `/history` answers in these rooms: about 200 KB.
const REMEMBERED: usize = 50;

pub(super) fn whoever_asks_and_never_reads_is_heard_no_further(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob, mut greedy] = long_winded(&venue).await;
        // Far more than the buffers of the sockets take on the way to the server.
        let questions = "/history\n".repeat(1024 * 1024 / 9);
        let mut asking = Box::pin(async {
            for _ in 0..64 {
                greedy.try_send(questions.as_bytes()).await?;
            }
            std::io::Result::Ok(())
        });
        // Meanwhile nobody else waits.
        let mut talking = Box::pin(async {
            for n in 0..200 {
                alice.says(&format!("number {n}")).await;
                alice.hears(&format!("[#general] alice: number {n}")).await;
                bob.hears(&format!("[#general] alice: number {n}")).await;
            }
        });
        let asked = std::future::poll_fn(|cx| {
            let asked = asking.as_mut().poll(cx).is_ready();
            talking.as_mut().poll(cx).map(|()| asked)
        })
        .await;
        assert!(!asked, "the server listens without bounds");
        drop((asking, talking));
        drop(greedy);
        bob.hears("* greedy left #general").await;
    });
}

pub(super) fn whoever_asks_for_much_and_reads_late_gets_every_answer(site: &dyn Site) {
    const QUESTIONS: usize = 60;
    meet(site, async |venue| {
        let [mut alice, mut bob, mut greedy] = long_winded(&venue).await;
        for _ in 0..QUESTIONS {
            greedy.says(&format!("/history {REMEMBERED}")).await;
        }
        // And closes its half, which makes no difference.
        greedy.closes_its_half().await;
        for n in 0..20 {
            alice.says(&format!("/msg bob number {n}")).await;
            bob.hears(&format!("[private] alice: number {n}")).await;
        }
        for _ in 0..QUESTIONS {
            greedy.hears_all((0..REMEMBERED).map(remembered)).await;
        }
        greedy.hears_the_end().await;
        bob.hears("* greedy left #general").await;
    });
}

pub(super) fn an_outbox_of_one_message_still_carries_every_answer(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.outbox.messages = 1);
    meet_with(site, setup, async |venue| {
        let mut alice = venue.person("alice").await;
        alice
            .sends(&b"/who\n/join a\n/join b\n/help\n/who\n".repeat(50))
            .await;
        let mut members = 0;
        for line in alice.catches_up().await {
            if line.starts_with("* in #") {
                assert!(line.ends_with(" (1): alice"), "{line:?}");
                members += 1;
            }
        }
        assert_eq!(members, 100);
    });
}

/// People in a room with much to tell.
async fn long_winded(venue: &Venue<'_>) -> [Person; 3] {
    let mut people = venue.people(["alice", "bob", "greedy"]).await;
    waiting_for("people to tell much");
    for n in 0..REMEMBERED {
        let line = remembered(n);
        let text = line.strip_prefix("[#general] alice: ");
        people[0].says(text.expect("alice says it")).await;
        for person in &mut people {
            person.hears(&line).await;
        }
    }
    people
}

fn remembered(n: usize) -> String {
    format!("[#general] alice: {n} {}", "y".repeat(4000))
}
