//! A chat server on smol.
//!
//! ```text
//! cargo run --release --bin smol-server
//! nc 127.0.0.1 8080
//! ```

use std::error::Error;
use std::future;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use chat_core::hub::Hub;
use chat_core::protocol::DetectProtocol;
use chat_core::runtime::Runtime;
use chat_core::server::Server;
use chat_examples::cli::Options;
use chat_examples::listeners::{Listeners, announce};
use chat_examples::signals::StopOrder;
use chat_examples::{exit, logging, metrics};
use chat_runtime_smol::SmolRuntime;
use smol::Executor;

fn main() -> ExitCode {
    let options = Options::of_process(env!("CARGO_BIN_NAME"));
    logging::start(&options.log);
    exit::code(run(&options))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let stop = StopOrder::listen()?;

    // Smol's global executor has one thread unless SMOL_THREADS says more; this one has a thread
    // per processor, of which this thread is the first.
    let executor = Arc::new(Executor::new());
    for n in 1..thread::available_parallelism()?.get() {
        let executor = Arc::clone(&executor);
        let work = move || smol::block_on(executor.run(future::pending::<()>()));
        thread::Builder::new()
            .name(format!("smol-{n}"))
            .spawn(work)?;
    }
    let smol = SmolRuntime::with_executor(&executor);
    smol.block_on(serve(smol.clone(), options, stop))
}

async fn serve(
    smol: SmolRuntime,
    options: &Options,
    stop: StopOrder,
) -> Result<(), Box<dyn Error>> {
    let listeners = Listeners::bind(&smol, options).await?;
    #[cfg(unix)]
    chat_examples::open_files::allow_for(options.max_connections);

    // From here on nothing knows which runtime it is.
    let runtime: Arc<dyn Runtime> = Arc::new(smol);
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
