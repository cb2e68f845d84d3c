//! A client that sends and never reads: the server stops reading it, keeps no more than its bound, and serves others.

use std::time::Duration;

use gumboot_testkit::{BINARY, MASK, TEXT, WebSocketPeer, encode_frame};

use crate::support::echo_server;

/// A client whose bytes nobody has taken for this long is blocked.
const BLOCKED: Duration = Duration::from_millis(500);

/// Well above what the operating system buffers both ways, and the bounds of the server.
const TAKEN_MAX: usize = 100 << 20;

/// The size of the messages.
const MESSAGE_BYTES: usize = 64 * 1024;

#[test]
fn the_server_stops_reading_and_serves_others() {
    let address = echo_server();
    let mut greedy = WebSocketPeer::open(address, "/echo", "");
    let frame = encode_frame(BINARY, &[7; MESSAGE_BYTES], Some(MASK));
    let sent = greedy.tcp().send_until_blocked(&frame, BLOCKED, TAKEN_MAX);
    assert!(sent > frame.len(), "{sent} bytes");

    let mut other = WebSocketPeer::open(address, "/echo", "");
    other.send(TEXT, "hello");
    other.expect(TEXT, "hello");

    // Nothing is lost when it reads at last: all whole messages come back.
    for _ in 0..sent / frame.len() {
        greedy.expect(BINARY, [7; MESSAGE_BYTES]);
    }
    // And it is read again, to the end of the message that was cut.
    greedy.tcp().send(&frame[sent % frame.len()..]);
    greedy.expect(BINARY, [7; MESSAGE_BYTES]);
    greedy.send(TEXT, "again");
    greedy.expect(TEXT, "again");
}
