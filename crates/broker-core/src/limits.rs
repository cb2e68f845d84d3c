//! The bounds of a broker, each with a name and a default.

/// How much a broker takes on. Bounds of single queues are in [`QueuePolicy`](crate::QueuePolicy).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time. Default 1,000,000.
    pub sessions_max: usize,
    /// Subscriptions of one session at a time, with those that have ended and wait for acknowledgements. Default 1,000.
    pub subscriptions_per_session_max: usize,
    /// Topics and patterns that have a subscriber, at a time. Default 1,000,000.
    pub topics_max: usize,
    /// Queues at a time: named, temporary, durable, and those of subscriptions to topics. Queues for dead letters do not
    /// count. Default 100,000.
    pub queues_max: usize,
    /// Temporary queues of one session at a time. Default 100.
    pub temporaries_per_session_max: usize,
    /// Durable subscriptions at a time, used or not. Default 10,000.
    pub durables_max: usize,
    /// Consumers of one queue at a time. Default 10,000.
    pub consumers_per_queue_max: usize,
    /// Message groups that a queue remembers; those with messages in it are never forgotten. Default 10,000.
    pub groups_per_queue_max: usize,
    /// Bytes in all queues together. Default 1 GiB.
    pub queued_bytes_max: usize,
    /// Of these, bytes in the queues of subscriptions to topics, which are durable or acknowledge. What is left is for other
    /// queues, so it should be well below the former. Default 512 MiB.
    pub durable_bytes_max: usize,
    /// Messages on their way to a consumer that names no credit. Default 1,000.
    pub credit_messages_default: usize,
    /// Bytes on their way to a consumer that names no credit. Default 16 MiB.
    pub credit_bytes_default: usize,
    /// Messages on their way to a consumer at most; who asks for more gets this. Default 100,000.
    pub credit_messages_max: usize,
    /// Bytes on their way to a consumer at most; who asks for more gets this. Default 256 MiB.
    pub credit_bytes_max: usize,
    /// Topics with a retained message. Default 100,000.
    pub retained_max: usize,
    /// Bytes of all retained messages. Default 256 MiB.
    pub retained_bytes_max: usize,
    /// Topics with a history; with 0, none has one. Default 10,000.
    pub histories_max: usize,
    /// Bytes of all histories. Default 256 MiB.
    pub history_bytes_max: usize,
    /// Messages of histories that a session is delivered, or that are looked at for it, in one go. Default 1,000.
    pub replay_messages_max: usize,
    /// Bytes of these; one is delivered whatever its size. Default 1 MiB.
    pub replay_bytes_max: usize,
    /// Messages of a history that are looked at for a subscription that acknowledges, which is all in one go, whether it
    /// wants them or not; who asks for more is refused. Default 10,000.
    pub replay_queued_messages_max: usize,
    /// Delayed messages to topics that are not due. Default 100,000.
    pub scheduled_max: usize,
    /// Bytes of delayed messages to topics that are not due. Default 256 MiB.
    pub scheduled_bytes_max: usize,
    /// How long a message may be delayed, in milliseconds. Default 30 days.
    pub delay_ms_max: u64,
    /// Transactions of a session at a time. Default 100.
    pub transactions_per_session_max: usize,
    /// SENDs, ACKs and NACKs in a transaction. Default 10,000.
    pub transaction_operations_max: usize,
    /// Bytes of the messages in a transaction. Default 64 MiB.
    pub transaction_bytes_max: usize,
    /// Bytes of the messages in all open transactions together. Default 256 MiB.
    pub transactions_bytes_max: usize,
    /// From BEGIN to COMMIT, in milliseconds; then it is aborted. Default 5 minutes.
    pub transaction_age_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            sessions_max: 1_000_000,
            subscriptions_per_session_max: 1_000,
            topics_max: 1_000_000,
            queues_max: 100_000,
            temporaries_per_session_max: 100,
            durables_max: 10_000,
            consumers_per_queue_max: 10_000,
            groups_per_queue_max: 10_000,
            queued_bytes_max: 1024 * MIB,
            durable_bytes_max: 512 * MIB,
            credit_messages_default: 1_000,
            credit_bytes_default: 16 * MIB,
            credit_messages_max: 100_000,
            credit_bytes_max: 256 * MIB,
            retained_max: 100_000,
            retained_bytes_max: 256 * MIB,
            histories_max: 10_000,
            history_bytes_max: 256 * MIB,
            replay_messages_max: 1_000,
            replay_bytes_max: MIB,
            replay_queued_messages_max: 10_000,
            scheduled_max: 100_000,
            scheduled_bytes_max: 256 * MIB,
            delay_ms_max: 30 * 24 * 60 * 60 * 1000,
            transactions_per_session_max: 100,
            transaction_operations_max: 10_000,
            transaction_bytes_max: 64 * MIB,
            transactions_bytes_max: 256 * MIB,
            transaction_age_ms_max: 5 * 60 * 1000,
        }
    }
}
