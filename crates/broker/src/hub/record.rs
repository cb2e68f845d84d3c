//! The hub's side of the journal: what is recorded inside its lock.

use gumboot_broker_core::HistoriesEnd;
use gumboot_store::Level;

use super::Hub;
use crate::journal::{Operation, Recorded, Recorder, Ticket, Turn};

impl Hub {
    /// A command is done; whether the writer has something to do because of that.
    pub(super) fn end_of_command(&self, recorder: Option<&mut Recorder>, turn: &mut Turn) -> bool {
        let (Some(recorder), Some(journal)) = (recorder, &self.journal) else {
            return false;
        };
        let outcome = recorder.end(turn.level);
        let is_filled = outcome.ticket.is_some();
        if is_filled {
            journal.room.set(recorder.waiting());
        }
        turn.note(outcome);
        is_filled
    }

    /// What to wait for until all that was recorded up to now has reached this level; none without a store.
    pub(crate) fn await_all(&self, level: Level) -> Option<Ticket> {
        let journal = self.journal.as_ref()?;
        let ticket = self.lock().recorder.as_mut()?.await_all(level);
        journal.wake_writer();
        Some(ticket)
    }

    /// What was recorded, for the writer.
    pub(crate) fn take_recorded(&self, spare: &mut Vec<Operation>) -> Option<Recorded> {
        self.lock().recorder.as_mut()?.take(spare)
    }

    /// From now on no message is given an offset; how those stand that were given.
    pub(crate) fn end_histories(&self) -> HistoriesEnd {
        self.lock().broker.end_histories()
    }

    /// From now on nothing is stored.
    pub(crate) fn fail_recorder(&self) {
        if let Some(recorder) = &mut self.lock().recorder {
            recorder.fail();
        }
    }
}
