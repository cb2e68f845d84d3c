//! A message that was in a queue, as it is sent again.

use bytes::Bytes;
use gumboot_stomp::Outgoing;

/// What a server says of a message in a queue, and what a client says of a frame; and delays, which have passed: the
/// message was ready.
const LEFT_OUT: [&str; 17] = [
    "AMQ_SCHEDULED_DELAY",
    "AMQ_SCHEDULED_TIME",
    "ack",
    "browser",
    "content-length",
    "dead-letter-deliveries",
    "dead-letter-origin",
    "dead-letter-reason",
    "delay",
    "delivery-count",
    "destination",
    "message-id",
    "receipt",
    "redelivered",
    "subscription",
    "transaction",
    "x-delay",
];

/// The message with all headers that are its sender's.
pub(super) fn sent_on<'h>(
    to: &str,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    body: Bytes,
) -> Outgoing {
    let kept = headers
        .into_iter()
        .filter(|(name, _)| !LEFT_OUT.contains(name));
    kept.fold(Outgoing::new(to, body), |message, (name, value)| {
        message.header(name.to_owned(), value)
    })
}
