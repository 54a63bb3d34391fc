//! How bytes become lines, however they come.

use super::site::Site;
use super::venue::{is_welcomed, meet};

/// How long a line may be, its ending not counted.
const LIMIT: usize = 4096;

pub(super) fn lines_end_in_lf_or_crlf(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.sends(b"one\r\ntwo\nthree\r\n").await;
        // Between the two as well.
        alice.sends(b"four\r").await;
        alice.sends(b"\nfive\n").await;
        for person in [&mut alice, &mut bob] {
            for text in ["one", "two", "three", "four", "five"] {
                person.hears(&format!("[#general] alice: {text}")).await;
            }
            person.hears_nothing_more().await;
        }
    });
}

pub(super) fn several_lines_may_come_at_once(site: &dyn Site) {
    meet(site, async |venue| {
        let mut alice = venue.stranger("alice").await;
        alice
            .sends(b"/nick alice\nhello\n/join rust\n/me waves\n/who\n/history\n/quit done\nlost\n")
            .await;
        is_welcomed(&mut alice).await;
        alice.hears("* guest-1 is now alice").await;
        alice.hears("[#general] alice: hello").await;
        alice.hears("* alice joined #rust").await;
        alice.hears("[#rust] * alice waves").await;
        alice.hears("* in #rust (1): alice").await;
        alice.hears("[#rust] * alice waves").await;
        alice.hears("* goodbye").await;
        alice.hears_the_end().await;
    });
}

pub(super) fn a_conversation_may_come_byte_by_byte(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        let conversation = "grüß dich\r\n/me waves\n/msg bob 🦀\r\n\n/join c++\n/dance\n//x\n";
        for byte in conversation.as_bytes() {
            alice.sends(&[*byte]).await;
        }
        alice.hears("[#general] alice: grüß dich").await;
        alice.hears("[#general] * alice waves").await;
        alice.hears("* alice joined #c++").await;
        alice.is_refused().await;
        alice.hears("[#c++] alice: /x").await;
        alice.hears_nothing_more().await;
        bob.hears("[#general] alice: grüß dich").await;
        bob.hears("[#general] * alice waves").await;
        bob.hears("[private] alice: 🦀").await;
        bob.hears("* alice left #general").await;
        bob.hears_nothing_more().await;
    });
}

pub(super) fn a_line_may_have_4096_bytes(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        let longest = "x".repeat(LIMIT);
        let multibyte = "ü".repeat(LIMIT / 2);
        for ending in ["\n", "\r\n"] {
            for text in [&longest, &multibyte] {
                alice.sends(format!("{text}{ending}").as_bytes()).await;
                alice.hears(&format!("[#general] alice: {text}")).await;
                bob.hears(&format!("[#general] alice: {text}")).await;
            }
        }
    });
}

pub(super) fn a_line_that_is_too_long_is_refused_once_and_skipped(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for excess in [1, 2, LIMIT, 10 * LIMIT] {
            for ending in ["\n", "\r\n"] {
                let line = "/quit ".repeat((LIMIT + excess) / 6 + 1);
                let line = &line[..LIMIT + excess];
                alice.sends(format!("{line}{ending}").as_bytes()).await;
                alice.is_refused().await;
                alice.says("next").await;
                alice.hears("[#general] alice: next").await;
                bob.hears("[#general] alice: next").await;
            }
        }
    });
}

pub(super) fn a_line_that_is_too_long_may_come_in_pieces(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.sends(&[b'x'; LIMIT]).await;
        alice.sends(b"x").await;
        // Refused before it has ended.
        alice.is_refused().await;
        for _ in 0..20 {
            alice.sends(&[b'x'; 1000]).await;
        }
        alice.sends(b"\r\nnext\n").await;
        alice.hears("[#general] alice: next").await;
        bob.hears("[#general] alice: next").await;
        bob.hears_nothing_more().await;
    });
}

pub(super) fn the_last_line_needs_no_newline(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.sends(b"first\nlast").await;
        alice.closes_its_half().await;
        alice.hears("[#general] alice: first").await;
        alice.hears("[#general] alice: last").await;
        alice.hears_the_end().await;
        bob.hears("[#general] alice: first").await;
        bob.hears("[#general] alice: last").await;
        bob.hears("* alice left #general").await;
        bob.hears_nothing_more().await;
    });
}
