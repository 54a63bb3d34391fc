use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use serde_json::Value;

use super::world::{World, body, messages, options};
use crate::client::{Client, ClientError, End, Event};
use crate::hub::HubConfig;
use crate::message::MessageKind;
use crate::policy::Credentials;
use crate::runtime::{RuntimeExt, Timer};
use crate::testing::{TestStream, duplex};

#[test]
fn closing_waits_for_every_answer_and_says_goodbye() {
    let world = World::new();
    let (alice, mut events) = world.client("alice");
    let (bob, mut bobs) = world.client("bob");
    world.join(&bob, "rust");
    let rust = world.join(&alice, "rust");
    world.heard(&mut bobs);
    let says = (0..20).map(|n| {
        let (alice, rust) = (alice.clone(), rust.clone());
        world.runtime.spawn(async move {
            let said = alice.say(&rust, MessageKind::Say, body(&n.to_string()));
            said.await.unwrap().number
        })
    });
    let says = futures::future::try_join_all(says.collect::<Vec<_>>());
    // The tasks are polled before the one that closes.
    let there = alice.clone();
    world.wait(async move { there.quit(Some(body("done"))).await.unwrap() });
    assert_eq!(world.now(says).unwrap().unwrap().len(), 20);
    let heard = world.heard(&mut bobs);
    assert_eq!(messages(&heard).len(), 20);
    let Some(Event::Quit { reason, .. }) = heard.last() else {
        panic!("{heard:?}")
    };
    assert_eq!(reason.as_ref(), Some(&body("done")));
    let heard = world.heard(&mut events);
    assert!(matches!(heard.last(), Some(Event::Ended(End::Closed))));
    assert!(matches!(alice.end(), Some(End::Closed)));
    let there = alice.clone();
    assert!(
        world
            .now(async move { there.close().await })
            .unwrap()
            .is_ok()
    );
    let late = world.say(&alice, "rust", "late");
    assert!(matches!(late, Err(ClientError::Ended(End::Closed))));
}

#[test]
fn a_goodbye_comes_after_the_line_that_is_on_its_way() {
    let world = World::new();
    let (here, there) = duplex(128);
    let mut options = options("alice");
    options.credentials = Some(Credentials::Token("t".repeat(300)));
    let runtime = world.runtime.clone();
    let connecting = world
        .runtime
        .spawn(async move { Client::connect(here, options, &runtime).await });
    world.time.run();
    let mut heard = there.receive();
    assert!(!heard.contains('\n'), "the line does not fit");
    there.send("{\"id\":\"login\",\"error\":{\"code\":\"denied\",\"text\":\"no\"}}\n");
    while !there.is_ended() {
        world.time.run();
        heard += &there.receive();
    }
    let lines: Vec<Value> = heard
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ops: Vec<_> = lines.iter().map(|line| &line["op"]).collect();
    assert_eq!(ops, ["login", "quit"]);
    let refused = world.wait(connecting).unwrap();
    assert!(matches!(refused, Err(ClientError::Refused { code, .. }) if code == "denied"));
}

#[test]
fn dropping_the_last_handle_closes_too() {
    let world = World::new();
    let (alice, mut events) = world.client("alice");
    let (bob, mut bobs) = world.client("bob");
    world.join(&bob, "rust");
    world.join(&alice, "rust");
    drop(alice.clone());
    assert!(!world.heard(&mut bobs).iter().any(is_quit));
    drop(alice);
    assert!(world.heard(&mut bobs).iter().any(is_quit));
    let heard = world.heard(&mut events);
    assert!(matches!(heard.last(), Some(Event::Ended(End::Closed))));
}

fn is_quit(event: &Event) -> bool {
    matches!(event, Event::Quit { .. })
}

#[test]
fn closing_goes_on_over_the_next_connection() {
    let world = World::new();
    let connector = world.connector([]);
    let line = Arc::clone(&connector.line);
    let (alice, _events) = world.connect(connector, options("alice")).unwrap();
    let rust = world.join(&alice, "rust");
    let hub = world.stop_server();
    line.cut();
    let there = alice.clone();
    let said = world
        .runtime
        .spawn(async move { there.say(&rust, MessageKind::Say, body("hello")).await });
    world.time.run();
    let closed = world.runtime.spawn(async move { alice.close().await });
    world.time.advance(Duration::from_secs(3));
    world.start_server(hub);
    world.wait(closed).unwrap().unwrap();
    assert_eq!(world.wait(said).unwrap().unwrap().number, 1);
    assert_eq!(world.remembered("rust"), ["hello"]);
}

#[test]
fn closing_takes_no_longer_than_it_may_and_tells_what_is_open() {
    let world = World::new();
    let connector = world.connector([]);
    let line = Arc::clone(&connector.line);
    let (alice, _events) = world.connect(connector, options("alice")).unwrap();
    let rust = world.join(&alice, "rust");
    world.stop_server();
    line.cut();
    world.time.run();
    let there = alice.clone();
    let said = world
        .runtime
        .spawn(async move { there.say(&rust, MessageKind::Say, body("hello")).await });
    world.time.run();
    let started = world.time.now();
    let closed = world.wait(async move { alice.close().await });
    let took = world.time.now() - started;
    assert_eq!(took, Duration::from_secs(10));
    assert!(matches!(
        closed,
        Err(ClientError::NotDrained { outstanding: 1 })
    ));
    let said = world.wait(said).unwrap();
    assert!(
        matches!(said, Err(ClientError::Ended(End::Closed))),
        "{said:?}"
    );
}

#[test]
fn a_client_without_a_connection_and_with_nothing_to_do_closes_at_once() {
    let world = World::new();
    let connector = world.connector([]);
    let line = Arc::clone(&connector.line);
    let (alice, _events) = world.connect(connector, options("alice")).unwrap();
    world.stop_server();
    line.cut();
    world.time.run();
    let closed = world.now(async move { alice.close().await });
    assert!(closed.unwrap().is_ok());
}

#[test]
fn a_goodbye_that_is_not_waited_for_is_said_all_the_same() {
    let world = World::new();
    let (alice, _events) = world.client("alice");
    let (bob, mut bobs) = world.client("bob");
    world.join(&bob, "rust");
    world.join(&alice, "rust");
    let mut close = Box::pin(alice.close());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(Future::poll(close.as_mut(), &mut cx).is_pending());
    drop(close);
    assert!(world.heard(&mut bobs).iter().any(is_quit));
    world.time.advance(HubConfig::default().resume_grace);
    assert!(alice.end().is_some());
}

/// A stream that takes everything and is never closed.
struct NeverClosed(TestStream);

impl AsyncRead for NeverClosed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for NeverClosed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[test]
fn closing_takes_no_longer_than_it_may_when_the_stream_does_not_close() {
    let world = World::new();
    let (here, there) = duplex(10_000);
    world.serve(there).unwrap();
    let mut options = options("alice");
    options.close_timeout = Duration::from_secs(2);
    let runtime = world.runtime.clone();
    let (alice, _events) = world
        .wait(async move { Client::connect(NeverClosed(here), options, &runtime).await })
        .unwrap();
    let started = world.time.now();
    world.wait(async move { alice.close().await }).unwrap();
    let took = world.time.now() - started;
    assert_eq!(took, Duration::from_secs(2));
}

#[test]
fn closing_does_not_wait_for_the_last_words_to_a_server_that_has_refused() {
    let world = World::new();
    let connections = Arc::new(Mutex::new(0));
    let (here, there) = duplex(10_000);
    let (later, refuses) = duplex(10_000);
    let mut streams = vec![later, here];
    let connector = {
        let connections = Arc::clone(&connections);
        move || {
            *connections.lock().unwrap() += 1;
            let stream = streams.pop().map(NeverClosed);
            async { stream.ok_or(io::ErrorKind::ConnectionRefused.into()) }
        }
    };
    let runtime = world.runtime.clone();
    let mut options = options("alice");
    options.close_timeout = Duration::from_secs(2);
    options.connect_timeout = Duration::from_secs(60);
    let connect = world
        .runtime
        .spawn(async move { Client::reconnecting(connector, options, &runtime).await });
    there.send("{\"id\":\"hello\",\"ok\":{\"nick\":\"alice\",\"resumed\":false}}\n");
    let (alice, _events) = world.wait(connect).unwrap().unwrap();
    there.reset();
    world.time.run();
    world.time.advance(Duration::from_secs(1));
    world.time.run();
    refuses.send("{\"id\":\"hello\",\"error\":{\"code\":\"denied\",\"text\":\"no\"}}\n");
    world.time.run();
    assert_eq!(*connections.lock().unwrap(), 2);
    let started = world.time.now();
    let closed = world.wait(async move { alice.close().await });
    let took = world.time.now() - started;
    assert!(took <= Duration::from_secs(2), "{took:?} {closed:?}");
}
