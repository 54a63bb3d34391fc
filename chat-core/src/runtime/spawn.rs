use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::Waker;

/// Runs futures and blocking work in the background.
///
/// # Contract
///
/// - [`spawn_detached`](Spawn::spawn_detached) runs the future to its end. There is no handle, so
///   nothing can cancel it but the end of the runtime itself.
/// - A runtime that ends while futures wait **drops** them (their destructors run) or keeps them;
///   it does not poll them again.
/// - A future that panics takes nothing else down: not the thread, not another future, not the
///   runtime. (The futures that this library spawns catch their panics themselves.)
/// - [`spawn_blocking_detached`](Spawn::spawn_blocking_detached) **always** runs the work, and
///   never on a thread that polls futures.
/// - [`wake_later`](Spawn::wake_later) wakes the task in any case, also while others always have
///   something to do.
/// - All of them return at once, from any thread, also from one that the runtime does not know, and also
///   while another future is being polled.
/// - Ten thousand futures at the same time are nothing special.
///
/// # Examples
///
/// A thread for everything:
///
/// ```
/// use std::future::Future;
/// use std::pin::Pin;
///
/// use chat_core::runtime::Spawn;
///
/// struct Threads;
///
/// impl Spawn for Threads {
///     fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
///         std::thread::spawn(|| futures::executor::block_on(future));
///     }
///
///     fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
///         std::thread::spawn(work);
///     }
/// }
///
/// let (sender, receiver) = futures::channel::oneshot::channel();
/// Threads.spawn_detached(Box::pin(async { sender.send("hello").unwrap() }));
/// assert_eq!(futures::executor::block_on(receiver).unwrap(), "hello");
/// ```
pub trait Spawn: Send + Sync + 'static {
    /// Runs `future` to its end, with no handle to it.
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>);

    /// As [`spawn_detached`](Spawn::spawn_detached), for a runtime that can show its tasks to people: `origin`
    /// tells them apart. All that the library spawns comes this way.
    ///
    /// Unless it is implemented, `origin` is dropped. Whoever wraps a runtime passes it on.
    fn spawn_detached_from(
        &self,
        origin: Origin,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) {
        let _ = origin;
        self.spawn_detached(future);
    }

    /// Wakes the task that is being polled at the moment and has this waker: if the runtime can tell, once the others
    /// that can run have been polled and sockets were looked at. Connections ask for that when others may be about
    /// to speak, so that it takes one write instead of two.
    ///
    /// Unless it is implemented, `waker` is woken at once. Where it is, the runtime has to be running, also for a
    /// connection that is polled elsewhere. Whoever wraps a runtime passes it on.
    fn wake_later(&self, waker: &Waker) {
        waker.wake_by_ref();
    }

    /// Runs `work`, which may block, to its end on a thread where blocking harms nobody.
    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>);
}

/// What is spawned, and where in a program: for lists of tasks that people read.
///
/// Displays as `name, spawned at file:line`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The type of the future, without its parameters, or the function that it is the body of. Not the same
    /// in every version of the compiler.
    pub name: &'static str,
    /// The call that spawned it.
    pub location: &'static Location<'static>,
}

impl Origin {
    /// That of a future of the type `F`, spawned by the caller.
    ///
    /// # Examples
    ///
    /// ```
    /// use chat_core::runtime::Origin;
    ///
    /// struct Clock<T>(T);
    ///
    /// let origin = Origin::of::<Clock<u8>>();
    /// assert!(origin.name.ends_with("::Clock"), "{origin}");
    /// assert_eq!(origin.location.line(), line!() - 2);
    /// ```
    #[track_caller]
    pub fn of<F>() -> Self {
        let name = type_name::<F>();
        let name = name.split('<').next().unwrap_or(name);
        Self {
            name: name.trim_end_matches("::{{closure}}"),
            location: Location::caller(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, location) = (self.name, self.location);
        write!(
            f,
            "{name}, spawned at {}:{}",
            location.file(),
            location.line()
        )
    }
}
