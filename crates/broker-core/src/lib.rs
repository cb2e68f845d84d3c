//! What a STOMP broker means: destinations, who is subscribed to them, and who gets a message. No I/O, no clock, no
//! thread; and it never looks inside a message, so that its tests run with `M = u32`.
//!
//! ```
//! use gumboot_broker_core::{Broker, Destination, Limits, Output, SessionId, SubscriptionId};
//!
//! #[derive(Default)]
//! struct Log(Vec<(SessionId, SubscriptionId, u32)>);
//!
//! impl Output<u32> for Log {
//!     fn deliver(&mut self, to: SessionId, subscription: SubscriptionId, message: &u32) {
//!         self.0.push((to, subscription, *message));
//!     }
//! }
//!
//! let mut broker = Broker::new(Limits::default());
//! let news = Destination::parse("/topic/news")?;
//! broker.handle_connect(SessionId(1))?;
//! broker.handle_subscribe(SessionId(1), SubscriptionId(7), &news)?;
//!
//! let mut log = Log::default();
//! broker.handle_send(&news, &42, &mut log)?;
//! assert_eq!(log.0, [(SessionId(1), SubscriptionId(7), 42)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod broker;
mod destination;
mod error;
mod limits;
mod output;
mod topic;

pub use crate::{
    broker::{Broker, SessionId, SubscriptionId, TopicCount},
    destination::{DESTINATION_BYTES_MAX, Destination, DestinationError, KINDS},
    error::Refusal,
    limits::Limits,
    output::Output,
};
