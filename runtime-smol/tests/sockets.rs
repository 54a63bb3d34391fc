//! What cannot be seen through the contract; everything else is in the conformance suite.

use std::io;
#[cfg(target_os = "linux")]
use std::time::Duration;

#[cfg(target_os = "linux")]
use chat_core::runtime::RuntimeExt;
use chat_core::runtime::{Address, Listener, Net};
use chat_runtime_smol::SmolRuntime;

#[test]
fn tcp_streams_send_small_writes_at_once() -> io::Result<()> {
    let runtime = SmolRuntime::new();
    runtime.block_on(async {
        let listener = runtime.bind_tcp(([127, 0, 0, 1], 0).into()).await?;
        let client = runtime.connect_tcp(tcp_address(&listener)?).await?;
        let (server, _) = listener.accept().await?;
        assert!(client.get_ref().nodelay()?);
        assert!(server.get_ref().nodelay()?);
        Ok(())
    })
}

#[test]
#[cfg(target_os = "linux")]
fn a_burst_of_connections_waits_to_be_accepted() -> io::Result<()> {
    const BURST: usize = 300;
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn")?;
    if allowed.trim().parse().is_ok_and(|n: usize| n < BURST) {
        println!(
            "this machine allows no more than {} to wait",
            allowed.trim()
        );
        return Ok(());
    }
    let runtime = SmolRuntime::new();
    runtime.block_on(async {
        let listener = runtime.bind_tcp(([127, 0, 0, 1], 0).into()).await?;
        let mut clients = Vec::new();
        for _ in 0..BURST {
            let connected = runtime.connect_tcp(tcp_address(&listener)?);
            let connected = runtime.timeout(Duration::from_secs(20), connected).await;
            clients.push(connected.expect("there is room in the queue")?);
        }
        Ok(())
    })
}

fn tcp_address(listener: &impl Listener) -> io::Result<std::net::SocketAddr> {
    match listener.local_addr()? {
        Address::Tcp(addr) => Ok(addr),
        other => panic!("a TCP listener has a TCP address, not {other}"),
    }
}
