//! A peer that stops in the middle of something and keeps its transport: each phase has a wait of its own, and what the
//! peer would hear if it listened. `tests/it/http_limits.rs` has the head of a request.

use std::{net::TcpListener as StdListener, time::Duration};

use gumboot_testkit::{BINARY, CLOSE, PING, TEXT, TcpPeer, close_body};
use gumboot_websocket::{
    Client, ConnectError, ConnectWait, LINGER_MAX, LinkError, Proxy,
    proto::{Closing, Error, Timing, Wait},
    server::TLS_WAIT_MAX,
};
use tokio::{net::TcpListener, task::spawn_blocking, time::Instant};

use crate::support::{Peer, Role, accept, against, plain, soon, tls};

/// How late something may be, by the clock of the test.
const MARGIN: Duration = Duration::from_secs(1);

#[track_caller]
fn assert_within(start: Instant, from: Duration, to: Duration) {
    let took = start.elapsed();
    assert!(took >= from && took < to + MARGIN, "{took:?}");
}

/// A peer sends this and stops: after `wait_max` the wait is over, and there is a Close of `code` for the peer.
async fn check_stop(sent: fn(&Peer) -> Vec<u8>, wait: Wait, wait_max: Duration, code: u16) {
    for role in Role::BOTH {
        let (mut socket, peer) = against(role, plain(), move |mut peer: Peer| {
            let sent = sent(&peer);
            peer.tcp.send(sent);
            peer
        })
        .await;
        let start = Instant::now();
        let failed = soon(socket.receive()).await;
        let is_over = matches!(
            failed,
            Err(LinkError::Protocol(Error::TimedOut(got))) if got == wait
        );
        assert!(is_over, "{role:?}: {failed:?}");
        let until = wait_max + Timing::default().close_wait_max + LINGER_MAX;
        assert_within(start, wait_max, until);
        let mut peer = peer.await.unwrap();
        let close = loop {
            let (first, payload) = peer.receive();
            if first != PING {
                break (first, payload);
            }
        };
        assert_eq!((close.0, &close.1[..2]), (CLOSE, &code.to_be_bytes()[..]));
    }
}

/// The answer to a ping does not come.
fn pong_wait_max() -> Duration {
    let timing = Timing::default();
    timing.ping_interval.unwrap() + timing.pong_wait_max
}

#[tokio::test(start_paused = true)]
async fn behind_the_opening_handshake() {
    check_stop(|_| Vec::new(), Wait::Pong, pong_wait_max(), 1011).await;
}

#[tokio::test(start_paused = true)]
async fn in_a_frame() {
    let stall = Timing::default().frame_stall_max;
    let in_length = |peer: &Peer| peer.frame(BINARY, &[0; 1_000])[..3].to_vec();
    check_stop(in_length, Wait::FrameStall, stall, 1008).await;
    let behind_header = |peer: &Peer| {
        let frame = peer.frame(BINARY, &[0; 100]);
        frame[..frame.len() - 100].to_vec()
    };
    check_stop(behind_header, Wait::FrameStall, stall, 1008).await;
    let in_payload = |peer: &Peer| peer.frame(TEXT, &[b'x'; 100])[..50].to_vec();
    check_stop(in_payload, Wait::FrameStall, stall, 1008).await;
    // So long that it is read straight into the message.
    let in_long_payload = |peer: &Peer| peer.frame(BINARY, &vec![0; 1 << 20])[..500_000].to_vec();
    check_stop(in_long_payload, Wait::FrameStall, stall, 1008).await;
}

#[tokio::test(start_paused = true)]
async fn between_the_frames_of_a_message() {
    let begun = |peer: &Peer| peer.frame(0x01, b"begun");
    check_stop(begun, Wait::Pong, pong_wait_max(), 1011).await;
}

#[tokio::test(start_paused = true)]
async fn before_it_answers_a_close() {
    for role in Role::BOTH {
        let (mut socket, peer) = against(role, plain(), |peer: Peer| peer).await;
        let start = Instant::now();
        let closed = soon(socket.close(None)).await;
        let is_over = matches!(
            closed,
            Err(LinkError::Protocol(Error::TimedOut(Wait::Close)))
        );
        assert!(is_over, "{role:?}: {closed:?}");
        let wait_max = Timing::default().close_wait_max;
        assert_within(start, wait_max, wait_max + LINGER_MAX);
        assert_eq!(peer.await.unwrap().receive().0, CLOSE);
    }
}

#[tokio::test(start_paused = true)]
async fn behind_its_close() {
    for role in Role::BOTH {
        let (mut socket, peer) = against(role, plain(), |mut peer: Peer| {
            peer.send(CLOSE, &close_body(4000, "bye"));
            peer
        })
        .await;
        let start = Instant::now();
        let ended = soon(socket.receive()).await;
        let close = socket.close_frame().flatten().map(|close| close.code());
        assert_eq!(close.unwrap().get(), 4000, "{role:?}: {ended:?}");
        // A server ends the transport by itself; a client waits for the server to do so (RFC 6455 §7.1.1).
        match role {
            Role::Server => {
                assert_eq!(ended.unwrap(), None);
                assert_within(start, LINGER_MAX, LINGER_MAX);
            }
            Role::Client => {
                let is_over = matches!(
                    ended,
                    Err(LinkError::Protocol(Error::TimedOut(Wait::Close)))
                );
                assert!(is_over, "{ended:?}");
                let wait_max = Timing::default().close_wait_max + LINGER_MAX;
                assert_within(start, wait_max, wait_max);
            }
        }
        assert_eq!(socket.closing(), Closing::Clean, "{role:?}");
        peer.await.unwrap().expect_close(4000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_in_its_tls_hello() {
    // A record of 512 bytes that has a ClientHello (RFC 8446 §5.1), and its beginning.
    let starts: [&[u8]; 2] = [b"", &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]];
    for start_of_hello in starts {
        let (server, _) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let peer = spawn_blocking(move || {
            let mut tcp = TcpPeer::connect(address);
            tcp.send(start_of_hello);
            tcp
        });
        let (stream, _) = listener.accept().await.unwrap();
        let start = Instant::now();
        let failed = soon(server.accept(stream)).await.unwrap_err();
        assert_eq!(failed.kind(), std::io::ErrorKind::TimedOut);
        assert_within(start, TLS_WAIT_MAX, TLS_WAIT_MAX);
        drop(peer.await.unwrap());
    }
}

/// The wait of a client that is over with a server that does this and stops.
async fn over(scheme: &str, act: impl FnOnce(&mut TcpPeer) + Send + 'static) -> ConnectWait {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
    let peer = spawn_blocking(move || {
        let mut tcp = TcpPeer::accept(&listener);
        act(&mut tcp);
        tcp
    });
    let client = Client::new().proxy(Proxy::none()).tls(tls().1);
    let start = Instant::now();
    let failed = soon(client.connect(&url, &[])).await;
    let step_wait_max = Duration::from_secs(15);
    assert_within(start, step_wait_max, step_wait_max);
    drop(peer.await.unwrap());
    match failed {
        Err(ConnectError::TimedOut(wait)) => wait,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_in_its_tls_hello() {
    // A record of 122 bytes that has a ServerHello.
    let wait = over("wss", |tcp| tcp.send([0x16, 3, 3, 0, 0x7A, 2, 0, 0]));
    assert_eq!(wait.await, ConnectWait::Tls);
}

#[tokio::test(start_paused = true)]
async fn a_server_in_its_answer() {
    let wait = over("ws", |tcp| {
        let head = accept(tcp, "x:");
        tcp.send(&head[..head.len() - 1]);
    });
    assert_eq!(wait.await, ConnectWait::Handshake);
}
