//! How many the server takes, and what it does when it cannot take more.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_core::hub::Hub;
use chat_core::protocol::TextProtocol;
use chat_core::runtime::{Address, Listener, Runtime, Timer};
use chat_core::server::{Server, ServerConfig};

use super::person::Person;
#[cfg(unix)]
use super::site::{Door, Site};
use super::venue::{Setup, is_welcomed, meet_with};
use crate::waiting_for;

/// How long the server waits after the first error of its listener.
const BACKOFF: Duration = Duration::from_millis(5);

pub(super) fn a_full_server_refuses_with_a_reason(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.server.max_connections = 2);
    meet_with(site, setup, async |venue| {
        let [mut alice, bob] = venue.people(["alice", "bob"]).await;
        for _ in 0..3 {
            let mut third = venue.stranger("the third").await;
            third.is_refused().await;
            third.hears_the_end().await;
        }
        // Nobody has noticed.
        alice.hears_nothing_more().await;
        drop(bob);
        alice.hears("* bob left #general").await;
        venue.is_down_to(1).await;
        let (_third, guest) = venue.guest("the third").await;
        alice.hears(&format!("* {guest} joined #general")).await;
    });
}

pub(super) fn an_address_has_only_so_many_connections(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.server.max_per_address = Some(2));
    meet_with(site, setup, async |venue| {
        let [mut alice, bob] = venue.people(["alice", "bob"]).await;
        if venue.way.address.ip().is_none() {
            // Nor are Unix sockets all one address: they have none.
            let (_third, guest) = venue.guest("the third").await;
            alice.hears(&format!("* {guest} joined #general")).await;
            return;
        }
        let mut third = venue.stranger("the third").await;
        third.is_refused().await;
        third.hears_the_end().await;
        drop(bob);
        alice.hears("* bob left #general").await;
        venue.is_down_to(1).await;
        let (_third, guest) = venue.guest("the third").await;
        alice.hears(&format!("* {guest} joined #general")).await;
    });
}

pub(super) fn those_refused_are_not_read_from_for_long(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.server.max_connections = 1);
    meet_with(site, setup, async |venue| {
        let [mut alice] = venue.people(["alice"]).await;
        // They stay on the line without a word, more of them than are told why.
        let mut refused = Vec::new();
        for _ in 0..100 {
            refused.push(venue.stranger("one too many").await);
        }
        for person in &mut refused {
            let (lines, _) = person.hears_out().await;
            assert!(lines.len() <= 1, "{lines:?}");
            assert!(lines.iter().all(|line| line.starts_with("! ")), "{lines:?}");
        }
        alice.says("hello").await;
        alice.hears("[#general] alice: hello").await;
    });
}

pub(super) fn errors_of_the_listener_are_waited_out(site: &dyn Site) {
    let runtime = site.runtime();
    site.run(Box::pin(async {
        let Door { listener, way } = site.listen().await.expect("a free place is bound");
        let faults = Faults::default();
        let listener = FaultyListener {
            listener,
            faults: faults.clone(),
            runtime: runtime.clone(),
        };
        let mut config = ServerConfig::default();
        config.accept_backoff = BACKOFF;
        let hub = Hub::new(runtime.clone(), Default::default());
        let server = Server::new(hub, runtime.clone(), config);
        let address = server.listen(listener, TextProtocol::default);
        address.expect("a listener has an address");

        let mut people = Vec::new();
        for n in 0..3 {
            // Met by the accept after the one that waits already.
            faults.add([
                too_many_open_files(),
                io::ErrorKind::ConnectionAborted.into(),
                too_many_open_files(),
                io::ErrorKind::OutOfMemory.into(),
                io::ErrorKind::Interrupted.into(),
                io::Error::other("an error of a kind that nobody has thought of"),
            ]);
            let name = format!("number {n}");
            waiting_for("a connection to a server in trouble");
            let stream = way.connect().await.expect("the connection is made");
            let mut person = Person::new(&name, stream, &runtime);
            is_welcomed(&mut person).await;
            people.push(person);
        }
        people[2].says("everybody in?").await;
        for person in &mut people {
            person
                .hears_until("[#general] guest-3: everybody in?")
                .await;
        }
        // Those of the last burst have all been met once a fourth one is in.
        waiting_for("a connection to a server in trouble");
        let stream = way.connect().await.expect("the connection is made");
        is_welcomed(&mut Person::new("the fourth", stream, &runtime)).await;
        assert!(faults.are_over(), "the server has not come to them yet");
        let waits = faults.waits();
        assert!(waits.len() >= 12, "{waits:?}");
        for (wait, at_least) in waits {
            assert!(wait >= at_least, "asked again after {wait:?}");
        }
    }));
}

fn too_many_open_files() -> io::Error {
    // EMFILE, or the nearest thing to it.
    if cfg!(unix) {
        io::Error::from_raw_os_error(24)
    } else {
        io::Error::other("too many open files")
    }
}

/// A listener that fails as planned, before anybody is accepted.
struct FaultyListener<L> {
    listener: L,
    faults: Faults,
    runtime: Arc<dyn Runtime>,
}

#[derive(Clone, Default)]
struct Faults(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    to_come: VecDeque<io::Error>,
    /// When the last error was met, and how long it should have been waited out.
    met: Option<(Instant, Duration)>,
    /// How long errors were waited out, and should have been at least.
    waits: Vec<(Duration, Duration)>,
}

impl Faults {
    fn add(&self, faults: impl IntoIterator<Item = io::Error>) {
        self.lock().to_come.extend(faults);
    }

    fn are_over(&self) -> bool {
        self.lock().to_come.is_empty()
    }

    fn waits(&self) -> Vec<(Duration, Duration)> {
        self.lock().waits.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, timer: &dyn Timer) -> io::Result<()> {
        let now = timer.now();
        let mut plan = self.lock();
        if let Some((met, wait)) = plan.met.take() {
            plan.waits.push((now - met, wait));
        }
        let Some(error) = plan.to_come.pop_front() else {
            return Ok(());
        };
        let wait = match error.kind() {
            io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => Duration::ZERO,
            _ => BACKOFF,
        };
        plan.met = Some((now, wait));
        Err(error)
    }
}

impl<L: Listener> Listener for FaultyListener<L> {
    type Stream = L::Stream;

    async fn accept(&self) -> io::Result<(L::Stream, Address)> {
        self.faults.next(&*self.runtime)?;
        self.listener.accept().await
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr()
    }
}
