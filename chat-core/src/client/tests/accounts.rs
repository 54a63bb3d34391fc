//! Clients that prove who they are.

use std::sync::{Arc, Mutex};

use super::world::{World, nick, options, room};
use crate::client::{Client, ClientError, Event, Events};
use crate::hub::Hub;
use crate::name::{Nick, RoomName};
use crate::policy::{Credentials, Decision, Person, Policy};
use crate::testing::at_once;

/// Lets nobody in who has not logged in; keeps a list of who has.
#[derive(Default)]
struct House {
    logged_in: Mutex<Vec<String>>,
}

impl Policy for House {
    fn log_in(&self, _: &Person<'_>, credentials: Credentials) -> Decision<String> {
        let account = match credentials {
            Credentials::Password { account, password } if password == "s3cret" => account,
            Credentials::Token(token) if token == "t0ken" => "ann".into(),
            _ => return Decision::deny("wrong account or password"),
        };
        self.logged_in.lock().unwrap().push(account.clone());
        Decision::later(async move { Ok(account) })
    }

    fn guest(&self, who: &Person<'_>) -> Decision<()> {
        match who.account {
            Some(_) => Decision::allow(()),
            None => Decision::deny("log in first"),
        }
    }

    fn nick(&self, who: &Person<'_>, nick: &Nick) -> Decision<()> {
        match who.account {
            Some(account) if account == nick.as_str() => Decision::allow(()),
            _ => Decision::deny("that is not yours"),
        }
    }

    fn join(&self, who: &Person<'_>, _: &RoomName) -> Decision<()> {
        match who.account {
            Some(_) => Decision::allow(()),
            None => Decision::deny("log in first"),
        }
    }
}

fn world() -> (World, Arc<House>) {
    let (world, house) = (World::new(), Arc::<House>::default());
    let hub = Hub::with_policy(world.runtime.clone(), at_once(), house.clone());
    world.start_server(Some(hub));
    (world, house)
}

fn connect(
    world: &World,
    credentials: Option<Credentials>,
) -> Result<(Client, Events), ClientError> {
    let mut options = options("ann");
    options.credentials = credentials;
    world.connect(world.connector([]), options)
}

fn password(password: &str) -> Option<Credentials> {
    Some(Credentials::Password {
        account: "ann".into(),
        password: password.into(),
    })
}

#[test]
fn a_client_logs_in_before_it_says_hello() {
    for credentials in [password("s3cret"), Some(Credentials::Token("t0ken".into()))] {
        let (world, house) = world();
        let (ann, _events) = connect(&world, credentials).unwrap();
        assert_eq!(ann.nick(), Some(nick("ann")));
        world.join(&ann, "rust");
        assert_eq!(*house.logged_in.lock().unwrap(), ["ann"]);
    }
}

#[test]
fn credentials_that_are_wrong_are_an_answer_and_not_tried_again() {
    let (world, house) = world();
    for credentials in [password("12345"), None] {
        let refused = connect(&world, credentials).map(drop);
        assert!(
            matches!(&refused, Err(ClientError::Refused { code, .. }) if code == "denied"),
            "{refused:?}"
        );
    }
    assert!(house.logged_in.lock().unwrap().is_empty());
}

#[test]
fn a_session_that_goes_on_is_logged_in_and_a_new_one_logs_in_again() {
    let (world, house) = world();
    let connector = world.connector([]);
    let line = Arc::clone(&connector.line);
    let mut options = options("ann");
    options.credentials = password("s3cret");
    let (ann, mut events) = world.connect(connector, options).unwrap();
    line.cut();
    world.join(&ann, "rust");
    assert_eq!(*house.logged_in.lock().unwrap(), ["ann"], "resumed");

    let anew = Hub::with_policy(world.runtime.clone(), at_once(), house.clone());
    world.stop_server();
    world.start_server(Some(anew));
    line.cut();
    world.join(&ann, "cats");
    assert_eq!(*house.logged_in.lock().unwrap(), ["ann", "ann"]);
    let mut rooms = ann.joined_rooms();
    rooms.sort();
    assert_eq!(rooms, [room("cats"), room("rust")]);
    let lost = |event: &Event| matches!(event, Event::SessionLost { .. });
    assert!(world.heard(&mut events).iter().any(lost));
}
