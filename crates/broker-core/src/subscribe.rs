//! What a client asks for with SUBSCRIBE.

use crate::{
    destination::Destination,
    history::{Position, ReplayFrom},
    message::Payload,
    selector::Selector,
};

/// Who says that a message has arrived, and for which messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AckMode {
    /// The driver, with [`Broker::handle_sent`](crate::Broker::handle_sent), as soon as it is sent.
    #[default]
    Auto,
    /// The client, for that message and all before it of the same subscription.
    Client,
    /// The client, for that message alone.
    ClientIndividual,
}

/// How much may be on its way to a consumer, or wait for its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Messages; at least 1 is given.
    pub messages: usize,
    /// Bytes. One message is delivered whatever its size if nothing else is on its way.
    pub bytes: usize,
}

/// What is done when more waits for a subscription to a topic than is kept. Subscriptions that are delivered to at once
/// have no such bound here: their driver has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SlowConsumer {
    /// The subscription ends; a durable one drops what is oldest all the same.
    #[default]
    End,
    /// What is oldest is dropped.
    DropOldest,
}

/// A subscription to be.
#[derive(Debug)]
pub struct Subscribe<'a> {
    /// The destination, or a pattern of topics.
    pub destination: &'a Destination,
    /// Who acknowledges what.
    pub ack: AckMode,
    /// How much is delivered ahead of its acknowledgement; none for the default of
    /// [`Limits`](crate::Limits).
    pub credit: Option<Credit>,
    /// Which messages it wants; none for all.
    pub selector: Option<Selector>,
    /// Whether it does not want what its own session sends.
    pub no_local: bool,
    /// Whether it wants to be the only consumer of its queue. The first one that does is; others wait for it to go.
    pub exclusive: bool,
    /// Whether it only looks at what is in the queue, and takes nothing.
    pub browse: bool,
    /// The name under which a subscription to a topic stays while its client is away.
    pub durable: Option<&'a str>,
    /// What is done when it does not keep up.
    pub slow: SlowConsumer,
    /// Where in the history of its topic it begins; none for what is sent from now on. Only a subscription to one topic
    /// that is not durable can ask for that. One that acknowledges gets all of it into its queue, or is refused; also if
    /// that is too much to look at, by [`Limits::replay_queued_messages_max`](crate::Limits::replay_queued_messages_max).
    pub from: Option<ReplayFrom>,
}

/// What a subscription is told that was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subscribed {
    /// Behind which place its messages come: what to ask for later if none has come until then. None if its topic has no
    /// history, or it is no subscription to one topic, or durable.
    pub position: Option<Position>,
    /// Of one that begins [`ReplayFrom::Behind`] a message, whether nothing was missed. It is true only if every message
    /// that the topic got behind that place, in that epoch, was delivered with this call or will be: but for those that
    /// the subscription does not want by its selector or as `no_local`, those that have expired meanwhile, and those that
    /// it does not keep by [`SlowConsumer::DropOldest`]. A message that a crash took before it was stored was confirmed to
    /// nobody, and counts as not sent, unless the place itself is that of such a message. It may be false although
    /// nothing was missed, if that is not known any more.
    ///
    /// What was promised is kept: if a message is let go before the subscription has read it, the subscription ends as
    /// one that does not keep up.
    pub recovered: Option<bool>,
}

impl<'a> Subscribe<'a> {
    /// A subscription with nothing special.
    #[must_use]
    pub fn new(destination: &'a Destination) -> Self {
        Self {
            destination,
            ack: AckMode::Auto,
            credit: None,
            selector: None,
            no_local: false,
            exclusive: false,
            browse: false,
            durable: None,
            slow: SlowConsumer::End,
            from: None,
        }
    }
}

/// What a subscription does not want.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Filter {
    /// The session whose messages it does not want, by its serial number.
    pub(crate) except: Option<u64>,
    pub(crate) selector: Option<Selector>,
}

impl Filter {
    pub(crate) fn is_empty(&self) -> bool {
        self.except.is_none() && self.selector.is_none()
    }

    pub(crate) fn passes<M: Payload>(&self, message: &M, producer: Option<u64>) -> bool {
        let is_local = self.except.is_some() && self.except == producer;
        !is_local && self.selector.as_ref().is_none_or(|s| s.matches(message))
    }
}
