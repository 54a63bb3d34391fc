//! Ctrl-C and SIGTERM as a future, on any runtime.

use std::process;
use std::time::{Duration, Instant};

use futures::channel::oneshot;

/// The order to stop, given by a signal: Ctrl-C, SIGTERM, or SIGHUP from a terminal that closes.
///
/// The first signal completes [`given`](StopOrder::given); another one, unless it is an
/// [echo](StopOrder::ECHO) of the first, ends the process at once with exit code 130.
#[derive(Debug)]
pub struct StopOrder(oneshot::Receiver<()>);

impl StopOrder {
    /// How long after the first signal others count as the same order: `timeout` and some
    /// supervisors signal a process and then its group, so that it hears everything twice. People
    /// are slower.
    pub const ECHO: Duration = Duration::from_millis(50);

    /// Listens to the signals from now on.
    ///
    /// # Errors
    ///
    /// When the system refuses, or this was called before.
    pub fn listen() -> Result<Self, ctrlc::Error> {
        let (sender, receiver) = oneshot::channel();
        let mut sender = Some(sender);
        let mut first: Option<Instant> = None;
        ctrlc::set_handler(move || match (sender.take(), first) {
            (Some(sender), _) => {
                first = Some(Instant::now());
                tracing::info!("stopping; another signal stops at once");
                // Nobody waits for it where the server could not start.
                let _ = sender.send(());
            }
            (None, Some(first)) if first.elapsed() < Self::ECHO => {}
            _ => process::exit(130),
        })?;
        Ok(Self(receiver))
    }

    /// Completes when the order is given.
    pub async fn given(self) {
        // The sender lives as long as the handler: until the process ends or the order is given.
        let _ = self.0.await;
    }
}
