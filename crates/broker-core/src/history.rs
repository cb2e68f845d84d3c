//! What topics keep of what was sent to them, so that who comes back misses nothing: a log for each topic that a policy
//! is for, and what bounds all of them together.
//!
//! A log is made with the first message. What was not used for the longest time is forgotten when there are too many, or
//! too many bytes. Every offset is given once, also if its log begins anew: above all that any log ever had.

mod log;
mod rebuild;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    num::NonZeroU64,
    sync::Arc,
};

pub(crate) use self::log::{Entry, Log};
pub use self::rebuild::{HistoriesEnd, LogEnd};
use crate::{
    destination::Destination,
    limits::Limits,
    message::{Payload, Retain},
    output::Output,
    queues::Sent,
    settings::Settings,
    time::Timestamp,
};

/// So many offsets are reserved at a time, and passed over when a broker is built again.
pub(crate) const OFFSETS_RESERVED: u64 = 1 << 20;

/// How many messages that are too old are let go in one go. What is left is let go at once.
const AGED_AT_ONCE_MAX: usize = 1000;

/// How much of a topic is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPolicy {
    /// Messages. Default 10,000.
    pub messages_max: usize,
    /// Bytes of these. Default 16 MiB.
    pub bytes_max: usize,
    /// How long, in milliseconds. Default a day.
    pub age_ms_max: u64,
}

impl Default for HistoryPolicy {
    fn default() -> Self {
        Self {
            messages_max: 10_000,
            bytes_max: 16 * 1024 * 1024,
            age_ms_max: 24 * 60 * 60 * 1000,
        }
    }
}

/// One life of the histories of a broker. Offsets mean something only together with the epoch that they are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A place in the history of a topic: that of a message, or where none has been yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// What the offset is of.
    pub epoch: Epoch,
    /// Offsets of a topic grow with its messages, and begin above 0. They are dense, except where the broker was built
    /// again or the log begins anew.
    pub offset: u64,
}

/// Where in the history of its topic a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayFrom {
    /// Behind a message that was seen.
    Behind(Position),
    /// At the first message that is kept.
    First,
    /// At the last message that is kept.
    Last,
    /// At what comes next, which is as without.
    Next,
    /// At the message of this offset, or the nearest that is kept or comes.
    At(u64),
    /// At the first message that was sent at this moment or later.
    Since(Timestamp),
}

/// Where a subscription begins, by the offset of its first message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) next: u64,
    /// Whether nothing is missed, if that was asked.
    pub(crate) recovered: Option<bool>,
    /// Whether the retained value is among what is replayed. Else it is sent, also to one that has recovered: the
    /// connection may have been lost between the RECEIPT, which names a place behind it, and the value.
    pub(crate) has_retained: bool,
}

/// The logs of all topics.
#[derive(Debug)]
pub(crate) struct Histories<M> {
    logs: HashMap<Destination, Log<M>>,
    /// The topics, the one that was used last behind all others.
    used: BTreeMap<u64, Destination>,
    uses: u64,
    /// When the first message of each log is too old, or earlier.
    aging: BTreeSet<(Timestamp, Destination)>,
    messages: usize,
    bytes: usize,
    /// No log ever had an offset above it.
    top: u64,
    /// What `top` was when a log was forgotten last: without a log, all that was sent to a topic after that is known.
    forgotten: u64,
    /// What `top` was when the broker was built again.
    restored: u64,
    /// Up to here, offsets are reserved.
    reserved: u64,
    /// How all stands was told: it stays so.
    is_ended: bool,
}

impl<M> Default for Histories<M> {
    fn default() -> Self {
        Self {
            logs: HashMap::new(),
            used: BTreeMap::new(),
            uses: 0,
            aging: BTreeSet::new(),
            messages: 0,
            bytes: 0,
            top: 0,
            forgotten: 0,
            restored: 0,
            reserved: 0,
            is_ended: false,
        }
    }
}

impl<M: Payload> Histories<M> {
    pub(crate) fn log(&self, topic: &Destination) -> Option<&Log<M>> {
        self.logs.get(topic)
    }

    /// The offset behind which nothing was sent to a topic.
    pub(crate) fn end(&self, topic: &Destination) -> u64 {
        self.log(topic).map_or(self.top, |log| log.next - 1)
    }

    /// What was sent up to here may be gone.
    pub(crate) fn gone(&self, topic: &Destination) -> u64 {
        self.log(topic).map_or(self.forgotten, |log| log.gone)
    }

    /// Keeps a message of a topic that has a history, and gives its offset.
    pub(crate) fn append(
        &mut self,
        now: Timestamp,
        topic: &Destination,
        sent: Sent<'_, M>,
        settings: &Settings,
        output: &mut impl Output<M>,
    ) -> Option<NonZeroU64> {
        if self.is_ended {
            return None;
        }
        if !self.logs.contains_key(topic) {
            let policy = settings.history(topic)?;
            self.open(topic, policy, &settings.limits, output)?;
        }
        self.reserve(output);
        let log = self.logs.get_mut(topic)?;
        let offset = log.next;
        output.logged(topic, offset, sent.message, sent.properties, now);
        self.messages += 1;
        self.bytes += sent.properties.bytes;
        log.push(Entry {
            offset,
            at: now,
            message: sent.message.clone(),
            properties: sent.properties.clone(),
            producer: sent.producer,
        });
        self.top = self.top.max(offset);
        self.touch(topic);
        let mut work = usize::MAX;
        self.trim(
            now,
            topic,
            settings.limits.history_bytes_max,
            &mut work,
            output,
        );
        self.make_room(topic, settings.limits.history_bytes_max, output);
        self.set_timer(topic);
        NonZeroU64::new(offset)
    }

    /// Where a subscription to a topic begins that asks for this.
    pub(crate) fn start(&self, topic: &Destination, from: &ReplayFrom, epoch: Epoch) -> Start {
        let (first, end) = (self.gone(topic) + 1, self.end(topic) + 1);
        let log = self.log(topic);
        let (next, recovered) = match *from {
            ReplayFrom::Behind(seen) if seen.epoch == epoch => {
                let next = seen.offset.saturating_add(1);
                (next, Some(self.is_complete_behind(topic, seen.offset)))
            }
            ReplayFrom::Behind(_) => (first, Some(false)),
            ReplayFrom::First => (first, None),
            ReplayFrom::Last => (log.and_then(Log::last).unwrap_or(end), None),
            ReplayFrom::Next => (end, None),
            ReplayFrom::At(offset) => (offset, None),
            ReplayFrom::Since(moment) => {
                (log.and_then(|log| log.since(moment)).unwrap_or(end), None)
            }
        };
        let next = if log.is_some() {
            next.clamp(first.min(end), end)
        } else {
            end
        };
        // Who has missed something is told a place that is known.
        let next = match log {
            Some(log) if recovered == Some(false) => {
                log.from(next).next().map_or(end, |e| e.offset)
            }
            _ => next,
        };
        let kept = log.and_then(|log| log.retained);
        Start {
            next,
            recovered,
            has_retained: kept.is_some_and(|offset| offset >= next),
        }
    }

    /// Whether all that was sent to a topic behind this offset is kept.
    fn is_complete_behind(&self, topic: &Destination, offset: u64) -> bool {
        match self.log(topic) {
            Some(log) => log.is_complete_behind(offset, self.restored),
            None => (self.forgotten..=self.top).contains(&offset),
        }
    }

    /// When something is too old.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let first = self.aging.first().filter(|_| !self.is_ended);
        first.map(|(deadline, _)| *deadline)
    }

    /// Lets go what is too old, a bounded amount of it.
    pub(crate) fn on_time(&mut self, now: Timestamp, limits: &Limits, output: &mut impl Output<M>) {
        let mut work = AGED_AT_ONCE_MAX;
        while work > 0
            && !self.is_ended
            && let Some((deadline, topic)) = self.aging.first().cloned()
            && deadline <= now
        {
            work -= 1;
            self.aging.pop_first();
            if let Some(log) = self.logs.get_mut(&topic) {
                log.timer = None;
            }
            self.trim(now, &topic, limits.history_bytes_max, &mut work, output);
            self.set_timer(&topic);
        }
    }

    /// Logs, messages in them, and bytes of these.
    pub(crate) fn amount(&self) -> (usize, usize, usize) {
        (self.logs.len(), self.messages, self.bytes)
    }

    fn reserve(&mut self, output: &mut impl Output<M>) {
        if self.top + OFFSETS_RESERVED / 2 >= self.reserved {
            self.reserved = self.top + OFFSETS_RESERVED;
            output.offsets_reserved(self.reserved);
        }
    }

    /// A new log; none if there may not be any.
    fn open(
        &mut self,
        topic: &Destination,
        policy: Arc<HistoryPolicy>,
        limits: &Limits,
        output: &mut impl Output<M>,
    ) -> Option<()> {
        while self.logs.len() >= limits.histories_max {
            let (_, longest_unused) = self.used.first_key_value()?;
            self.forget(&longest_unused.clone(), output);
        }
        self.insert(topic, Log::new(policy, self.top + 1, self.forgotten));
        Some(())
    }

    fn insert(&mut self, topic: &Destination, log: Log<M>) {
        self.logs.insert(topic.clone(), log);
    }

    fn forget(&mut self, topic: &Destination, output: &mut impl Output<M>) {
        let Some(log) = self.logs.remove(topic) else {
            return;
        };
        self.used.remove(&log.used);
        if let Some(timer) = log.timer {
            self.aging.remove(&(timer, topic.clone()));
        }
        self.messages -= log.len();
        self.bytes -= log.bytes();
        self.forgotten = self.top;
        if let Some(last) = log.last() {
            output.trimmed(topic, last);
        }
    }

    /// Notes that a log is used.
    pub(crate) fn touch(&mut self, topic: &Destination) {
        let Some(log) = self.logs.get_mut(topic) else {
            return;
        };
        if log.used == self.uses && log.used > 0 {
            return;
        }
        self.used.remove(&log.used);
        self.uses += 1;
        log.used = self.uses;
        self.used.insert(self.uses, topic.clone());
    }

    /// Lets go of a log what is past its bounds.
    fn trim(
        &mut self,
        now: Timestamp,
        topic: &Destination,
        bytes_max: usize,
        work: &mut usize,
        output: &mut impl Output<M>,
    ) {
        let Some(log) = self.logs.get_mut(topic) else {
            return;
        };
        let before = (log.len(), log.bytes());
        let trimmed = log.trim(now, bytes_max, work);
        self.messages -= before.0 - log.len();
        self.bytes -= before.1 - log.bytes();
        if let Some(offset) = trimmed {
            output.trimmed(topic, offset);
        }
    }

    /// Forgets what is longest unused until all together are within their bound: not the log of `topic`, which is not
    /// past it alone.
    fn make_room(&mut self, topic: &Destination, bytes_max: usize, output: &mut impl Output<M>) {
        while self.bytes > bytes_max
            && let Some((_, longest_unused)) = self.used.first_key_value()
            && longest_unused != topic
        {
            self.forget(&longest_unused.clone(), output);
        }
    }

    fn set_timer(&mut self, topic: &Destination) {
        if let Some(log) = self.logs.get_mut(topic)
            && log.timer.is_none()
            && let Some(deadline) = log.too_old_at()
        {
            log.timer = Some(deadline);
            self.aging.insert((deadline, topic.clone()));
        }
    }
}

impl<M> Entry<M> {
    pub(crate) fn is_retained(&self) -> bool {
        self.properties.retain == Retain::Keep
    }

    pub(crate) fn offset(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.offset)
    }
}
