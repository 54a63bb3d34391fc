//! What is Unix sockets' alone.

use std::io::ErrorKind;

use chat_core::runtime::{Address, Listener, Net};

use crate::transport::SocketPath;
use crate::{Harness, waiting_for};

pub(in crate::runtime) fn a_listener_tells_its_path<H: Harness>(harness: H) {
    let net = harness.net();
    harness.block_on(async {
        let path = SocketPath::free();
        waiting_for("a listener");
        let listener = net.bind_unix(&path.0).await.expect("a free path is bound");
        let addr = listener.local_addr().expect("a listener has an address");
        assert_eq!(addr, Address::Unix(Some(path.0.clone())));
        waiting_for("a connection to be made and accepted");
        let (client, accepted) = futures::join!(net.connect_unix(&path.0), listener.accept());
        let _client = client.expect("the connection is made");
        let (_server, peer) = accepted.expect("the connection is accepted");
        assert_eq!(peer, Address::Unix(None), "a client has no path");
    });
}

pub(in crate::runtime) fn connecting_to_a_path_that_is_missing_is_an_error<H: Harness>(harness: H) {
    let net = harness.net();
    harness.block_on(async {
        let path = SocketPath::free();
        waiting_for("a connection to fail");
        let connected = net.connect_unix(&path.0).await.map(drop);
        let error = connected.expect_err("nobody listens there");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    });
}

pub(in crate::runtime) fn a_listener_neither_takes_over_a_file_nor_removes_its_own<H: Harness>(
    harness: H,
) {
    let net = harness.net();
    harness.block_on(async {
        let path = SocketPath::free();
        waiting_for("a listener");
        let listener = net.bind_unix(&path.0).await.expect("a free path is bound");
        drop(listener);
        let again = net.bind_unix(&path.0).await.map(drop);
        let error = again.expect_err("the file of the first listener is still there");
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
        waiting_for("a connection to be refused");
        let connected = net.connect_unix(&path.0).await.map(drop);
        let error = connected.expect_err("the file is there, the listener is not");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    });
}
