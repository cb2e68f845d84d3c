//! Messages that come back as they are.

use std::net::SocketAddr;

use gumboot_testkit::{BINARY, MASK, TEXT, TcpPeer, WebSocketPeer, encode_frame, upgrade_request};

use super::Traffic;
use crate::payload;

/// RSV1, which says that a message is compressed (RFC 7692 §7.2.1).
const COMPRESSED: u8 = 0x40;

/// What a client offers that keeps nothing from one message to the next.
const OFFER: &str = "sec-websocket-extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover";

/// Clients that each write frames at once and then read all answers, byte for byte as they must be.
struct Echo {
    clients: Vec<WebSocketPeer>,
    wire: Vec<u8>,
    answer: Vec<u8>,
    in_flight: usize,
}

pub(super) fn binary(at: SocketAddr, length: usize, in_flight: usize) -> Box<dyn Traffic> {
    Box::new(Echo::new(at, BINARY, &payload::bytes(length), in_flight, 1))
}

pub(super) fn text(at: SocketAddr, length: usize) -> Box<dyn Traffic> {
    Box::new(Echo::new(at, TEXT, &payload::text(length), 1, 1))
}

/// One message in flight of each client: all write before the first reads.
pub(super) fn clients(at: SocketAddr, length: usize, clients: usize) -> Box<dyn Traffic> {
    Box::new(Echo::new(at, BINARY, &payload::bytes(length), 1, clients))
}

impl Echo {
    fn new(at: SocketAddr, first: u8, payload: &[u8], in_flight: usize, clients: usize) -> Self {
        Self {
            clients: (0..clients)
                .map(|_| WebSocketPeer::open(at, "/echo", "none"))
                .collect(),
            wire: encode_frame(first, payload, Some(MASK)).repeat(in_flight),
            answer: encode_frame(first, payload, None).repeat(in_flight),
            in_flight,
        }
    }
}

impl Traffic for Echo {
    fn round(&mut self) -> u64 {
        for client in &mut self.clients {
            client.tcp().send(&self.wire);
        }
        for client in &mut self.clients {
            let answer = client.tcp().read(self.answer.len());
            assert!(answer == self.answer, "the echo is not what was sent");
        }
        (self.clients.len() * self.in_flight) as u64
    }
}

/// A connection that has agreed to compression.
///
/// # Panics
/// If the server does not accept it.
pub(crate) fn open_deflated(at: SocketAddr) -> WebSocketPeer {
    let mut tcp = TcpPeer::connect(at);
    tcp.send(upgrade_request("/echo", &[OFFER]));
    WebSocketPeer::upgraded(tcp)
}

/// A text message, compressed.
pub(crate) fn deflated_frame(payload: &[u8]) -> Vec<u8> {
    encode_frame(TEXT | COMPRESSED, &payload::deflate(payload), Some(MASK))
}

/// As [`Echo`], compressed both ways: the answer may be compressed in another way.
struct Deflated {
    client: WebSocketPeer,
    wire: Vec<u8>,
    payload: Vec<u8>,
    in_flight: usize,
}

pub(super) fn deflated(at: SocketAddr, length: usize, in_flight: usize) -> Box<dyn Traffic> {
    let payload = payload::json(length);
    let frame = encode_frame(TEXT | COMPRESSED, &payload::deflate(&payload), Some(MASK));
    Box::new(Deflated {
        client: open_deflated(at),
        wire: frame.repeat(in_flight),
        payload,
        in_flight,
    })
}

impl Traffic for Deflated {
    fn round(&mut self) -> u64 {
        self.client.tcp().send(&self.wire);
        for _ in 0..self.in_flight {
            let answer = self.client.receive();
            assert_eq!(answer.first, TEXT | COMPRESSED);
            assert!(
                payload::inflate(&answer.payload) == self.payload,
                "the echo is not what was sent"
            );
        }
        self.in_flight as u64
    }
}
