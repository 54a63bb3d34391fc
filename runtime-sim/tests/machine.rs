//! The simulated machine by itself: what is said of it, and that it repeats itself.

use std::future::{pending, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chat_core::hub::{Hub, HubConfig};
use chat_core::protocol::TextProtocol;
use chat_core::runtime::{Address, Listener, Net, Runtime, RuntimeExt, TaskGroup};
use chat_core::server::{Server, ServerConfig};
use chat_runtime_sim::{Policy, Rates, Settings, Sim, SimRuntime, Strike};
use futures::io::{AsyncReadExt, AsyncWriteExt};

fn sim(seed: u64, policy: Policy) -> Sim {
    let mut settings = Settings::default();
    settings.seed = seed;
    settings.policy = policy;
    Sim::new(settings)
}

/// What a panic says.
fn panic_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    *panic.downcast::<String>().expect("a panic with a message")
}

#[test]
fn an_hour_takes_no_time_and_ends_on_the_nanosecond() {
    let sim = sim(1, Policy::Random);
    let runtime = sim.runtime();
    sim.block_on(runtime.sleep(Duration::from_secs(3600)));
    assert_eq!(runtime.elapsed(), Duration::from_secs(3600));
}

#[test]
fn a_deadlock_names_who_waits_and_where_it_was_spawned() {
    let sim = sim(1, Policy::Random);
    let runtime = sim.runtime();
    runtime.spawn_named("the one that waits", pending());
    let message = panic_of(|| sim.block_on(pending::<()>()));
    assert!(message.contains("a deadlock"), "{message}");
    assert!(
        message.contains("\"the one that waits\", spawned at"),
        "{message}"
    );
    assert!(message.contains("machine.rs"), "{message}");
}

#[test]
fn a_deadlock_tells_the_tasks_of_the_library_apart() {
    let sim = sim(1, Policy::Random);
    let runtime: Arc<dyn Runtime> = Arc::new(sim.runtime());
    let message = panic_of(|| {
        sim.block_on(async {
            let group = TaskGroup::new(Arc::clone(&runtime));
            group.spawn(pending()).expect("it is open");
            let server = Server::new(
                Hub::new(Arc::clone(&runtime), HubConfig::default()),
                Arc::clone(&runtime),
                ServerConfig::default(),
            );
            let listener = sim.runtime().bind_tcp(([127, 0, 0, 1], 7).into()).await;
            let listener = listener.expect("a new machine has all ports free");
            let listening = server.listen(listener, TextProtocol::default);
            listening.expect("it is not shut down");
            let _task = runtime.spawn(pending::<()>());
            pending::<()>().await;
        });
    });
    let tasks: Vec<_> = message.lines().skip(1).collect();
    assert_eq!(tasks.len(), 3, "{message}");
    assert!(tasks[0].contains("Pending\", spawned at"), "{message}");
    assert!(tasks[0].contains("machine.rs"), "{message}");
    assert!(tasks[1].contains("Acceptor"), "{message}");
    assert!(tasks[1].contains("server/mod.rs"), "{message}");
    assert!(tasks[2].contains("machine.rs"), "{message}");
}

#[test]
fn a_livelock_is_not_waited_for() {
    let sim = sim(1, Policy::Random);
    let runtime = sim.runtime();
    runtime.spawn_named(
        "the one that spins",
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        }),
    );
    let message = panic_of(|| sim.block_on(pending::<()>()));
    assert!(message.contains("a livelock"), "{message}");
    assert!(message.contains("the one that spins"), "{message}");
}

#[test]
fn dropping_the_machine_runs_the_destructors_of_everything_in_it() {
    let (held, dropped) = futures::channel::oneshot::channel::<()>();
    let sim = sim(1, Policy::Random);
    sim.runtime().spawn_named("holder", async move {
        let _held = held;
        pending::<()>().await;
    });
    sim.block_on(sim.runtime().sleep(Duration::from_secs(1)));
    drop(sim);
    futures::executor::block_on(dropped).expect_err("nothing was sent");
}

/// Echoes lines to five clients over a bad network, and returns the hash of all that happened.
fn echo(seed: u64, policy: Policy) -> (u64, SimRuntime) {
    let sim = sim(seed, policy);
    let runtime = sim.runtime();
    let mut rates = Rates::default();
    rates.window = 3;
    rates.latency = 300;
    rates.jitter = 500;
    rates.short_read = 100;
    rates.one_byte_write = 100;
    rates.split = 200;
    rates.coalesce = 50;
    rates.timer_skew = 100;
    runtime.set_rates(rates);
    sim.block_on(async {
        let listener = runtime.bind_tcp(([127, 0, 0, 1], 7).into()).await?;
        let Ok(Address::Tcp(addr)) = listener.local_addr() else {
            panic!("a TCP listener has a TCP address")
        };
        let server = runtime.clone();
        runtime.spawn_named("echo", async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                server.spawn_named("echo of one", async move {
                    let mut buf = [0; 64];
                    while let Ok(read @ 1..) = stream.read(&mut buf).await {
                        if stream.write_all(&buf[..read]).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let clients = (0..5_u8).map(|number| {
            let runtime = runtime.clone();
            async move {
                let mut stream = runtime.connect_tcp(addr).await?;
                for round in 0..10 {
                    let sent = [number, round, 1, 2, 3];
                    let mut heard = [0; 5];
                    stream.write_all(&sent).await?;
                    stream.read_exact(&mut heard).await?;
                    assert_eq!(sent, heard);
                    runtime.sleep(Duration::from_millis(round.into())).await;
                }
                io::Result::Ok(())
            }
        });
        let tasks: Vec<_> = clients.map(|client| runtime.spawn(client)).collect();
        for task in tasks {
            task.await.map_err(io::Error::other)??;
        }
        io::Result::Ok(())
    })
    .expect("the network is bad, but not broken");
    (runtime.trace_hash(), runtime)
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for policy in ["random", "fifo", "lifo", "priorities:9", "starve:3:500"] {
        let policy: Policy = policy.parse().expect("a policy");
        assert_eq!(echo(7, policy).0, echo(7, policy).0, "{policy}");
    }
}

#[test]
fn another_seed_or_another_policy_gives_another_run() {
    let run = echo(7, Policy::Random).0;
    assert_ne!(run, echo(8, Policy::Random).0);
    assert_ne!(run, echo(7, Policy::Lifo).0);
}

/// The hash is part of the source, so that debug and release builds, and all machines, have to agree on it.
#[test]
fn the_run_of_a_seed_is_the_same_in_every_build() {
    assert_eq!(echo(7, Policy::Random).0, ECHO_OF_SEVEN);
}

const ECHO_OF_SEVEN: u64 = 5166853608923904097;

#[test]
fn faults_are_counted_when_they_strike() {
    let (_, runtime) = echo(7, Policy::Random);
    let strikes = runtime.strikes();
    for strike in [
        Strike::Split,
        Strike::OneByteWrite,
        Strike::FullWindow,
        Strike::Jitter,
    ] {
        assert!(strikes.of(strike) > 0, "{}", strike.name());
    }
    assert_eq!(strikes.of(Strike::Reset), 0);
}
