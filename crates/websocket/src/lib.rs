//! WebSocket on tokio: a client, the object that browsers have, and the server's side on hyper.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let address = loopback::echo().await;
//! let mut socket = gumboot_websocket::connect(&format!("ws://{address}/echo"), &[]).await?;
//! socket.send("Hello WebSockets!").await?;
//! if let Some(message) = socket.receive().await? {
//!     println!("Received Message: {}", message.as_text().unwrap_or("(binary)"));
//! }
//! socket.close(None).await?;
//! # Ok(()) }
//! ```
//!
//! # What to choose
//!
//! | you want                                                  | take                                                 |
//! | --------------------------------------------------------- | ---------------------------------------------------- |
//! | messages to and from a server                             | [`connect`], which gives a [`Socket`]                |
//! | the same with TLS, a proxy, a login, HTTP/2 or limits     | a [`Client`]                                         |
//! | a connection that is made anew when it is lost            | [`Reconnect`]                                        |
//! | what a page has: events, `readyState`, `bufferedAmount`   | [`WebSocket`]                                        |
//! | to serve WebSockets, on streams of any kind               | [`accept`], or an [`Acceptor`]                       |
//! | the same in a service on hyper, in a handler of axum      | [`Acceptor::upgrade`], the feature `axum`            |
//! | to serve HTTP as well, or a protocol of your own          | the module [`server`]                                |
//! | to poll a connection by hand, in a task of your own       | a [`Link`]                                           |
//! | another runtime, or no I/O at all                         | [`proto`], the crate `gumboot-websocket-proto`       |
//!
//! A [`Socket`] is a `Stream` of messages and a `Sink` for them. Its methods may be dropped before they are ready
//! without losing anything.
//!
//! # What most people do
//!
//! Each has an example. Those of a client run with the tests; those of a server are compiled, and run as the programs in
//! `examples/`.
//!
//! - connect, send and receive: [`connect`]
//! - program as in a browser: [`WebSocket`]
//! - take its events as a stream: [`WebSocket::events`]
//! - send in one task and receive in another: [`Socket::split`]
//! - trust roots of one's own, and present a certificate: [`TlsOptions`]
//! - go through a proxy: [`Proxy`]
//! - send headers and cookies, log in by Basic or Bearer: [`Client`]
//! - have several WebSockets on one connection of HTTP/2: [`Client::http2`]
//! - set the compression, the limits and the waits: [`Client::config`]
//! - leave a message uncompressed: [`Socket::send_uncompressed`]
//! - keep a connection alive, and measure the round trip: [`Socket::round_trip`]
//! - come back after a loss: [`Reconnect`]
//! - use a stream of one's own: [`Client::connect_over`]
//! - see a request before it is accepted: [`Acceptor::handshake`]
//! - limit connections, and end all of them: [`Gate`]
//!
//! # What holds by default
//!
//! A client trusts the roots of the system, takes the proxy that the environment names, offers compression, asks a
//! silent server with a ping every 30 seconds, and follows no redirect. Messages of more than 16 MiB are refused. Every
//! wait and every size has a bound: those of a connection are [`Limits`](proto::Limits) and [`Timing`](proto::Timing),
//! those of the way to a server are methods of [`Client`], those of HTTP are [`HttpLimits`](server::HttpLimits).
//!
//! Errors say whose fault it is: [`ConnectError`] why there is no connection, [`LinkError`] why one has ended.

#![forbid(unsafe_code)]

#[cfg(feature = "axum")]
pub mod axum;
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
        CONNECT_WAIT_MAX, Client, ConnectError, ConnectWait, HTTP2_IDLE_MAX, InvalidHeader,
        InvalidUrl, RedirectError, connect,
    },
    link::{Link, READ_GIVES_BYTES_MAX},
    origin::{InvalidOrigin, OriginPolicy},
    pipe::{
        END_BYTES_PER_SECOND_MIN, LINGER_MAX, LinkError, PENDING_BYTES_MAX, Pipe, Traffic,
        Transmit, WRITE_STALL_MAX,
    },
    reconnect::{
        Failure, NotQueued, ON_OPEN_WAIT_MAX, OnOpenError, QUEUE_MESSAGES_MAX,
        RECONNECT_EVENTS_MAX, RETRY_AFTER_MAX, Reconnect, ReconnectEvent, ReconnectSender,
        ReconnectState, Reconnecting, STANDS_AFTER, TRANSFERS_MAX,
    },
    server::{AcceptError, Acceptor, DrainTimedOut, Gate, GateLimits, accept},
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
