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
//! The opening handshake, with the types of the `http` crate, is in [`handshake`].

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
    connection::{Connection, Event, FLATTEN_BELOW, Input, Piece, TransmitQueue},
    deflate::{DeflateConfig, DeflateParams, DeflatePool, SharedBytes},
    error::{Error, PeerMisbehaved, SendError},
    frame::{CONTROL_BYTES_MAX, FrameHeader, HEADER_BYTES_MAX, Opcode},
    limits::{Config, Limit, Limits, Timing, Wait},
    mask::MaskKeys,
    message::{Message, MessageKind, MessageRef, Payload},
    utf8::Utf8Bytes,
};
