//! What a log-in costs: memory and a thread of the server for a moment, and time of a client that does not know the
//! password.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout},
};

use super::password::PasswordHash;

/// The passwords that are checked at a time, each on a thread of its own; so many times a hash's memory is used.
pub const VERIFICATIONS_MAX: usize = 4;

/// How long a log-in waits for its turn to be checked.
pub const VERIFICATION_WAIT_MAX: Duration = Duration::from_secs(10);

/// A refusal is not told before so much time has passed since the attempt.
pub const REFUSED_AFTER: Duration = Duration::from_secs(1);

/// Turns to check a password.
#[derive(Debug)]
pub(super) struct Throttle {
    turns: Arc<Semaphore>,
}

/// The log-in has waited for its turn for too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Busy;

impl Throttle {
    pub(super) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(VERIFICATIONS_MAX)),
        }
    }

    /// Whether this is the password of the hash, found out in turn and on a thread that may block.
    pub(super) async fn verify(
        &self,
        hash: Arc<PasswordHash>,
        passcode: Box<str>,
    ) -> Result<bool, Busy> {
        let turn = timeout(
            VERIFICATION_WAIT_MAX,
            Arc::clone(&self.turns).acquire_owned(),
        );
        let turn = turn.await.map_err(|_| Busy)?.map_err(|_| Busy)?;
        let verified = spawn_blocking(move || {
            let verified = hash.verify(&passcode);
            // The memory is free again only now, also if nobody waits for the result any more.
            drop(turn);
            verified
        });
        Ok(verified.await.unwrap_or(false))
    }
}

/// Waits until a refusal of an attempt that began then may be told.
pub(super) async fn refuse(since: Instant) {
    sleep_until(since + REFUSED_AFTER).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash() -> Arc<PasswordHash> {
        Arc::new(PasswordHash::new("secret").unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_in_waits_for_its_turn_and_not_forever() {
        let throttle = Throttle::new();
        let all = u32::try_from(VERIFICATIONS_MAX).unwrap();
        let turns = throttle.turns.acquire_many(all).await.unwrap();
        let start = Instant::now();
        let busy = throttle.verify(hash(), "secret".into()).await;
        assert_eq!(busy, Err(Busy));
        assert_eq!(start.elapsed(), VERIFICATION_WAIT_MAX);
        drop(turns);
        assert_eq!(throttle.verify(hash(), "secret".into()).await, Ok(true));
        assert_eq!(throttle.verify(hash(), "other".into()).await, Ok(false));
        assert_eq!(throttle.turns.available_permits(), VERIFICATIONS_MAX);
    }
}
