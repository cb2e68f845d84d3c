//! WebSocket on tokio: the server's side on hyper, and a client.
//!
//! What WebSocket means is in `gumboot-websocket-proto`, which does no I/O; this crate connects it to sockets. A program
//! uses [`connect`], or a [`Client`] for more choice, and a [`Socket`]; or [`WebSocket`], the object that browsers have.
//! A server with a protocol of its own drives a [`Link`].

#![forbid(unsafe_code)]

mod backoff;
mod client;
mod compression;
mod link;
mod origin;
mod pipe;
mod random;
mod reconnect;
pub mod scratch;
pub mod server;
mod socket;
mod split;
mod stall;
mod stream;
pub mod timer;
mod transport;
mod web_socket;

pub use gumboot_websocket_proto as proto;

pub use crate::{
    backoff::{BACKOFF_FIRST_MAX, BACKOFF_WAIT_MAX, Backoff},
    client::{
        CONNECT_WAIT_MAX, Client, ConnectError, ConnectWait, InvalidHeader, InvalidUrl,
        RedirectError, connect,
    },
    link::Link,
    origin::{InvalidOrigin, OriginPolicy},
    pipe::{LINGER_MAX, LinkError, PENDING_BYTES_MAX, Pipe, Traffic, Transmit, WRITE_STALL_MAX},
    reconnect::{
        Failure, NotQueued, ON_OPEN_WAIT_MAX, OnOpenError, QUEUE_MESSAGES_MAX,
        RECONNECT_EVENTS_MAX, RETRY_AFTER_MAX, Reconnect, ReconnectEvent, ReconnectSender,
        ReconnectState, Reconnecting, STANDS_AFTER,
    },
    socket::Socket,
    split::{Receiver, ReuniteError, Sender},
    transport::{
        TlsInfo, Transport, TransportKind,
        proxy::{InvalidProxy, Proxy, ProxyError, SocksRefusal},
        tls::{InvalidTls, TlsError, TlsOptions},
    },
    web_socket::{
        ATTACH_WAIT_MAX, BinaryType, CloseEvent, Data, EVENTS_WAITING_MAX, Event, EventType,
        Events, InvalidSyntax, ListenerId, MessageData, MessageEvent, Protocols, ReadyState,
        SEND_BUFFER_BYTES_MAX, WebSocket, WebSocketError,
    },
};
