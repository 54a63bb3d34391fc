use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use futures::channel::oneshot;

/// Runs `work` on a thread that no runtime knows, and completes with what it returns.
///
/// A panic of the work goes to who waits for it.
pub(super) fn on_a_foreign_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = T> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
    });
    async {
        match receiver.await.expect("the foreign thread reports") {
            Ok(output) => output,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Panics without the panic hook's report: these panics are meant.
pub(super) fn panic_on_purpose(message: &'static str) -> ! {
    resume_unwind(Box::new(message))
}
