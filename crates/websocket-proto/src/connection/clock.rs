//! What a connection knows of time: when its peer was last heard of, and what is due when.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use crate::limits::{Timing, Wait};

/// The instants that deadlines are counted from. Time comes in as an argument, and no event costs more than a store.
#[derive(Debug)]
pub(super) struct Clock {
    last_received: Instant,
    last_message: Instant,
    /// From a ping of ours to its pong, in nanoseconds.
    round_trip: Option<NonZeroU64>,
    /// Mostly nothing.
    waits: Option<Box<Waits>>,
}

/// What the peer has been asked, and has not answered.
#[derive(Debug, Default)]
struct Waits {
    /// A ping of ours that nothing has arrived after.
    unanswered: Option<Instant>,
    /// A ping of ours that no pong has arrived after.
    pinged: Option<Instant>,
    /// When our Close was written.
    close_written: Option<Instant>,
}

/// What is due at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    /// A wait for the peer is over.
    Over(Wait),
    /// The peer is to be asked whether it is there.
    Ping,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last_received: now,
            last_message: now,
            round_trip: None,
            waits: None,
        }
    }

    /// Any byte has arrived.
    pub(super) fn on_received(&mut self, now: Instant) {
        self.last_received = now;
        if let Some(waits) = &mut self.waits {
            waits.unanswered = None;
        }
    }

    /// A message has arrived.
    pub(super) fn on_message(&mut self, now: Instant) {
        self.last_message = now;
    }

    /// Nothing was read until now: what could not be seen counts as seen.
    pub(super) fn on_resumed(&mut self, now: Instant) {
        self.on_received(now);
        self.on_message(now);
    }

    pub(super) fn on_ping_sent(&mut self, now: Instant) {
        let waits = self.waits.get_or_insert_default();
        waits.unanswered = Some(now);
        waits.pinged = Some(now);
    }

    pub(super) fn on_pong(&mut self, now: Instant) {
        let Some(waits) = &mut self.waits else {
            return;
        };
        if let Some(pinged) = waits.pinged.take() {
            let nanos = now.saturating_duration_since(pinged).as_nanos();
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            // None was ever answered in less.
            self.round_trip = NonZeroU64::new(nanos.max(1));
        }
        if waits.unanswered.is_none() && waits.close_written.is_none() {
            self.waits = None;
        }
    }

    pub(super) fn on_close_written(&mut self, now: Instant) {
        self.waits.get_or_insert_default().close_written = Some(now);
    }

    /// From the last ping of ours that was answered to its pong.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
            .map(|nanos| Duration::from_nanos(nanos.get()))
    }

    /// What is due next, and when.
    #[inline]
    pub(super) fn deadline(&self, timing: &Timing, in_frame: bool) -> Option<(Instant, Deadline)> {
        // It is asked after every read, and mostly the silence of the peer is all that there is to wait for.
        if self.waits.is_none() && !in_frame && timing.idle_max.is_none() {
            let interval = timing.ping_interval?;
            return Some((self.last_received + interval, Deadline::Ping));
        }
        self.nearest(timing, in_frame)
    }

    /// What is due next of all that may be.
    #[inline(never)]
    fn nearest(&self, timing: &Timing, in_frame: bool) -> Option<(Instant, Deadline)> {
        let waits = self.waits.as_deref();
        if let Some(close_written) = waits.and_then(|waits| waits.close_written) {
            return Some(over(close_written, timing.close_wait_max, Wait::Close));
        }
        let stall = in_frame.then(|| {
            let since = self.last_received;
            over(since, timing.frame_stall_max, Wait::FrameStall)
        });
        let unanswered = waits.and_then(|waits| waits.unanswered);
        let pong = unanswered.map(|since| over(since, timing.pong_wait_max, Wait::Pong));
        let idle = timing
            .idle_max
            .map(|max| over(self.last_message, max, Wait::Idle));
        let ping = match (timing.ping_interval, unanswered) {
            (Some(interval), None) => Some((self.last_received + interval, Deadline::Ping)),
            _ => None,
        };
        sooner(sooner(sooner(stall, pong), idle), ping)
    }
}

/// Which of two comes first.
fn sooner<T>(one: Option<(Instant, T)>, other: Option<(Instant, T)>) -> Option<(Instant, T)> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.0 <= other.0 { one } else { other }),
        (one, other) => one.or(other),
    }
}

fn over(since: Instant, wait_max: Duration, wait: Wait) -> (Instant, Deadline) {
    (since + wait_max, Deadline::Over(wait))
}
