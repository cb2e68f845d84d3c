//! What a command to the broker is called with, and what it leaves to be done.

use gumboot_broker_core::Timestamp;
use gumboot_store::Level;

use super::{recorder::Outcome, ticket::Ticket};
use crate::mailbox::Wakeups;

/// What one client's commands are called with.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Those whom the commands gave something to.
    pub(crate) wakeups: Wakeups,
    /// When the first of the commands came, of those whose receivers have not been woken: they are one batch.
    now: Option<Timestamp>,
    /// What the effects of a command are to reach; as a store does it anyway, where nobody asks for more.
    pub(crate) level: Level,
    /// What has been stored of the commands since they were last asked for.
    outcome: Outcome,
    /// The last ticket that there was.
    last: Option<Ticket>,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            wakeups: Wakeups::default(),
            now: None,
            level: Level::Received,
            outcome: Outcome::default(),
            last: None,
        }
    }
}

impl Turn {
    /// Begins anew, for one who wants a level.
    pub(crate) fn begin(&mut self, level: Level) {
        self.level = level;
        self.outcome = Outcome::default();
    }

    /// Wakes whom the commands gave something to.
    pub(crate) fn wake(&mut self) {
        self.now = None;
        self.wakeups.wake();
    }

    /// The present moment, which is the same for all commands of a batch: to look at the clocks costs as much as a command.
    pub(crate) fn now(&mut self, look: impl FnOnce() -> Timestamp) -> Timestamp {
        *self.now.get_or_insert_with(look)
    }

    /// What a command left.
    pub(crate) fn note(&mut self, outcome: Outcome) {
        self.outcome.opened |= outcome.opened;
        if let Some(ticket) = outcome.ticket {
            // Rounds end in their order, so the last stands for all.
            self.last = Some(ticket.clone());
            self.outcome.ticket = Some(ticket);
        }
    }

    /// What the commands wait for since the beginning; none if they left nothing to store.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.outcome.ticket.clone()
    }

    /// The same, if they made a queue.
    pub(crate) fn ticket_of_queue(&self) -> Option<Ticket> {
        self.ticket().filter(|_| self.outcome.opened)
    }

    /// The level that all has reached that the commands left to store, if that is known.
    pub(crate) fn reached(&self) -> Option<Level> {
        match &self.last {
            None => Some(Level::Received),
            Some(last) => last.confirmed()?.ok(),
        }
    }

    /// Whether the commands left anything to store.
    pub(crate) fn has_stored(&self) -> bool {
        self.last.is_some()
    }
}
