//! A peer that never reads: it is dropped once it has taken nothing for [`WRITE_STALL_MAX`].

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use gumboot_websocket::{
    LinkError, Socket, TransportKind, WRITE_STALL_MAX,
    proto::{Error, Wait},
};
use tokio::time::{Instant, pause};

use crate::support::{pair, soon};

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

/// Sends small messages until one of them waits.
async fn send_until_blocked(socket: &mut Socket) {
    let message = vec![7; 1024];
    let mut sent = 0;
    while at_once(socket.send(message.clone())).await.is_some() {
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

/// Each role, with TLS and without; `lazy` is the end that never reads.
async fn each(mut check: impl AsyncFnMut(Socket)) {
    for is_tls in [false, true] {
        for is_server in [false, true] {
            let (server, client) = pair(is_tls).await;
            let (mut busy, lazy) = match is_server {
                true => (server, client),
                false => (client, server),
            };
            send_until_blocked(&mut busy).await;
            // From here time runs as fast as it can.
            pause();
            soon(check(busy)).await;
            tokio::time::resume();
            drop(lazy);
        }
    }
}

#[tokio::test]
async fn it_is_dropped() {
    each(async |mut busy| {
        let start = Instant::now();
        let ended = busy.receive().await.map(drop);
        assert_stalled(&ended, start);
    })
    .await;
}

#[tokio::test]
async fn it_is_dropped_though_more_is_sent_to_it() {
    each(async |mut busy| {
        let start = Instant::now();
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
    each(async |mut busy| {
        let start = Instant::now();
        match busy.close(None).await {
            // TLS took the Close, which the peer did not.
            Err(LinkError::Protocol(Error::TimedOut(Wait::Close))) => {
                assert_eq!(busy.transport().kind(), TransportKind::Tls);
                let waited = start.elapsed();
                assert!(
                    waited < WRITE_STALL_MAX + Duration::from_secs(1),
                    "{waited:?}"
                );
            }
            ended => assert_stalled(&ended, start),
        }
    })
    .await;
}
