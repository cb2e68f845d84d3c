//! Frame headers (RFC 6455 §5.2): decoded strictly, encoded in their shortest form. Payloads are not touched here.

use crate::error::PeerMisbehaved;

/// The bytes of a frame header at most: two, eight of length, four of mask.
pub const HEADER_BYTES_MAX: usize = 14;

/// The bytes of a control frame's payload at most (RFC 6455 §5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// Asks for a pong.
    Ping = 0x9,
    /// Answers a ping, or tells that the sender is alive.
    Pong = 0xa,
}

impl Opcode {
    /// The opcode with this number, if RFC 6455 defines it.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        Some(match number {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// Close, ping and pong (RFC 6455 §5.5).
    #[must_use]
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The last frame of its message.
    pub fin: bool,
    /// The first frame of a compressed message (RFC 7692 §6).
    pub rsv1: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key that the payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// The bytes of payload that follow.
    pub payload_bytes: u64,
}

impl FrameHeader {
    /// Reads a header from the front of `bytes`; gives it with its own length, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// The rule that the header breaks: of its first two bytes as soon as both are there, of its length with its length.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, PeerMisbehaved> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let fin = first & 0x80 != 0;
        let rsv1 = first & 0x40 != 0;
        let opcode = decode_opcode(*first, *second, fin)?;
        let Some((payload_bytes, length_bytes)) = decode_length(second & 0x7f, rest)? else {
            return Ok(None);
        };
        let mut header_bytes = 2 + length_bytes;
        let mut mask = None;
        if second & 0x80 != 0 {
            let Some(key) = rest.get(length_bytes..).and_then(<[u8]>::first_chunk) else {
                return Ok(None);
            };
            mask = Some(*key);
            header_bytes += 4;
        }
        Ok(Some((
            Self {
                fin,
                rsv1,
                opcode,
                mask,
                payload_bytes,
            },
            header_bytes,
        )))
    }

    /// Writes the header behind `out`, its length in the shortest form.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let fin = if self.fin { 0x80 } else { 0 };
        let rsv1 = if self.rsv1 { 0x40 } else { 0 };
        let first = fin | rsv1 | self.opcode as u8;
        // Each form at once: a byte at a time, every one would ask whether there is room.
        match self.payload_bytes {
            length @ 0..=125 => out.extend_from_slice(&[first, masked | length as u8]),
            length @ 126..=0xffff => {
                let [high, low] = (length as u16).to_be_bytes();
                out.extend_from_slice(&[first, masked | 126, high, low]);
            }
            length => {
                out.extend_from_slice(&[first, masked | 127]);
                out.extend_from_slice(&length.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }
}

/// The opcode, if the first two bytes of the header allow it.
fn decode_opcode(first: u8, second: u8, fin: bool) -> Result<Opcode, PeerMisbehaved> {
    // RFC 6455 §5.2: a reserved bit has no meaning until an extension gives it one.
    if first & 0x30 != 0 {
        return Err(PeerMisbehaved::ReservedBitSet);
    }
    let number = first & 0x0f;
    let opcode = Opcode::new(number).ok_or(PeerMisbehaved::OpcodeReserved(number))?;
    // RFC 7692 §6: RSV1 stands on the first frame of a data message only.
    if first & 0x40 != 0 && !matches!(opcode, Opcode::Text | Opcode::Binary) {
        return Err(PeerMisbehaved::ReservedBitSet);
    }
    // RFC 6455 §5.5
    if opcode.is_control() && !fin {
        return Err(PeerMisbehaved::ControlFragmented);
    }
    if opcode.is_control() && usize::from(second & 0x7f) > CONTROL_BYTES_MAX {
        return Err(PeerMisbehaved::ControlTooLong);
    }
    Ok(opcode)
}

/// The payload length, and how many bytes its extended form takes.
fn decode_length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, PeerMisbehaved> {
    let (length, length_bytes, shorter_max) = match short {
        126 => match rest.first_chunk() {
            Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2, 125),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(bytes) => (u64::from_be_bytes(*bytes), 8, 0xffff),
            None => return Ok(None),
        },
        length => return Ok(Some((u64::from(length), 0))),
    };
    // RFC 6455 §5.2: the minimal number of bytes, the most significant bit 0.
    if length <= shorter_max {
        return Err(PeerMisbehaved::LengthNotMinimal);
    }
    if length > u64::MAX >> 1 {
        return Err(PeerMisbehaved::LengthOverflow);
    }
    Ok(Some((length, length_bytes)))
}

#[cfg(test)]
mod tests {
    use gumboot_testkit::wire;

    use super::*;

    fn decode(notation: &str) -> Result<Option<(FrameHeader, usize)>, PeerMisbehaved> {
        FrameHeader::decode(&wire(notation))
    }

    #[test]
    fn every_length_form_there_and_back() {
        for payload_bytes in [0, 1, 125, 126, 0xffff, 0x1_0000, u64::MAX >> 1] {
            for (mask, rsv1) in [(None, false), (Some([1, 2, 3, 4]), true)] {
                let header = FrameHeader {
                    fin: true,
                    rsv1,
                    opcode: Opcode::Text,
                    mask,
                    payload_bytes,
                };
                let mut bytes = Vec::new();
                header.encode(&mut bytes);
                assert_eq!(FrameHeader::decode(&bytes), Ok(Some((header, bytes.len()))));
                for end in 0..bytes.len() {
                    assert_eq!(FrameHeader::decode(&bytes[..end]), Ok(None));
                }
            }
        }
    }

    #[test]
    fn a_length_has_one_form() {
        assert_eq!(decode("82 7e 00 7d"), Err(PeerMisbehaved::LengthNotMinimal));
        assert!(decode("82 7e 00 7e").unwrap().is_some());
        let longer = decode("82 7f 00 00 00 00 00 00 ff ff");
        assert_eq!(longer, Err(PeerMisbehaved::LengthNotMinimal));
        assert!(decode("82 7f 00 00 00 00 00 01 00 00").unwrap().is_some());
        let overflow = decode("82 7f 80 00 00 00 00 00 00 00");
        assert_eq!(overflow, Err(PeerMisbehaved::LengthOverflow));
    }

    #[test]
    fn reserved_bits_and_opcodes_are_refused() {
        for bits in ["c0 00", "c9 00", "a1 00", "91 00"] {
            assert_eq!(decode(bits), Err(PeerMisbehaved::ReservedBitSet));
        }
        for number in (0x3..=0x7).chain(0xb..=0xf) {
            let refused = FrameHeader::decode(&[0x80 | number, 0]);
            assert_eq!(refused, Err(PeerMisbehaved::OpcodeReserved(number)));
        }
    }

    #[test]
    fn control_frames_are_short_and_whole() {
        assert_eq!(decode("09 00"), Err(PeerMisbehaved::ControlFragmented));
        assert_eq!(decode("89 7e"), Err(PeerMisbehaved::ControlTooLong));
        assert!(decode("89 7d").unwrap().is_some());
    }
}
