//! WebSocket (RFC 6455) as a state machine: bytes in, bytes out, no socket, no clock, no thread.
//!
//! ```
//! use std::{io::IoSlice, sync::Arc, time::Instant};
//! use gumboot_websocket_proto::{Config, Connection, Event, Input};
//!
//! # let now = Instant::now();
//! let mut server = Connection::server(Arc::new(Config::server()), now);
//! let mut bytes = *b"\x81\x82\x00\x00\x00\x00hi"; // what a socket gave
//! let mut input = Input::new(&mut bytes);
//! while let Some(event) = server.handle_input(now, &mut input)? {
//!     if let Event::Message(message) = event {
//!         server.send_back(message)?;
//!     }
//! }
//! let mut slices = [IoSlice::new(&[]); 4];
//! assert_eq!(server.poll_transmit(&mut slices), 1);
//! assert_eq!(*slices[0], *b"\x81\x02hi"); // what the socket is to write
//! server.transmitted(now, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One rule drives it: *feed until `None`, then transmit until 0, then wait for bytes or for `poll_timeout`.*
//!
//! # What to choose
//!
//! Programs on tokio take `gumboot-websocket`, which drives this crate over sockets. Take this one for another runtime,
//! for a transport of your own, or to test without sockets.
//!
//! # The parts
//!
//! - [`handshake`] opens a connection in both roles, over HTTP/1.1 and HTTP/2. It works on the requests and responses
//!   of the `http` crate; reading and writing them is left to a library of HTTP.
//! - [`Connection`] is one end of the connection. What arrives goes in as an [`Input`] and comes out as [`Event`]s;
//!   what is to be sent goes in by [`send`](Connection::send) and its like and comes out of a queue, as slices for one
//!   vectored write.
//! - [`Message`] is one that owns its payload, and is cheap to clone; [`MessageRef`] one that borrows it from the
//!   input. The text of both is UTF-8, always.
//! - [`Config`] has every bound by name: [`Limits`] for what is taken from a peer, [`Timing`] for how long it is waited
//!   for, and [`DeflateConfig`] for permessage-deflate (RFC 7692). Compressors come from a [`DeflatePool`], which
//!   connections share.
//! - [`Error`] says whose fault it is, and [`Error::close_code`] what the peer is told. The connection sends that Close
//!   by itself.
//!
//! The crate has no clock and no randomness: the time is an argument, and a client's mask keys come from a
//! [`MaskKeys`].
//!
//! # Time
//!
//! [`Connection::poll_timeout`] says when [`Connection::handle_timeout`] is due, which sends a ping or gives up a peer:
//!
//! ```
//! use std::{sync::Arc, time::{Duration, Instant}};
//! use gumboot_websocket_proto::{Config, Connection, Error, Wait};
//!
//! # let start = Instant::now();
//! let mut config = Config::server();
//! config.timing.ping_interval = Some(Duration::from_secs(30));
//! config.timing.pong_wait_max = Duration::from_secs(20);
//! let mut server = Connection::server(Arc::new(config), start);
//!
//! let due = server.poll_timeout().ok_or("a server asks who is silent")?;
//! assert_eq!(due, start + Duration::from_secs(30));
//! server.handle_timeout(due)?; // queues a ping
//! assert_eq!(server.bytes_pending(), 2);
//! # server.transmitted(due, 2);
//! let due = server.poll_timeout().ok_or("and waits for the pong")?;
//! assert_eq!(server.handle_timeout(due), Err(Error::TimedOut(Wait::Pong)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(unsafe_code)]

mod close;
mod closing;
mod connection;
mod deflate;
mod error;
mod frame;
pub mod handshake;
mod limits;
mod mask;
mod message;
mod utf8;

pub use crate::{
    close::{CloseCode, CloseFrame, REASON_BYTES_MAX, ReasonTooLong},
    closing::Closing,
    connection::{
        Connection, Event, FLATTEN_BELOW, Input, LENT_BYTES_MIN, Lending, Piece, TransmitBuffer,
        TransmitQueue,
    },
    deflate::{DeflateConfig, DeflateParams, DeflatePool, SharedBytes},
    error::{Error, PeerMisbehaved, SendError},
    frame::{CONTROL_BYTES_MAX, FrameHeader, HEADER_BYTES_MAX, Opcode},
    limits::{Config, Limit, Limits, Timing, Wait},
    mask::MaskKeys,
    message::{Message, MessageKind, MessageRef, Payload},
    utf8::Utf8Bytes,
};
