use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chat_conformance::{Case, Harness, Outcome, chat, run_all, runtime};

use crate::rows::Row;

/// What one runtime made of the cases.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    outcomes: HashMap<&'static str, Outcome>,
}

/// A case that takes longer is worth a line on standard error.
const SLOW: Duration = Duration::from_secs(5);

/// Runs the cases of `rows` on `H`.
pub(crate) fn column<H: Harness>(name: &'static str, rows: &[Row]) -> Column {
    let wanted = |case: &Case<H>| rows.iter().any(|row| row.cases.contains(&case.name()));
    let mut outcomes = HashMap::new();

    let mut cases = runtime::cases::<H>();
    cases.retain(wanted);
    outcomes.extend(suite(name, "runtime", cases.len(), || run_all(&cases)));

    let mut cases = chat::cases::<H>();
    cases.retain(wanted);
    outcomes.extend(suite(name, "chat", cases.len(), || {
        run_some_at_once(&cases)
    }));

    Column { name, outcomes }
}

impl Column {
    pub(crate) fn outcome(&self, case: &str) -> &Outcome {
        &self.outcomes[case]
    }
}

/// Runs one suite, and tells how it went.
fn suite(
    runtime: &str,
    suite: &str,
    cases: usize,
    run: impl FnOnce() -> Vec<(&'static str, Outcome)>,
) -> Vec<(&'static str, Outcome)> {
    if cases == 0 {
        return Vec::new();
    }
    eprintln!("{runtime}: {suite} suite, {cases} cases ...");
    let start = Instant::now();
    let outcomes = run();
    let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_failed());
    let failed: Vec<_> = failed.map(|(case, _)| *case).collect();
    let took = start.elapsed().as_secs_f32();
    eprintln!(
        "{runtime}: {suite} suite, {} failed, {took:.1} s",
        failed.len()
    );
    for case in failed {
        eprintln!("{runtime}: {case} FAILED");
    }
    outcomes
}

/// Runs a few of the cases at a time: they move a lot of bytes, and would otherwise wait for each other
/// until they gave up.
fn run_some_at_once<H: Harness>(cases: &[Case<H>]) -> Vec<(&'static str, Outcome)> {
    let at_once = thread::available_parallelism().map_or(4, |threads| 2 * threads.get());
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let outcome = chat::run(case);
                    if start.elapsed() > SLOW {
                        let took = start.elapsed().as_secs_f32();
                        eprintln!("  {} took {took:.1} s", case.name());
                    }
                    let mut outcomes = outcomes.lock().expect("no worker panics");
                    outcomes.push((case.name(), outcome));
                }
            });
        }
    });
    outcomes.into_inner().expect("no worker panics")
}
