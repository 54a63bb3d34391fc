use std::sync::Arc;
use std::time::Duration;

use chat_core::hub::{Hub, HubConfig};
use chat_core::protocol::{Protocol, TextProtocol};
use chat_core::runtime::{Address, Runtime};
use chat_core::server::{Server, ServerConfig};

use super::person::Person;
use super::transport::Transport;
use crate::{Harness, waiting_for};

/// Where people meet: a server that listens on one kind of socket, and the way in.
pub(super) struct Venue<H: Harness, T: Transport<H::Net>> {
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) net: Arc<H::Net>,
    pub(super) server: Server,
    pub(super) address: Address,
    place: T::Place,
}

/// How a venue is set up.
#[derive(Clone, Default)]
pub(super) struct Setup {
    pub(super) hub: HubConfig,
    pub(super) server: ServerConfig,
}

impl Setup {
    pub(super) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut setup = Self::default();
        change(&mut setup);
        setup
    }
}

/// Opens a venue as it comes, and lets `scene` happen there.
pub(super) fn meet<H: Harness, T: Transport<H::Net>>(
    harness: H,
    scene: impl AsyncFnOnce(Venue<H, T>),
) {
    meet_with(harness, Setup::default(), scene);
}

/// The same with limits of one's own.
pub(super) fn meet_with<H: Harness, T: Transport<H::Net>>(
    harness: H,
    setup: Setup,
    scene: impl AsyncFnOnce(Venue<H, T>),
) {
    meet_speaking(harness, setup, TextProtocol::default, scene);
}

/// The same in another language than text.
pub(super) fn meet_speaking<H: Harness, T: Transport<H::Net>, P: Protocol + Send + 'static>(
    harness: H,
    setup: Setup,
    protocol: impl Fn() -> P + Send + Sync + 'static,
    scene: impl AsyncFnOnce(Venue<H, T>),
) {
    harness.block_on(async {
        let (runtime, net) = (harness.runtime(), harness.net());
        waiting_for("a listener");
        let (listener, place) = T::listen(&net).await.expect("a free place is bound");
        let hub = Hub::new(runtime.clone(), setup.hub);
        let server = Server::new(hub, Arc::clone(&runtime), setup.server);
        let address = server.listen(listener, protocol);
        let venue = Venue {
            runtime,
            net,
            server,
            address: address.expect("a listener has an address"),
            place,
        };
        scene(venue).await;
    });
}

impl<H: Harness, T: Transport<H::Net>> Venue<H, T> {
    /// Somebody who has connected, and has not been welcomed yet.
    pub(super) async fn stranger(&self, name: &str) -> Person<T::Stream> {
        waiting_for("a connection to the server");
        let stream = T::connect(&self.net, &self.address).await;
        let stream = stream.expect("the connection is made");
        Person::new(name, stream, &self.runtime)
    }

    /// Somebody who has been welcomed, and the nick they were given.
    pub(super) async fn guest(&self, name: &str) -> (Person<T::Stream>, String) {
        let mut person = self.stranger(name).await;
        let nick = is_welcomed(&mut person).await;
        (person, nick)
    }

    /// Somebody of that nick in `#general`.
    pub(super) async fn person(&self, nick: &str) -> Person<T::Stream> {
        let (mut person, guest) = self.guest(nick).await;
        person.says(&format!("/nick {nick}")).await;
        person.hears(&format!("* {guest} is now {nick}")).await;
        person
    }

    /// People in `#general`, none of whom has anything to hear yet.
    pub(super) async fn people<const N: usize>(&self, nicks: [&str; N]) -> [Person<T::Stream>; N] {
        let mut people: Vec<Person<T::Stream>> = Vec::new();
        for nick in nicks {
            let (mut person, guest) = self.guest(nick).await;
            person.says(&format!("/nick {nick}")).await;
            people.push(person);
            for person in &mut people {
                if person.name != nick {
                    person.hears(&format!("* {guest} joined #general")).await;
                }
                person.hears(&format!("* {guest} is now {nick}")).await;
            }
        }
        match people.try_into() {
            Ok(people) => people,
            Err(_) => unreachable!("as many people as nicks"),
        }
    }

    /// Waits until the server has no more than `count` connections.
    ///
    /// The end of one cannot be heard from outside, so this asks again and again.
    pub(super) async fn is_down_to(&self, count: usize) {
        use chat_core::runtime::RuntimeExt;
        waiting_for("the server to let connections go");
        while self.server.connections() > count {
            self.runtime.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Takes the server out of the venue, and keeps what it listens on.
    pub(super) fn into_server(self) -> (Server, T::Place) {
        (self.server, self.place)
    }
}

/// Hears the welcome, and returns the nick in it.
pub(super) async fn is_welcomed<S: chat_core::runtime::Duplex>(person: &mut Person<S>) -> String {
    let welcome = person.line().await;
    let nick = welcome
        .strip_prefix("* welcome, ")
        .and_then(|rest| rest.strip_suffix(" — you are in #general"));
    let Some(nick) = nick else {
        panic!("{} should be welcomed and hears {welcome:?}", person.name);
    };
    let number = nick.strip_prefix("guest-").and_then(|n| n.parse().ok());
    assert!(number.is_some_and(|n: u64| n > 0), "no guest: {nick}");
    nick.into()
}

/// Lets the runtime do something else once.
pub(super) async fn breathe() {
    let mut breathed = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut breathed, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
