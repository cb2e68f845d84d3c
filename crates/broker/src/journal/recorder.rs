//! Collects, inside the hub's lock, what the commands did that a store is to keep. Nothing is encoded here, and no payload
//! copied: that is the writer's, outside the lock.

use std::{collections::HashSet, mem};

use gumboot_broker_core::{
    Destination, DurableBinding, Kind, MessageId, Properties, QueueName, Returned, ScheduledId,
    Timestamp,
};
use gumboot_store::Level;

use super::{
    room::OPERATIONS_WAITING_MAX,
    ticket::{Ticket, Unconfirmed},
};
use crate::publication::Message;

/// Something that a command did.
#[derive(Debug)]
pub(crate) enum Operation {
    Opened {
        queue: QueueName,
        selector: Option<Box<str>>,
        no_local: bool,
    },
    Closed(QueueName),
    Enqueued(Enqueued),
    Settled(MessageId),
    Returned(MessageId, Returned),
    Retained {
        topic: Destination,
        kept: Option<(Message, Properties)>,
    },
    Scheduled {
        id: ScheduledId,
        topic: Destination,
        message: Message,
        properties: Properties,
        due: Timestamp,
    },
    Unscheduled(ScheduledId),
    Logged(Logged),
    /// The history of a topic has nothing up to this offset any more.
    Trimmed(Destination, u64),
    OffsetsReserved(u64),
    /// What was done since the last of these was done together.
    Done,
}

#[derive(Debug)]
pub(crate) struct Enqueued {
    pub(super) queue: QueueName,
    pub(super) id: MessageId,
    pub(super) message: Message,
    pub(super) properties: Properties,
    /// When the SEND wanted it to be there.
    pub(super) due: Option<Timestamp>,
}

/// A message that is in the history of its topic.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(super) topic: Destination,
    pub(super) offset: u64,
    pub(super) message: Message,
    pub(super) properties: Properties,
    pub(super) at: Timestamp,
}

impl Operation {
    /// The message whose octets are encoded for it.
    pub(super) fn message(&self) -> Option<&Message> {
        match self {
            Self::Enqueued(Enqueued { message, .. })
            | Self::Logged(Logged { message, .. })
            | Self::Retained {
                kept: Some((message, _)),
                ..
            }
            | Self::Scheduled { message, .. } => Some(message),
            _ => None,
        }
    }

    /// The bytes of messages that wait with it.
    fn bytes(&self) -> usize {
        self.message().map_or(0, |message| message.0.cost)
    }
}

/// What is stored of a command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// For what waits until it is stored; none if there is nothing to store.
    pub(crate) ticket: Option<Ticket>,
    /// Whether a queue was made.
    pub(crate) opened: bool,
}

/// What was recorded, for the writer.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(super) operations: Vec<Operation>,
    /// The level that it is to reach.
    pub(super) level: Level,
    /// Who waits for it.
    pub(super) ticket: Ticket,
}

/// Collects what the commands did, until the writer takes it.
#[derive(Debug)]
pub(crate) struct Recorder {
    operations: Vec<Operation>,
    bytes: usize,
    level: Level,
    /// Whether somebody waits for a level, also of what was taken before.
    is_awaited: bool,
    ticket: Ticket,
    /// Where the operations of this command begin.
    begin: usize,
    /// What follows the last queue that it closed begins there; 0 if it has closed none.
    closed: usize,
    opened: bool,
    /// The messages in queues that are stored, which are not stored themselves.
    unstored: HashSet<MessageId>,
    /// The topics whose retained value is stored.
    retained: HashSet<Destination>,
    /// The delayed messages to topics that are stored.
    scheduled: HashSet<ScheduledId>,
    has_failed: bool,
}

impl Recorder {
    /// For a store that has these retained values and delayed messages.
    pub(super) fn new(retained: HashSet<Destination>, scheduled: HashSet<ScheduledId>) -> Self {
        Self {
            operations: Vec::new(),
            bytes: 0,
            level: Level::Stored,
            is_awaited: false,
            ticket: Ticket::default(),
            begin: 0,
            closed: 0,
            opened: false,
            unstored: HashSet::new(),
            retained,
            scheduled,
            has_failed: false,
        }
    }

    pub(crate) fn opened(&mut self, queue: &QueueName, binding: Option<DurableBinding<'_>>) {
        if !is_stored(queue) {
            return;
        }
        self.opened = true;
        let selector = binding.as_ref().and_then(|binding| binding.selector);
        self.push(Operation::Opened {
            queue: queue.clone(),
            selector: selector.map(|selector| selector.as_str().into()),
            no_local: binding.is_some_and(|binding| binding.no_local),
        });
    }

    pub(crate) fn closed(&mut self, queue: &QueueName) {
        if !is_stored(queue) {
            return;
        }
        // What waited there goes with it: nothing of that is to be settled before, in a batch of its own. But a dead
        // letter and what it comes from stay together.
        let settled = |operation: &Operation| matches!(operation, Operation::Settled(_));
        let begin = self.begin.max(self.closed);
        let command = &self.operations[begin..];
        let run = command.iter().rev().take_while(|o| settled(o)).count();
        let mut at = self.operations.len() - run;
        if run > 0 && at > begin && matches!(self.operations[at - 1], Operation::Enqueued(_)) {
            at += 1;
        }
        self.operations.insert(at, Operation::Closed(queue.clone()));
        self.closed = self.operations.len();
    }

    /// `now` is when the delay of a message begins.
    pub(crate) fn enqueued(
        &mut self,
        queue: &QueueName,
        id: MessageId,
        message: &Message,
        properties: &Properties,
        now: impl FnOnce() -> Timestamp,
    ) {
        if !is_stored(queue) {
            return;
        }
        if !properties.persistent {
            self.unstored.insert(id);
            return;
        }
        let delay_ms = properties.delay_ms;
        self.push(Operation::Enqueued(Enqueued {
            queue: queue.clone(),
            id,
            message: message.clone(),
            properties: properties.clone(),
            due: (delay_ms > 0).then(|| now().after(delay_ms)),
        }));
    }

    pub(crate) fn settled(&mut self, queue: &QueueName, id: MessageId) {
        if is_stored(queue) && !self.unstored.remove(&id) {
            self.push(Operation::Settled(id));
        }
    }

    pub(crate) fn returned(&mut self, queue: &QueueName, id: MessageId, state: Returned) {
        if is_stored(queue) && !self.unstored.contains(&id) {
            self.push(Operation::Returned(id, state));
        }
    }

    pub(crate) fn retained(&mut self, topic: &Destination, kept: Option<(&Message, &Properties)>) {
        let kept = kept.filter(|(_, properties)| properties.persistent);
        let changes = match kept {
            Some(_) => {
                self.retained.insert(topic.clone());
                true
            }
            None => self.retained.remove(topic),
        };
        if changes {
            self.push(Operation::Retained {
                topic: topic.clone(),
                kept: kept.map(|(message, properties)| (message.clone(), properties.clone())),
            });
        }
    }

    pub(crate) fn scheduled(
        &mut self,
        id: ScheduledId,
        topic: &Destination,
        message: &Message,
        properties: &Properties,
        due: Timestamp,
    ) {
        if properties.persistent {
            self.scheduled.insert(id);
            self.push(Operation::Scheduled {
                id,
                topic: topic.clone(),
                message: message.clone(),
                properties: properties.clone(),
                due,
            });
        }
    }

    pub(crate) fn unscheduled(&mut self, id: ScheduledId) {
        if self.scheduled.remove(&id) {
            self.push(Operation::Unscheduled(id));
        }
    }

    /// Also of a message that is not to be kept elsewhere: a history without it would have a gap that nobody knows of.
    pub(crate) fn logged(
        &mut self,
        topic: &Destination,
        offset: u64,
        message: &Message,
        properties: &Properties,
        at: Timestamp,
    ) {
        self.push(Operation::Logged(Logged {
            topic: topic.clone(),
            offset,
            message: message.clone(),
            properties: properties.clone(),
            at,
        }));
    }

    pub(crate) fn trimmed(&mut self, topic: &Destination, offset: u64) {
        self.push(Operation::Trimmed(topic.clone(), offset));
    }

    pub(crate) fn offsets_reserved(&mut self, until: u64) {
        self.push(Operation::OffsetsReserved(until));
    }

    /// A command is done; somebody may wait until what it did has reached this level.
    pub(crate) fn end(&mut self, level: Level) -> Outcome {
        let opened = mem::take(&mut self.opened);
        self.closed = 0;
        if self.operations.len() == self.begin {
            return Outcome::default();
        }
        if self.has_failed {
            self.operations.clear();
            self.bytes = 0;
        } else {
            self.operations.push(Operation::Done);
            self.level = self.level.max(level);
        }
        self.begin = self.operations.len();
        Outcome {
            ticket: Some(self.ticket.clone()),
            opened,
        }
    }

    /// For one who waits until all that was recorded up to now has reached this level.
    pub(crate) fn await_all(&mut self, level: Level) -> Ticket {
        self.level = self.level.max(level);
        self.is_awaited = true;
        self.ticket.clone()
    }

    /// What was recorded; none if there is nothing and nobody waits. `spare` is room for what comes next.
    pub(crate) fn take(&mut self, spare: &mut Vec<Operation>) -> Option<Recorded> {
        if self.operations.is_empty() && !self.is_awaited {
            return None;
        }
        self.begin = 0;
        self.bytes = 0;
        self.is_awaited = false;
        // One command may have been longer than anything that is to wait.
        spare.shrink_to(OPERATIONS_WAITING_MAX);
        Some(Recorded {
            operations: mem::replace(&mut self.operations, mem::take(spare)),
            level: mem::replace(&mut self.level, Level::Stored),
            ticket: mem::take(&mut self.ticket),
        })
    }

    /// From now on nothing is kept, and nobody told that it is.
    pub(crate) fn fail(&mut self) {
        self.has_failed = true;
        self.operations = Vec::new();
        self.begin = 0;
        self.bytes = 0;
        // It stays the ticket of all that comes.
        self.ticket.settle(Err(Unconfirmed));
    }

    /// How many operations wait for the writer, and how many bytes their messages have.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.operations.len(), self.bytes)
    }

    fn push(&mut self, operation: Operation) {
        self.bytes += operation.bytes();
        self.operations.push(operation);
    }
}

/// Whether a store keeps what is in a queue: not of a temporary one, nor of what waits for one connection.
fn is_stored(queue: &QueueName) -> bool {
    match queue {
        QueueName::Named(name) => name.kind() == Kind::Queue,
        QueueName::Durable { .. } => true,
        QueueName::Private { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use gumboot_broker_core::Kinds;

    use super::*;

    #[test]
    fn a_queue_is_closed_before_what_waited_there_is_settled() {
        let queue = |name| {
            let kinds = Kinds::new([("/queue/", Kind::Queue)], None);
            QueueName::Named(kinds.parse(name).unwrap())
        };
        let (a, b) = (queue("/queue/a"), queue("/queue/b"));
        let mut recorder = Recorder::new(HashSet::new(), HashSet::new());
        recorder.settled(&a, MessageId(1));
        recorder.end(Level::Stored);
        for (queue, ids) in [(&a, [2, 3]), (&b, [4, 5])] {
            for id in ids {
                recorder.settled(queue, MessageId(id));
            }
            recorder.closed(queue);
        }
        recorder.end(Level::Stored);
        let taken = recorder.take(&mut Vec::new()).unwrap();
        let order = taken.operations.iter().map(|operation| match operation {
            Operation::Settled(id) => id.0.to_string(),
            Operation::Closed(_) => "closed".to_owned(),
            Operation::Done => "done".to_owned(),
            other => panic!("{other:?}"),
        });
        let order: Vec<_> = order.collect();
        let expected = ["1", "done", "closed", "2", "3", "closed", "4", "5", "done"];
        assert_eq!(order, expected);
    }
}
