use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::stage::Stage;
use crate::{Harness, Outcome};

/// One promise, and how to find out whether a runtime keeps it.
pub struct Case<H> {
    name: &'static str,
    body: fn(H) -> Outcome,
}

impl<H: Harness> Case<H> {
    /// A case that fails by panicking.
    pub const fn new(name: &'static str, body: fn(H) -> Outcome) -> Self {
        Self { name, body }
    }

    /// The promise.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Tries it on a thread and a runtime of its own, for at most [`Harness::PATIENCE`].
    ///
    /// A case that hangs leaves its thread behind.
    pub fn run(&self) -> Outcome {
        self.run_on(H::new, H::PATIENCE)
    }

    /// [Runs](Self::run) the case on a runtime made by `make`, with a patience of the caller's.
    pub fn run_on(&self, make: impl FnOnce() -> H + Send + 'static, patience: Duration) -> Outcome {
        let stage = Stage::default();
        let (done, outcome) = mpsc::channel();
        let (body, entered) = (self.body, stage.clone());
        let case = move || {
            entered.enter();
            let tried = catch_unwind(AssertUnwindSafe(|| body(make())));
            // The watchdog may have given up.
            let _ = done.send(tried);
        };
        if let Err(error) = thread::Builder::new().name(self.name.into()).spawn(case) {
            return Outcome::Failed(format!("no thread to run on: {error}"));
        }
        match outcome.recv_timeout(patience) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Outcome::Failed(match stage.get() {
                Some(event) => format!("{} (last waited for {event})", message(&*panic)),
                None => message(&*panic).into(),
            }),
            Err(RecvTimeoutError::Timeout) => Outcome::Failed(format!(
                "still waiting after {patience:?} for {}",
                stage.get().unwrap_or("the case to end"),
            )),
            Err(RecvTimeoutError::Disconnected) => {
                Outcome::Failed("the thread of the case ended without a word".into())
            }
        }
    }

    /// [Runs](Self::run) the case and panics when it fails; the body of a `#[test]`.
    ///
    /// # Panics
    ///
    /// When the case fails.
    pub fn check(&self) {
        match self.run() {
            Outcome::Passed => {}
            Outcome::Failed(why) => panic!("{}: {why}", self.name),
            Outcome::NotApplicable(why) => println!("{}: not applicable: {why}", self.name),
        }
    }
}

impl<H> fmt::Debug for Case<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

/// Runs all `cases` at the same time, and returns their outcomes in the order of the list.
///
/// Together they take about as long as the slowest, also where several hang.
pub fn run_all<H: Harness>(cases: &[Case<H>]) -> Vec<(&'static str, Outcome)> {
    thread::scope(|scope| {
        let running: Vec<_> = cases
            .iter()
            .map(|case| scope.spawn(|| (case.name(), case.run())))
            .collect();
        let outcomes = running.into_iter().map(|case| match case.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        outcomes.collect()
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
