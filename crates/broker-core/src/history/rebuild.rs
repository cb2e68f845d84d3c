//! Histories when the server ends and when it starts: what is told of them, so that the next broker goes on, and what is
//! put back.

use super::{Entry, Histories, Log, OFFSETS_RESERVED};
use crate::{
    destination::Destination, message::Payload, output::Output, settings::Settings, time::Timestamp,
};

/// How the offsets of histories stand when a broker has ended in order. With what is kept of the messages, a broker goes
/// on from it as if nothing had been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoriesEnd {
    /// No history ever had an offset above it.
    pub top: u64,
    /// What `top` was when a history was forgotten last.
    pub forgotten: u64,
    /// What `top` was when offsets leapt last.
    pub leapt: u64,
    /// Of which topics the messages do not tell all.
    pub logs: Vec<LogEnd>,
}

/// How the offsets of one topic stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// The topic.
    pub topic: Destination,
    /// What was sent up to here may be gone; all behind it is there.
    pub gone: u64,
    /// The offset of its next message.
    pub next: u64,
}

impl<M> Log<M> {
    /// How it stands, unless its messages tell that.
    fn end(&self, topic: &Destination) -> Option<LogEnd> {
        let ends = self.first().zip(self.last());
        let is_told = ends == Some((self.gone + 1, self.next - 1));
        (!is_told).then(|| LogEnd {
            topic: topic.clone(),
            gone: self.gone,
            next: self.next,
        })
    }
}

impl<M: Payload> Histories<M> {
    /// From now on nothing is kept, given an offset or let go. Gives how all stands.
    pub(crate) fn end_all(&mut self) -> HistoriesEnd {
        self.is_ended = true;
        let logs = self.logs.iter();
        HistoriesEnd {
            top: self.top,
            forgotten: self.forgotten,
            leapt: self.restored,
            logs: logs.filter_map(|(topic, log)| log.end(topic)).collect(),
        }
    }

    /// A topic had a history, which stood so; its messages come next.
    pub(crate) fn restore_log(&mut self, end: &LogEnd, settings: &Settings) {
        if let Some(policy) = settings.history(&end.topic) {
            self.insert(&end.topic, Log::new(policy, end.next, end.gone));
            self.touch(&end.topic);
        }
    }

    /// Puts a message back that was there before the broker was built again; whether the topic still has a history.
    pub(crate) fn restore(
        &mut self,
        topic: &Destination,
        entry: Entry<M>,
        settings: &Settings,
    ) -> bool {
        if !self.logs.contains_key(topic) {
            let Some(policy) = settings.history(topic) else {
                return false;
            };
            self.insert(
                topic,
                Log::new(policy, entry.offset, entry.offset.saturating_sub(1)),
            );
        }
        let Some(log) = self.logs.get_mut(topic) else {
            return false;
        };
        self.messages += 1;
        self.bytes += entry.properties.bytes;
        self.top = self.top.max(entry.offset);
        let next = log.next;
        log.push(entry);
        log.next = log.next.max(next);
        self.touch(topic);
        let mut work = usize::MAX;
        let bytes_max = settings.limits.history_bytes_max;
        // What is too old goes when there is a clock.
        let (then, untold) = (Timestamp::default(), &mut Untold);
        self.trim(then, topic, bytes_max, &mut work, untold);
        self.set_timer(topic);
        true
    }

    /// No offset below is given again, nor any that may have been given and not been stored.
    pub(crate) fn leap(&mut self, reserved: u64) -> u64 {
        self.top = self.top.max(reserved) + OFFSETS_RESERVED;
        self.forgotten = self.top;
        self.restored = self.top;
        for log in self.logs.values_mut() {
            log.next = self.top + 1;
        }
        self.begin()
    }

    /// Reserves the first offsets.
    pub(crate) fn begin(&mut self) -> u64 {
        self.reserved = self.top + OFFSETS_RESERVED;
        self.reserved
    }

    /// Offsets go on from here.
    pub(crate) fn go_on(&mut self, end: &HistoriesEnd, reserved: u64) {
        self.top = self.top.max(end.top);
        self.forgotten = end.forgotten;
        self.restored = end.leapt;
        self.reserved = reserved;
    }
}

/// Whoever puts messages back asks what is gone.
struct Untold;

impl<M> Output<M> for Untold {
    fn deliver(&mut self, _: crate::SessionId, _: crate::Delivery<'_, M>) {}
}
