use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chat_core::runtime::{Listener, TaskGroup};
use futures::channel::oneshot;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::chat::site::{Door, Site, Socket, Way};

/// Stands between clients and their server, and cuts connections.
///
/// A connection that is cut ends for both sides at once, as if the machine in between had been switched off:
/// what it had taken and not passed on is lost.
pub(super) struct Proxy {
    pub(super) way: Way,
    line: Arc<Line>,
    _tasks: TaskGroup,
}

#[derive(Default)]
struct Line {
    /// After how many bytes the next connections are cut, both directions taken together; those beyond are not.
    cuts: Mutex<VecDeque<usize>>,
    /// How many connections there have been.
    connections: AtomicUsize,
    is_shut: AtomicBool,
    /// To cut the connections there are.
    open: Mutex<Vec<oneshot::Sender<()>>>,
}

impl Proxy {
    /// Listens on the site, and connects by `way`.
    pub(super) async fn open(site: &dyn Site, way: Way) -> Self {
        let Door {
            listener,
            way: entrance,
        } = site.listen().await.expect("a free place is bound");
        let line = Arc::<Line>::default();
        let tasks = TaskGroup::new(site.runtime());
        let (spawner, serving) = (tasks.spawner(), Arc::clone(&line));
        let accepting = async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    continue;
                };
                let (way, line) = (way.clone(), Arc::clone(&serving));
                let passing = async move {
                    // A server that is gone is an end like any other.
                    let _ = line.pass(client, way).await;
                };
                if spawner.spawn(passing).is_err() {
                    return;
                }
            }
        };
        tasks.spawn(accepting).expect("the group is open");
        Self {
            way: entrance,
            line,
            _tasks: tasks,
        }
    }

    /// The next connections are cut after so many bytes, one for each.
    pub(super) fn cuts(&self, after: impl IntoIterator<Item = usize>) {
        self.line.lock_cuts().extend(after);
    }

    /// How many cuts are still to come.
    pub(super) fn cuts_left(&self) -> usize {
        self.line.lock_cuts().len()
    }

    /// How many connections there have been.
    pub(super) fn connections(&self) -> usize {
        self.line.connections.load(Ordering::Relaxed)
    }

    /// Cuts the connections there are.
    pub(super) fn cuts_now(&self) {
        let open = &self.line.open;
        let open = std::mem::take(&mut *open.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in open {
            // It may have ended already.
            let _ = connection.send(());
        }
    }

    /// Cuts the connections there are, and all that come, until it is opened.
    pub(super) fn shuts(&self) {
        self.line.is_shut.store(true, Ordering::Relaxed);
        self.cuts_now();
    }

    pub(super) fn opens(&self) {
        self.line.is_shut.store(false, Ordering::Relaxed);
    }

    /// How clients get to it, again and again.
    pub(super) fn connector(
        &self,
    ) -> impl FnMut() -> futures::future::BoxFuture<'static, io::Result<Socket>> + Send + 'static
    {
        let way = self.way.clone();
        move || Box::pin(way.connect())
    }
}

impl Line {
    async fn pass(&self, client: Socket, way: Way) -> io::Result<()> {
        if self.is_shut.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (cut, to_be_cut) = oneshot::channel();
        let after = self.lock_cuts().pop_front();
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cut);
        self.connections.fetch_add(1, Ordering::Relaxed);
        let left = AtomicUsize::new(after.unwrap_or(usize::MAX));
        let server = way.connect().await?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = futures::future::try_join(
            forward(from_client, to_server, &left),
            forward(from_server, to_client, &left),
        );
        let both = std::pin::pin!(both);
        // The sender waits until it is used, or the connection has ended.
        futures::future::select(both, to_be_cut).await;
        Ok(())
    }

    fn lock_cuts(&self) -> std::sync::MutexGuard<'_, VecDeque<usize>> {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes on what comes, until nothing is left to be passed; that is an error.
async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: &AtomicUsize,
) -> io::Result<()> {
    let mut some = [0; 4096];
    loop {
        let read = from.read(&mut some).await?;
        if read == 0 {
            return to.close().await;
        }
        // Both directions run in one task.
        let allowed = left.load(Ordering::Relaxed);
        let passed = read.min(allowed);
        left.store(allowed - passed, Ordering::Relaxed);
        to.write_all(&some[..passed]).await?;
        to.flush().await?;
        if passed == allowed {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}
