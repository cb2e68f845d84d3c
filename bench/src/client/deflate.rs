//! permessage-deflate (RFC 7692): messages inflated to be checked, and one compressed to be sent.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::Failure;

/// What the end of a message has lost (RFC 7692, section 7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// How long an inflated message may be.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Inflates messages of a server.
#[derive(Debug)]
pub(crate) struct Inflater {
    state: Decompress,
    out: Vec<u8>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self {
            state: Decompress::new(false),
            out: Vec::new(),
        }
    }
}

impl Inflater {
    /// What a message says that refers to none before it.
    pub(crate) fn inflate_alone(&mut self, payload: &[u8]) -> Result<&[u8], Failure> {
        self.state.reset(false);
        self.inflate(payload)
    }

    /// What a message says that may refer to those before it.
    pub(crate) fn inflate(&mut self, payload: &[u8]) -> Result<&[u8], Failure> {
        self.out.clear();
        self.out.reserve(payload.len() * 8);
        self.feed(payload)?;
        self.feed(&TAIL)?;
        Ok(&self.out)
    }

    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        loop {
            let before = self.state.total_in();
            let sync = FlushDecompress::Sync;
            self.state.decompress_vec(bytes, &mut self.out, sync)?;
            bytes = &bytes[usize::try_from(self.state.total_in() - before)?..];
            // Room that is left says that nothing more is to come out.
            if bytes.is_empty() && self.out.len() < self.out.capacity() {
                return Ok(());
            }
            if self.out.len() > MESSAGE_BYTES_MAX {
                return Err("a compressed message is too long".into());
            }
            self.out.reserve(self.out.len().max(256));
        }
    }
}

/// A message compressed for itself.
pub(crate) fn deflate(message: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut state = Compress::new(Compression::default(), false);
    let mut out = Vec::with_capacity(message.len() + 64);
    state.compress_vec(message, &mut out, FlushCompress::Sync)?;
    let length = out.len().checked_sub(TAIL.len());
    match length {
        Some(length) if out[length..] == TAIL => out.truncate(length),
        _ => return Err("a compressed message does not end as it should".into()),
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_is_inflated() {
        let mut inflater = Inflater::default();
        let long: Vec<u8> = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
        for message in [&b"{\"a\":1,\"a\":1,\"a\":1}"[..], &[b'x'; 100_000], &long] {
            let payload = deflate(message).expect("it is compressed");
            for _ in 0..2 {
                let inflated = inflater.inflate_alone(&payload);
                assert!(inflated.is_ok_and(|inflated| inflated == message));
            }
        }
        assert!(inflater.inflate_alone(&[0xff; 20]).is_err());
    }

    /// RFC 7692 §7.2.3.2: the second of these refers to the first.
    #[test]
    fn a_message_may_refer_to_the_one_before() {
        let mut inflater = Inflater::default();
        let first = inflater.inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        assert_eq!(first.ok(), Some(&b"Hello"[..]));
        let second = inflater.inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00]);
        assert_eq!(second.ok(), Some(&b"Hello"[..]));
    }
}
