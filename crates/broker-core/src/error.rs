//! Why a broker refuses a command; the text is for the one who sent it.

use std::{error, fmt};

/// Why a command was refused. Nothing was changed by it, except that a transaction whose COMMIT is refused is aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The session is not permitted to do this: ask who runs the server.
    AccessDenied,
    /// [`Limits::queued_bytes_max`](crate::Limits::queued_bytes_max) is reached: try later.
    BrokerFull,
    /// Only messages of queues can be looked at: subscribe to a queue, and not as a durable subscription.
    BrowseUnsupported,
    /// A durable subscription belongs to a client: name it at log-in.
    ClientUnknown,
    /// [`Limits::consumers_per_queue_max`](crate::Limits::consumers_per_queue_max) is reached: try later.
    ConsumersFull,
    /// The delay is longer than [`Limits::delay_ms_max`](crate::Limits::delay_ms_max).
    DelayTooLong,
    /// The delivery has been acknowledged in a transaction that is open.
    DeliveryHeld,
    /// There is no such delivery, or it has been acknowledged.
    DeliveryUnknown,
    /// A subscription of this session or of another uses the durable subscription: end that one first.
    DurableInUse,
    /// There is no durable subscription of this name.
    DurableUnknown,
    /// Only subscriptions to topics are durable: a queue keeps its messages anyhow, and a temporary topic is gone with its
    /// session.
    DurableUnsupported,
    /// [`Limits::durables_max`](crate::Limits::durables_max) is reached.
    DurablesFull,
    /// A temporary destination can be subscribed to by the session that it belongs to.
    NotOwner,
    /// The destination is a pattern: subscribe to topics with it, but do not send.
    Pattern,
    /// The queue has as many messages or bytes as it takes: try later.
    QueueFull,
    /// [`Limits::queues_max`](crate::Limits::queues_max) is reached: try later.
    QueuesFull,
    /// More is to be replayed than waits for one subscription, or than is looked at for one that acknowledges
    /// ([`Limits::replay_queued_messages_max`](crate::Limits::replay_queued_messages_max)): begin later, or acknowledge
    /// with `ack:auto`.
    ReplayTooLong,
    /// Only a subscription to one topic that is not durable can begin in the history of that.
    ReplayUnsupported,
    /// The destination is the server's own: subscribe to it, but do not send.
    Reserved,
    /// [`Limits::retained_max`](crate::Limits::retained_max) or its bytes are reached.
    RetainedFull,
    /// [`Limits::scheduled_max`](crate::Limits::scheduled_max) or its bytes are reached: try later.
    ScheduledFull,
    /// The session is not connected.
    SessionUnknown,
    /// [`Limits::sessions_max`](crate::Limits::sessions_max) is reached: try later.
    SessionsFull,
    /// The session has a subscription of this id already: end that one first, or take another id.
    SubscriptionExists,
    /// The session has no subscription of this id.
    SubscriptionUnknown,
    /// [`Limits::subscriptions_per_session_max`](crate::Limits::subscriptions_per_session_max) is reached: end one first.
    SubscriptionsFull,
    /// [`Limits::temporaries_per_session_max`](crate::Limits::temporaries_per_session_max) is reached.
    TemporariesFull,
    /// [`Limits::topics_max`](crate::Limits::topics_max) is reached: try later.
    TopicsFull,
    /// [`Limits::transactions_bytes_max`](crate::Limits::transactions_bytes_max) is reached: try later.
    TransactionBytesFull,
    /// The session has an open transaction of this id already.
    TransactionExists,
    /// The transaction has as many operations or bytes as it may have.
    TransactionFull,
    /// The session has no open transaction of this id; it may have been too old.
    TransactionUnknown,
    /// [`Limits::transactions_per_session_max`](crate::Limits::transactions_per_session_max) is reached: end one first.
    TransactionsFull,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessDenied => "this session is not permitted to do this",
            Self::BrokerFull => "the queues of the server have as many bytes as it takes",
            Self::BrowseUnsupported => "only queues can be browsed",
            Self::ClientUnknown => "a durable subscription needs a client-id in CONNECT",
            Self::ConsumersFull => "the queue has as many consumers as it takes",
            Self::DelayTooLong => "the delay is longer than the server keeps a message",
            Self::DeliveryHeld => "the message has been acknowledged in an open transaction",
            Self::DeliveryUnknown => "no message waits for this acknowledgement",
            Self::DurableInUse => "the durable subscription is in use",
            Self::DurableUnknown => "this client has no durable subscription of this name",
            Self::DurableUnsupported => "only subscriptions to topics that last can be durable",
            Self::DurablesFull => "the server has as many durable subscriptions as it takes",
            Self::NotOwner => "the temporary destination belongs to another session",
            Self::Pattern => "a destination with wildcards is for subscriptions to topics only",
            Self::QueueFull => "the queue is full",
            Self::QueuesFull => "the server has as many queues as it takes",
            Self::ReplayTooLong => {
                "more is to be replayed than the server takes for a subscription that acknowledges"
            }
            Self::ReplayUnsupported => {
                "only a subscription to one topic that is not durable can begin in its history"
            }
            Self::Reserved => "destinations below /topic/$SYS are the server's own",
            Self::RetainedFull => "the server retains as many messages as it takes",
            Self::ScheduledFull => "the server has as many delayed messages as it takes",
            Self::SessionUnknown => "this session is not connected",
            Self::SessionsFull => "the server has as many sessions as it takes",
            Self::SubscriptionExists => "this session has a subscription with this id already",
            Self::SubscriptionUnknown => "this session has no subscription with this id",
            Self::SubscriptionsFull => "this session has as many subscriptions as it may have",
            Self::TemporariesFull => "this session has as many temporary queues as it may have",
            Self::TopicsFull => "the server has as many topics as it takes",
            Self::TransactionBytesFull => {
                "the open transactions of the server have as many bytes as it takes"
            }
            Self::TransactionExists => "this session has a transaction with this id already",
            Self::TransactionFull => {
                "the transaction has as many operations or bytes as it may have"
            }
            Self::TransactionUnknown => "this session has no open transaction with this id",
            Self::TransactionsFull => "this session has as many transactions as it may have",
        })
    }
}

impl error::Error for Refusal {}
