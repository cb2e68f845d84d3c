//! The history of one topic: the latest of what was sent to it, by offset.

use std::{collections::VecDeque, sync::Arc};

use super::HistoryPolicy;
use crate::{message::Properties, time::Timestamp};

/// A message that is kept.
#[derive(Debug)]
pub(crate) struct Entry<M> {
    pub(crate) offset: u64,
    /// When it was sent.
    pub(crate) at: Timestamp,
    pub(crate) message: M,
    pub(crate) properties: Properties,
    /// The session that sent it, by its serial number.
    pub(crate) producer: Option<u64>,
}

/// What a topic keeps.
#[derive(Debug)]
pub(crate) struct Log<M> {
    policy: Arc<HistoryPolicy>,
    /// By their offsets, which are dense but where the broker was built again.
    entries: VecDeque<Entry<M>>,
    bytes: usize,
    /// The offset of the next message.
    pub(crate) next: u64,
    /// What was sent up to here may be gone; all behind it is there.
    pub(crate) gone: u64,
    /// The last message that became the retained value.
    pub(crate) retained: Option<u64>,
    /// When it was used last, among all logs.
    pub(crate) used: u64,
    /// What the timer for the age of its messages is set to.
    pub(crate) timer: Option<Timestamp>,
}

impl<M> Log<M> {
    pub(crate) fn new(policy: Arc<HistoryPolicy>, next: u64, gone: u64) -> Self {
        Self {
            policy,
            entries: VecDeque::new(),
            bytes: 0,
            next,
            gone,
            retained: None,
            used: 0,
            timer: None,
        }
    }

    pub(crate) fn push(&mut self, entry: Entry<M>) {
        if entry.is_retained() {
            self.retained = Some(entry.offset);
        }
        self.bytes += entry.properties.bytes;
        self.next = entry.offset + 1;
        self.entries.push_back(entry);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The offset of the first message that is kept.
    pub(crate) fn first(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.offset)
    }

    /// The offset of the last message that is kept.
    pub(crate) fn last(&self) -> Option<u64> {
        self.entries.back().map(|entry| entry.offset)
    }

    /// The messages from this offset on.
    pub(crate) fn from(&self, offset: u64) -> impl Iterator<Item = &Entry<M>> {
        self.entries.range(self.index(offset)..)
    }

    /// How many messages there are from this offset on.
    pub(crate) fn len_from(&self, offset: u64) -> usize {
        self.entries.len() - self.index(offset)
    }

    /// The offset of the first message of this moment or a later one.
    pub(crate) fn since(&self, moment: Timestamp) -> Option<u64> {
        let index = self.entries.partition_point(|entry| entry.at < moment);
        self.entries.get(index).map(|entry| entry.offset)
    }

    /// Whether all behind this offset is there, and nothing was given that offset which is not. Below `restored`, the
    /// log has leaps, in which there may have been what was never stored.
    pub(crate) fn is_complete_behind(&self, offset: u64, restored: u64) -> bool {
        if offset < self.gone || offset >= self.next {
            return false;
        }
        let behind = self.index(offset + 1);
        let at = behind.checked_sub(1).and_then(|at| self.entries.get(at));
        let next = self.entries.get(behind).map_or(self.next, |e| e.offset);
        offset >= restored
            || offset == self.gone
            || offset + 1 == next
            || at.is_some_and(|entry| entry.offset == offset)
    }

    /// Lets go what is past its bounds, and so many bytes; gives the offset of the last that it has let go.
    pub(crate) fn trim(
        &mut self,
        now: Timestamp,
        bytes_max: usize,
        work: &mut usize,
    ) -> Option<u64> {
        let bytes_max = bytes_max.min(self.policy.bytes_max);
        let mut last = None;
        while let Some(first) = self.entries.front()
            && *work > 0
            && (self.entries.len() > self.policy.messages_max
                || self.bytes > bytes_max
                || self.is_too_old(now, first))
        {
            *work -= 1;
            self.bytes -= first.properties.bytes;
            self.gone = first.offset;
            last = Some(first.offset);
            self.entries.pop_front();
        }
        if self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
        last
    }

    /// When its first message is too old.
    pub(crate) fn too_old_at(&self) -> Option<Timestamp> {
        let first = self.entries.front()?;
        Some(first.at.after(self.policy.age_ms_max))
    }

    fn is_too_old(&self, now: Timestamp, entry: &Entry<M>) -> bool {
        entry.at.after(self.policy.age_ms_max) <= now
    }

    fn index(&self, offset: u64) -> usize {
        self.entries.partition_point(|entry| entry.offset < offset)
    }
}
