//! What is tokio's alone; everything else is in the conformance suite.

use std::io;

use chat_core::runtime::{Address, Listener, Net, RuntimeExt};
use chat_runtime_tokio::TokioRuntime;

#[test]
fn asking_for_the_current_runtime_outside_of_one_is_an_error() {
    assert!(TokioRuntime::current().is_err());
}

#[test]
fn the_current_runtime_is_the_one_we_are_inside() {
    let owned = TokioRuntime::current_thread().unwrap();
    owned.block_on(async {
        let current = TokioRuntime::current().unwrap();
        assert_eq!(current.spawn(async { 6 * 7 }).await.unwrap(), 42);
    });
}

#[test]
fn the_last_clone_can_be_dropped_inside_any_runtime() {
    for make in [TokioRuntime::multi_thread, TokioRuntime::current_thread] {
        let outer = make().unwrap();
        outer.block_on(async {
            drop(TokioRuntime::multi_thread().unwrap());
            drop(TokioRuntime::current_thread().unwrap());
        });
    }
}

#[test]
fn the_last_clone_can_be_dropped_by_a_task_of_its_own() {
    let runtime = TokioRuntime::multi_thread().unwrap();
    let (gate, opened) = futures::channel::oneshot::channel::<()>();
    let (dropped, done) = futures::channel::oneshot::channel();
    let last = runtime.clone();
    runtime
        .spawn(async move {
            opened.await.unwrap();
            drop(last);
            dropped.send(()).unwrap();
        })
        .detach();
    drop(runtime);
    gate.send(()).unwrap();
    futures::executor::block_on(done).unwrap();
}

#[test]
fn shutting_down_twice_is_no_error() {
    let runtime = TokioRuntime::multi_thread().unwrap();
    runtime.shutdown();
    runtime.shutdown();
}

#[test]
fn blocking_work_runs_also_after_the_runtime_has_ended() {
    let runtime = TokioRuntime::current_thread().unwrap();
    runtime.shutdown();
    let work = runtime.spawn_blocking(|| 6 * 7);
    assert_eq!(futures::executor::block_on(work).unwrap(), 42);
}

#[test]
fn tcp_streams_send_small_writes_at_once() -> io::Result<()> {
    let runtime = TokioRuntime::current_thread()?;
    runtime.block_on(async {
        let listener = runtime.bind_tcp(([127, 0, 0, 1], 0).into()).await?;
        let Address::Tcp(addr) = listener.local_addr()? else {
            unreachable!()
        };
        let client = runtime.connect_tcp(addr).await?;
        let (server, _) = listener.accept().await?;
        assert!(client.get_ref().nodelay()?);
        assert!(server.get_ref().nodelay()?);
        Ok(())
    })
}
