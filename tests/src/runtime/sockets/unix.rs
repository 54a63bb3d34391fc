//! What is Unix sockets' alone.

use std::io::ErrorKind;

use chat_core::runtime::{Address, Listener, Net};

use crate::runtime::transport::{SocketPath, Unix, pair};
use crate::{Harness, waiting_for};

pub(in crate::runtime) fn a_listener_tells_its_path<H: Harness>(harness: H) {
    harness.block_on(async {
        let pair = pair::<H, Unix>(&harness).await;
        let path = Some(pair.place.0.clone());
        let addr = pair.listener.local_addr();
        assert_eq!(addr.expect("an address"), Address::Unix(path));
        assert_eq!(pair.peer, Address::Unix(None), "a client has no path");
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
