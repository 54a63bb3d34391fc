use std::time::Duration;

use super::random::RandomBits;

/// How long a client waits before it tries to connect again.
///
/// The delay before attempt `n` is drawn evenly from zero up to a ceiling of `base` × 2ⁿ⁻¹, at most `max`:
/// exponential back-off with full jitter, so that the clients of a server that came back do not all return
/// in the same moment
/// ([Brooker, Exponential Backoff And Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The ceiling of the first delay; a millisecond at least. Default: 500 milliseconds.
    pub base: Duration,
    /// The ceiling of all delays; a millisecond at least. Default: 30 seconds.
    pub max: Duration,
    /// Whether delays are drawn at random. Without it each is as long as its ceiling. Default: yes.
    pub jitter: bool,
    /// After how many attempts in a row that did not help to give up; `None` for never. Default: never.
    pub attempts: Option<u32>,
    /// How long a connection has to last until the attempts before it are forgotten. Default: 10
    /// seconds.
    pub settled_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            max: Duration::from_secs(30),
            jitter: true,
            attempts: None,
            settled_after: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// So that time passes between attempts, and a connector that fails at once is not asked without end.
    const LOWEST_CEILING: Duration = Duration::from_millis(1);

    /// The delay before this attempt, of which the first is 1.
    pub(super) fn delay(&self, attempt: u32, random: &mut RandomBits) -> Duration {
        let ceiling = self.ceiling(attempt);
        match random.next().filter(|_| self.jitter) {
            Some(bits) => share(ceiling, bits),
            None => ceiling,
        }
    }

    fn ceiling(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let ceiling = self.base.saturating_mul(1 << doublings).min(self.max);
        ceiling.max(Self::LOWEST_CEILING)
    }
}

/// `bits` of 2⁶⁴ of `whole`.
fn share(whole: Duration, bits: u64) -> Duration {
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    let share = (u128::from(nanos) * u128::from(bits)) >> 64;
    Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(backoff: &Backoff, bits: u64) -> Vec<u128> {
        let mut random = RandomBits::new(move || bits);
        let delay = |attempt| backoff.delay(attempt, &mut random).as_millis();
        (1..=9).map(delay).collect()
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_delay() {
        let without_jitter = Backoff {
            jitter: false,
            ..Backoff::default()
        };
        assert_eq!(
            delays(&without_jitter, 0),
            [
                500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000
            ]
        );
    }

    #[test]
    fn a_delay_is_anything_from_nothing_to_the_ceiling() {
        let backoff = Backoff::default();
        assert_eq!(delays(&backoff, 0), [0; 9]);
        assert_eq!(delays(&backoff, 1 << 63)[..3], [250, 500, 1_000]);
        let random = &mut RandomBits::new(|| u64::MAX);
        let longest = backoff.delay(1, random);
        assert!(longest < Duration::from_millis(500) && longest.as_millis() == 499);
    }

    #[test]
    fn no_configuration_overflows() {
        let endless = Backoff {
            base: Duration::MAX,
            max: Duration::MAX,
            ..Backoff::default()
        };
        let random = &mut RandomBits::new(|| u64::MAX);
        assert!(endless.delay(u32::MAX, random) > Duration::from_secs(1 << 30));
        assert!(endless.delay(0, random) > Duration::from_secs(1 << 30));
    }
}
