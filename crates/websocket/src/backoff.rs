//! How long to wait before the next attempt: longer from one to the next up to a bound, and by chance, so that many
//! clients of a server that was away do not come back at once.

use std::time::Duration;

use crate::random::random;

/// The longest wait before the second attempt, unless [`Backoff::first_max`] sets another.
pub const BACKOFF_FIRST_MAX: Duration = Duration::from_secs(1);

/// The longest wait before any attempt, unless [`Backoff::wait_max`] sets another.
pub const BACKOFF_WAIT_MAX: Duration = Duration::from_secs(30);

/// Waits between attempts: capped exponential back-off with full jitter.
///
/// Each wait is taken by chance between zero and a bound, which doubles with every attempt. It keeps no time itself, so
/// it serves any loop that tries again.
///
/// ```
/// use std::time::Duration;
/// use gumboot_websocket::Backoff;
///
/// let mut backoff = Backoff::new().first_max(Duration::from_millis(100));
/// assert!(backoff.next_wait() <= Duration::from_millis(100));
/// assert!(backoff.next_wait() <= Duration::from_millis(200));
/// assert_eq!(backoff.attempts(), 2);
/// backoff.reset();
/// assert!(backoff.next_wait() <= Duration::from_millis(100));
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    first_max: Duration,
    wait_max: Duration,
    attempts: u32,
    random: fastrand::Rng,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// Waits of up to [`BACKOFF_FIRST_MAX`] at first and up to [`BACKOFF_WAIT_MAX`] at last.
    #[must_use]
    pub fn new() -> Self {
        Self {
            first_max: BACKOFF_FIRST_MAX,
            wait_max: BACKOFF_WAIT_MAX,
            attempts: 0,
            random: fastrand::Rng::with_seed(u64::from_ne_bytes(random())),
        }
    }

    /// The bound of the first wait.
    #[must_use]
    pub fn first_max(mut self, max: Duration) -> Self {
        self.first_max = max;
        self
    }

    /// The bound of all waits.
    #[must_use]
    pub fn wait_max(mut self, max: Duration) -> Self {
        self.wait_max = max;
        self
    }

    /// Draws the waits from `seed` in place of the operating system's randomness, so that a test knows them.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = fastrand::Rng::with_seed(seed);
        self
    }

    /// The wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let max = self.next_max();
        self.attempts = self.attempts.saturating_add(1);
        max.mul_f64(self.random.f64()).min(max)
    }

    /// What the next wait does not pass.
    #[must_use]
    pub fn next_max(&self) -> Duration {
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.first_max.saturating_mul(factor).min(self.wait_max)
    }

    /// How many waits were given since the start, or since [`Backoff::reset`].
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Starts anew, after a success.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_bound_doubles_up_to_the_last() {
        let mut backoff = Backoff::new().first_max(SECOND).wait_max(10 * SECOND);
        for bound in [1, 2, 4, 8, 10, 10] {
            assert_eq!(backoff.next_max(), bound * SECOND);
            assert!(backoff.next_wait() <= bound * SECOND);
        }
        for _ in 0..100 {
            assert!(backoff.next_wait() <= 10 * SECOND);
        }
        assert_eq!(backoff.attempts(), 106);
        backoff.reset();
        assert_eq!((backoff.attempts(), backoff.next_max()), (0, SECOND));
    }

    #[test]
    fn waits_are_spread_from_zero_to_the_bound() {
        let mut backoff = Backoff::new().seed(1).first_max(SECOND).wait_max(SECOND);
        let waits: Vec<_> = (0..1000).map(|_| backoff.next_wait()).collect();
        for tenth in 0..10 {
            let (from, to) = (tenth * SECOND / 10, (tenth + 1) * SECOND / 10);
            let count = waits
                .iter()
                .filter(|wait| (from..to).contains(wait))
                .count();
            assert!((60..140).contains(&count), "{count} in tenth {tenth}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_waits_again() {
        let waits = |seed| {
            let mut backoff = Backoff::new().seed(seed);
            [(); 5].map(|()| backoff.next_wait())
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        let mut unseeded = Backoff::new();
        assert_ne!([(); 5].map(|()| unseeded.next_wait()), waits(7));
    }

    #[test]
    fn bounds_of_zero_and_of_all_time() {
        let mut none = Backoff::new().first_max(Duration::ZERO);
        assert_eq!(none.next_wait(), Duration::ZERO);
        let mut all = Backoff::new()
            .first_max(Duration::MAX)
            .wait_max(Duration::MAX);
        for _ in 0..3 {
            let _ = all.next_wait();
        }
        assert_eq!(all.next_max(), Duration::MAX);
    }
}
