use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers decides about. Streams of one seed do not touch each other: another
/// draw for the network changes nothing in the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Which task runs next.
    Schedule,
    /// What the network does to bytes.
    Network,
    /// What people do, and how a plan is drawn.
    Workload,
}

/// A stream of random numbers that is the same on every machine and in every version.
///
/// Only whole numbers come out, and the way from bits to numbers is this crate's own: what a library of
/// distributions draws may change with its version.
///
/// # Examples
///
/// ```
/// use chat_runtime_sim::{Purpose, Random};
///
/// let mut one = Random::new(7, Purpose::Network);
/// let mut same = Random::new(7, Purpose::Network);
/// assert_eq!(one.below(1_000_000), same.below(1_000_000));
/// ```
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream of `seed` for `purpose`.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let salt: u64 = match purpose {
            Purpose::Schedule => 0x5ced_01e5_5ced_01e5,
            Purpose::Network => 0x0e70_0e70_0e70_0e70,
            Purpose::Workload => 0x3021_10ad_3021_10ad,
        };
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ salt))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 up to, and not including, `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product; its bias is beyond what a simulation can notice.
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// An index into a collection of `len`.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// One of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.index(choices.len())]
    }

    /// Whether something happens that happens `rate` times in a thousand.
    pub fn per_mille(&mut self, rate: u32) -> bool {
        rate > 0 && self.below(1000) < u64::from(rate)
    }
}
