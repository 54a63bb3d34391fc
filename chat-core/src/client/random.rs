use std::fmt;

/// Where a client's random bits come from: the operating system, or a function that a test or a simulator
/// can replay.
///
/// They make the names under which messages are sent unguessable, and spread the delays of clients that
/// all lost the same server at the same moment.
///
/// # Examples
///
/// ```
/// use chat_core::client::RandomBits;
///
/// let mut seed = 7_u64;
/// let replayable = RandomBits::new(move || {
///     seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
///     seed
/// });
/// # let _ = replayable;
/// ```
#[derive(Default)]
pub struct RandomBits(Source);

#[derive(Default)]
enum Source {
    #[default]
    System,
    Given(Box<dyn FnMut() -> u64 + Send>),
}

impl RandomBits {
    /// The operating system's, which nobody can predict.
    pub fn of_the_system() -> Self {
        Self::default()
    }

    /// Those of `next`, which returns 64 at a time.
    pub fn new(next: impl FnMut() -> u64 + Send + 'static) -> Self {
        Self(Source::Given(Box::new(next)))
    }

    /// 64 more; `None` when the system has none to give.
    pub(super) fn next(&mut self) -> Option<u64> {
        match &mut self.0 {
            Source::System => getrandom::u64().ok(),
            Source::Given(next) => Some(next()),
        }
    }
}

impl fmt::Debug for RandomBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "RandomBits(system)",
            Source::Given(_) => "RandomBits(given)",
        })
    }
}
