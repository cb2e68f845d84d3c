//! How much of what was recorded goes into one batch: whole commands, by what a store is given for them at most.

use std::{collections::HashSet, sync::Arc};

use gumboot_broker_core::QueueName;
use gumboot_store::limits::{BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX};

use super::{
    plan::SHARED_BYTES_MIN,
    recorder::{Enqueued, Logged, Operation},
};
use crate::publication::Publication;

/// The changes of a batch: COMMIT refuses a transaction that has more.
pub(super) const CHANGES_MAX: usize = BATCH_OPERATIONS_MAX;

/// The bytes of a record beside the texts in it, at most.
const HEAD_BYTES: usize = 128;

/// What a store is given for an operation, at most.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    changes: usize,
    bytes: usize,
}

/// How many of these are for one batch: whole commands, as many as fit; or part of one that does not fit.
pub(super) fn fitting(operations: &[Operation]) -> usize {
    let (mut whole, mut sum) = (0, Size::default());
    let mut seen = HashSet::new();
    for (index, operation) in operations.iter().enumerate() {
        let size = size(operation, &mut seen);
        sum.changes += size.changes;
        sum.bytes += size.bytes;
        if index > 0 && (sum.changes > CHANGES_MAX || sum.bytes > BATCH_BYTES_MAX) {
            return if whole > 0 {
                whole
            } else {
                part(operations, index)
            };
        }
        if matches!(operation, Operation::Done) {
            whole = index + 1;
        }
    }
    operations.len()
}

/// A part of a command of which so many fit: a dead letter stays with what it comes from.
fn part(operations: &[Operation], fit: usize) -> usize {
    match &operations[fit - 1..=fit] {
        [Operation::Enqueued(_), Operation::Settled(_)] if fit > 1 => fit - 1,
        _ => fit,
    }
}

/// `seen` has the messages that are written already.
fn size(operation: &Operation, seen: &mut HashSet<*const Publication>) -> Size {
    let mut size = match operation {
        Operation::Done => return Size::default(),
        Operation::Opened {
            queue, selector, ..
        } => Size {
            changes: 1,
            bytes: name_bytes(queue) + selector.as_ref().map_or(0, |selector| selector.len()),
        },
        Operation::Enqueued(Enqueued { properties, .. }) => Size {
            changes: 1,
            bytes: properties.group.as_ref().map_or(0, |group| group.len()),
        },
        Operation::Returned(..) | Operation::Unscheduled(_) => Size {
            changes: 1,
            bytes: 0,
        },
        // What was there goes, or octets that nobody needs any more.
        Operation::Closed(_) | Operation::Settled(_) => Size {
            changes: 2,
            bytes: 0,
        },
        Operation::Retained { topic, .. } => Size {
            changes: 2,
            bytes: topic.as_str().len(),
        },
        Operation::Scheduled { topic, .. } => Size {
            changes: 1,
            bytes: topic.as_str().len(),
        },
        // The record of the topic may come with it.
        Operation::Logged(Logged {
            topic, properties, ..
        }) => Size {
            changes: 2,
            bytes: HEAD_BYTES
                + topic.as_str().len()
                + properties.group.as_ref().map_or(0, |group| group.len()),
        },
        // A history is shorter; or it is gone, and the record of its topic.
        Operation::Trimmed(..) | Operation::OffsetsReserved(_) => Size {
            changes: 2,
            bytes: 0,
        },
    };
    size.bytes += HEAD_BYTES;
    if let Some(message) = operation.message() {
        let is_long = message.0.cost >= SHARED_BYTES_MIN;
        let is_queued = matches!(operation, Operation::Enqueued(_) | Operation::Logged(_));
        if !is_queued || !is_long {
            size.bytes += message.0.cost;
        } else if seen.insert(Arc::as_ptr(&message.0)) {
            // Written apart, if it is for several queues.
            size.changes += 1;
            size.bytes += message.0.cost + HEAD_BYTES;
        }
    }
    size
}

fn name_bytes(queue: &QueueName) -> usize {
    match queue {
        QueueName::Named(name) | QueueName::Private { topic: name, .. } => name.as_str().len(),
        QueueName::Durable {
            client,
            name,
            topic,
        } => client.len() + name.len() + topic.as_str().len(),
    }
}

#[cfg(test)]
mod tests {
    use gumboot_broker_core::{Kind, Kinds, MessageId, Properties};
    use gumboot_stomp_proto::Tail;

    use super::*;
    use crate::publication::Message;

    fn settled(number: u64) -> Operation {
        Operation::Settled(MessageId(number))
    }

    fn enqueued(number: u64, message: &Message) -> Operation {
        let kinds = Kinds::new([("/queue/", Kind::Queue)], None);
        let queue = kinds.parse("/queue/q").unwrap();
        Operation::Enqueued(Enqueued {
            queue: QueueName::Named(queue),
            id: MessageId(number),
            message: message.clone(),
            properties: Properties::default(),
            due: None,
        })
    }

    fn message(bytes: usize) -> Message {
        let body = vec![b'x'; bytes];
        Message(Publication::new(Tail::new("/queue/q", &[], &body)))
    }

    #[test]
    fn commands_are_not_cut_where_one_fits() {
        let fit = CHANGES_MAX / 2;
        let mut operations: Vec<_> = (0..10).map(settled).collect();
        operations.push(Operation::Done);
        operations.extend((0..fit as u64).map(settled));
        assert_eq!(fitting(&operations), 11);
        operations.drain(..11);
        operations.push(Operation::Done);
        assert_eq!(fitting(&operations), fit + 1);
        operations.insert(0, settled(0));
        assert_eq!(fitting(&operations), fit);
    }

    #[test]
    fn a_message_counts_once() {
        let long = message(BATCH_BYTES_MAX / 4);
        let mut operations: Vec<_> = (0..100).map(|number| enqueued(number, &long)).collect();
        assert_eq!(fitting(&operations), 100);
        let others = (0..4).map(|number| enqueued(number, &message(BATCH_BYTES_MAX / 4)));
        operations.extend(others);
        assert_eq!(fitting(&operations), 102);
    }

    #[test]
    fn a_dead_letter_is_not_parted_from_what_it_comes_from() {
        let short = message(1);
        let pairs = (0..CHANGES_MAX as u64)
            .flat_map(|number| [enqueued(2 * number, &short), settled(2 * number + 1)]);
        let operations: Vec<_> = pairs.collect();
        let count = fitting(&operations);
        assert_eq!(count, CHANGES_MAX / 3 * 2);
        assert!(matches!(operations[count], Operation::Enqueued(_)));
    }
}
