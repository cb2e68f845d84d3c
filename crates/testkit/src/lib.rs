//! What the tests of the other crates share: ways to cut bytes, a notation for wire vectors, and clients of HTTP,
//! WebSocket and STOMP that send what a test tells them to.

#![forbid(unsafe_code)]

mod http;
mod notation;
mod splits;
mod stomp;
mod tcp;
mod websocket;

pub use crate::{
    http::{ACCEPT, HttpResponse, KEY, upgrade_request},
    notation::wire,
    splits::Splits,
    stomp::{Over, Received, StompFrame, StompPeer},
    tcp::{TcpPeer, WAIT_MAX},
    websocket::{
        BINARY, CLOSE, MASK, PING, PONG, TEXT, WebSocketFrame, WebSocketPeer, close_body,
        encode_frame,
    },
};
