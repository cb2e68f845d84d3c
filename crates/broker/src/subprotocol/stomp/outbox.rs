//! What others have for the client becomes MESSAGE frames.

use std::{collections::VecDeque, fmt::Display, time::Instant};

use gumboot_broker_core::{DeliveryId, SubscriptionId};
use gumboot_stomp_proto::{Tail, command::encode_head};
use gumboot_websocket::proto::{MessageKind, SharedBytes};

use super::{Stomp, message_id::Name};
use crate::{
    mailbox::{Delivery, Item},
    subprotocol::Carrier,
};

/// What a head is long at most, mostly.
const HEAD_BYTES: usize = 128;

impl Stomp {
    /// Sends what was taken out of the mailbox until there is nothing or the carrier is full.
    pub(super) fn send_outbox(&mut self, now: Instant, carrier: &mut impl Carrier) {
        if self.outbox.is_empty() {
            return;
        }
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let mut sent = Vec::new();
        while !carrier.is_full() {
            match self.outbox.pop_front() {
                Some(Item::Message(delivery)) => {
                    if let Some(id) = self.send_message(&delivery, &mut head, carrier) {
                        note(&mut sent, id);
                    }
                }
                Some(Item::BrowseEnded(subscription)) => {
                    self.send_browse_end(subscription, &mut head, carrier);
                }
                Some(Item::ReplayPaused) => {
                    self.seat.replayed(&mut self.turn);
                }
                Some(Item::Hole) => {}
                None => {
                    self.outbox = VecDeque::new();
                    break;
                }
            }
            self.session.handle_sent(now);
        }
        if !sent.is_empty() {
            self.seat.sent(&sent, &mut self.turn);
        }
        self.turn.wake();
    }

    /// Sends a message, unless its subscription has ended meanwhile: then it is nobody's. Gives what is acknowledged by
    /// that.
    fn send_message(
        &mut self,
        delivery: &Delivery,
        head: &mut Vec<u8>,
        carrier: &mut impl Carrier,
    ) -> Option<DeliveryId> {
        let version = self.version();
        let subscription = self.subscriptions.get(delivery.subscription)?;
        let epoch = self.seat.hub().config.broker.epoch;
        let mut more: [(&str, &dyn Display); 6] = [("", &""); 6];
        let mut count = 0;
        let mut add = |name, value| {
            more[count] = (name, value);
            count += 1;
        };
        if delivery.is_redelivered {
            add("redelivered", &true);
        }
        if delivery.is_redelivered || delivery.deliveries > 1 {
            add("delivery-count", &delivery.deliveries);
        }
        if delivery.is_retained {
            add("retained", &true);
        }
        if let Some(offset) = &delivery.offset {
            add("offset", offset);
            add("epoch", &epoch);
            if subscription.is_stream {
                add("x-stream-offset", offset);
            }
        }
        let more = &more[..count];
        head.clear();
        let key = subscription.key.id();
        let id = delivery.id();
        if let Some(id) = id {
            let name = Name(id);
            let ack: Option<&dyn Display> = if subscription.is_acknowledged() {
                Some(&name)
            } else {
                None
            };
            encode_head(head, version, key, name, ack, more);
        } else {
            self.messages_sent += 1;
            encode_head(head, version, key, self.messages_sent, None, more);
        }
        let publication = &delivery.publication;
        carrier.send_parts(publication.kind(), head, publication.tail(version));
        self.messages.out += 1;
        id.filter(|_| !subscription.is_acknowledged())
    }

    /// Tells one who looks into a queue that this was all: a MESSAGE with `browser:end`.
    fn send_browse_end(
        &mut self,
        id: SubscriptionId,
        head: &mut Vec<u8>,
        carrier: &mut impl Carrier,
    ) {
        let version = self.version();
        let subscription = self.subscriptions.get(id);
        let Some((subscription, queue)) = subscription.and_then(|s| Some((s, s.browses.as_ref()?)))
        else {
            return;
        };
        self.messages_sent += 1;
        head.clear();
        let key = subscription.key.id();
        encode_head(head, version, key, self.messages_sent, None, &[]);
        let tail = Tail::new(queue.as_str(), &[("browser", "end")], b"");
        let tail = SharedBytes::new(tail.bytes(version));
        carrier.send_parts(MessageKind::Text, head, &tail);
    }
}

/// Notes that a delivery was sent; the last of a subscription stands for all before it.
fn note(sent: &mut Vec<DeliveryId>, id: DeliveryId) {
    match sent.last_mut() {
        Some(last) if last.subscription == id.subscription => *last = id,
        _ => sent.push(id),
    }
}
