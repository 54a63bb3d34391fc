//! Proving who one is.

use serde_json::json;

use super::house::{Hook, House, Rule, What};
use crate::chat::site::Site;
use crate::chat::venue::{meet, meet_both, meet_both_with};

pub(in crate::chat) fn a_person_logs_in_with_a_password(site: &dyn Site) {
    for rule in [Rule::Now(What::Allow), Rule::Later(What::Allow)] {
        let (house, setup) = House::open();
        house.rules(Hook::LogIn, rule);
        meet_both_with(site, setup, async |venue| {
            let mut alice = venue.talker("alice").await;
            alice.says("/login ann 12345").await;
            alice.hears("! wrong account or password").await;
            alice.says("/login ann").await;
            alice.hears("! usage: /login <account> <password>").await;
            // The password is the rest of the line.
            alice.says("/LOGIN   ann   open sesame  ").await;
            alice.hears("* you are logged in as ann").await;
            house.was_asked();
            alice.says("hello").await;
            alice.hears("[#general] alice: hello").await;
            assert_eq!(
                house.was_asked(),
                ["Message alice (ann): Say hello in #general"]
            );
            // A wrong one changes nothing, and another right one does.
            alice.says("/login bea 12345").await;
            alice.hears("! wrong account or password").await;
            alice.says("/login bea open sesame").await;
            alice.hears("* you are logged in as bea").await;
            alice.says("/nick bea").await;
            alice.hears("* alice is now bea").await;
            assert_eq!(
                house.was_asked(),
                ["LogIn alice (ann): bea", "Nick alice (bea): bea"]
            );
        });
    }
}

pub(in crate::chat) fn a_program_logs_in_with_a_password_or_a_token(site: &dyn Site) {
    let (house, setup) = House::open();
    meet_both_with(site, setup, async |venue| {
        let mut robot = venue.silent_program("robot").await;
        for wrong in [
            json!({ "account": "ann", "password": "12345" }),
            json!({ "account": "ann", "password": "" }),
            json!({ "token": "beefd3ad" }),
            json!({ "token": "", "account": "ann", "password": "open sesame" }),
        ] {
            assert_eq!(robot.is_refused("login", wrong).await, "denied");
        }
        // Before there is a nick, which may depend on it.
        let password = json!({ "account": "ann", "password": "open sesame" });
        assert_eq!(
            robot.asks("login", password).await,
            json!({ "account": "ann" })
        );
        let token = json!({ "token": "d3adbeef" });
        assert_eq!(
            robot.asks("login", token).await,
            json!({ "account": "robots" })
        );
        robot.says_hello("robot").await;
        robot.joins("rust").await;
        assert_eq!(
            house.was_asked(),
            [
                "LogIn nobody (no account): ann",
                "LogIn nobody (ann): robots",
                "Nick nobody (robots): robot",
                "Join robot (robots): rust",
            ]
        );
    });
}

pub(in crate::chat) fn whoever_comes_back_has_the_account_of_the_session(site: &dyn Site) {
    let (house, setup) = House::open();
    meet_both_with(site, setup, async |venue| {
        let (mut robot, welcome) = venue.welcomed_program("robot", &["rust"]).await;
        robot.asks("login", json!({ "token": "d3adbeef" })).await;
        drop(robot);
        venue.is_down_to(0).await;
        // What was proved on the new connection before is forgotten.
        let mut robot = venue.silent_program("robot").await;
        let ann = json!({ "account": "ann", "password": "open sesame" });
        robot.asks("login", ann).await;
        assert!(robot.resumes(&welcome.token, &[]).await.resumed);
        house.was_asked();
        robot.tells("rust", "beep").await;
        assert_eq!(
            house.was_asked(),
            ["Message robot (robots): Say beep in #rust"]
        );
    });
}

pub(in crate::chat) fn where_there_are_no_accounts_nobody_logs_in(site: &dyn Site) {
    meet(site, async |venue| {
        let mut alice = venue.person("alice").await;
        alice.says("/login ann open sesame").await;
        alice.hears("! there are no accounts here").await;
    });
    meet_both(site, async |venue| {
        let mut robot = venue.program("robot", &[]).await;
        assert_eq!(
            robot
                .is_refused("login", json!({ "token": "d3adbeef" }))
                .await,
            "denied"
        );
        robot.hears_nothing_more().await;
    });
}
