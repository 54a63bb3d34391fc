//! Input that makes no sense: refused, and nothing else happens.

use super::site::Site;
use super::venue::meet;

pub(super) fn what_is_no_command_is_refused(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for line in [
            "/dance",
            "/",
            "/ join rust",
            "/joinrust",
            "/wh",
            "/whos",
            "/jöin",
        ] {
            alice.says(line).await;
            alice.is_refused().await;
        }
        bob.hears_nothing_more().await;
    });
}

pub(super) fn a_command_without_its_arguments_is_refused(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for line in [
            "/join", "/join ", "/nick", "/nick  ", "/msg", "/msg bob", "/me", "/me ",
        ] {
            alice.says(line).await;
            alice.is_refused().await;
        }
        bob.hears_nothing_more().await;
    });
}

pub(super) fn text_that_is_not_utf8_is_refused(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for bytes in [
            &b"caf\xe9\n"[..],
            b"\xff\xfe\n",
            b"half a crab \xf0\x9f\xa6\n",
            b"\xed\xa0\x80\n",
            b"/me \xc0\xaf\n",
            b"/join r\xfcst\r\n",
        ] {
            alice.sends(bytes).await;
            alice.is_refused().await;
        }
        bob.hears_nothing_more().await;
        alice.says("café").await;
        alice.hears("[#general] alice: café").await;
        bob.hears("[#general] alice: café").await;
    });
}

pub(super) fn control_characters_are_refused(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for line in [
            "nul \0",
            "\0",
            "escape \x1b[2J",
            "bell \x07",
            "tab\there",
            "return\rin the middle",
            "delete \x7f",
            "next line \u{85}",
            "c1 escape \u{9b}31m",
            "/me \x1b[31m",
            "/msg bob \x08",
            "/quit \x1b",
            "/nick a\0",
            "/join a\0b",
            "/\x1b[2J",
        ] {
            alice.says(line).await;
            let why = alice.is_refused().await;
            // Nor does the refusal drive a terminal.
            assert!(!why.contains(char::is_control), "{why:?}");
        }
        bob.hears_nothing_more().await;
    });
}

pub(super) fn an_empty_line_is_ignored(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.sends(b"\n\r\n\n\n").await;
        alice.hears_nothing_more().await;
        bob.hears_nothing_more().await;
    });
}

pub(super) fn a_refusal_ends_nothing(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for n in 0..50 {
            alice.sends(b"/nonsense\n\xff\n\0\n").await;
            alice.says(&format!("number {n}")).await;
            for _ in 0..3 {
                alice.is_refused().await;
            }
            alice.hears(&format!("[#general] alice: number {n}")).await;
            bob.hears(&format!("[#general] alice: number {n}")).await;
        }
    });
}
