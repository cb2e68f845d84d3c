//! A message that was in a queue, as it is sent again.

use bytes::Bytes;
use gumboot_stomp::Outgoing;
use jiff::Timestamp;

/// Says which destination a dead letter comes from.
pub(super) const ORIGIN: &str = "dead-letter-origin";

/// From when on, in milliseconds since 1970, a message is not to be delivered any more.
const EXPIRES: &str = "expires";

/// What a server says of a message in a queue, and what a client says of a frame; and delays, which have passed: the
/// message was ready.
const LEFT_OUT: [&str; 18] = [
    "AMQ_SCHEDULED_DELAY",
    "AMQ_SCHEDULED_TIME",
    "ack",
    "browser",
    "content-length",
    "dead-letter-deliveries",
    "dead-letter-kind",
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

/// The message with all headers that are its sender's. A dead letter has no end any more, so that one that has passed is
/// left out: else it would be gone as soon as it is sent.
pub(super) fn sent_on<'h>(
    to: &str,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    body: Bytes,
) -> Outgoing {
    let headers: Vec<_> = headers.into_iter().collect();
    let is_dead_letter = headers.iter().any(|(name, _)| *name == ORIGIN);
    let now = Timestamp::now().as_millisecond();
    let has_passed = |(name, value): (&str, &str)| {
        is_dead_letter && name == EXPIRES && value.parse::<i64>().is_ok_and(|end| end <= now)
    };
    let kept = headers.into_iter();
    let kept = kept.filter(|header| !LEFT_OUT.contains(&header.0) && !has_passed(*header));
    kept.fold(Outgoing::new(to, body), |message, (name, value)| {
        message.header(name.to_owned(), value)
    })
}
