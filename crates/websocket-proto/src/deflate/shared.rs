//! Bytes that many connections send: compressed once, whatever each of them puts in front.

use std::sync::OnceLock;

use bytes::Bytes;

use super::DeflatePool;

/// The window that shared bytes are compressed with: the one that nearly every receiver has.
pub(super) const WINDOW_BITS: u8 = 15;

/// The bytes of a stored block at most (RFC 1951 §3.2.4).
const STORED_BYTES_MAX: usize = 0xffff;

/// Bytes that are part of messages of many connections, and their compressed form once one of these wants it.
#[derive(Debug)]
pub struct SharedBytes {
    bytes: Bytes,
    /// `None` in it: compressing does not make them shorter.
    compressed: OnceLock<Option<Bytes>>,
}

impl SharedBytes {
    /// Bytes to share.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self {
            bytes,
            compressed: OnceLock::new(),
        }
    }

    /// The bytes as they are.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes compressed from an empty window, so that they may follow anything. The first who asks decides the level.
    pub(super) fn compressed(&self, pool: &DeflatePool, level: u8) -> Option<&Bytes> {
        let compress = || {
            let mut lent = pool.lend();
            let compressed = lent.compress(WINDOW_BITS, level, &[], [&[], &self.bytes]);
            (compressed.len() < self.bytes.len()).then(|| Bytes::copy_from_slice(compressed))
        };
        self.compressed.get_or_init(compress).as_ref()
    }
}

/// Appends `head` to a compressed message as it is: a stored block ends on a byte, so that anything may follow.
pub(super) fn push_stored(head: &[u8], out: &mut Vec<u8>) {
    debug_assert!(can_store(head));
    if !head.is_empty() {
        let length = head.len() as u16;
        out.push(0x00);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(head);
    }
}

/// The bytes that [`push_stored`] appends.
pub(super) fn stored_bytes(head: &[u8]) -> usize {
    if head.is_empty() { 0 } else { head.len() + 5 }
}

/// Whether a head fits into one stored block.
pub(super) fn can_store(head: &[u8]) -> bool {
    head.len() <= STORED_BYTES_MAX
}
