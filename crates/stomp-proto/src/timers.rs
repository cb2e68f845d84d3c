//! When to beat, and when to give the peer up (STOMP 1.2, Heart-beating). Both roles use it.
//! What the peers agreed on is in `heart_beat`.

use std::time::{Duration, Instant};

use crate::{error::ErrorKind, heart_beat::Intervals};

/// A peer is given up after this many intervals of silence, plus [`SILENCE_EXTRA_MS`].
const SILENCE_INTERVALS: u64 = 2;

/// For the way, and for a peer whose timers are coarse.
const SILENCE_EXTRA_MS: u64 = 500;

/// A beat is sent this part of the interval early, so that it is there in time.
const EARLY_PART: u32 = 10;

/// A client that beats at least this seldom gets the floor: below it, it asked for something
/// strict.
const FLOOR_FROM_MS: u32 = 5_000;

/// Send one end of line now: nothing was sent for the agreed interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the peer waits for the beat"]
pub struct Beat;

impl Beat {
    /// What goes over the wire.
    pub const OCTETS: &'static [u8] = b"\n";
}

/// The times that matter to a session; keeping one up to date is a store.
#[derive(Debug)]
pub(crate) struct Timers {
    login_until: Option<Instant>,
    received: Instant,
    sent: Instant,
    /// 0: no beats.
    send_ms: u32,
    /// 0: silence is no fault.
    receive_ms: u32,
    floor: Duration,
}

impl Timers {
    pub(crate) fn new(now: Instant, login_ms_max: u32) -> Self {
        Self {
            login_until: Some(now + millis(login_ms_max.into())),
            received: now,
            sent: now,
            send_ms: 0,
            receive_ms: 0,
            floor: Duration::ZERO,
        }
    }

    /// The log-in is done; from here heart-beats count.
    pub(crate) fn start(&mut self, now: Instant, intervals: Intervals, floor: Option<Duration>) {
        let Intervals {
            send_ms,
            receive_ms,
        } = intervals;
        let floor = floor
            .filter(|_| receive_ms >= FLOOR_FROM_MS)
            .unwrap_or_default();
        *self = Self {
            received: now,
            sent: now,
            send_ms,
            receive_ms,
            floor,
            ..*self
        };
        self.login_until = None;
    }

    /// The client has asked to be let in: now it waits for us.
    pub(crate) fn on_connect(&mut self) {
        self.login_until = None;
    }

    /// Nothing is expected any more.
    pub(crate) fn stop(&mut self) {
        (self.login_until, self.send_ms, self.receive_ms) = (None, 0, 0);
    }

    pub(crate) fn handle_received(&mut self, now: Instant) {
        self.received = now;
    }

    pub(crate) fn handle_sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// The next deadline; `stall_ms_max` is given while a frame is unfinished.
    pub(crate) fn poll_timeout(&self, stall_ms_max: Option<u32>) -> Option<Instant> {
        let deadlines = [
            self.login_until,
            self.stalled_from(stall_ms_max),
            self.silent_from(),
            self.beat_from(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What is due at `now`.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        stall_ms_max: Option<u32>,
    ) -> Result<Option<Beat>, ErrorKind> {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if is_due(self.login_until) {
            return Err(ErrorKind::LoginTimedOut);
        }
        if is_due(self.stalled_from(stall_ms_max)) {
            return Err(ErrorKind::FrameStalled);
        }
        if is_due(self.silent_from()) {
            return Err(ErrorKind::PeerSilent);
        }
        if !is_due(self.beat_from()) {
            return Ok(None);
        }
        self.sent = now;
        Ok(Some(Beat))
    }

    fn stalled_from(&self, stall_ms_max: Option<u32>) -> Option<Instant> {
        Some(self.received + millis(stall_ms_max?.into()))
    }

    /// A browser fires the timers of a hidden page once a minute, so such a page cannot beat as it
    /// promised: it is given until the floor. That its carrier still stands is for the driver to ask.
    fn silent_from(&self) -> Option<Instant> {
        let tolerance = match self.receive_ms {
            0 => return None,
            ms => millis(u64::from(ms) * SILENCE_INTERVALS + SILENCE_EXTRA_MS),
        };
        Some(self.received + tolerance.max(self.floor))
    }

    fn beat_from(&self) -> Option<Instant> {
        let ms = self.send_ms - self.send_ms / EARLY_PART;
        (ms != 0).then(|| self.sent + millis(ms.into()))
    }
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
