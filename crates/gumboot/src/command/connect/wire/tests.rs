//! How a connection ends while something waits that the peer does not take.

use std::sync::Arc;

use gumboot_testkit::{CLOSE, WAIT_MAX, close_body, encode_frame};
use gumboot_websocket::proto::{CloseCode, Config, MaskKeys};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use super::*;

/// More than the buffers of the transport take, and less than would keep the wire from reading.
const MESSAGE_BYTES: usize = 200 * 1024;

/// What the buffers of the transport are asked to take.
const BUFFER_BYTES: u32 = 4096;

struct NoKeys;

impl MaskKeys for NoKeys {
    fn next_key(&mut self) -> [u8; 4] {
        [0; 4]
    }
}

/// A client's wire over TCP with small buffers, and the other end.
async fn open() -> (Wire, TcpStream) {
    let listener = TcpSocket::new_v4().unwrap();
    listener.set_recv_buffer_size(BUFFER_BYTES).unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener: TcpListener = listener.listen(1).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(BUFFER_BYTES).unwrap();
    let stream = socket
        .connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (peer, _) = listener.accept().await.unwrap();
    let config = Arc::new(Config::client());
    let connection = Connection::client(config, Box::new(NoKeys), now());
    let link = Link::new(Transport::from(stream), connection, &[]);
    (Wire::over(link), peer)
}

/// A wire with a message that its peer does not take, but closes; what is left of the message waits.
async fn open_and_closed_early() -> (Wire, TcpStream) {
    let (mut wire, mut peer) = open().await;
    wire.send(Message::binary(vec![0; MESSAGE_BYTES])).unwrap();
    let close = encode_frame(CLOSE, &close_body(1009, ""), None);
    peer.write_all(&close).await.unwrap();
    let closed = poll_fn(|cx| {
        assert!(wire.poll_next(cx, true).is_pending());
        match wire.arrived.close {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        }
    });
    timeout(WAIT_MAX, closed).await.unwrap();
    assert!(wire.has_unwritten() && !wire.is_blocked());
    (wire, peer)
}

/// How the wire ends, which comes next.
async fn end(wire: &mut Wire) -> Ending {
    match timeout(WAIT_MAX, wire.next(true)).await.unwrap() {
        Happening::Ended(ending) => ending,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_too_big(ending: &Ending) {
    let frame = ending.close.as_ref().unwrap().as_ref().unwrap();
    assert_eq!(frame.code(), CloseCode::TOO_BIG);
}

#[tokio::test]
async fn a_reset_behind_the_peers_close_is_not_clean_while_something_waits() {
    let (mut wire, peer) = open_and_closed_early().await;
    // What it has not read makes it a reset.
    drop(peer);
    let ending = end(&mut wire).await;
    assert!(!ending.is_clean);
    assert!(
        matches!(ending.failure, Some(LinkError::Io(_))),
        "{ending:?}"
    );
    assert_too_big(&ending);
}

#[tokio::test]
async fn what_is_dropped_while_something_waits_is_not_clean() {
    let (mut wire, peer) = open_and_closed_early().await;
    wire.drop_now();
    let ending = end(&mut wire).await;
    assert!(!ending.is_clean && ending.failure.is_none(), "{ending:?}");
    assert_too_big(&ending);
    drop(peer);
}

#[tokio::test]
async fn a_reset_behind_both_closes_is_clean() {
    let (mut wire, mut peer) = open().await;
    let close = encode_frame(CLOSE, &close_body(1009, ""), None);
    peer.write_all(&close).await.unwrap();
    let mut answer = vec![0; 8];
    tokio::select! {
        happening = wire.next(true) => panic!("{happening:?}"),
        read = peer.read_exact(&mut answer) => assert_eq!(read.unwrap(), 8),
    }
    peer.set_zero_linger().unwrap();
    drop(peer);
    let ending = end(&mut wire).await;
    assert!(ending.is_clean && ending.failure.is_none(), "{ending:?}");
    assert_too_big(&ending);
}
