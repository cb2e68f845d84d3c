//! The room that SENDs need, counted before anything is done: those of a transaction all together.

use std::{collections::HashMap, iter};

use super::{is_own, is_queue};
use crate::{
    broker::{Broker, temporaries::Temporaries},
    destination::{Destination, Kind},
    error::Refusal,
    message::{Payload, Properties, Retain},
    queue::{Amount, QueueKey},
    session::Session,
};

/// The room that some messages need, all together.
#[derive(Debug, Default)]
pub(in crate::broker) struct Demand {
    queues: HashMap<Destination, Share>,
    retained: Amount,
    scheduled: Amount,
}

/// What of it goes to one queue.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    all: Amount,
    bytes_longest: usize,
}

impl Share {
    fn add(&mut self, one: Amount) {
        self.all.add(one);
        self.bytes_longest = self.bytes_longest.max(one.bytes);
    }
}

impl<M: Payload> Broker<M> {
    /// Counts what a message needs.
    pub(in crate::broker) fn add_demand(
        &self,
        demand: &mut Demand,
        destination: &Destination,
        properties: &Properties,
    ) {
        let one = Amount {
            messages: 1,
            bytes: properties.bytes,
        };
        if is_queue(destination) {
            if !demand.queues.contains_key(destination) {
                demand.queues.insert(destination.clone(), Share::default());
            }
            if let Some(share) = demand.queues.get_mut(destination) {
                share.add(one);
            }
            return;
        }
        if properties.delay_ms > 0 {
            demand.scheduled.add(one);
        } else if properties.retain == Retain::Keep && destination.kind() == Kind::Topic {
            let is_new = !self.retained.contains(destination);
            demand.retained.add(Amount {
                messages: usize::from(is_new),
                ..one
            });
        }
    }

    /// Whether there is room for one message; gives the queue that it goes to, if that is there already.
    pub(in crate::broker) fn check_one(
        &self,
        session: &Session<M>,
        destination: &Destination,
        properties: &Properties,
    ) -> Result<Option<QueueKey>, Refusal> {
        if is_queue(destination) {
            let mut share = Share::default();
            share.add(Amount {
                messages: 1,
                bytes: properties.bytes,
            });
            let key = self.queues.named(destination);
            self.check_shares(session, iter::once((destination, key, share)))?;
            return Ok(key);
        }
        let mut demand = Demand::default();
        self.add_demand(&mut demand, destination, properties);
        self.check_demand(session, &demand)?;
        Ok(None)
    }

    /// Whether there is room for all.
    pub(in crate::broker) fn check_demand(
        &self,
        session: &Session<M>,
        demand: &Demand,
    ) -> Result<(), Refusal> {
        let limits = &self.settings.limits;
        let shares = demand.queues.iter();
        let shares = shares.map(|(to, share)| (to, self.queues.named(to), *share));
        self.check_shares(session, shares)?;
        if demand.retained != Amount::default() {
            self.retained.admit(demand.retained, limits)?;
        }
        if demand.scheduled != Amount::default() {
            self.scheduled.admit(demand.scheduled, limits)?;
        }
        Ok(())
    }

    /// Whether queues, each named once, have room for their shares.
    fn check_shares<'a>(
        &self,
        session: &Session<M>,
        shares: impl Iterator<Item = (&'a Destination, Option<QueueKey>, Share)>,
    ) -> Result<(), Refusal> {
        let mut all = Amount::default();
        let mut queues_new = 0;
        let mut temporaries = Temporaries::default();
        for (destination, key, share) in shares {
            if key.is_none() && destination.kind() == Kind::TempQueue {
                if !is_own(session, destination) {
                    continue;
                }
                temporaries.new += 1;
            }
            if let Some(key) = key
                && self.queues.queue(key).is_idle()
                && is_own(session, destination)
            {
                temporaries.idle_wanted += 1;
            }
            queues_new += usize::from(key.is_none());
            let policy = match key {
                Some(key) => &self.queues.queue(key).policy,
                None => &self.settings.policy(destination),
            };
            all.add(share.all);
            self.queues
                .admit(key, policy, share.all, share.bytes_longest)?;
        }
        let evicted = self.check_temporaries(session, temporaries)?;
        if queues_new > evicted {
            self.queues.check_room(queues_new - evicted)?;
        }
        self.queues.check_bytes(all.bytes)
    }
}
