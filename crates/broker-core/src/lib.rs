//! What a STOMP broker means: destinations, who is subscribed to them, who gets a message, and what waits. No I/O, no
//! clock, no thread; and it never looks inside a message, so that its tests run with `M = u32`.
//!
//! Call a `handle_*` for what a client does, then [`Broker::handle_timeout`] when [`Broker::poll_timeout`] says so.
//! Effects go to an [`Output`] as they arise.
//!
//! ```
//! use gumboot_broker_core::{
//!     AckMode, Broker, Delivery, DeliveryId, Destination, Login, Output, Properties, Send, SessionId, Settings,
//!     Subscribe, SubscriptionId, Timestamp,
//! };
//!
//! #[derive(Default)]
//! struct Log(Vec<(SessionId, u32, Option<DeliveryId>)>);
//!
//! impl Output<u32> for Log {
//!     fn deliver(&mut self, to: SessionId, delivery: Delivery<'_, u32>) {
//!         self.0.push((to, *delivery.message, delivery.id));
//!     }
//! }
//!
//! let (now, alice, bob) = (Timestamp::from_millis(0), SessionId(1), SessionId(2));
//! let mut broker = Broker::new(Settings::default());
//! let mut log = Log::default();
//! broker.handle_connect(alice, Login::anonymous("alice"))?;
//! broker.handle_connect(bob, Login::anonymous("bob"))?;
//!
//! let jobs = Destination::parse("/queue/jobs")?;
//! let subscribe = Subscribe { ack: AckMode::Client, ..Subscribe::new(&jobs) };
//! broker.handle_subscribe(now, bob, SubscriptionId(7), subscribe, &mut log)?;
//! let send = Send { destination: &jobs, message: &42, properties: &Properties::default(), transaction: None };
//! broker.handle_send(now, alice, &send, &mut log)?;
//!
//! let id = DeliveryId { subscription: SubscriptionId(7), number: 1 };
//! assert_eq!(log.0, [(bob, 42, Some(id))]);
//! broker.handle_ack(now, bob, id, None, &mut log)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod access;
mod broker;
mod destination;
mod error;
mod history;
mod limits;
mod message;
mod numbers;
mod output;
mod queue;
mod queues;
mod retained;
mod scheduled;
pub mod selector;
mod session;
mod settings;
mod subscribe;
mod time;
mod topic;
mod transaction;

pub use crate::{
    access::{Access, Action, Unrestricted},
    broker::{Broker, Durables, Nack, QueuePlace, QueueReport, QueueUsage, Send, Usage},
    destination::{
        DESTINATION_BYTES_MAX, Destination, DestinationError, Kind, Kinds, PATTERN_SEGMENTS_MAX,
    },
    error::Refusal,
    history::{Epoch, HistoriesEnd, HistoryPolicy, LogEnd, Position, ReplayFrom},
    limits::Limits,
    message::{
        DeadLetter, DeathReason, DeliveryId, GROUP_BYTES_MAX, MessageId, PRIORITY_DEFAULT,
        PRIORITY_MAX, Payload, Properties, QueueName, Retain,
    },
    output::{Delivery, DurableBinding, EndReason, Output, Returned, ScheduledId, Settled},
    queues::Restored,
    selector::Selector,
    session::{Login, SessionId, SubscriptionId},
    settings::{Overflow, QueuePolicy, Settings},
    subscribe::{AckMode, Credit, SlowConsumer, Subscribe, Subscribed},
    time::Timestamp,
    topic::TopicCount,
};
