use std::sync::Arc;
use std::time::Duration;

use chat_core::hub::{Hub, HubConfig};
use chat_core::metrics::Metrics;
use chat_core::policy::Policy;
use chat_core::protocol::{DetectProtocol, Protocol, TextProtocol};
use chat_core::runtime::Runtime;
use chat_core::server::{Server, ServerConfig};

use super::person::Person;
use super::site::{Door, Site, Way};
use crate::waiting_for;

/// Where people meet: a server that listens on one kind of socket, and the way in.
pub(super) struct Venue<'a> {
    pub(super) site: &'a dyn Site,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) server: Server,
    pub(super) way: Way,
}

/// How a venue is set up: as it comes, but without limits of rates and for an address, as a case says more in a
/// second than people do, and all of its people come from this machine.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) hub: HubConfig,
    pub(super) server: ServerConfig,
    /// Who decides; nobody by default.
    pub(super) policy: Option<Arc<dyn Policy>>,
    /// Counts what happens there, where that is wanted.
    pub(super) metrics: Option<Metrics>,
}

impl Default for Setup {
    fn default() -> Self {
        let mut server = ServerConfig::default();
        server.max_per_address = None;
        server.connect_rate = None;
        server.connection.rate_limit = None;
        Self {
            hub: HubConfig::default(),
            server,
            policy: None,
            metrics: None,
        }
    }
}

impl Setup {
    pub(super) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut setup = Self::default();
        change(&mut setup);
        setup
    }
}

/// Opens a venue as it comes, and lets `scene` happen there.
pub(super) fn meet(site: &dyn Site, scene: impl AsyncFnOnce(Venue<'_>)) {
    meet_with(site, Setup::default(), scene);
}

/// The same with limits of one's own.
pub(super) fn meet_with(site: &dyn Site, setup: Setup, scene: impl AsyncFnOnce(Venue<'_>)) {
    meet_speaking(site, setup, TextProtocol::default, scene);
}

/// A venue as it comes where both text and JSON are spoken.
pub(super) fn meet_both(site: &dyn Site, scene: impl AsyncFnOnce(Venue<'_>)) {
    meet_both_with(site, Setup::default(), scene);
}

/// The same with limits of one's own.
pub(super) fn meet_both_with(site: &dyn Site, setup: Setup, scene: impl AsyncFnOnce(Venue<'_>)) {
    meet_speaking(site, setup, DetectProtocol::default, scene);
}

/// The same in another language than text.
pub(super) fn meet_speaking<P: Protocol + Send + 'static>(
    site: &dyn Site,
    setup: Setup,
    protocol: impl Fn() -> P + Send + Sync + 'static,
    scene: impl AsyncFnOnce(Venue<'_>),
) {
    site.run(Box::pin(async {
        let runtime = site.runtime();
        let Door { listener, way } = site.listen().await.expect("a free place is bound");
        let mut hub = Hub::builder(runtime.clone()).config(setup.hub);
        if let Some(policy) = setup.policy {
            hub = hub.policy(policy);
        }
        if let Some(metrics) = &setup.metrics {
            hub = hub.metrics(metrics);
        }
        let server = Server::new(hub.build(), Arc::clone(&runtime), setup.server);
        let address = server.listen(listener, protocol);
        address.expect("a listener has an address");
        let venue = Venue {
            site,
            runtime,
            server,
            way,
        };
        scene(venue).await;
    }));
}

impl Venue<'_> {
    /// Somebody who has connected, and has not been welcomed yet.
    pub(super) async fn stranger(&self, name: &str) -> Person {
        waiting_for("a connection to the server");
        let stream = self.way.connect().await;
        let stream = stream.expect("the connection is made");
        Person::new(name, stream, &self.runtime)
    }

    /// Somebody who has been welcomed, and the nick they were given.
    pub(super) async fn guest(&self, name: &str) -> (Person, String) {
        let mut person = self.stranger(name).await;
        let nick = is_welcomed(&mut person).await;
        (person, nick)
    }

    /// Somebody of that nick in `#general`, where both text and JSON are spoken: the first line tells which.
    pub(super) async fn talker(&self, nick: &str) -> Person {
        let mut person = self.stranger(nick).await;
        person.says(&format!("/nick {nick}")).await;
        let guest = is_welcomed(&mut person).await;
        person.hears(&format!("* {guest} is now {nick}")).await;
        person
    }

    /// Somebody of that nick in `#general`.
    pub(super) async fn person(&self, nick: &str) -> Person {
        let (mut person, guest) = self.guest(nick).await;
        person.says(&format!("/nick {nick}")).await;
        person.hears(&format!("* {guest} is now {nick}")).await;
        person
    }

    /// People in `#general`, none of whom has anything to hear yet.
    pub(super) async fn people<const N: usize>(&self, nicks: [&str; N]) -> [Person; N] {
        let mut people: Vec<Person> = Vec::new();
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
}

/// Hears the welcome, and returns the nick in it.
pub(super) async fn is_welcomed(person: &mut Person) -> String {
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
