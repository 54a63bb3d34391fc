use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::runtime::after;

/// How much may come in a given time: a burst at once, and from then on at an even pace.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use chat_core::connection::RateLimit;
///
/// let ten_a_second = RateLimit::new(10, Duration::from_secs(1)).unwrap();
/// assert_eq!("10/1".parse(), Ok(ten_a_second));
/// assert_eq!(ten_a_second.to_string(), "10/1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    burst: u32,
    period: Duration,
}

impl RateLimit {
    /// `burst` at once, and as many again in each `period`. `None` if one of them is zero, the burst is more
    /// than one for each nanosecond, or the period is longer than a year.
    pub fn new(burst: u32, period: Duration) -> Option<Self> {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        let makes_sense = burst > 0 && period.as_nanos() >= burst.into() && period <= YEAR;
        makes_sense.then_some(Self { burst, period })
    }

    /// The time from one to the next at an even pace.
    fn interval(&self) -> Duration {
        self.period / self.burst
    }
}

/// As in `10/1`: the burst, and the period in seconds.
impl FromStr for RateLimit {
    type Err = RateLimitError;

    fn from_str(limit: &str) -> Result<Self, RateLimitError> {
        let (burst, seconds) = limit.split_once('/').ok_or(RateLimitError)?;
        let burst = burst.parse().map_err(|_| RateLimitError)?;
        let seconds: f64 = seconds.parse().map_err(|_| RateLimitError)?;
        let period = Duration::try_from_secs_f64(seconds).map_err(|_| RateLimitError)?;
        Self::new(burst, period).ok_or(RateLimitError)
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.burst, self.period.as_secs_f64())
    }
}

/// This is no [`RateLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a rate is a number and a time in seconds, such as 10/1, neither of them zero and at most a year"
)]
pub struct RateLimitError;

/// Keeps to a [`RateLimit`], by the generic cell rate algorithm (ITU-T I.371): all there is to remember
/// is when the next one would be due at an even pace. The limit is the same one each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    due: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// Whether one may come now, or else when.
    pub(crate) fn check(&self, limit: RateLimit, now: Instant) -> Result<(), Instant> {
        // A burst may come that much before it is due.
        let tolerance = limit.interval() * (limit.burst - 1);
        match self.due.checked_sub(tolerance) {
            Some(earliest) if earliest > now => Err(earliest),
            _ => Ok(()),
        }
    }

    /// Counts one that came.
    pub(crate) fn count(&mut self, limit: RateLimit, now: Instant) {
        self.due = after(self.due.max(now), limit.interval());
    }

    /// Whether nothing of what came lately matters any more.
    pub(crate) fn is_rested(&self, now: Instant) -> bool {
        self.due <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::runtime::Timer;
    use crate::testing::TestRuntime;

    #[test]
    fn a_rate_is_read_and_written() {
        for (text, burst, millis) in [("10/1", 10, 1000), ("1/60", 1, 60_000), ("5/0.5", 5, 500)] {
            let limit = RateLimit::new(burst, Duration::from_millis(millis)).unwrap();
            assert_eq!(text.parse(), Ok(limit));
            assert_eq!(limit.to_string(), text);
        }
        for bad in [
            "", "10", "0/1", "10/0", "-1/1", "1/-1", "a/b", "1/1/1", "1/inf", "1/NaN", "1/1e19",
            "1/1e9",
        ] {
            assert_eq!(bad.parse::<RateLimit>(), Err(RateLimitError), "{bad:?}");
        }
    }

    #[test]
    fn a_burst_comes_at_once_and_the_rest_at_an_even_pace() {
        let start = TestRuntime::new().now();
        let limit: RateLimit = "3/3".parse().unwrap();
        let mut pace = Pace::new(start);
        for _ in 0..3 {
            assert_eq!(pace.check(limit, start), Ok(()));
            pace.count(limit, start);
        }
        let second = Duration::from_secs(1);
        assert_eq!(pace.check(limit, start), Err(start + second));
        pace.count(limit, start + second);
        assert_eq!(pace.check(limit, start + second), Err(start + 2 * second));
        assert!(!pace.is_rested(start + second));
        assert!(pace.is_rested(start + 4 * second));
    }

    proptest! {
        #[test]
        fn a_rate_is_read_as_it_is_written(burst in 1..1_000_u32, millis in 1..86_400_000_u64) {
            let limit = RateLimit::new(burst, Duration::from_millis(millis)).unwrap();
            prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        }

        /// The naive model is a bucket that holds a burst of tokens and gains one each interval.
        #[test]
        fn it_allows_what_a_bucket_of_tokens_allows(
            burst in 1..20_u32,
            interval in 1..50_u64,
            waits in proptest::collection::vec(0..120_u64, 1..200),
        ) {
            let start = TestRuntime::new().now();
            let period = Duration::from_millis(interval * u64::from(burst));
            let limit = RateLimit::new(burst, period).unwrap();
            let mut pace = Pace::new(start);
            let full = u64::from(burst) * interval;
            // Filled to the millisecond: a token is worth an interval of them.
            let mut bucket = full;
            let mut now = start;
            for wait in waits {
                now += Duration::from_millis(wait);
                bucket = (bucket + wait).min(full);
                let allowed = pace.check(limit, now);
                prop_assert_eq!(allowed.is_ok(), bucket >= interval);
                match allowed {
                    Ok(()) => {
                        pace.count(limit, now);
                        bucket -= interval;
                    }
                    Err(at) => {
                        prop_assert_eq!(at - now, Duration::from_millis(interval - bucket));
                        prop_assert!(pace.check(limit, at).is_ok());
                    }
                }
            }
        }
    }
}
