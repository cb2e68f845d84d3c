//! Links over a transport in memory: what a peer does not read, does not answer or does not take.

use std::{future::poll_fn, io::IoSlice, sync::Arc};

use gumboot_testkit::{MASK, TEXT, encode_frame};
use gumboot_websocket_proto::{CloseCode, CloseFrame, Config, DeflateParams, Message, MessageKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::{pipe::WRITE_STALL_MAX, random::RandomKeys};

/// A server's link, and the other end of its transport, which holds `bytes`.
fn link(bytes: usize) -> (Link<DuplexStream>, DuplexStream) {
    let (here, there) = duplex(bytes);
    let connection = Connection::server(Arc::new(Config::server()), now());
    (Link::new(here, connection, &[]), there)
}

/// Drives a link until it ends, and tells why.
async fn drive(mut link: Link<DuplexStream>) -> LinkError {
    poll_fn(|cx| {
        loop {
            let now = now();
            let blocked = link.is_blocked();
            let read = link.poll_read(cx, now, &mut |_, _| {});
            let written = link.poll_write(cx, now);
            if blocked && !link.is_blocked() {
                continue;
            }
            let timer = link.poll_timer(cx, None);
            let pending = read.is_pending();
            for result in [read, written, timer] {
                if let Poll::Ready(Err(error)) = result {
                    return Poll::Ready(error);
                }
            }
            if pending {
                return Poll::Pending;
            }
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_asked_before_it_is_given_up() {
    let (link, mut peer) = link(1000);
    let driven = tokio::spawn(drive(link));
    for _ in 0..3 {
        let mut ping = [0; 2];
        peer.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, [0x89, 0x00]);
        peer.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
    }
    let error = driven.await.unwrap();
    assert_eq!(error.to_string(), "the peer did not answer a ping");
}

#[tokio::test(start_paused = true)]
async fn who_was_not_read_is_not_blamed_for_silence() {
    let (mut link, mut peer) = link(1000);
    let large = Message::binary(vec![0; 2 * PENDING_BYTES_MAX]);
    link.connection().send(large).unwrap();
    // Half a frame lies in the transport, unread, for longer than half a frame may take.
    peer.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h'])
        .await
        .unwrap();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let driven = tokio::spawn(async move {
        poll_fn(|cx| {
            let now = now();
            let blocked = link.is_blocked();
            let read = link.poll_read(cx, now, &mut |_, event| {
                if let Event::Message(message) = event {
                    assert_eq!(message.kind(), MessageKind::Text);
                    told.send(message.into_message()).unwrap();
                }
            });
            let _ = link.poll_write(cx, now);
            let timer = link.poll_timer(cx, None);
            assert!(!matches!(timer, Poll::Ready(Err(_))), "{timer:?}");
            if read.is_ready() || blocked && !link.is_blocked() {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        })
        .await;
    });
    let mut step = vec![0; 1000];
    for _ in 0..PENDING_BYTES_MAX / 1000 + 10 {
        tokio::time::advance(WRITE_STALL_MAX / 200).await;
        peer.read_exact(&mut step).await.unwrap();
    }
    peer.write_all(b"i").await.unwrap();
    let message = tokio::time::timeout(Duration::from_secs(5), heard.recv()).await;
    assert_eq!(message.unwrap(), Some(Message::text("hi")));
    driven.abort();
}

/// Two ends that have agreed to compress.
fn compressing() -> [Connection; 2] {
    let params = DeflateParams {
        server_no_takeover: true,
        client_no_takeover: true,
        server_window_bits: 15,
        client_window_bits: 15,
    };
    let keys = Box::new(RandomKeys::new());
    let client = Connection::client(Arc::new(Config::client()), keys, now());
    let server = Connection::server(Arc::new(Config::server()), now());
    [client, server].map(|end| end.with_deflate(&params, Arc::default()))
}

/// What the connection sends for these messages.
fn bytes_of(connection: &mut Connection, messages: &[Message]) -> Vec<u8> {
    for message in messages {
        connection.send(message.clone()).unwrap();
    }
    let mut bytes = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = connection.poll_transmit(&mut slices);
        if count == 0 {
            return bytes;
        }
        let before = bytes.len();
        slices[..count]
            .iter()
            .for_each(|slice| bytes.extend_from_slice(slice));
        connection.transmitted(now(), bytes.len() - before);
    }
}

/// What one read gives: how many messages, and how many bytes in them.
async fn read_once(link: &mut Link<DuplexStream>) -> (usize, usize) {
    let mut given = (0, 0);
    let mut on_event = |_: &mut Connection, event: Event<'_>| {
        if let Event::Message(message) = event {
            given = (given.0 + 1, given.1 + message.as_bytes().len());
        }
    };
    poll_fn(|cx| link.poll_read(cx, now(), &mut on_event))
        .await
        .unwrap();
    given
}

#[tokio::test]
async fn what_one_read_gives_is_bounded_and_nothing_is_lost() {
    for (count, length) in [(40_000, 0), (10, READ_GIVES_BYTES_MAX)] {
        let [mut client, server] = compressing();
        let messages = vec![Message::binary(vec![0; length]); count];
        let bytes = bytes_of(&mut client, &messages);
        assert!(bytes.len() < scratch::READ_BYTES_MAX);
        let (here, mut peer) = duplex(scratch::READ_BYTES_MAX);
        let mut link = Link::new(here, server, &[]);
        let (last, most) = bytes.split_last().unwrap();
        peer.write_all(most).await.unwrap();
        let given_max = READ_GIVES_BYTES_MAX + length + BESIDE_PAYLOAD_BYTES;
        let mut messages = 0;
        while messages < count - 1 {
            let given = read_once(&mut link).await;
            assert!(given.0 > 0);
            assert!(given.1 + given.0 * BESIDE_PAYLOAD_BYTES <= given_max);
            messages += given.0;
        }
        peer.write_all(&[*last]).await.unwrap();
        while messages < count {
            messages += read_once(&mut link).await.0;
        }
        assert_eq!(messages, count);
    }
}

/// `messages` with a Close behind them, as a client sends them and as a server does.
fn both_ways(messages: &[Message]) -> [Vec<u8>; 2] {
    let keys = Box::new(RandomKeys::new());
    let client = Connection::client(Arc::new(Config::client()), keys, now());
    let server = Connection::server(Arc::new(Config::server()), now());
    [client, server].map(|mut connection| {
        let mut bytes = bytes_of(&mut connection, messages);
        let close = CloseFrame::truncated(CloseCode::NORMAL, "bye");
        connection.close(Some(&close)).unwrap();
        bytes.extend(bytes_of(&mut connection, &[]));
        bytes
    })
}

/// Reads and writes once, and sends back what comes.
fn echo_once(link: &mut Link<DuplexStream>) -> Poll<()> {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let read = link.poll_read(&mut cx, now(), &mut |connection, event| {
        if let Event::Message(message) = event {
            connection.send_back(message).unwrap();
        }
    });
    let _ = link.poll_write(&mut cx, now());
    read.map(Result::unwrap)
}

/// What `peer` reads while `link` writes, until nothing waits.
async fn read_all(link: &mut Link<DuplexStream>, peer: &mut DuplexStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut step = [0; 777];
    loop {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let done = link.poll_write(&mut cx, now()).is_ready();
        let mut part = tokio::io::ReadBuf::new(&mut step);
        while let Poll::Ready(Ok(())) = std::pin::Pin::new(&mut *peer).poll_read(&mut cx, &mut part)
        {
            if part.filled().is_empty() {
                break;
            }
            all.extend_from_slice(part.filled());
            part.clear();
            if !done {
                break;
            }
        }
        if done {
            return all;
        }
        // Else the runtime gives nothing more to a task that has been at it for long.
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_echo_that_a_peer_does_not_take_at_once_is_its_own() {
    let long = |byte| Message::binary(vec![byte; 16 * 1024]);
    let messages = [
        Message::text("small"),
        long(1),
        Message::text("between"),
        long(2),
        Message::text("behind"),
    ];
    let [question, answer] = both_ways(&messages);
    for waiting in [0, 100, 10_000, 30_000, question.len() - 10] {
        let (mut one, mut peer) = link(question.len());
        // So much of the way to the peer is taken already.
        let before = Message::binary(vec![9; waiting]);
        one.connection().send(before.clone()).unwrap();
        let mut server = Connection::server(Arc::new(Config::server()), now());
        let mut expected = bytes_of(&mut server, &[before]);
        expected.extend_from_slice(&answer);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _ = one.poll_write(&mut cx, now());
        peer.write_all(&question).await.unwrap();
        assert!(echo_once(&mut one).is_ready());
        assert_eq!(one.connection.bytes_pending() == 0, waiting == 0);

        // Another connection reads into the thread's buffer.
        let (mut two, mut other) = link(question.len());
        other.write_all(&vec![0xff; question.len()]).await.unwrap();
        let read = two.poll_read(&mut cx, now(), &mut |_, _| {});
        assert!(matches!(read, Poll::Ready(Err(LinkError::Protocol(_)))));

        let heard = read_all(&mut one, &mut peer).await;
        assert!(heard == expected, "{waiting} bytes waited");
    }
}

#[tokio::test]
async fn a_failed_write_of_an_echo_ends_the_link() {
    let [question, _] = both_ways(&[Message::binary(vec![1; 16 * 1024])]);
    write_of_an_echo_fails(&question).await;
    // Whatever else is wrong: this is a text that is none.
    let violation = encode_frame(TEXT, &[0xff], Some(MASK));
    write_of_an_echo_fails(&[question, violation].concat()).await;
}

async fn write_of_an_echo_fails(question: &[u8]) {
    let (mut link, mut peer) = link(question.len());
    peer.write_all(question).await.unwrap();
    drop(peer);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let read = link.poll_read(&mut cx, now(), &mut |connection, event| {
        if let Event::Message(message) = event {
            connection.send_back(message).unwrap();
        }
    });
    assert!(
        matches!(read, Poll::Ready(Err(LinkError::Io(_)))),
        "{read:?}"
    );
    assert!(link.is_ending());
    assert!(link.poll_end(&mut cx).is_ready());
}
