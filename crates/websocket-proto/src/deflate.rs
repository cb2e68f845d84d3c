//! permessage-deflate (RFC 7692): what one connection keeps of it.
//!
//! A connection without context takeover keeps nothing between messages; one with it keeps the last bytes of its stream,
//! which are given to a compressor as its dictionary when a message comes. The compressors themselves are lent from a
//! [`DeflatePool`] for the length of one message.

mod block;
mod codec;
mod huffman;
mod offer;
mod pool;
mod shared;
mod short;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use self::offer::{Extension, InvalidParams, offer, parse_extensions};
pub use self::{offer::DeflateParams, pool::DeflatePool, shared::SharedBytes};
use crate::{
    error::{Error, PeerMisbehaved},
    limits::{Limit, Limits},
};

/// How this end compresses, and what it asks of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeflateConfig {
    /// From 1, fast, to 9, small. Up to 3, messages of 8 KiB at most that refer to none before are compressed alike, in a
    /// way that is made for them. Default 3.
    pub level: u8,
    /// A shorter message is sent as it is, in bytes. Default 128.
    pub compress_bytes_min: usize,
    /// Whether this end may refer to its earlier messages: better for many small ones, at the cost of memory on both
    /// ends. Default no.
    pub own_takeover: bool,
    /// Whether the other end may. Default no.
    pub peer_takeover: bool,
    /// The window that this end compresses with, 8 to 15: 2 to that power is its size in bytes. Default 15.
    pub own_window_bits_max: u8,
    /// The window that the other end is asked to compress with, 8 to 15. Default 15.
    pub peer_window_bits_max: u8,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            level: 3,
            compress_bytes_min: 128,
            own_takeover: false,
            peer_takeover: false,
            own_window_bits_max: 15,
            peer_window_bits_max: 15,
        }
    }
}

impl DeflateConfig {
    /// With takeover in both directions: what a client offers, as browsers do.
    #[must_use]
    pub fn with_takeover() -> Self {
        Self {
            own_takeover: true,
            peer_takeover: true,
            ..Self::default()
        }
    }
}

/// Which end of the connection compresses: the parameters are named after it (RFC 7692 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Client,
    Server,
}

/// The compression of one connection, in both directions.
#[derive(Debug)]
pub(crate) struct Deflate {
    pool: Arc<DeflatePool>,
    level: u8,
    pub(crate) compress_bytes_min: usize,
    outgoing: Direction,
    incoming: Direction,
}

/// One direction of the stream.
#[derive(Debug)]
struct Direction {
    window_bits: u8,
    /// The last bytes of the stream; `None` without takeover.
    window: Option<Box<Window>>,
}

/// As much of the end of a stream as may be referred to.
#[derive(Debug, Default)]
struct Window(Vec<u8>);

impl Direction {
    fn new(window_bits: u8, takeover: bool) -> Self {
        Self {
            window_bits,
            window: takeover.then(Box::default),
        }
    }

    fn dictionary(&self) -> &[u8] {
        self.window.as_ref().map_or(&[], |window| &window.0)
    }

    /// Keeps as much of the stream's end as a window holds.
    fn remember(&mut self, message: &[u8]) {
        let size = 1 << self.window_bits;
        let Some(Window(window)) = self.window.as_deref_mut() else {
            return;
        };
        if message.len() >= size {
            window.clear();
            window.extend_from_slice(&message[message.len() - size..]);
            return;
        }
        let excess = (window.len() + message.len()).saturating_sub(size);
        window.drain(..excess);
        window.extend_from_slice(message);
    }
}

impl Deflate {
    pub(crate) fn new(
        own: End,
        params: &DeflateParams,
        config: &DeflateConfig,
        pool: Arc<DeflatePool>,
    ) -> Self {
        let server = Direction::new(params.server_window_bits, !params.server_no_takeover);
        let client = Direction::new(params.client_window_bits, !params.client_no_takeover);
        let (outgoing, incoming) = match own {
            End::Client => (client, server),
            End::Server => (server, client),
        };
        let DeflateConfig {
            level,
            compress_bytes_min,
            ..
        } = *config;
        Self {
            pool,
            level,
            compress_bytes_min,
            outgoing,
            incoming,
        }
    }

    /// Compresses a message of two parts and gives it to `take`; `None`, without effect, if that would not shorten it.
    pub(crate) fn compress<T>(
        &mut self,
        head: &[u8],
        body: &[u8],
        take: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        let mut lent = self.pool.lend();
        let Direction { window_bits, .. } = self.outgoing;
        let dictionary = self.outgoing.dictionary();
        let compressed = lent.compress(window_bits, self.level, dictionary, [head, body]);
        if compressed.len() >= head.len() + body.len() {
            return None;
        }
        let taken = take(compressed);
        self.outgoing.remember(head);
        self.outgoing.remember(body);
        Some(taken)
    }

    /// Compresses a message of a head and a part that others send too, and gives both parts to `take`: the first to be
    /// copied. `None`, without effect, where that cannot be shared or would not shorten it.
    pub(crate) fn compress_shared<T>(
        &self,
        head: &[u8],
        tail: &SharedBytes,
        take: impl FnOnce(StoredHead<'_>, &Bytes) -> T,
    ) -> Option<T> {
        // What keeps a sending window would have to remember the message, and may have a smaller one.
        let alone =
            self.outgoing.window.is_none() && self.outgoing.window_bits == shared::WINDOW_BITS;
        if !alone || !shared::can_store(head) {
            return None;
        }
        let compressed = tail.compressed(&self.pool, self.level)?;
        let head = StoredHead(head);
        let shorter = head.len() + compressed.len() < head.0.len() + tail.bytes().len();
        shorter.then(|| take(head, compressed))
    }

    /// Inflates a message.
    pub(crate) fn inflate(&mut self, message: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
        let mut codec = self.pool.lend();
        let bound = Bound::new(message.len(), limits);
        let dictionary = self.incoming.dictionary();
        let inflated = codec.decompressor.inflate(dictionary, message, &bound)?;
        self.incoming.remember(&inflated);
        Ok(inflated)
    }
}

/// A head in front of a shared compressed part: not compressed itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredHead<'a>(&'a [u8]);

impl StoredHead<'_> {
    pub(crate) fn len(self) -> usize {
        shared::stored_bytes(self.0)
    }

    pub(crate) fn push_to(self, out: &mut Vec<u8>) {
        shared::push_stored(self.0, out);
    }
}

/// How long a message may become.
#[derive(Debug)]
struct Bound {
    /// Bytes, and the limit that they come from.
    bytes_max: usize,
    limit: Limit,
    limit_max: u64,
}

impl Bound {
    fn new(compressed_bytes: usize, limits: &Limits) -> Self {
        let ratio = u64::from(limits.inflate_ratio_max);
        let by_ratio = (compressed_bytes as u64).saturating_mul(ratio);
        let by_ratio = by_ratio.max(limits.inflate_bytes_free);
        let (limit, limit_max, bytes_max) = if by_ratio < limits.message_bytes_max {
            (Limit::InflateRatio, ratio, by_ratio)
        } else {
            (
                Limit::MessageBytes,
                limits.message_bytes_max,
                limits.message_bytes_max,
            )
        };
        Self {
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            limit,
            limit_max,
        }
    }

    fn check(&self, bytes: usize) -> Result<(), Error> {
        if bytes > self.bytes_max {
            return Err(Error::LimitExceeded {
                limit: self.limit,
                max: self.limit_max,
            });
        }
        Ok(())
    }
}

/// What a stream that cannot be inflated is: the peer's fault.
fn invalid() -> Error {
    Error::PeerMisbehaved(PeerMisbehaved::DeflateInvalid)
}
