//! The STOMP broker as a server on tokio: WebSocket and HTTP on one port, STOMP over TCP on another.
//!
//! What a broker means is in `gumboot-broker-core`, what STOMP and WebSocket mean in their `-proto` crates. Here one
//! task per connection drives them, and what crosses from one connection to another goes through bounded mailboxes.

#![forbid(unsafe_code)]

mod auth;
mod config;
mod console;
mod http;
mod hub;
mod journal;
mod listener;
mod mailbox;
mod metrics;
mod publication;
mod server;
mod session;
mod subprotocol;
mod system;

pub use crate::{
    auth::{
        HASH_MEMORY_KIB_MAX, HASH_ROUNDS_MAX, LoginRefused, PasswordError, PasswordHash, Pattern,
        Permissions, REFUSED_AFTER, USER_NAME_BYTES_MAX, User, UserEntry, Users, UsersError,
        VERIFICATION_WAIT_MAX, VERIFICATIONS_MAX,
    },
    config::{Config, Endpoints},
    journal::{
        durability::{Durabilities, Durability},
        restore::{RestoreError, Restored},
        space::FreeSpace,
        writer::CLOSE_MAX,
    },
    server::{Addresses, BindError, DRAIN_MAX, Server, StartError},
};
pub use gumboot_broker_core::{
    Destination, DestinationError, HistoryPolicy, Kind, Kinds, Limits as BrokerLimits, Overflow,
    QueuePolicy, Settings as BrokerSettings,
};
pub use gumboot_stomp_proto::{HeartBeat, Limits as StompLimits};
pub use gumboot_store::{Level, Store};
pub use gumboot_websocket::{
    InvalidOrigin, OriginPolicy,
    server::{HttpLimits, ServerTls, TlsFileError, TlsFileReason},
};
