//! Histories that a store has kept, put back before the first command.

use super::Broker;
use crate::{
    destination::Destination,
    history::{Entry, HistoriesEnd, LogEnd},
    message::{Payload, Properties},
    time::Timestamp,
};

impl<M: Payload> Broker<M> {
    /// Puts back what [`Output::logged`](crate::Output::logged) told and
    /// [`Output::trimmed`](crate::Output::trimmed) did not: for each topic in the order of the offsets. Whether it is
    /// kept: not if the topic has no history any more.
    ///
    /// What went before the first is taken to be gone, unless [`Broker::restore_log`] has told. The retained value of the
    /// topic is put back on its own. What is past the bounds of the topic goes at once: [`Broker::history_gone`] says up
    /// to where. What is past those of all together goes with the next message.
    ///
    /// # Panics
    /// If there is a session.
    pub fn restore_history(
        &mut self,
        topic: &Destination,
        offset: u64,
        message: &M,
        properties: &Properties,
        logged: Timestamp,
    ) -> bool {
        self.assert_no_sessions();
        let entry = Entry {
            offset,
            at: logged,
            message: message.clone(),
            properties: properties.clone(),
            producer: None,
        };
        self.histories.restore(topic, entry, &self.settings)
    }

    /// A broker that ended in order has told this of a topic, whose messages come next. Not to be called without
    /// [`Broker::continue_offsets`].
    ///
    /// # Panics
    /// If there is a session.
    pub fn restore_log(&mut self, end: &LogEnd) {
        self.assert_no_sessions();
        self.histories.restore_log(end, &self.settings);
    }

    /// What was sent to a topic up to this offset may be gone.
    #[must_use]
    pub fn history_gone(&self, topic: &Destination) -> u64 {
        self.histories.gone(topic)
    }

    /// Begins the offsets of an epoch of which none was ever given. What it gives is reserved, as with
    /// [`Output::offsets_reserved`](crate::Output::offsets_reserved): it is to be stored before the first command.
    ///
    /// # Panics
    /// If there is a session.
    pub fn begin_offsets(&mut self) -> u64 {
        self.assert_no_sessions();
        self.histories.begin()
    }

    /// Begins new offsets behind all of them, once all histories are back, after an end that was none in order:
    /// `reserved` is what [`Output::offsets_reserved`](crate::Output::offsets_reserved) told last, or what a call like this
    /// one gave since. Gives what is reserved now: it is to be stored before the first command, or offsets that nobody
    /// stored could be given again after the next such end.
    ///
    /// Offsets leap by more than can have been given and not been stored, so that none is given again. Who has seen one
    /// of these is told that it has not recovered.
    ///
    /// # Panics
    /// If there is a session.
    pub fn restore_offsets(&mut self, reserved: u64) -> u64 {
        self.assert_no_sessions();
        self.histories.leap(reserved)
    }

    /// Goes on with the offsets where a broker with histories of the same topics has ended in order: with what
    /// [`Broker::end_histories`] gave, when all that it told before is back. `reserved` is as with
    /// [`Broker::restore_offsets`].
    ///
    /// # Panics
    /// If there is a session.
    pub fn continue_offsets(&mut self, end: &HistoriesEnd, reserved: u64) {
        self.assert_no_sessions();
        self.histories.go_on(end, reserved);
    }

    /// The server ends: from now on no message is given an offset, and nothing is let go, so that what this gives stays
    /// true.
    pub fn end_histories(&mut self) -> HistoriesEnd {
        self.histories.end_all()
    }
}
