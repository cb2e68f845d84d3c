//! What every connection sends, and what must come back: a few messages over and over, as frames that are made once.
//! RFC 6455 §5.2.

use flate2::{Compress, Compression, FlushCompress};

use super::payload::{Kind, payload};
use crate::Failure;

/// How many different messages there are at most, and how many bytes they may have; two at least, so that one in the place
/// of another is found.
const MESSAGES_MAX: usize = 16;
const BYTES_MAX: usize = 1 << 20;

/// What carries the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// TCP or TLS and nothing else: bytes come back as they are.
    Raw,
    /// A WebSocket.
    Plain,
    /// A WebSocket with permessage-deflate.
    Compressed,
}

/// What is sent and what is expected.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) carrier: Carrier,
    pub(super) opcode: u8,
    /// The messages themselves.
    pub(super) payloads: Vec<Vec<u8>>,
    /// Frames as a client sends them: with a mask.
    pub(super) sent: Cycle,
    /// What comes back if nothing is compressed: each message in one frame with the shortest header.
    pub(super) expected: Cycle,
}

impl Script {
    pub(super) fn new(kind: Kind, bytes: usize, carrier: Carrier) -> Result<Self, Failure> {
        let count = (BYTES_MAX / bytes).clamp(2, MESSAGES_MAX);
        let payloads: Vec<_> = (0..count)
            .map(|number| payload(kind, bytes, number))
            .collect();
        let opcode = if kind.is_text() { 1 } else { 2 };
        let mut sent = Vec::new();
        for (number, payload) in payloads.iter().enumerate() {
            let mask = mask(number);
            sent.push(match carrier {
                Carrier::Compressed => frame(opcode, true, Some(mask), &deflate(payload)?),
                Carrier::Raw | Carrier::Plain => frame(opcode, false, Some(mask), payload),
            });
        }
        let expected = match carrier {
            Carrier::Raw => sent.clone(),
            Carrier::Plain | Carrier::Compressed => {
                let frames = payloads.iter();
                frames
                    .map(|payload| frame(opcode, false, None, payload))
                    .collect()
            }
        };
        Ok(Self {
            carrier,
            opcode,
            payloads,
            sent: Cycle::new(&sent),
            expected: Cycle::new(&expected),
        })
    }
}

/// Another for each message, and no byte of it is 0.
fn mask(number: usize) -> [u8; 4] {
    let number = number as u8;
    [0x37 ^ number, 0xfa ^ number, 0x21 ^ number, 0x9d ^ number]
}

/// A frame that is a whole message.
pub(super) fn frame(
    opcode: u8,
    compressed: bool,
    mask: Option<[u8; 4]>,
    payload: &[u8],
) -> Vec<u8> {
    let rsv1 = if compressed { 0x40 } else { 0 };
    let mut frame = vec![0x80 | rsv1 | opcode];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        length @ ..126 => frame.push(masked | length as u8),
        length @ 126..=0xffff => {
            frame.push(masked | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(masked | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend(mask.into_iter().flatten());
    let key = mask.unwrap_or_default();
    frame.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

/// RFC 7692 §7.2.1, with nothing taken over from the message before.
pub(super) fn deflate(payload: &[u8]) -> Result<Vec<u8>, Failure> {
    const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
    let mut compressed = Vec::with_capacity(payload.len() + 64);
    let mut deflate = Compress::new(Compression::default(), false);
    deflate.compress_vec(payload, &mut compressed, FlushCompress::Sync)?;
    let whole = deflate.total_in() == payload.len() as u64 && compressed.ends_with(&TAIL);
    if !whole {
        return Err("a message does not get shorter when it is compressed".into());
    }
    compressed.truncate(compressed.len() - TAIL.len());
    Ok(compressed)
}

/// Frames one after the other, and again from the first, without end. Places in it are counted in bytes from the beginning.
#[derive(Debug)]
pub(super) struct Cycle {
    /// Twice the same, so that a piece as long as a cycle lies in one place wherever it begins.
    bytes: Vec<u8>,
    /// Where in a cycle each frame ends.
    ends: Vec<u64>,
}

impl Cycle {
    fn new(frames: &[Vec<u8>]) -> Self {
        let cycle = frames.concat();
        let mut end = 0;
        Self {
            bytes: cycle.repeat(2),
            ends: frames
                .iter()
                .map(|frame| {
                    end += frame.len() as u64;
                    end
                })
                .collect(),
        }
    }

    fn cycle_bytes(&self) -> u64 {
        self.bytes.len() as u64 / 2
    }

    /// Where frame number `index` begins.
    pub(super) fn begin(&self, index: u64) -> u64 {
        let count = self.ends.len() as u64;
        let in_cycle = match (index % count) as usize {
            0 => 0,
            place => self.ends[place - 1],
        };
        index / count * self.cycle_bytes() + in_cycle
    }

    /// What stands from one place up to another, or as much of it as lies in one piece.
    pub(super) fn piece(&self, from: u64, to: u64) -> &[u8] {
        let begin = (from % self.cycle_bytes()) as usize;
        let length = usize::try_from(to - from).unwrap_or(usize::MAX);
        &self.bytes[begin..][..length.min(self.bytes.len() - begin)]
    }

    /// How many frames lie before a place, with the part of the one that it is in.
    pub(super) fn frames_before(&self, place: u64) -> f64 {
        place as f64 / self.cycle_bytes() as f64 * self.ends.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_specification() {
        // RFC 6455 §5.7 has these.
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let masked = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        assert_eq!(frame(1, false, Some(key), b"Hello"), masked);
        assert_eq!(frame(1, false, None, b"Hello"), b"\x81\x05Hello");
        assert_eq!(frame(2, false, None, &[7; 256])[..4], [0x82, 0x7e, 1, 0]);
        let longest = frame(2, false, None, &[7; 65536]);
        assert_eq!(longest[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(longest.len(), 10 + 65536);
        assert_eq!(frame(2, false, None, &[7; 125])[1], 125);
        assert_eq!(frame(2, false, None, &[7; 126])[1..4], [126, 0, 126]);
    }

    #[test]
    fn no_mask_leaves_a_byte_as_it_is() {
        for number in 0..MESSAGES_MAX {
            assert!(mask(number).iter().all(|&byte| byte != 0));
        }
    }

    #[test]
    fn a_compressed_message_is_that_of_the_specification() {
        // RFC 7692 §7.2.3.1 has this.
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(deflate(b"Hello").expect("it fits"), hello);
        assert_eq!(frame(1, true, None, &hello)[..2], [0xc1, 7]);
    }

    #[test]
    fn a_cycle_goes_on_without_end() {
        let cycle = Cycle::new(&[b"ab".to_vec(), b"cde".to_vec()]);
        assert_eq!([0, 1, 2, 3].map(|index| cycle.begin(index)), [0, 2, 5, 7]);
        assert_eq!(cycle.piece(3, 8), b"deabc");
        assert_eq!(cycle.piece(13, 14), b"d");
        assert_eq!(cycle.piece(4, 100), b"eabcde");
        assert_eq!(cycle.frames_before(10), 4.0);
    }
}
