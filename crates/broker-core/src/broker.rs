//! The broker: sessions, their subscriptions, and the topics that connect them.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use crate::{
    destination::Destination,
    error::Refusal,
    limits::Limits,
    output::Output,
    topic::{Subscriber, Topic},
};

/// A session, by a number that whoever drives the broker chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub usize);

/// A subscription, by a number that is unique within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub u32);

/// A topic, and how many subscribe to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCount {
    /// The topic.
    pub destination: Destination,
    /// Its subscriptions.
    pub subscribers: usize,
}

/// Who is connected, who is subscribed to what, and who gets a message.
#[derive(Debug)]
pub struct Broker {
    limits: Limits,
    sessions: HashMap<SessionId, Session>,
    topics: HashMap<Destination, Topic>,
    subscriptions: usize,
}

/// The subscriptions of a session; mostly few, so a list is smaller and faster than a map.
#[derive(Debug, Default)]
struct Session {
    subscriptions: Vec<Subscription>,
}

#[derive(Debug)]
struct Subscription {
    id: SubscriptionId,
    destination: Destination,
    /// Where the topic keeps it.
    position: usize,
}

impl Session {
    fn find(&self, id: SubscriptionId) -> Option<usize> {
        self.subscriptions
            .iter()
            .position(|subscription| subscription.id == id)
    }
}

impl Broker {
    /// A broker without sessions.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sessions: HashMap::new(),
            topics: HashMap::new(),
            subscriptions: 0,
        }
    }

    /// A client has logged in.
    ///
    /// # Errors
    /// [`Refusal::SessionsFull`]
    ///
    /// # Panics
    /// If the session is connected already: the number was given twice.
    pub fn handle_connect(&mut self, session: SessionId) -> Result<(), Refusal> {
        if self.sessions.len() >= self.limits.sessions_max {
            return Err(Refusal::SessionsFull);
        }
        let before = self.sessions.insert(session, Session::default());
        assert!(before.is_none(), "session {session:?} is connected already");
        Ok(())
    }

    /// A client is gone, in order or not: its subscriptions end. Unknown sessions are let be.
    pub fn handle_disconnect(&mut self, session: SessionId) {
        let Some(ended) = self.sessions.remove(&session) else {
            return;
        };
        self.subscriptions -= ended.subscriptions.len();
        let mut remaining = ended.subscriptions;
        while let Some(subscription) = remaining.pop() {
            if let Some(moved) = self.leave(&subscription) {
                self.on_moved(moved, subscription.position, &mut remaining, session);
            }
        }
    }

    /// A session subscribes to a destination.
    ///
    /// # Errors
    /// [`Refusal::SubscriptionExists`], [`Refusal::SubscriptionsFull`], [`Refusal::TopicsFull`]; and
    /// [`Refusal::SubscriptionUnknown`] for a session that is not connected.
    pub fn handle_subscribe(
        &mut self,
        session: SessionId,
        id: SubscriptionId,
        destination: &Destination,
    ) -> Result<(), Refusal> {
        let subscriber = Subscriber {
            session,
            subscription: id,
        };
        let session = self
            .sessions
            .get_mut(&session)
            .ok_or(Refusal::SubscriptionUnknown)?;
        if session.find(id).is_some() {
            return Err(Refusal::SubscriptionExists);
        }
        if session.subscriptions.len() >= self.limits.subscriptions_per_session_max {
            return Err(Refusal::SubscriptionsFull);
        }
        let topics_full = self.topics.len() >= self.limits.topics_max;
        if topics_full && !self.topics.contains_key(destination) {
            return Err(Refusal::TopicsFull);
        }
        let position = self
            .topics
            .entry(destination.clone())
            .or_default()
            .insert(subscriber);
        let destination = destination.clone();
        session.subscriptions.push(Subscription {
            id,
            destination,
            position,
        });
        self.subscriptions += 1;
        Ok(())
    }

    /// A session ends a subscription: nothing is delivered to it from now on.
    ///
    /// # Errors
    /// [`Refusal::SubscriptionUnknown`]
    pub fn handle_unsubscribe(
        &mut self,
        session_id: SessionId,
        id: SubscriptionId,
    ) -> Result<(), Refusal> {
        let session = self
            .sessions
            .get_mut(&session_id)
            .ok_or(Refusal::SubscriptionUnknown)?;
        let index = session.find(id).ok_or(Refusal::SubscriptionUnknown)?;
        let subscription = session.subscriptions.swap_remove(index);
        self.subscriptions -= 1;
        if let Some(moved) = self.leave(&subscription) {
            self.on_moved(moved, subscription.position, &mut [], session_id);
        }
        Ok(())
    }

    /// A client sends a message: every subscriber gets it.
    ///
    /// # Errors
    /// [`Refusal::Reserved`] for a destination of the server's own.
    pub fn handle_send<M>(
        &self,
        destination: &Destination,
        message: &M,
        output: &mut impl Output<M>,
    ) -> Result<usize, Refusal> {
        if destination.is_reserved() {
            return Err(Refusal::Reserved);
        }
        Ok(self.publish(destination, message, output))
    }

    /// The server itself sends a message; gives how many get it.
    pub fn publish<M>(
        &self,
        destination: &Destination,
        message: &M,
        output: &mut impl Output<M>,
    ) -> usize {
        let Some(topic) = self.topics.get(destination) else {
            return 0;
        };
        for subscriber in topic.iter() {
            output.deliver(subscriber.session, subscriber.subscription, message);
        }
        topic.len()
    }

    /// The sessions at this moment.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// The subscriptions at this moment, of all sessions.
    #[must_use]
    pub fn subscription_count(&self) -> usize {
        self.subscriptions
    }

    /// The subscriptions of a destination at this moment.
    #[must_use]
    pub fn subscriber_count(&self, destination: &Destination) -> usize {
        self.topics.get(destination).map_or(0, Topic::len)
    }

    /// How many topics have subscribers.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// The topics with the most subscribers, those first, `count` of them at most; among equals, by name.
    #[must_use]
    pub fn most_subscribed(&self, count: usize) -> Vec<TopicCount> {
        let mut most = BinaryHeap::with_capacity(count + 1);
        for (destination, topic) in &self.topics {
            // The heap gives what is last by this order first.
            most.push((Reverse(topic.len()), destination));
            if most.len() > count {
                most.pop();
            }
        }
        let counts = most.into_sorted_vec().into_iter();
        counts
            .map(|(Reverse(subscribers), destination)| TopicCount {
                destination: destination.clone(),
                subscribers,
            })
            .collect()
    }

    /// Takes a subscription out of its topic, and the topic away if it was the last; gives the subscriber that has
    /// moved to its position.
    fn leave(&mut self, subscription: &Subscription) -> Option<Subscriber> {
        let topic = self.topics.get_mut(&subscription.destination)?;
        let moved = topic.remove(subscription.position);
        if topic.is_empty() {
            self.topics.remove(&subscription.destination);
        }
        moved
    }

    /// Notes the new position of a subscriber; `remaining` are the subscriptions of `leaving`, which is no longer among
    /// the sessions.
    fn on_moved(
        &mut self,
        moved: Subscriber,
        position: usize,
        remaining: &mut [Subscription],
        leaving: SessionId,
    ) {
        let subscriptions = match self.sessions.get_mut(&moved.session) {
            Some(session) => &mut session.subscriptions[..],
            None => {
                debug_assert_eq!(moved.session, leaving);
                remaining
            }
        };
        let mut found = subscriptions.iter_mut();
        if let Some(subscription) = found.find(|s| s.id == moved.subscription) {
            subscription.position = position;
        }
    }
}

#[cfg(test)]
mod tests;
