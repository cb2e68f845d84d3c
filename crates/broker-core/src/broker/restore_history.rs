//! Histories that a store has kept, put back before the first command.

use super::Broker;
use crate::{
    destination::Destination,
    history::Entry,
    message::{Payload, Properties},
    time::Timestamp,
};

impl<M: Payload> Broker<M> {
    /// Puts back what [`Output::logged`](crate::Output::logged) told and
    /// [`Output::trimmed`](crate::Output::trimmed) did not: for each topic in the order of the offsets. Whether it is
    /// kept: not if the topic has no history any more.
    ///
    /// What went before the first is taken to be gone. The retained value of the topic is put back on its own. As with
    /// [`Broker::restore_queue`], no bound refuses anything; what is past one goes with the next message.
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

    /// Begins new offsets behind all of them, once all histories are back: `reserved` is what
    /// [`Output::offsets_reserved`](crate::Output::offsets_reserved) told last.
    ///
    /// Offsets leap by more than can have been given and not been stored, so that none is given again. Who has seen one
    /// of these is told that it has not recovered.
    ///
    /// # Panics
    /// If there is a session.
    pub fn restore_offsets(&mut self, reserved: u64) {
        self.assert_no_sessions();
        self.histories.restore_offsets(reserved);
    }
}
