//! What cannot be seen through the contract; everything else is in the conformance suite.

use std::io;

use chat_core::runtime::{Address, Listener, Net};
use chat_runtime_async_std::AsyncStdRuntime;

#[test]
fn tcp_streams_send_small_writes_at_once() -> io::Result<()> {
    let runtime = AsyncStdRuntime;
    runtime.block_on(async {
        let listener = runtime.bind_tcp(([127, 0, 0, 1], 0).into()).await?;
        let client = runtime.connect_tcp(tcp_address(&listener)?).await?;
        let (server, _) = listener.accept().await?;
        assert!(client.get_ref().nodelay()?);
        assert!(server.get_ref().nodelay()?);
        Ok(())
    })
}

fn tcp_address(listener: &impl Listener) -> io::Result<std::net::SocketAddr> {
    match listener.local_addr()? {
        Address::Tcp(addr) => Ok(addr),
        other => panic!("a TCP listener has a TCP address, not {other}"),
    }
}
