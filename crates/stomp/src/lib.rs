//! A STOMP client on tokio: versions 1.0, 1.1 and 1.2, over WebSocket, TCP and TLS.
//!
//! [`Client`] opens a [`Session`]; that sends, subscribes and begins transactions. The connection is in a task of its own,
//! which keeps the heart-beats, and makes a lost connection again: it subscribes as before, and sends again what the
//! server has not confirmed. Of topics with a history it asks for what was missed, and says so if that is not all. Frames, versions and escapes are in `gumboot-stomp-proto`, without I/O.

#![forbid(unsafe_code)]

mod address;
mod client;
mod connection;
mod driver;
mod error;
mod incoming;
mod ledger;
mod limits;
mod line;
mod outgoing;
mod place;
mod receipt;
mod request;
mod session;
mod shared;
mod subscription;
mod transaction;

pub use gumboot_stomp_proto::{
    HeartBeat, Limits as FrameLimits, Version,
    command::{AckMode, Opening},
};
pub use gumboot_websocket::Backoff;

pub use crate::{
    address::InvalidAddress,
    client::{Client, RECEIPT_WAIT_MAX},
    error::{Error, Loss, ServerError},
    incoming::Message,
    ledger::BLAMED_MAX,
    limits::Limits,
    outgoing::Outgoing,
    receipt::Receipt,
    session::{Server, Session, State},
    subscription::{Received, Subscribe, Subscription},
    transaction::Transaction,
};
