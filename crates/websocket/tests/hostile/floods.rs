//! Frames that cost their sender next to nothing: fragments without a byte, and pings.

use gumboot_testkit::{PING, PONG, TEXT};
use gumboot_websocket::{
    LinkError, Socket,
    proto::{Config, Error, Limit, Limits},
    scratch::READ_BYTES_MAX,
};

use crate::support::{Peer, Role, against, drive, plain, soon};

/// The first byte of a frame that others follow, and of those.
const BEGIN: u8 = 0x01;
const CONTINUE: u8 = 0x00;
const FINISH: u8 = 0x80;

const FRAGMENTS: usize = 1_000_000;

async fn expect_limit(socket: &mut Socket, limit: Limit) {
    let failed = soon(socket.receive()).await;
    let refused = matches!(
        failed,
        Err(LinkError::Protocol(Error::LimitExceeded { limit: got, .. })) if got == limit
    );
    assert!(refused, "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_million_empty_fragments() {
    let max = Limits::default().fragments_per_message_max as usize;
    for role in Role::BOTH {
        let (mut socket, peer) = against(role, plain(), move |mut peer: Peer| {
            // As many as may be make a message.
            let some = peer.frame(CONTINUE, b"");
            peer.send(BEGIN, b"");
            peer.tcp.send(some.repeat(max - 2));
            peer.send(FINISH, b"");
            // One more do not.
            peer.send(BEGIN, b"");
            peer.tcp.send(some.repeat(max));
            peer.expect_close(1008);
            // Whether the rest is still read does not matter.
            peer.tcp.try_send(some.repeat(FRAGMENTS - max));
        })
        .await;
        let message = soon(socket.receive()).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(""));
        expect_limit(&mut socket, Limit::FragmentsPerMessage).await;
        assert_eq!(soon(socket.receive()).await.unwrap(), None);
        peer.await.unwrap();
    }
}

/// The clock stands still meanwhile, so that all of them come within one second.
#[tokio::test(start_paused = true)]
async fn more_pings_within_a_second_than_may_be() {
    let max = Limits::default().control_frames_per_second_max as usize;
    for role in Role::BOTH {
        let (mut socket, peer) = against(role, plain(), move |mut peer: Peer| {
            for _ in 0..max {
                peer.send(PING, b"?");
                assert_eq!(peer.receive(), (PONG, b"?".to_vec()));
            }
            peer.send(TEXT, b"at the limit");
            peer.send(PING, b"?");
            peer.expect_close(1008);
        })
        .await;
        let message = soon(socket.receive()).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some("at the limit"));
        expect_limit(&mut socket, Limit::ControlFramesPerSecond).await;
        peer.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn pongs_do_not_pile_up_for_a_peer_that_does_not_read() {
    use std::time::Duration;

    use gumboot_websocket::WRITE_STALL_MAX;

    for role in Role::BOTH {
        let mut config: Config = plain();
        config.limits.control_frames_per_second_max = u32::MAX;
        let (socket, peer) = against(role, config, |mut peer: Peer| {
            let pings = peer.frame(PING, &[b'?'; 125]).repeat(500);
            let blocked = Duration::from_millis(500);
            peer.tcp.send_until_blocked(&pings, blocked, 100 << 20);
            peer
        })
        .await;
        let (link, _) = socket.into_parts();
        // A read takes so many bytes, of pings of 127 each. A client's pong is longer by its key.
        let read_adds_max = READ_BYTES_MAX.div_ceil(127) * 131;
        let start = tokio::time::Instant::now();
        let ended = drive(link, read_adds_max, |_, _| {}).await;
        assert!(matches!(ended, LinkError::WriteStalled), "{ended:?}");
        assert!(start.elapsed() >= WRITE_STALL_MAX);
        drop(peer.await.unwrap());
    }
}
