//! The short way for what mostly comes: a message in one frame that lies whole in the input, neither compressed nor large.
//!
//! It takes only what it is sure of. All else, and all that is to be refused, is left to [`Receive::next`], which knows
//! every rule.

use super::{From, Receive};
use crate::{
    connection::Input,
    error::{Error, PeerMisbehaved},
    limits::Limits,
    mask,
    message::{MessageKind, MessageRef, Payload},
    utf8,
};

/// The first byte of a frame that is a whole message and is not compressed (RFC 6455 §5.2).
const WHOLE_TEXT: u8 = 0x81;
const WHOLE_BINARY: u8 = 0x82;

/// A frame at the front of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    kind: MessageKind,
    /// The bytes of its header, its key with it.
    header_bytes: usize,
    payload_bytes: usize,
}

impl Receive {
    /// The message at the front of the input, if it is of that kind; else the input is as it was.
    // As `Connection::handle_input`, which it is the most of.
    #[inline(always)]
    pub(in crate::connection) fn whole_message<'a>(
        &self,
        limits: &Limits,
        input: &mut Input<'a>,
    ) -> Result<Option<MessageRef<'a>>, Error> {
        if self.is_in_frame() || self.is_in_message() {
            return Ok(None);
        }
        let Some(whole) = Whole::find(self.from, limits, input.as_slice()) else {
            return Ok(None);
        };
        let frame = input.take_front(whole.header_bytes + whole.payload_bytes);
        let (header, payload) = frame.split_at_mut(whole.header_bytes);
        if self.from == From::Client
            && let Some(key) = header.last_chunk()
        {
            mask::apply(*key, 0, payload);
        }
        if whole.kind == MessageKind::Text {
            utf8::validate(payload).map_err(|_| PeerMisbehaved::InvalidUtf8)?;
        }
        let payload = Payload::Borrowed(payload);
        Ok(Some(MessageRef::new(whole.kind, payload)))
    }
}

impl Whole {
    #[inline]
    fn find(from: From, limits: &Limits, bytes: &[u8]) -> Option<Self> {
        let ([first, second], rest) = bytes.split_first_chunk()?;
        let kind = match *first {
            WHOLE_TEXT => MessageKind::Text,
            WHOLE_BINARY => MessageKind::Binary,
            _ => return None,
        };
        // RFC 6455 §5.1
        let is_masked = second & 0x80 != 0;
        if is_masked != (from == From::Client) {
            return None;
        }
        let key_bytes = if is_masked { 4 } else { 0 };
        let (payload_bytes, header_bytes) = match second & 0x7f {
            126 => match u16::from_be_bytes(*rest.first_chunk()?) {
                // RFC 6455 §5.2: not the shortest form.
                0..=125 => return None,
                length => (usize::from(length), 4 + key_bytes),
            },
            127 => return None,
            length => (usize::from(length), 2 + key_bytes),
        };
        let length = payload_bytes as u64;
        let is_allowed = length <= limits.frame_bytes_max && length <= limits.message_bytes_max;
        let is_here = bytes.len() >= header_bytes + payload_bytes;
        (is_allowed && is_here).then_some(Self {
            kind,
            header_bytes,
            payload_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use gumboot_testkit::wire;

    use super::*;

    fn find(from: From, bytes: &[u8]) -> Option<(usize, usize)> {
        let limits = Limits {
            frame_bytes_max: 300,
            message_bytes_max: 200,
            ..Limits::default()
        };
        let whole = Whole::find(from, &limits, bytes)?;
        Some((whole.header_bytes, whole.payload_bytes))
    }

    /// A frame of a server, of zeroes.
    fn frame(header: &str, payload_bytes: usize) -> Vec<u8> {
        [wire(header), vec![0; payload_bytes]].concat()
    }

    #[test]
    fn a_message_is_taken_once_all_of_it_is_there() {
        let short = wire("82 82 01 02 03 04 60 60");
        let long = frame("81 7e 00 7e", 126);
        for (from, bytes, parts) in [
            (From::Client, short, (6, 2)),
            (From::Server, long, (4, 126)),
        ] {
            for end in 0..bytes.len() {
                assert_eq!(find(from, &bytes[..end]), None, "{end}");
            }
            assert_eq!(find(from, &bytes), Some(parts));
            let more = [&bytes[..], &bytes].concat();
            assert_eq!(find(from, &more), Some(parts));
        }
    }

    #[test]
    fn all_else_is_left_to_who_knows_every_rule() {
        assert!(find(From::Server, &frame("82 7e 00 c8", 200)).is_some());
        assert_eq!(find(From::Server, &frame("82 7e 00 c9", 201)), None);
        // Fragments, control frames, compression, reserved bits and lengths that are not the shortest.
        for header in [
            "02 00",
            "80 00",
            "89 00",
            "88 00",
            "c2 00",
            "a2 00",
            "83 00",
            "82 7e 00 00",
        ] {
            assert_eq!(find(From::Server, &wire(header)), None, "{header}");
        }
        // The wrong direction.
        assert_eq!(find(From::Client, &wire("82 00")), None);
        assert_eq!(find(From::Server, &wire("82 80 00 00 00 00")), None);
    }
}
