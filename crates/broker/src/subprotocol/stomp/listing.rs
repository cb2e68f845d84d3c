//! `/topic/$SYS/queues`: what queues there are, for whoever looks into it with `browser:true`. Nothing is sent there: the
//! answer is made in portions, as the connection takes them, and the queues are not held up by it.

use std::{collections::VecDeque, ops::ControlFlow};

use gumboot_broker_core::{
    AckMode, Destination, Durables, Overflow, QueueName, QueuePlace, QueueReport, Refusal,
    Selector, SubscriptionId,
};
use gumboot_stomp_proto::{Tail, command::SubscriptionKey};
use serde::Serialize;

use super::{Stomp, refused::Refused, subscribe_headers::Options};
use crate::{
    mailbox::{Delivery, Item, Items},
    publication::{Message, Publication},
};

/// Where queues are listed.
pub(super) const QUEUES: &str = "/topic/$SYS/queues";

/// The queues that are looked at before others have their turn.
const PORTION: usize = 128;

/// A list on its way.
#[derive(Debug)]
struct Listing {
    subscription: SubscriptionId,
    place: QueuePlace,
    durables: Durables,
    selector: Option<Selector>,
}

/// The lists of a session that are on their way, in turn; mostly there are none, and nothing is held for them.
#[derive(Debug, Default)]
pub(super) struct Listings(Option<Box<Turns>>);

#[derive(Debug, Default)]
struct Turns(VecDeque<Listing>);

impl Listings {
    fn push(&mut self, listing: Listing) {
        self.0.get_or_insert_default().0.push_back(listing);
    }

    /// Whether none is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn pop(&mut self) -> Option<Listing> {
        let next = self.0.as_mut()?.0.pop_front();
        self.0.take_if(|turns| turns.0.is_empty());
        next
    }

    /// A subscription to the list has ended.
    pub(super) fn remove(&mut self, subscription: SubscriptionId) {
        if let Some(turns) = &mut self.0 {
            turns
                .0
                .retain(|listing| listing.subscription != subscription);
        }
    }
}

/// A queue, as it is told.
#[derive(Debug, Serialize)]
struct Listed<'r> {
    kind: &'static str,
    name: &'r str,
    #[serde(flatten)]
    durable: Option<Durable<'r>>,
    messages: usize,
    ready: usize,
    leased: usize,
    delayed: usize,
    bytes: usize,
    consumers: usize,
    messages_max: usize,
    bytes_max: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    overflow: Option<&'static str>,
    deliveries_max: u32,
    dead_letters: Option<&'r str>,
}

/// What a durable subscription has beside.
#[derive(Debug, Serialize)]
struct Durable<'r> {
    client: &'r str,
    topic: &'r str,
    selector: Option<&'r str>,
    no_local: bool,
}

impl Stomp {
    /// Begins a list. Whoever may subscribe to its destination is shown the durable subscriptions of all clients.
    pub(super) fn list_queues(
        &mut self,
        key: &SubscriptionKey<'_>,
        destination: &Destination,
        mut options: Options,
    ) -> Result<(), Refused> {
        let refused = Refused::by_broker("Subscription refused");
        if !options.browse {
            let wanted = format_args!("{QUEUES} is there to be looked into: browser:true");
            return Err(Refused::new("Subscription refused", &wanted));
        }
        if options.durable().is_some() {
            return Err(refused(Refusal::DurableUnsupported));
        }
        if options.has_place() {
            return Err(refused(Refusal::ReplayUnsupported));
        }
        let hub = self.seat.hub();
        let max = hub.config.broker.limits.subscriptions_per_session_max;
        if self.subscriptions.len() >= max {
            return Err(refused(Refusal::SubscriptionsFull));
        }
        let may_all = hub.with_broker(|broker| broker.may_read(self.seat.id(), destination));
        let looked_into = Some(destination.clone());
        let subscription = self
            .subscriptions
            .insert(key.clone(), AckMode::Auto, looked_into, None)
            .map_err(refused)?;
        self.listings.push(Listing {
            subscription,
            place: QueuePlace::default(),
            durables: match may_all {
                true => Durables::All,
                false => Durables::Own,
            },
            selector: options.selector.take(),
        });
        Ok(())
    }

    /// Whether a subscription is one to the list, of which the broker knows nothing.
    pub(super) fn is_listing(looked_into: Option<&Destination>) -> bool {
        looked_into.is_some_and(|destination| destination.as_str() == QUEUES)
    }

    /// Puts the next portion of a list behind what is to be sent; whether there was one.
    pub(super) fn list_portion(&mut self, outbox: &mut Items) -> bool {
        let Some(mut listing) = self.listings.pop() else {
            return false;
        };
        let mut reports = Vec::new();
        let end = self.seat.hub().with_broker(|broker| {
            let mut queues = broker.list_queues(self.seat.id(), listing.place, listing.durables);
            let portion = queues.by_ref().take(PORTION);
            let looked_at = portion.fold(0, |count, (place, report)| {
                listing.place = place;
                reports.extend(report);
                count + 1
            });
            match looked_at {
                PORTION => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        });
        let messages = reports.iter().map(|report| Message(publication(report)));
        let selected = messages.filter(|message| {
            let selector = listing.selector.as_ref();
            selector.is_none_or(|selector| selector.matches(message))
        });
        outbox.extend(selected.map(|message| {
            Item::Message(Delivery {
                subscription: listing.subscription,
                number: None,
                deliveries: 1,
                is_redelivered: false,
                is_retained: false,
                offset: None,
                publication: message.0,
            })
        }));
        match end {
            ControlFlow::Continue(()) => self.listings.push(listing),
            ControlFlow::Break(()) => {
                outbox.push_back(Item::BrowseEnded(listing.subscription));
            }
        }
        true
    }
}

/// The figures of a queue stand in the headers, for selectors, and with all else in the body.
fn publication(report: &QueueReport) -> std::sync::Arc<Publication> {
    let listed = Listed::of(report);
    let body = serde_json::to_vec(&listed).expect("figures are JSON");
    let figures = [
        ("messages", listed.messages),
        ("ready", listed.ready),
        ("leased", listed.leased),
        ("delayed", listed.delayed),
        ("bytes", listed.bytes),
        ("consumers", listed.consumers),
    ];
    let figures = figures.map(|(name, figure)| (name, figure.to_string()));
    let mut headers = vec![
        ("content-type", "application/json"),
        ("kind", listed.kind),
        ("name", listed.name),
    ];
    if let Some(durable) = &listed.durable {
        headers.extend([("client", durable.client), ("topic", durable.topic)]);
    }
    headers.extend(
        figures
            .iter()
            .map(|(name, figure)| (*name, figure.as_str())),
    );
    Publication::new(Tail::new(QUEUES, &headers, &body))
}

impl<'r> Listed<'r> {
    fn of(report: &'r QueueReport) -> Self {
        let QueueReport { usage, policy, .. } = report;
        let (kind, name, durable) = match &report.name {
            QueueName::Durable {
                client,
                name,
                topic,
            } => {
                let durable = Durable {
                    client,
                    topic: topic.as_str(),
                    selector: report.selector.as_ref().map(Selector::as_str),
                    no_local: report.no_local,
                };
                ("durable", &**name, Some(durable))
            }
            other => ("queue", other.destination().as_str(), None),
        };
        Self {
            kind,
            name,
            messages: usage.messages,
            ready: usage.ready(),
            leased: usage.leased,
            delayed: usage.delayed,
            bytes: usage.bytes,
            consumers: usage.consumers,
            messages_max: policy.messages_max,
            bytes_max: policy.bytes_max,
            // That of a durable subscription is its own to say.
            overflow: durable.is_none().then_some(match policy.overflow {
                Overflow::Reject => "reject",
                Overflow::DropOldest => "drop-oldest",
            }),
            deliveries_max: policy.deliveries_max,
            dead_letters: policy.dead_letters.as_ref().map(Destination::as_str),
            durable,
        }
    }
}
