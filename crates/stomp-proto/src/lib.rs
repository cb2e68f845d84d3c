//! STOMP 1.0, 1.1 and 1.2 with no I/O: octets and the time go in, requests and octets come out.
//!
//! [`ServerSession`] and [`ClientSession`] are the two roles. The rule for driving either: *feed it
//! until `None`, then sleep until `poll_timeout`*. Below them are [`Decoder`] and [`FrameWriter`],
//! and the frames by their names in [`command`].
//!
//! ```
//! use std::{sync::Arc, time::Instant};
//!
//! use gumboot_stomp_proto::{
//!     Input, ServerOptions, ServerSession, Version, command::*, server::Accept,
//! };
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = Instant::now();
//! let mut session = ServerSession::new(now, Arc::new(ServerOptions::default()));
//! let mut out = Vec::new();
//!
//! let received = b"CONNECT\naccept-version:1.2\n\n\0SEND\ndestination:/topic/a\n\nhello\0";
//! let mut input = Input::new(received);
//! while let Some(event) = session.handle_input(now, &mut input)? {
//!     match event.request {
//!         Request::Connect(_) => session.accept(now, &Accept::default(), &mut out),
//!         Request::Send(send) => {
//!             assert_eq!(send.destination, "/topic/a");
//!             let tail = Tail::from_send(&event.frame);
//!             encode_head(&mut out, Version::V1_2, Some("sub-0"), "1", None, &[]);
//!             out.extend_from_slice(&tail.bytes(Version::V1_2));
//!         }
//!         _ => {}
//!     }
//! }
//! let sent = "CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0\
//!     MESSAGE\nsubscription:sub-0\nmessage-id:1\n\
//!     destination:/topic/a\ncontent-length:5\n\nhello\0";
//! assert_eq!(out, sent.as_bytes());
//! # Ok::<(), gumboot_stomp_proto::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod client;
pub mod command;
pub mod server;

mod decode;
mod encode;
mod error;
mod escapes;
mod frame;
mod heart_beat;
mod input;
mod limits;
mod timers;
mod version;

pub use crate::{
    client::ClientSession,
    command::{Command, ConnectOptions, ErrorFrame, InvalidTail, Request, Response, Tail},
    decode::{Decoded, Decoder},
    encode::FrameWriter,
    error::{Error, ErrorKind, Fault},
    frame::Frame,
    heart_beat::{HeartBeat, Intervals},
    input::Input,
    limits::{Limit, Limits},
    server::{ServerOptions, ServerSession},
    timers::Beat,
    version::Version,
};
