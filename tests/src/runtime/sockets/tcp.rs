//! What is TCP's alone.

use std::io::ErrorKind;
use std::net::SocketAddr;

use chat_core::runtime::{Address, Listener, Net};
use futures::io::AsyncWriteExt;

use crate::transport::{Tcp, pair};
use crate::{Harness, waiting_for};

pub(in crate::runtime) fn a_port_of_zero_picks_a_free_port<H: Harness>(harness: H) {
    let net = harness.net();
    harness.block_on(async {
        waiting_for("a listener");
        let first = net.bind_tcp(any_port()).await.expect("port 0 is bound");
        let second = net.bind_tcp(any_port()).await.expect("port 0 is bound");
        let (first, second) = (tcp_address(&first), tcp_address(&second));
        assert_eq!(first.ip(), any_port().ip());
        assert_ne!(first.port(), 0);
        assert_ne!(first.port(), second.port());
    });
}

pub(in crate::runtime) fn connecting_where_nobody_listens_is_refused<H: Harness>(harness: H) {
    let net = harness.net();
    harness.block_on(async {
        let pair = pair::<H, Tcp>(&harness).await;
        // The client's own address: taken, so that nobody else can come to listen there, and no
        // listener.
        let Address::Tcp(taken) = pair.peer else {
            panic!("a TCP client has a TCP address, not {:?}", pair.peer)
        };
        waiting_for("a connection to be refused");
        let refused = net.connect_tcp(taken).await.map(drop);
        let error = refused.expect_err("nobody listens there");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    });
}

pub(in crate::runtime) fn binding_an_address_that_is_taken_is_an_error<H: Harness>(harness: H) {
    let net = harness.net();
    harness.block_on(async {
        waiting_for("a listener");
        let listener = net.bind_tcp(any_port()).await.expect("port 0 is bound");
        let again = net.bind_tcp(tcp_address(&listener)).await.map(drop);
        let error = again.expect_err("the address is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
    });
}

pub(in crate::runtime) fn an_address_can_be_bound_again_right_after_its_server_ended<H: Harness>(
    harness: H,
) {
    let net = harness.net();
    harness.block_on(async {
        let mut pair = pair::<H, Tcp>(&harness).await;
        let addr = tcp_address(&pair.listener);
        // The side that closes first is the one whose address stays occupied for a while.
        waiting_for("the server to close");
        pair.server.close().await.expect("closing works");
        drop((pair.server, pair.client, pair.listener));
        waiting_for("a listener on the address of the last one");
        let again = net.bind_tcp(addr).await.expect("the address is free again");
        assert_eq!(tcp_address(&again), addr);
    });
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn tcp_address(listener: &impl Listener) -> SocketAddr {
    match listener.local_addr() {
        Ok(Address::Tcp(addr)) => addr,
        other => panic!("a TCP listener has a TCP address, not {other:?}"),
    }
}
