//! A runtime and a kind of socket, as cases see them that care about neither.
//!
//! The cases of this suite are compiled once, and not once for each runtime: behind [`Site`] are trait
//! objects, and the sockets of the runtime in them.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use chat_core::runtime::{Address, Duplex, Listener, Net, Runtime};
use futures::FutureExt;
use futures::future::{BoxFuture, LocalBoxFuture};

use crate::transport::Transport;
use crate::{Harness, waiting_for};

/// One end of a connection, over whatever sockets the site has.
pub(crate) type Socket = Box<dyn Duplex>;

/// Where a case takes place.
pub(crate) trait Site {
    fn runtime(&self) -> Arc<dyn Runtime>;

    /// Listens where nobody else does.
    fn listen(&self) -> LocalBoxFuture<'_, io::Result<Door>>;

    /// Lets a scene happen on this thread.
    fn run(&self, scene: LocalBoxFuture<'_, ()>);
}

/// A listener, and the way to it.
pub(crate) struct Door {
    pub(crate) listener: Listening,
    pub(crate) way: Way,
}

/// How to connect to a listener.
#[derive(Clone)]
pub(crate) struct Way {
    connect: Arc<dyn Fn() -> BoxFuture<'static, io::Result<Socket>> + Send + Sync>,
    pub(crate) address: Address,
    /// Dropping it cleans up what the listener leaves behind.
    _place: Arc<dyn Any + Send + Sync>,
}

impl Way {
    pub(crate) fn connect(&self) -> impl Future<Output = io::Result<Socket>> + Send + 'static {
        (self.connect)()
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Way").field(&self.address).finish()
    }
}

/// A listener of any kind of socket.
pub(crate) struct Listening(Box<dyn AnyListener>);

impl Listener for Listening {
    type Stream = Socket;

    fn accept(&self) -> impl Future<Output = io::Result<(Socket, Address)>> + Send {
        self.0.accept_any()
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.address()
    }
}

/// [`Listener`], made dyn-safe.
trait AnyListener: Send + Sync + 'static {
    fn accept_any(&self) -> BoxFuture<'_, io::Result<(Socket, Address)>>;
    fn address(&self) -> io::Result<Address>;
}

impl<L: Listener> AnyListener for L {
    fn accept_any(&self) -> BoxFuture<'_, io::Result<(Socket, Address)>> {
        let accept = self.accept();
        async move {
            let (stream, peer) = accept.await?;
            Ok((Box::new(stream) as Socket, peer))
        }
        .boxed()
    }

    fn address(&self) -> io::Result<Address> {
        self.local_addr()
    }
}

/// The site that a harness and a kind of socket make.
pub(crate) struct On<H, T> {
    harness: H,
    transport: PhantomData<T>,
}

impl<H: Harness, T: Transport<H::Net>> On<H, T> {
    pub(crate) fn new(harness: H) -> Self {
        let transport = PhantomData;
        Self { harness, transport }
    }
}

impl<H: Harness, T: Transport<H::Net>> Site for On<H, T> {
    fn runtime(&self) -> Arc<dyn Runtime> {
        self.harness.runtime()
    }

    fn listen(&self) -> LocalBoxFuture<'_, io::Result<Door>> {
        let net = self.harness.net();
        async move {
            waiting_for("a listener");
            let place = T::free_place();
            let listener = T::bind(&net, &place).await?;
            let address = listener.local_addr()?;
            Ok(Door {
                listener: Listening(Box::new(listener)),
                way: way::<H::Net, T>(net, address, place),
            })
        }
        .boxed_local()
    }

    fn run(&self, scene: LocalBoxFuture<'_, ()>) {
        self.harness.block_on(scene);
    }
}

fn way<N: Net, T: Transport<N>>(net: Arc<N>, address: Address, place: T::Place) -> Way {
    let to = address.clone();
    let connect = move || {
        let (net, to) = (Arc::clone(&net), to.clone());
        async move {
            let stream = T::connect(&net, to).await?;
            Ok(Box::new(stream) as Socket)
        }
        .boxed()
    };
    Way {
        connect: Arc::new(connect),
        address,
        _place: Arc::new(place),
    }
}
