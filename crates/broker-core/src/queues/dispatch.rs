//! Who gets which message: consumers with credit, in turn, each the first message that is for it.
//!
//! A consumer has a cursor, before which nothing is for it, so that a message is looked at once by each consumer that
//! does not want it, however long it waits. The cursor goes back when something is ready before it again.

use super::Queues;
use crate::{
    message::{MessageId, Payload},
    output::{Delivery, Output},
    queue::{ConsumerKey, Queue, QueueKey, Rank, State, consumer::Consumer},
};

/// How a consumer's turn ended.
enum Turn {
    Delivered,
    /// It has no credit.
    NoCredit,
    /// There is nothing for it, or its credit is not enough for that. It has its turn again: what it waits for may make
    /// room for something shorter.
    Nothing,
    /// There may be something for it; the work of this step is done.
    Unfinished,
}

impl<M: Payload> Queues<M> {
    /// Gives messages to consumers until there are no more, or no more credit.
    pub(super) fn dispatch(
        &mut self,
        key: QueueKey,
        work: &mut usize,
        output: &mut impl Output<M>,
    ) {
        self.browse(key, work, output);
        // How many in turn had nothing to take.
        let mut idle = 0;
        loop {
            let queue = &self.queues[key.0];
            if queue.is_closed || !queue.places().has_ready() {
                return;
            }
            if let Some(&alone) = queue.exclusive.first() {
                match self.turn(key, alone, work, output) {
                    Turn::Delivered => continue,
                    Turn::NoCredit | Turn::Nothing | Turn::Unfinished => return,
                }
            }
            if idle >= queue.ring.len() {
                return;
            }
            let consumer = queue.ring[0];
            match self.turn(key, consumer, work, output) {
                Turn::Delivered => {
                    idle = 0;
                    self.queues[key.0].ring.rotate_left(1);
                }
                Turn::Nothing => {
                    idle += 1;
                    self.queues[key.0].ring.rotate_left(1);
                }
                Turn::NoCredit => {
                    self.queues[key.0].ring.pop_front();
                    self.consumers[consumer.0].is_in_ring = false;
                }
                Turn::Unfinished => return,
            }
        }
    }

    fn turn(
        &mut self,
        queue_key: QueueKey,
        key: ConsumerKey,
        work: &mut usize,
        output: &mut impl Output<M>,
    ) -> Turn {
        let queue = &mut self.queues[queue_key.0];
        let consumer = &mut self.consumers[key.0];
        if !consumer.has_credit() {
            return Turn::NoCredit;
        }
        let (turn, found) = find(queue, consumer, key, work);
        queue.cursor_max = queue.cursor_max.max(consumer.cursor);
        if let Some(id) = found {
            lease(queue, consumer, key, id, output);
        }
        turn
    }

    /// Shows messages to those who only look, in turn.
    fn browse(&mut self, key: QueueKey, work: &mut usize, output: &mut impl Output<M>) {
        let queue = &mut self.queues[key.0];
        for _ in 0..queue.browsers.len() {
            let Some(browser) = queue.browsers.pop_front() else {
                return;
            };
            if show(queue, &mut self.consumers[browser.0], work, output) {
                queue.browsers.push_back(browser);
            }
        }
    }
}

/// The first message for a consumer, behind its cursor.
fn find<M: Payload>(
    queue: &Queue<M>,
    consumer: &mut Consumer,
    key: ConsumerKey,
    work: &mut usize,
) -> (Turn, Option<MessageId>) {
    let mut cursor = consumer.cursor;
    let mut outcome = (Turn::Nothing, None);
    for (rank, id) in queue.places().ready_from(consumer.cursor) {
        let Some(entry) = queue.entry(id) else {
            continue;
        };
        cursor = rank;
        if *work == 0 {
            outcome = (Turn::Unfinished, None);
            break;
        }
        *work -= 1;
        let is_for_it = queue.groups.allows(entry.properties.group.as_ref(), key)
            && consumer.filter.passes(&entry.message, entry.producer);
        if is_for_it {
            let has_room = consumer.has_room(entry.properties.bytes);
            outcome = if has_room {
                (Turn::Delivered, Some(id))
            } else {
                (Turn::Nothing, None)
            };
            break;
        }
        cursor = rank.next();
    }
    consumer.cursor = cursor;
    outcome
}

fn lease<M: Payload>(
    queue: &mut Queue<M>,
    consumer: &mut Consumer,
    key: ConsumerKey,
    id: MessageId,
    output: &mut impl Output<M>,
) {
    let Some(entry) = queue.change(id, State::Leased) else {
        return;
    };
    entry.deliveries += 1;
    let delivery = Delivery {
        subscription: consumer.subscription,
        id: Some(consumer.lease(Some(id), entry.properties.bytes)),
        message: &entry.message,
        deliveries: entry.deliveries,
        redelivered: entry.redelivered,
        retained: false,
        offset: entry.offset,
    };
    output.deliver(consumer.session, delivery);
    let group = entry.properties.group.clone();
    queue.groups.on_leased(group.as_ref(), key);
}

/// Shows messages to one who only looks; whether it is to see more.
fn show<M: Payload>(
    queue: &Queue<M>,
    consumer: &mut Consumer,
    work: &mut usize,
    output: &mut impl Output<M>,
) -> bool {
    let mut cursor: Rank = consumer.cursor;
    let mut remaining = consumer.browse.unwrap_or_default();
    for (rank, id) in queue.places().ready_from(consumer.cursor) {
        let Some(entry) = queue.entry(id) else {
            continue;
        };
        if remaining == 0 {
            break;
        }
        let passes = consumer.filter.passes(&entry.message, entry.producer);
        if *work == 0 || passes && !consumer.has_room(entry.properties.bytes) {
            consumer.cursor = cursor;
            consumer.browse = Some(remaining);
            return true;
        }
        *work -= 1;
        remaining -= 1;
        cursor = rank.next();
        if passes {
            let delivery = Delivery {
                subscription: consumer.subscription,
                id: Some(consumer.lease(None, entry.properties.bytes)),
                message: &entry.message,
                deliveries: entry.deliveries,
                redelivered: entry.redelivered,
                retained: false,
                offset: entry.offset,
            };
            output.deliver(consumer.session, delivery);
        }
    }
    consumer.cursor = cursor;
    output.browse_ended(consumer.session, consumer.subscription);
    false
}
