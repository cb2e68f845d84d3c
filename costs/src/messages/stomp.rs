//! STOMP over WebSocket: messages to a topic, counted per delivery, and through a queue.

use std::net::SocketAddr;

use gumboot_testkit::{MASK, Over, PING, PONG, StompPeer, TEXT, encode_frame};

use super::Traffic;

const BODY_BYTES: usize = 128;

/// Logs in over WebSocket; heart-beats are as in the header.
pub(crate) fn log_in(at: SocketAddr, heart_beat: &str) -> StompPeer {
    let mut peer = StompPeer::open(Over::WebSocket, at, at);
    peer.connect(&format!(
        "accept-version:1.2\nhost:/\nheart-beat:{heart_beat}\n"
    ));
    peer
}

const NO_BEATS: &str = "0,0";

const TOPIC: &str = "/topic/prices";

/// One publisher, each of whose messages every subscriber gets; it writes some of them at once.
struct Topic {
    publisher: StompPeer,
    subscribers: Vec<StompPeer>,
    body: String,
    wire: Vec<u8>,
    burst: usize,
}

pub(super) fn topic(at: SocketAddr, subscribers: usize, burst: usize) -> Box<dyn Traffic> {
    let body = "x".repeat(BODY_BYTES);
    let send = format!("SEND\ndestination:{TOPIC}\n\n{body}\0");
    let subscriber = || {
        let mut peer = log_in(at, NO_BEATS);
        peer.subscribe("0", TOPIC);
        peer
    };
    Box::new(Topic {
        publisher: log_in(at, NO_BEATS),
        subscribers: (0..subscribers).map(|_| subscriber()).collect(),
        body,
        wire: encode_frame(TEXT, send.as_bytes(), Some(MASK)).repeat(burst),
        burst,
    })
}

impl Traffic for Topic {
    fn round(&mut self) -> u64 {
        self.publisher.tcp().send(&self.wire);
        for subscriber in &mut self.subscribers {
            for _ in 0..self.burst {
                subscriber.expect_message(&self.body);
            }
        }
        (self.subscribers.len() * self.burst) as u64
    }
}

/// A producer, and a consumer that acknowledges each message. Behind each ACK the consumer sends a ping: only when the
/// pong is there comes the next message, so that the server never finds both at once.
struct Queue {
    producer: StompPeer,
    consumer: StompPeer,
    body: String,
}

pub(super) fn queue(at: SocketAddr) -> Box<dyn Traffic> {
    let mut consumer = log_in(at, NO_BEATS);
    consumer
        .send("SUBSCRIBE\nid:0\ndestination:/queue/jobs\nack:client-individual\nreceipt:sub\n\n\0");
    consumer.expect_receipt("sub");
    Box::new(Queue {
        producer: log_in(at, NO_BEATS),
        consumer,
        body: "x".repeat(BODY_BYTES),
    })
}

impl Traffic for Queue {
    fn round(&mut self) -> u64 {
        self.producer.publish("/queue/jobs", &self.body);
        let message = self.consumer.expect_message(&self.body);
        let id = message
            .header("ack")
            .expect("such a message is acknowledged");
        let ack = format!("ACK\nid:{id}\n\n\0");
        let mut wire = encode_frame(TEXT, ack.as_bytes(), Some(MASK));
        wire.extend(encode_frame(PING, b"", Some(MASK)));
        self.consumer.tcp().send(wire);
        self.consumer.websocket().expect(PONG, b"");
        1
    }
}
