//! The temporary queues of a session: how many there may be, and which are forgotten before the session ends.
//!
//! One that is empty is forgotten with its last subscription. Others are made for answers that nobody subscribes to, or
//! not yet; of these the oldest that is empty makes room for a new one at the bound.

use super::Broker;
use crate::{
    destination::{Destination, Kind},
    error::Refusal,
    message::Payload,
    queue::QueueKey,
    session::{Session, SessionId},
};

/// What a command does to the temporary queues of its session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Temporaries {
    /// So many are made.
    pub(super) new: usize,
    /// So many that are idle now are sent to.
    pub(super) idle_wanted: usize,
}

impl<M: Payload> Broker<M> {
    /// How many idle ones make room for new ones.
    ///
    /// # Errors
    /// [`Refusal::TemporariesFull`]: these are not enough.
    pub(super) fn check_temporaries(
        &self,
        session: &Session<M>,
        temporaries: Temporaries,
    ) -> Result<usize, Refusal> {
        let max = self.settings.limits.temporaries_per_session_max;
        let excess = (session.temporaries.len() + temporaries.new).saturating_sub(max);
        if temporaries.new == 0 || excess == 0 {
            return Ok(0);
        }
        let idle = session.temporaries.iter();
        let idle = idle
            .filter(|key| self.queues.queue(**key).is_idle())
            .count();
        if excess + temporaries.idle_wanted > idle {
            return Err(Refusal::TemporariesFull);
        }
        Ok(excess)
    }

    /// Makes a temporary queue, which is not there, of a session that was asked whether it may have another.
    pub(super) fn open_temporary(
        &mut self,
        session: SessionId,
        destination: &Destination,
    ) -> QueueKey {
        let max = self.settings.limits.temporaries_per_session_max;
        if let Some(session) = self.sessions.get_mut(&session) {
            while session.temporaries.len() >= max
                && let Some(idle) = session
                    .temporaries
                    .iter()
                    .position(|key| self.queues.queue(*key).is_idle())
            {
                self.queues.forget_idle(session.temporaries.remove(idle));
            }
        }
        let key = self.queues.make(destination);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.temporaries.push(key);
        }
        key
    }

    /// A subscription of a session to this queue has ended.
    pub(super) fn forget_temporary(&mut self, session: SessionId, key: QueueKey) {
        let queue = self.queues.queue(key);
        let is_temporary =
            !queue.is_for_topic() && queue.name.destination().kind() == Kind::TempQueue;
        if is_temporary
            && queue.is_idle()
            && let Some(session) = self.sessions.get_mut(&session)
        {
            session.temporaries.retain(|other| *other != key);
            self.queues.forget_idle(key);
        }
    }
}
