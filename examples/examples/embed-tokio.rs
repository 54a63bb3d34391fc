//! A chat inside a program that lives on tokio: its own `main`, its own listener.
//!
//! ```text
//! cargo run --example embed-tokio [ADDRESS]
//! ```

use std::sync::Arc;
use std::time::Duration;
use std::{env, io};

use chat_core::connection::serve_connection;
use chat_core::hub::{Hub, HubConfig};
use chat_core::protocol::TextProtocol;
use chat_core::runtime::Runtime;
use chat_runtime_tokio::{TokioRuntime, TokioSocket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current().map_err(io::Error::other)?);
    let hub = Hub::new(runtime.clone(), HubConfig::default());

    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let Ok((stream, _peer)) = listener.accept().await else {
            // No files left, perhaps: others may close theirs.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let stream = TokioSocket::new(stream);
        tokio::spawn(serve_connection(
            stream,
            TextProtocol::default(),
            &hub,
            &runtime,
        ));
    }
}
