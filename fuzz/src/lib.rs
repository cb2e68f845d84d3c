//! What is fuzzed: a function per target that takes bytes and panics when a promise is broken. `cargo fuzz` feeds them
//! from `targets/`, and plain tests feed them the seeds.

#![forbid(unsafe_code)]

mod broker_operations;
mod deflate;
mod handshake;
mod peers;
mod selector;
mod stomp_decode;
mod stomp_session;
mod ws_input;
mod ws_operations;

pub use crate::{
    broker_operations::broker_operations, deflate::deflate, handshake::handshake,
    selector::selector, stomp_decode::stomp_decode, stomp_session::stomp_session,
    ws_input::ws_input, ws_operations::ws_operations,
};
