//! One message compressed or inflated, with the end of the stream before it as a dictionary (RFC 7692 §7.2).

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{Bound, invalid};
use crate::error::Error;

/// What every compressed message ends with, and what is left out of it on the wire (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// How often a message may restart the stream with a block that is marked as the last (RFC 7692 §7.2.3.4). Each costs
/// as much as a window, whatever it says.
const STREAM_ENDS_MAX: u32 = 16;

/// As far as a match can reach back.
const WINDOW_BYTES_MAX: usize = 1 << 15;

/// Room for output grows by at least so much at a time.
const GROWTH_BYTES_MIN: usize = 1024;

/// The smallest window that the compressor can be set to. Its matches stay 262 bytes short of its window, so that with
/// 512 bytes it never reaches further back than the 256 of a window of 8 bits.
const COMPRESSOR_BITS_MIN: u8 = 9;

/// Compressors by the size of their window, made when first asked for.
#[derive(Default)]
pub(super) struct Compressors([Option<(u8, Compressor)>; 7]);

impl Compressors {
    /// The compressor of a window, set to `level`.
    pub(super) fn of(&mut self, window_bits: u8, level: u8) -> &mut Compressor {
        let bits = window_bits.clamp(COMPRESSOR_BITS_MIN, 15);
        let slot = &mut self.0[usize::from(bits - COMPRESSOR_BITS_MIN)];
        if slot.as_ref().is_some_and(|(of, _)| *of != level) {
            *slot = None;
        }
        &mut slot
            .get_or_insert_with(|| (level, Compressor::new(bits, level)))
            .1
    }
}

impl fmt::Debug for Compressors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Compressors")
            .field(&self.0.iter().flatten().count())
            .finish()
    }
}

/// Compresses messages, one at a time.
#[derive(Debug)]
pub(super) struct Compressor(Compress);

impl Compressor {
    fn new(window_bits: u8, level: u8) -> Self {
        let level = Compression::new(level.clamp(1, 9).into());
        Self(Compress::new_with_window_bits(level, false, window_bits))
    }

    /// Appends the compressed form of a message in parts to `out`.
    pub(super) fn compress(&mut self, dictionary: &[u8], parts: [&[u8]; 2], out: &mut Vec<u8>) {
        self.0.reset();
        if !dictionary.is_empty() {
            self.0
                .set_dictionary(dictionary)
                .expect("a compressor that was reset takes one");
        }
        let [head, body] = parts;
        self.run(head, FlushCompress::None, out);
        self.run(body, FlushCompress::Sync, out);
        // RFC 7692 §7.2.1
        let end = out.len() - TAIL.len();
        debug_assert_eq!(out[end..], TAIL);
        out.truncate(end);
        if out.is_empty() {
            out.push(0);
        }
    }

    /// Compresses `input`, and flushes what `flush` says.
    fn run(&mut self, input: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
        let mut rest = input;
        loop {
            if out.len() == out.capacity() {
                out.reserve(GROWTH_BYTES_MIN.max(rest.len() / 2));
            }
            let before = self.0.total_in();
            self.0
                .compress_vec(rest, out, flush)
                .expect("memory can always be compressed");
            rest = &rest[(self.0.total_in() - before) as usize..];
            // Room that is left over says that there is nothing more to put there.
            if rest.is_empty() && out.len() < out.capacity() {
                return;
            }
        }
    }
}

/// Inflates messages, one at a time.
#[derive(Debug)]
pub(super) struct Decompressor(Decompress);

impl Decompressor {
    pub(super) fn new() -> Self {
        Self(Decompress::new_with_window_bits(false, 15))
    }

    /// The inflated form of a message.
    pub(super) fn inflate(
        &mut self,
        dictionary: &[u8],
        message: &[u8],
        bound: &Bound,
    ) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let mut ends_left = STREAM_ENDS_MAX;
        self.restart(dictionary)?;
        // RFC 7692 §7.2.2
        for mut part in [message, &TAIL] {
            while self.run(&mut part, bound, &mut out)? == Status::StreamEnd {
                ends_left = ends_left.checked_sub(1).ok_or_else(invalid)?;
                self.restart(&window(dictionary, &out))?;
            }
        }
        Ok(out)
    }

    fn restart(&mut self, dictionary: &[u8]) -> Result<(), Error> {
        self.0.reset(false);
        if !dictionary.is_empty() {
            self.0.set_dictionary(dictionary).map_err(|_| invalid())?;
        }
        Ok(())
    }

    /// Inflates `input` to its end, or to a block that is marked as the last; takes away what was used of it.
    fn run(
        &mut self,
        input: &mut &[u8],
        bound: &Bound,
        out: &mut Vec<u8>,
    ) -> Result<Status, Error> {
        loop {
            grow(out, input.len(), bound);
            let before = self.0.total_in();
            let status = self.0.decompress_vec(input, out, FlushDecompress::Sync);
            *input = &input[(self.0.total_in() - before) as usize..];
            bound.check(out.len())?;
            let room = out.len() < out.capacity();
            match status {
                Ok(Status::StreamEnd) => return Ok(Status::StreamEnd),
                Ok(status) if input.is_empty() && room => return Ok(status),
                Ok(Status::BufError) if room => return Err(invalid()),
                Ok(_) => {}
                Err(_) => return Err(invalid()),
            }
        }
    }
}

/// The end of the stream: of what was inflated, and before it of the dictionary.
fn window(dictionary: &[u8], out: &[u8]) -> Vec<u8> {
    let from_out = out.len().min(WINDOW_BYTES_MAX);
    let from_dictionary = dictionary.len().min(WINDOW_BYTES_MAX - from_out);
    let dictionary = &dictionary[dictionary.len() - from_dictionary..];
    [dictionary, &out[out.len() - from_out..]].concat()
}

/// Makes room for output: in proportion to what is there, never more than one byte past the bound.
fn grow(out: &mut Vec<u8>, input_bytes: usize, bound: &Bound) {
    if out.len() == out.capacity() {
        let wish = out
            .len()
            .max(input_bytes.saturating_mul(4))
            .max(GROWTH_BYTES_MIN);
        let room = (bound.bytes_max - out.len()).saturating_add(1);
        out.reserve_exact(wish.min(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    /// Inflates `payload` until it fails, and gives the room that this took.
    fn room_taken(payload: &[u8], limits: &Limits) -> usize {
        let bound = Bound::new(payload.len(), limits);
        let mut out = Vec::new();
        let failed = Decompressor::new().run(&mut &payload[..], &bound, &mut out);
        assert!(
            matches!(failed, Err(Error::LimitExceeded { .. })),
            "{failed:?}"
        );
        out.capacity()
    }

    #[test]
    fn what_is_too_long_takes_no_more_room_than_is_allowed() {
        let mut payload = Vec::new();
        let zeros = vec![0; 64 << 20];
        let mut compressor = Compressor::new(15, 6);
        compressor.compress(&[], [&zeros, &[]], &mut payload);
        let mut limits = Limits {
            inflate_ratio_max: u32::MAX,
            ..Limits::default()
        };
        let room = room_taken(&payload, &limits);
        assert!(room as u64 <= limits.message_bytes_max + 1, "{room}");
        limits.inflate_ratio_max = 1;
        let room = room_taken(&payload, &limits);
        assert!(room as u64 <= limits.inflate_bytes_free + 1, "{room}");
    }
}
