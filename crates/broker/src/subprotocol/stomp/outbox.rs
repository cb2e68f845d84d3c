//! What others have for the client becomes MESSAGE frames.

use std::{cell::Cell, fmt::Display, mem, time::Instant};

use gumboot_broker_core::{DeliveryId, Epoch, SubscriptionId};
use gumboot_stomp_proto::{
    Tail,
    command::{begin_head, encode_head, finish_head},
};
use gumboot_websocket::proto::{MessageKind, SharedBytes};

use super::{Stomp, message_id::Digits, subscriptions::Subscription};
use crate::{
    mailbox::{Delivery, Item, Items},
    subprotocol::Carrier,
};

/// The buffer of a thread for heads is given back to the allocator if it has grown beyond this.
const HEAD_BYTES_KEPT_MAX: usize = 4 * 1024;

thread_local! {
    static HEAD: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Heads of MESSAGEs, one after the other in the same buffer, which is the thread's.
#[derive(Debug)]
struct Heads {
    octets: Vec<u8>,
    /// Whose head has been begun, and how long the part is that all of its heads have.
    begun: Option<(SubscriptionId, usize)>,
}

impl Heads {
    fn lend() -> Self {
        Self {
            octets: HEAD.take(),
            begun: None,
        }
    }
}

impl Drop for Heads {
    fn drop(&mut self) {
        if self.octets.capacity() <= HEAD_BYTES_KEPT_MAX {
            self.octets.clear();
            HEAD.set(mem::take(&mut self.octets));
        }
    }
}

impl Stomp {
    /// Sends what was taken out of the mailbox until there is nothing or the carrier is full; whether there was anything
    /// that it took.
    pub(super) fn send_outbox(
        &mut self,
        now: Instant,
        outbox: &mut Items,
        carrier: &mut impl Carrier,
    ) -> bool {
        if outbox.is_empty() || carrier.is_full() {
            return false;
        }
        let mut heads = Heads::lend();
        let mut sent = Vec::new();
        while !carrier.is_full()
            && let Some(item) = outbox.pop_front()
        {
            match item {
                Item::Message(delivery) => {
                    if let Some(id) = self.send_message(&delivery, &mut heads, carrier) {
                        note(&mut sent, id);
                    }
                }
                Item::BrowseEnded(subscription) => {
                    self.send_browse_end(subscription, carrier);
                }
                Item::ReplayPaused => {
                    self.seat.replayed(&mut self.turn);
                }
                Item::Hole => {}
            }
        }
        if outbox.is_empty() {
            outbox.release();
        }
        self.session.handle_sent(now);
        if !sent.is_empty() {
            self.seat.sent(&sent, &mut self.turn);
        }
        self.turn.wake();
        true
    }

    /// Sends a message, unless its subscription has ended meanwhile: then it is nobody's. Gives what is acknowledged by
    /// that.
    fn send_message(
        &mut self,
        delivery: &Delivery,
        heads: &mut Heads,
        carrier: &mut impl Carrier,
    ) -> Option<DeliveryId> {
        let version = self.version();
        let subscription = self.subscriptions.get(delivery.subscription)?;
        let Heads { octets, begun } = heads;
        match *begun {
            Some((id, bytes)) if id == delivery.subscription => octets.truncate(bytes),
            _ => {
                octets.clear();
                begin_head(octets, version, subscription.key.id());
                *begun = Some((delivery.subscription, octets.len()));
            }
        }
        let mut digits = Digits::new();
        let id = delivery.id();
        let is_acknowledged = subscription.is_acknowledged();
        let (of_delivery, of_number);
        let name: &[&str] = if let Some(id) = id {
            of_delivery = digits.of_delivery(id);
            &of_delivery
        } else {
            self.messages_sent += 1;
            of_number = [digits.of_number(self.messages_sent)];
            &of_number
        };
        let has_ack = id.is_some() && is_acknowledged;
        let ack = if has_ack { name } else { &[] };
        if is_plain(delivery) {
            finish_head(octets, version, name, ack, &[]);
        } else {
            let epoch = self.seat.hub().config.broker.epoch;
            with_more(delivery, subscription, epoch, |more| {
                finish_head(octets, version, name, ack, more);
            });
        }
        let publication = &delivery.publication;
        carrier.send_parts(publication.kind(), octets, publication.tail(version));
        self.messages.out += 1;
        id.filter(|_| !is_acknowledged)
    }

    /// Tells one who looks into a queue that this was all: a MESSAGE with `browser:end`.
    fn send_browse_end(&mut self, id: SubscriptionId, carrier: &mut impl Carrier) {
        let version = self.version();
        let subscription = self.subscriptions.get(id);
        let Some((subscription, queue)) = subscription.and_then(|s| Some((s, s.browses.as_ref()?)))
        else {
            return;
        };
        self.messages_sent += 1;
        let mut digits = Digits::new();
        let name = digits.of_number(self.messages_sent);
        let mut head = Vec::new();
        encode_head(&mut head, version, subscription.key.id(), name, None, &[]);
        let tail = Tail::new(queue.as_str(), &[("browser", "end")], b"");
        let tail = SharedBytes::new(tail.bytes(version));
        carrier.send_parts(MessageKind::Text, &head, &tail);
    }
}

/// Whether there is nothing to say of a delivery but its name.
fn is_plain(delivery: &Delivery) -> bool {
    let is_again = delivery.is_redelivered || delivery.deliveries > 1;
    !is_again && !delivery.is_retained && delivery.offset.is_none()
}

/// Calls `with` with what there is to say of a delivery beside its name.
fn with_more<T>(
    delivery: &Delivery,
    subscription: &Subscription,
    epoch: Epoch,
    with: impl FnOnce(&[(&str, &dyn Display)]) -> T,
) -> T {
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
    with(&more[..count])
}

/// Notes that a delivery was sent; the last of a subscription stands for all before it.
fn note(sent: &mut Vec<DeliveryId>, id: DeliveryId) {
    match sent.last_mut() {
        Some(last) if last.subscription == id.subscription => *last = id,
        _ => sent.push(id),
    }
}
