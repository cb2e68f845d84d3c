//! A peer that never reads: it is dropped once it has taken nothing for [`WRITE_STALL_MAX`], and what waits for it until
//! then has a bound.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use gumboot_testkit::BINARY;
use gumboot_websocket::{
    LinkError, Socket, WRITE_STALL_MAX,
    proto::{Connection, Event},
    scratch::READ_BYTES_MAX,
};
use tokio::time::{Instant, pause};

use crate::support::{Peer, Role, against, drive, pair, plain, soon};

/// What the operating system takes for a peer that does not read, at most.
const TAKEN_MAX: usize = 100 << 20;

/// A future's output if it is ready at once.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Sends small messages until one of them waits, and gives the time before that one.
async fn send_until_blocked(socket: &mut Socket) -> Instant {
    let message = vec![7; 1024];
    let mut sent = 0;
    loop {
        let start = Instant::now();
        if at_once(socket.send(message.clone())).await.is_none() {
            return start;
        }
        sent += message.len();
        assert!(sent < TAKEN_MAX, "{sent} bytes");
        // A turn for the operating system, and for the runtime, which counts what is done at once.
        tokio::task::yield_now().await;
    }
}

fn assert_stalled(ended: &Result<(), LinkError>, since: Instant) {
    assert!(matches!(ended, Err(LinkError::WriteStalled)), "{ended:?}");
    let waited = since.elapsed();
    assert!(waited >= WRITE_STALL_MAX, "{waited:?}");
    assert!(
        waited < WRITE_STALL_MAX + Duration::from_secs(1),
        "{waited:?}"
    );
}

/// Each role, with TLS and without, and since when nothing is taken; `lazy` is the end that never reads.
async fn each(mut check: impl AsyncFnMut(Socket, Instant)) {
    for is_tls in [false, true] {
        for is_server in [false, true] {
            let (server, client) = pair(is_tls).await;
            let (mut busy, lazy) = match is_server {
                true => (server, client),
                false => (client, server),
            };
            let start = send_until_blocked(&mut busy).await;
            // From here time runs as fast as it can.
            pause();
            soon(check(busy, start)).await;
            tokio::time::resume();
            drop(lazy);
        }
    }
}

#[tokio::test]
async fn it_is_dropped() {
    each(async |mut busy, start| {
        let ended = busy.receive().await.map(drop);
        assert_stalled(&ended, start);
    })
    .await;
}

#[tokio::test]
async fn it_is_dropped_though_more_is_sent_to_it() {
    each(async |mut busy, start| {
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        let ended = loop {
            tokio::select! {
                ended = busy.receive() => break ended.map(drop),
                _ = beat.tick() => drop(at_once(busy.send("beat")).await),
            }
        };
        assert_stalled(&ended, start);
    })
    .await;
}

#[tokio::test]
async fn it_is_dropped_at_the_end_too() {
    each(async |mut busy, start| {
        // TLS may have taken the Close, which the peer has not.
        assert_stalled(&busy.close(None).await, start);
    })
    .await;
}

/// One message of a peer that is sent back to it.
const MESSAGE_BYTES: usize = 64 * 1024;

#[tokio::test(start_paused = true)]
async fn what_waits_for_it_has_a_bound() {
    for role in Role::BOTH {
        let (socket, peer) = against(role, plain(), |mut peer: Peer| {
            let frame = peer.frame(BINARY, &[7; MESSAGE_BYTES]);
            let blocked = Duration::from_millis(500);
            peer.tcp.send_until_blocked(&frame, blocked, TAKEN_MAX);
            peer
        })
        .await;
        let start = Instant::now();
        let (link, _) = socket.into_parts();
        let echo = |connection: &mut Connection, event: Event<'_>| {
            if let Event::Message(message) = event {
                let _ = connection.send_back(message);
            }
        };
        // A read can end one message that had begun before.
        let ended = soon(drive(link, READ_BYTES_MAX + MESSAGE_BYTES, echo)).await;
        assert_stalled(&Err(ended), start);
        drop(peer.await.unwrap());
    }
}
