//! Ways to leave, in good order and without.

use std::io::Write;
use std::net::TcpStream;

use chat_core::connection::serve_connection;
use chat_core::hub::Hub;
use chat_core::protocol::TextProtocol;
use chat_core::runtime::{Address, Listener, RuntimeExt};
use socket2::SockRef;

use super::site::{Door, Site};
use super::venue::{is_welcomed, meet};
use crate::waiting_for;

pub(super) fn quitting_is_announced_with_its_reason(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob, mut carol] = venue.people(["alice", "bob", "carol"]).await;
        alice.says("/quit lunch, back soon").await;
        alice.hears("* goodbye").await;
        alice.hears_the_end().await;
        bob.hears("* alice left #general (lunch, back soon)").await;
        carol
            .hears("* alice left #general (lunch, back soon)")
            .await;
        bob.says("/quit").await;
        bob.hears("* goodbye").await;
        bob.hears_the_end().await;
        carol.hears("* bob left #general").await;
        carol.hears_nothing_more().await;
        drop((alice, bob));
        venue.is_down_to(1).await;
    });
}

pub(super) fn whoever_hangs_up_is_seen_to_leave(site: &dyn Site) {
    meet(site, async |venue| {
        let [alice, mut bob] = venue.people(["alice", "bob"]).await;
        drop(alice);
        bob.hears("* alice left #general").await;
        bob.says("/who").await;
        bob.hears("* in #general (1): bob").await;
        bob.hears_nothing_more().await;
        venue.is_down_to(1).await;
    });
}

pub(super) fn whoever_closes_one_half_still_gets_the_answers(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.sends(b"hello\n/who\n/history\n/dance\n").await;
        alice.closes_its_half().await;
        alice.hears("[#general] alice: hello").await;
        alice.hears("* in #general (2): alice, bob").await;
        alice.hears("[#general] alice: hello").await;
        alice.is_refused().await;
        alice.hears_the_end().await;
        bob.hears("[#general] alice: hello").await;
        bob.hears("* alice left #general").await;
    });
}

pub(super) fn a_connection_reset_in_mid_line_leaves_no_trace_of_the_line(site: &dyn Site) {
    meet(site, async |venue| {
        let mut bob = venue.person("bob").await;
        let Address::Tcp(addr) = venue.way.address else {
            panic!("a TCP address is wanted, not {:?}", venue.way.address)
        };
        let mut alice = TcpStream::connect(addr).expect("the connection is made");
        bob.hears("* guest-2 joined #general").await;
        alice.write_all(b"whole\nhalf").expect("the write works");
        bob.hears("[#general] guest-2: whole").await;
        SockRef::from(&alice)
            .set_linger(Some(std::time::Duration::ZERO))
            .expect("the socket takes the option");
        drop(alice);
        bob.hears("* guest-2 left #general").await;
        bob.hears_nothing_more().await;
        venue.is_down_to(1).await;
    });
}

pub(super) fn a_connection_that_is_dropped_has_left(site: &dyn Site) {
    let runtime = site.runtime();
    site.run(Box::pin(async {
        let Door { listener, way } = site.listen().await.expect("a free place is bound");
        let hub = Hub::new(runtime.clone(), Default::default());
        let mut people = Vec::new();
        let mut connections = Vec::new();
        for name in ["alice", "bob"] {
            waiting_for("a connection to be made and accepted");
            let (client, accepted) = futures::join!(way.connect(), listener.accept());
            let client = client.expect("the connection is made");
            let (stream, _) = accepted.expect("the connection is accepted");
            let protocol = TextProtocol::default();
            let connection = serve_connection(stream, protocol, &hub, &runtime);
            connections.push(runtime.spawn(connection));
            let mut person = super::person::Person::new(name, client, &runtime);
            is_welcomed(&mut person).await;
            people.push(person);
        }
        let [mut alice, mut bob] = people.try_into().unwrap_or_else(|_| unreachable!());
        alice.hears("* guest-2 joined #general").await;
        waiting_for("a connection to be cancelled");
        connections
            .remove(0)
            .cancel()
            .await
            .expect_err("it was cancelled");
        assert_eq!(
            hub.rooms()[0].members,
            1,
            "whoever was dropped is still there"
        );
        bob.hears("* guest-1 left #general").await;
        let (rest, _) = alice.hears_out().await;
        assert!(rest.is_empty(), "{rest:?}");
        bob.hears_nothing_more().await;
    }));
}
