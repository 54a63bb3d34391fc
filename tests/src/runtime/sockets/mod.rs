//! `Net`, `Listener` and the streams: what TCP and Unix sockets have in common.

pub(super) mod tcp;
#[cfg(unix)]
pub(super) mod unix;

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use chat_core::runtime::{Duplex, Listener, RuntimeExt};
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::foreign::on_a_foreign_thread;
use crate::transport::{Transport, pair};
use crate::{Harness, Outcome, waiting_for};

pub(super) fn a_stream_carries_bytes_both_ways<H: Harness, T: Transport<H::Net>>(harness: H) {
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        for n in 0..100_u8 {
            waiting_for("bytes to the server");
            client.write_all(&[n, 1, 2]).await.expect("the write works");
            client.flush().await.expect("the flush works");
            assert_eq!(read_exactly::<3>(&mut server).await, [n, 1, 2]);
            waiting_for("bytes to the client");
            server.write_all(&[n, 3]).await.expect("the write works");
            server.flush().await.expect("the flush works");
            assert_eq!(read_exactly::<2>(&mut client).await, [n, 3]);
        }
    });
}

pub(super) fn closing_a_stream_sends_fin<H: Harness, T: Transport<H::Net>>(harness: H) {
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        client.write_all(b"bye").await.expect("the write works");
        waiting_for("a stream to be closed");
        client.close().await.expect("closing works");
        let mut heard = Vec::new();
        waiting_for("the peer to see the end of a closed stream");
        server.read_to_end(&mut heard).await.expect("a clean end");
        assert_eq!(heard, b"bye");
        // Only here, or else dropping it would do.
        drop(client);
    });
}

pub(super) fn a_half_closed_stream_can_still_read<H: Harness, T: Transport<H::Net>>(harness: H) {
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        waiting_for("a stream to be closed");
        client.close().await.expect("closing works");
        waiting_for("the peer to see the end of a closed stream");
        assert_eq!(server.read(&mut [0]).await.expect("a clean end"), 0);
        server.write_all(b"answer").await.expect("the write works");
        waiting_for("an answer on a half-closed stream");
        assert_eq!(&read_exactly::<6>(&mut client).await, b"answer");
    });
}

pub(super) fn closing_a_stream_twice_is_no_error<H: Harness, T: Transport<H::Net>>(harness: H) {
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        waiting_for("a stream to be closed twice");
        client.close().await.expect("closing works");
        client.close().await.expect("closing twice works");
        waiting_for("the peer to close, twice");
        server.close().await.expect("closing works");
        server.close().await.expect("closing twice works");
        drop(server);
        waiting_for("a stream to be closed when the peer is gone");
        client.close().await.expect("closing works without a peer");
    });
}

pub(super) fn dropping_a_stream_closes_it<H: Harness, T: Transport<H::Net>>(harness: H) {
    harness.block_on(async {
        let (mut client, server) = ends(pair::<H, T>(&harness).await);
        drop(server);
        waiting_for("the peer to see the end of a dropped stream");
        assert_eq!(client.read(&mut [0]).await.expect("a clean end"), 0);
    });
}

pub(super) fn a_vectored_write_passes_more_than_the_first_slice<
    H: Harness,
    T: Transport<H::Net>,
>(
    harness: H,
) {
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        let slices = [b"".as_slice(), b"one ", b"", b"two ", b"three"].map(IoSlice::new);
        waiting_for("a vectored write");
        let written = client.write_vectored(&slices).await;
        assert_eq!(written.expect("the write works"), 13, "all of it at once");
        waiting_for("what a vectored write sent");
        assert_eq!(&read_exactly::<13>(&mut server).await, b"one two three");

        let many = vec![IoSlice::new(b"x"); 5_000];
        waiting_for("a vectored write of more slices than a system call takes");
        let written = client.write_vectored(&many).await.expect("the write works");
        assert!(written > 1, "more than the first slice");
    });
}

pub(super) fn a_stream_that_nobody_reads_makes_its_writer_wait<H: Harness, T: Transport<H::Net>>(
    harness: H,
) {
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        let sent = fill(&mut client, |stream, cx| {
            stream.poll_write(cx, &[7; 64 * 1024])
        })
        .await;
        waiting_for("a full socket to take more after the peer has read");
        let mut read = 0;
        let (written, ()) = futures::join!(
            client.write_all(&[7]),
            read_sevens(&mut server, sent + 1, &mut read),
        );
        written.expect("the write works");
    });
}

pub(super) fn a_vectored_writer_waits_and_goes_on<H: Harness, T: Transport<H::Net>>(harness: H) {
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        let sent = fill(&mut client, |stream, cx| {
            let slices = [[].as_slice(), &[7; 32 * 1024], &[7; 32 * 1024]].map(IoSlice::new);
            stream.poll_write_vectored(cx, &slices)
        })
        .await;
        waiting_for("a full socket to take more after the peer has read");
        let vectored = async {
            let slices = [[].as_slice(), &[7], &[7]].map(IoSlice::new);
            let more = client.write_vectored(&slices).await;
            more.expect("the write works") as u64
        };
        let mut read = 0;
        let drain = read_sevens(&mut server, sent, &mut read);
        let (more, ()) = futures::join!(vectored, drain);
        waiting_for("the last bytes of a stream");
        let mut rest = 0;
        read_sevens(&mut server, sent + more - read, &mut rest).await;
    });
}

pub(super) fn large_transfers_go_both_ways_at_once<H: Harness, T: Transport<H::Net>>(harness: H) {
    const SIZE: usize = 4 * 1024 * 1024;
    harness.block_on(async {
        let (client, server) = ends(pair::<H, T>(&harness).await);
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = server.split();
        waiting_for("large transfers in both directions");
        let ((), (), up, down) = futures::join!(
            send(client_writes, SIZE, 3),
            send(server_writes, SIZE, 5),
            receive(server_reads),
            receive(client_reads),
        );
        assert!(up == pattern(SIZE, 3), "the bytes to the server arrive");
        assert!(down == pattern(SIZE, 5), "the bytes to the client arrive");
    });

    async fn send(mut stream: impl AsyncWrite + Unpin, size: usize, seed: u8) {
        let bytes = pattern(size, seed);
        let length = (size as u64).to_be_bytes();
        stream.write_all(&length).await.expect("the write works");
        stream.write_all(&bytes).await.expect("the write works");
        stream.flush().await.expect("the flush works");
    }

    async fn receive(mut stream: impl AsyncReadExt + Unpin) -> Vec<u8> {
        let size = u64::from_be_bytes(read_exactly::<8>(&mut stream).await);
        let mut bytes = vec![0; usize::try_from(size).expect("a size")];
        stream.read_exact(&mut bytes).await.expect("the read works");
        bytes
    }

    fn pattern(size: usize, seed: u8) -> Vec<u8> {
        // Repeats after a prime number of bytes, so that a misplaced block shows.
        (0..size)
            .map(|n| ((n % 251) as u8).wrapping_mul(seed))
            .collect()
    }
}

pub(super) fn a_waiting_reader_does_not_hold_up_the_writer<H: Harness, T: Transport<H::Net>>(
    harness: H,
) {
    harness.block_on(async {
        let (client, mut server) = ends(pair::<H, T>(&harness).await);
        let (mut reads, mut writes) = client.split();
        waiting_for("a read and a write on the same stream");
        let (answer, (), ()) = futures::join!(
            read_exactly::<6>(&mut reads),
            async { writes.write_all(b"hello").await.expect("the write works") },
            async {
                assert_eq!(&read_exactly::<5>(&mut server).await, b"hello");
                server.write_all(b"answer").await.expect("the write works");
            },
        );
        assert_eq!(&answer, b"answer");
    });
}

pub(super) fn a_cancelled_read_loses_nothing<H: Harness, T: Transport<H::Net>>(harness: H) {
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        for n in 0..20_u8 {
            let mut byte = [0];
            // Dropped before there is anything to read.
            assert!(poll_once(pin!(server.read(&mut byte))).is_pending());
            waiting_for("bytes after a cancelled read");
            client.write_all(&[n]).await.expect("the write works");
            assert_eq!(read_exactly::<1>(&mut server).await, [n]);
        }
    });
}

pub(super) fn a_stream_can_be_moved_to_a_task<H: Harness, T: Transport<H::Net>>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let (mut client, mut server) = ends(pair::<H, T>(&harness).await);
        // Leaves a waker of this task behind.
        assert!(poll_once(pin!(server.read(&mut [0]))).is_pending());
        let task = runtime.spawn(async move {
            let heard = read_exactly::<5>(&mut server).await;
            server.write_all(&heard).await
        });
        client.write_all(b"hello").await.expect("the write works");
        waiting_for("an echo from a task");
        assert_eq!(&read_exactly::<5>(&mut client).await, b"hello");
        let written = task.await.expect("the task ends well");
        written.expect("the write works");
    });
}

pub(super) fn a_cancelled_accept_loses_no_connection<H: Harness, T: Transport<H::Net>>(harness: H) {
    const CONNECTIONS: usize = 20;
    let net = harness.net();
    harness.block_on(async {
        let place = T::free_place();
        let listener = T::bind(&net, &place).await.expect("a free place is bound");
        let addr = listener.local_addr().expect("a listener has an address");
        for n in 0..CONNECTIONS {
            let id = [n as u8];
            let client = async {
                let mut client = T::connect(&net, addr.clone()).await?;
                client.write_all(&id).await?;
                io::Result::Ok(client)
            };
            waiting_for("a connection, with an accept that was cancelled before");
            // Not until it works: that would keep a thread busy for ever when it does not.
            let server = async {
                for _ in 0..10 {
                    let polled = poll_fn(|cx| Poll::Ready(pin!(listener.accept()).poll(cx))).await;
                    if let Poll::Ready(accepted) = polled {
                        return accepted;
                    }
                    pause().await;
                }
                listener.accept().await
            };
            let (client, accepted) = futures::join!(client, server);
            let (mut server, _) = accepted.expect("accepting works");
            let _client = client.expect("the connection is made");
            waiting_for("what the accepted client wrote");
            assert_eq!(read_exactly::<1>(&mut server).await, id, "in order");
        }
    });
}

pub(super) fn an_accept_wakes_whoever_polled_it_last<H: Harness, T: Transport<H::Net>>(harness: H) {
    let (net, runtime) = (harness.net(), harness.runtime());
    harness.block_on(async {
        let place = T::free_place();
        let listener = T::bind(&net, &place).await.expect("a free place is bound");
        let addr = listener.local_addr().expect("a listener has an address");
        let mut accept = Box::pin(async move { listener.accept().await });
        // Leaves a waker that wakes nobody.
        assert!(poll_once(accept.as_mut()).is_pending());
        let (asleep, falls_asleep) = oneshot::channel();
        let mut asleep = Some(asleep);
        let task = runtime.spawn(poll_fn(move |cx| {
            let polled = accept.as_mut().poll(cx);
            if polled.is_pending()
                && let Some(asleep) = asleep.take()
            {
                let _ = asleep.send(());
            }
            polled
        }));
        waiting_for("a task that accepts to fall asleep");
        falls_asleep.await.expect("nobody is there yet");
        waiting_for("a connection");
        let client = T::connect(&net, addr).await;
        let _client = client.expect("the connection is made");
        waiting_for("a task that accepts, after another waker was left");
        let accepted = task.await.expect("the task ends well");
        accepted.expect("accepting works");
    });
}

pub(super) fn an_accept_finds_whoever_came_since_it_was_polled<H: Harness, T: Transport<H::Net>>(
    harness: H,
) {
    /// A waker that tells that it was woken, and wakes nobody else.
    struct Bell(Mutex<Option<oneshot::Sender<()>>>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            let ringer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(ringer) = ringer {
                let _ = ringer.send(());
            }
        }
    }

    let net = harness.net();
    harness.block_on(async {
        let place = T::free_place();
        let listener = T::bind(&net, &place).await.expect("a free place is bound");
        let addr = listener.local_addr().expect("a listener has an address");
        let (ringer, rings) = oneshot::channel();
        let bell = Waker::from(Arc::new(Bell(Mutex::new(Some(ringer)))));
        let mut accept = pin!(listener.accept());
        let polled = accept.as_mut().poll(&mut Context::from_waker(&bell));
        assert!(polled.is_pending(), "nobody is there yet");
        waiting_for("a connection");
        let client = T::connect(&net, addr).await;
        let _client = client.expect("the connection is made");
        waiting_for("the waker of an accept");
        rings.await.expect("nothing was accepted yet");
        waiting_for("an accept whose waker was woken before");
        accept.await.expect("accepting works");
    });
}

pub(super) fn a_burst_of_connections_waits_to_be_accepted<H: Harness, T: Transport<H::Net>>(
    harness: H,
) -> Outcome {
    // More than the standard library asks for.
    const BURST: usize = 300;
    match std::fs::read_to_string("/proc/sys/net/core/somaxconn") {
        Ok(limit) if limit.trim().parse().is_ok_and(|n: usize| n >= BURST) => {}
        _ => return Outcome::NotApplicable("the platform may not let that many wait".into()),
    }
    let net = harness.net();
    harness.block_on(async {
        let place = T::free_place();
        let listener = T::bind(&net, &place).await.expect("a free place is bound");
        let addr = listener.local_addr().expect("a listener has an address");
        for _ in 0..BURST {
            waiting_for("a connection while many others wait to be accepted");
            let client = T::connect(&net, addr.clone()).await;
            // Not kept: it holds its place in the queue all the same, and costs no descriptor.
            drop(client.expect("the connection is made"));
        }
        for _ in 0..BURST {
            waiting_for("a connection that was waiting");
            listener.accept().await.expect("accepting works");
        }
    });
    Outcome::Passed
}

pub(super) fn sockets_can_be_made_on_a_foreign_thread<H: Harness, T: Transport<H::Net>>(
    harness: H,
) {
    let net = harness.net();
    harness.block_on(async {
        waiting_for("a foreign thread to make a connection");
        let (mut client, mut server, _place) = on_a_foreign_thread(move || {
            block_on(async {
                let place = T::free_place();
                let listener = T::bind(&net, &place).await.expect("a free place is bound");
                let addr = listener.local_addr().expect("a listener has an address");
                let (client, server) = futures::join!(T::connect(&net, addr), listener.accept());
                let mut client = client.expect("the connection is made");
                let (server, _) = server.expect("the connection is accepted");
                client.write_all(b"hello").await.expect("the write works");
                (client, server, place)
            })
        })
        .await;
        waiting_for("bytes over a connection that a foreign thread made");
        assert_eq!(&read_exactly::<5>(&mut server).await, b"hello");
        server.write_all(b"answer").await.expect("the write works");
        assert_eq!(&read_exactly::<6>(&mut client).await, b"answer");
    });
}

fn ends<N: chat_core::runtime::Net, T: Transport<N>>(
    pair: crate::transport::Pair<N, T>,
) -> (T::Stream, T::Stream) {
    (pair.client, pair.server)
}

async fn read_exactly<const N: usize>(stream: &mut (impl AsyncReadExt + Unpin)) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.expect("the read works");
    bytes
}

/// Writes until the stream takes no more, and returns how much it took.
async fn fill<S: Duplex>(
    stream: &mut S,
    mut write: impl FnMut(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
) -> u64 {
    const FAR_TOO_MUCH: u64 = 1024 * 1024 * 1024;
    waiting_for("a stream that nobody reads to be full");
    let mut sent = 0;
    poll_fn(|cx| {
        while let Poll::Ready(written) = write(Pin::new(stream), cx) {
            sent += written.expect("the write works") as u64;
            assert!(sent < FAR_TOO_MUCH, "a socket buffers without bounds");
        }
        Poll::Ready(())
    })
    .await;
    sent
}

/// Reads `count` bytes, all of them sevens, and adds to `read` as it goes.
async fn read_sevens<S: Duplex>(stream: &mut S, count: u64, read: &mut u64) {
    let mut bytes = stream.take(count);
    let mut buffer = vec![0; 64 * 1024];
    while *read < count {
        let n = bytes.read(&mut buffer).await.expect("the read works");
        assert_ne!(n, 0, "the stream ends after {read} of {count} bytes");
        assert!(buffer[..n].iter().all(|byte| *byte == 7), "other bytes");
        *read += n as u64;
    }
}

/// One poll whose waker wakes nobody.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets the runtime do something else once.
async fn pause() {
    let mut paused = false;
    poll_fn(|cx| {
        if paused {
            return Poll::Ready(());
        }
        paused = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
