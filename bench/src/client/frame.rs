//! Frames of RFC 6455, section 5.2, written and read by hand: it shares no code with what it measures.

use crate::Failure;

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const MASKED: u8 = 0x80;

/// The key of every masked frame. What masks costs the server the same whatever the key is, if it is not zero.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A whole frame, as it lies in the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: u8,
    pub(crate) compressed: bool,
    pub(crate) payload: &'a [u8],
}

/// Who writes a frame: a client masks what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Frame<'_> {
    /// Appends it to what is to be sent.
    pub(crate) fn write(&self, role: Role, to: &mut Vec<u8>) {
        let mask_bit = if role == Role::Client { MASKED } else { 0 };
        let rsv1 = if self.compressed { RSV1 } else { 0 };
        to.push(FIN | rsv1 | self.opcode);
        let length = self.payload.len();
        if let Ok(short) = u8::try_from(length)
            && short < 126
        {
            to.push(mask_bit | short);
        } else if let Ok(medium) = u16::try_from(length) {
            to.push(mask_bit | 126);
            to.extend_from_slice(&medium.to_be_bytes());
        } else {
            to.push(mask_bit | 127);
            to.extend_from_slice(&(length as u64).to_be_bytes());
        }
        match role {
            Role::Server => to.extend_from_slice(self.payload),
            Role::Client => {
                to.extend_from_slice(&KEY);
                let masked = self.payload.iter().zip(KEY.iter().cycle());
                to.extend(masked.map(|(byte, key)| byte ^ key));
            }
        }
    }
}

/// The frame that bytes of a server begin with, and how long it is; none if it is not whole.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Failure> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & FIN == 0 || first & 0x0f == 0 {
        return Err("the server sends fragments, which this load does not read".into());
    }
    if second & MASKED != 0 {
        return Err("the server masks".into());
    }
    let (length, head) = match second & 0x7f {
        126 => match rest.first_chunk() {
            Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(bytes) => (u64::from_be_bytes(*bytes), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    let end = usize::try_from(length)? + head;
    Ok(bytes.get(head..end).map(|payload| {
        let frame = Frame {
            opcode: first & 0x0f,
            compressed: first & RSV1 != 0,
            payload,
        };
        (frame, end)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read_as_written() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let frame = Frame {
                opcode: TEXT,
                compressed: length == 126,
                payload: &payload,
            };
            let mut wire = Vec::new();
            frame.write(Role::Server, &mut wire);
            let whole = wire.len();
            assert_eq!(read(&wire[..whole - 1]).expect("it is good"), None);
            wire.push(0x81);
            let (got, taken) = read(&wire).expect("it is good").expect("it is whole");
            assert_eq!((got, taken), (frame, whole), "{length} bytes");
        }
    }

    /// RFC 6455 §5.7 has this very frame.
    #[test]
    fn a_client_masks() {
        let mut wire = Vec::new();
        let hello = Frame {
            opcode: TEXT,
            compressed: false,
            payload: b"Hello",
        };
        hello.write(Role::Client, &mut wire);
        let expected = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        assert_eq!(wire, expected);
        assert!(read(&wire).is_err(), "a server must not mask");
        assert!(read(&[0x01, 0x00]).is_err(), "a fragment");
    }
}
