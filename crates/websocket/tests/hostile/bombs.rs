//! Compressed messages that become far longer than they are: refused with 1009 before the memory is taken.

use flate2::{Compress, Compression, FlushCompress};
use gumboot_websocket::{
    LinkError,
    proto::{Config, Error, Limit},
};

use crate::support::{Peer, Role, against, soon};

/// The first byte of a whole binary message that is compressed.
const COMPRESSED: u8 = 0xC2;

/// A MiB of zeros, compressed to the end of a byte: any number of them in a row is a stream (RFC 7692 §7.2.1).
fn mebibyte() -> Vec<u8> {
    let mut out = Vec::with_capacity(8 * 1024);
    let mut compress = Compress::new(Compression::best(), false);
    let zeros = vec![0; 1 << 20];
    let flush = FlushCompress::Full;
    compress.compress_vec(&zeros, &mut out, flush).unwrap();
    assert_eq!(compress.total_in(), 1 << 20);
    assert!(out.ends_with(&[0, 0, 0xFF, 0xFF]));
    out
}

/// `count` of them as the payload of a message.
fn bomb(count: usize) -> Vec<u8> {
    let mut payload = mebibyte().repeat(count);
    payload.truncate(payload.len() - 4);
    payload
}

/// A message of so many MiB meets this limit.
async fn check_refused(mebibytes: usize, limit: Limit, change: fn(&mut Config)) {
    for role in Role::BOTH {
        let mut config = role.config();
        change(&mut config);
        let (mut socket, peer) = against(role, config, move |mut peer: Peer| {
            peer.send(COMPRESSED, &bomb(mebibytes));
            peer.expect_close(1009);
            peer
        })
        .await;
        let failed = soon(socket.receive()).await;
        let refused = matches!(
            failed,
            Err(LinkError::Protocol(Error::LimitExceeded { limit: got, .. })) if got == limit
        );
        assert!(refused, "{role:?}: {failed:?}");
        peer.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn five_mebibytes_in_five_kibibytes() {
    check_refused(5, Limit::InflateRatio, |_| {}).await;
}

/// It would not be had, if it were taken first.
#[tokio::test(start_paused = true)]
async fn many_gibibytes_in_some_mebibytes() {
    check_refused(12_000, Limit::MessageBytes, |_| {}).await;
    check_refused(12_000, Limit::InflateRatio, |config| {
        config.limits.message_bytes_max = u64::MAX;
        config.limits.inflate_ratio_max = 1;
    })
    .await;
    #[cfg(target_os = "linux")]
    assert!(memory_peak() < 1 << 30, "{} bytes", memory_peak());
}

/// The most memory that this process has held at a time, in bytes.
#[cfg(target_os = "linux")]
fn memory_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.unwrap().trim().strip_suffix(" kB").unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

#[tokio::test(start_paused = true)]
async fn what_is_short_enough_may_be_of_any_ratio() {
    for role in Role::BOTH {
        let (mut socket, peer) = against(role, role.config(), |mut peer: Peer| {
            peer.send(COMPRESSED, &bomb(4));
            peer
        })
        .await;
        let message = soon(socket.receive()).await.unwrap().unwrap();
        assert!(message.as_bytes() == vec![0; 4 << 20], "{role:?}");
        drop(peer.await.unwrap());
    }
}
