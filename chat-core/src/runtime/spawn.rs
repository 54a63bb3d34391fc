use std::future::Future;
use std::pin::Pin;

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
/// - Both return at once, from any thread, also from one that the runtime does not know, and also
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

    /// Runs `work`, which may block, to its end on a thread where blocking harms nobody.
    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>);
}
