//! Every bound of this crate that a program may set, by name. What the server may send is bounded by the `Limits` of
//! `gumboot-stomp-proto`.

/// What may wait, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The octets of messages that wait to be sent or to be confirmed. Past it, sending waits. Default: 16 MiB.
    pub send_bytes_max: usize,
    /// The requests whose RECEIPT has not come. Past it, a further request that asks for one waits. Default: 4,096.
    pub unconfirmed_max: usize,
    /// The messages that have arrived and were not taken, of all subscriptions. Past it nothing is read from the server
    /// unless a RECEIPT is waited for. Default: 1,024.
    pub messages_waiting_max: usize,
    /// The octets of those messages. Past it nothing is read, whatever is waited for. Default: 64 MiB.
    pub message_bytes_waiting_max: usize,
    /// The subscriptions of a session; one more is [`Error::TooMany`](crate::Error::TooMany). Default: 1,000.
    pub subscriptions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            send_bytes_max: 16 << 20,
            unconfirmed_max: 4_096,
            messages_waiting_max: 1_024,
            message_bytes_waiting_max: 64 << 20,
            subscriptions_max: 1_000,
        }
    }
}
