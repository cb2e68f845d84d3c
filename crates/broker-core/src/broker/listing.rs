//! The queues that last, one after the other, for whoever wants to see what there is.

use std::sync::Arc;

use super::{Broker, usage::QueueUsage};
use crate::{
    access::Action,
    destination::{Destination, Kind},
    message::{Payload, QueueName},
    queue::Queue,
    selector::Selector,
    session::SessionId,
    settings::QueuePolicy,
};

/// A queue, as it is seen from outside.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueReport {
    /// Its name, or that of a durable subscription.
    pub name: QueueName,
    /// What is in it.
    pub usage: QueueUsage,
    /// What holds for it.
    pub policy: Arc<QueuePolicy>,
    /// Of a durable subscription, which messages it wants; none for all.
    pub selector: Option<Selector>,
    /// Whether a durable subscription does not want what its own session sends.
    pub no_local: bool,
}

/// Which durable subscriptions are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durables {
    /// Those of every client.
    All,
    /// Those of the session's own client.
    Own,
}

/// Where in the table of queues a list goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueuePlace(usize);

impl<M: Payload> Broker<M> {
    /// The queues from `place` on, in no particular order, each with the place behind it. None stands for one that the session
    /// is not shown: it sees those with a name that it may subscribe to, and durable subscriptions whose topic it may read.
    /// Nobody is shown temporary ones: who knows their names may send to them. Queues may come and go between two calls; one
    /// that stays is listed once.
    pub fn list_queues(
        &self,
        session: SessionId,
        place: QueuePlace,
        durables: Durables,
    ) -> impl Iterator<Item = (QueuePlace, Option<QueueReport>)> {
        let login = self.sessions.get(&session).map(|session| &session.login);
        let is_shown = move |queue: &Queue<M>| {
            let Some(login) = login else {
                return false;
            };
            let is_of_it = match &queue.name {
                QueueName::Named(name) => name.kind() == Kind::Queue,
                QueueName::Durable { client, .. } => {
                    durables == Durables::All || login.client.as_ref() == Some(client)
                }
                QueueName::Private { .. } => false,
            };
            let name = queue.name.destination();
            is_of_it && !queue.is_closed && login.access.allows(Action::Read, name)
        };
        self.queues.table_from(place.0).map(move |(place, queue)| {
            let shown = is_shown(queue).then(|| report(queue));
            (QueuePlace(place + 1), shown)
        })
    }

    /// Whether a session may subscribe to a destination.
    #[must_use]
    pub fn may_read(&self, session: SessionId, destination: &Destination) -> bool {
        let session = self.sessions.get(&session);
        session.is_some_and(|session| session.login.access.allows(Action::Read, destination))
    }
}

fn report<M>(queue: &Queue<M>) -> QueueReport {
    let filter = queue.binding.as_ref().map(|binding| &binding.filter);
    QueueReport {
        name: queue.name.clone(),
        usage: QueueUsage::of(queue),
        policy: Arc::clone(&queue.policy),
        selector: filter.and_then(|filter| filter.selector.clone()),
        no_local: filter.is_some_and(|filter| filter.except.is_some()),
    }
}
