//! A chat server on async-std, which is discontinued: for everything new take smol.
//!
//! ```text
//! cargo run --release --bin async-std-server
//! nc 127.0.0.1 8080
//! ```

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use chat_core::hub::Hub;
use chat_core::protocol::DetectProtocol;
use chat_core::runtime::Runtime;
use chat_core::server::Server;
use chat_examples::cli::Options;
use chat_examples::listeners::{Listeners, announce};
use chat_examples::signals::StopOrder;
use chat_examples::{exit, logging, metrics};
use chat_runtime_async_std::AsyncStdRuntime;

fn main() -> ExitCode {
    let options = Options::of_process(env!("CARGO_BIN_NAME"));
    logging::start(&options.log);
    exit::code(run(&options))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let stop = StopOrder::listen()?;

    // There is one to a process, with a thread per processor.
    let async_std = AsyncStdRuntime;
    async_std.block_on(serve(async_std, options, stop))
}

async fn serve(
    async_std: AsyncStdRuntime,
    options: &Options,
    stop: StopOrder,
) -> Result<(), Box<dyn Error>> {
    let listeners = Listeners::bind(&async_std, options).await?;
    #[cfg(unix)]
    chat_examples::open_files::allow_for(options.max_connections);

    // From here on nothing knows which runtime it is.
    let runtime: Arc<dyn Runtime> = Arc::new(async_std);
    let hub = Hub::builder(runtime.clone()).config(options.hub());
    let (hub, scrapes) = metrics::observed(hub, listeners.metrics, &runtime)?;
    let server = Server::new(hub, runtime, options.server());
    for listener in listeners.tcp {
        announce(&server.listen(listener, DetectProtocol::default)?);
    }
    #[cfg(unix)]
    for listener in listeners.unix {
        announce(&server.listen(listener, DetectProtocol::default)?);
    }
    scrapes.announce();

    stop.given().await;
    server.shutdown(options.shutdown_timeout()).await;
    Ok(())
}
