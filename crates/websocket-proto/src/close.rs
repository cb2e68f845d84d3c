//! Close frames: the status codes that may be on the wire (RFC 6455 §7.4) and the body of a Close (§5.5.1).

use std::{error, fmt};

use bytes::Bytes;

use crate::{error::PeerMisbehaved, utf8::Utf8Bytes};

/// A status code that may stand in a Close frame: 1000 to 1003, 1007 to 1014, 3000 to 4999 (RFC 6455 §7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1003: data of a kind that is not accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1007: data that does not fit its type, as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a policy of the receiver was broken.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the client needed an extension that the server did not accept.
    pub const EXTENSION: Self = Self(1010);
    /// 1011: the endpoint met a condition that it cannot handle.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: the server restarts.
    pub const RESTART: Self = Self(1012);
    /// 1013: try again later.
    pub const TRY_AGAIN: Self = Self(1013);
    /// 1014: a gateway got a bad answer from behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code, if it may be on the wire.
    #[must_use]
    pub fn new(code: u16) -> Option<Self> {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(Self(code))
    }

    /// The code as a number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The body of a Close frame that has one: a code, and a reason of at most 123 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    code: CloseCode,
    reason: Utf8Bytes,
}

/// The bytes of a reason at most: a control frame carries 125, and two are the code (RFC 6455 §5.5).
pub const REASON_BYTES_MAX: usize = 123;

/// A reason of more than [`REASON_BYTES_MAX`] bytes: shorten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonTooLong {
    /// The bytes of the reason that was refused.
    pub reason_bytes: usize,
}

impl fmt::Display for ReasonTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason_bytes } = self;
        write!(
            f,
            "a close reason of {reason_bytes} bytes, {REASON_BYTES_MAX} at most"
        )
    }
}

impl error::Error for ReasonTooLong {}

impl CloseFrame {
    /// A Close body of `code` and `reason`.
    ///
    /// # Errors
    /// [`ReasonTooLong`] when the reason has more than [`REASON_BYTES_MAX`] bytes.
    pub fn new(code: CloseCode, reason: impl Into<Utf8Bytes>) -> Result<Self, ReasonTooLong> {
        let reason = reason.into();
        let reason_bytes = reason.len();
        if reason_bytes > REASON_BYTES_MAX {
            return Err(ReasonTooLong { reason_bytes });
        }
        Ok(Self { code, reason })
    }

    /// A Close body of `code` and as much of `reason` as fits, cut between characters.
    #[must_use]
    pub fn truncated(code: CloseCode, reason: &str) -> Self {
        let mut end = reason.len().min(REASON_BYTES_MAX);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            code,
            reason: Utf8Bytes::from(&reason[..end]),
        }
    }

    /// The status code.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason, empty when there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The body of a received Close; `None` for an empty one (RFC 6455 §5.5.1, §7.1.5).
    pub(crate) fn decode(body: &[u8]) -> Result<Option<Self>, PeerMisbehaved> {
        let (code, reason) = match body {
            [] => return Ok(None),
            [_] => return Err(PeerMisbehaved::CloseTruncated),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        let code = CloseCode::new(code).ok_or(PeerMisbehaved::CloseCodeInvalid(code))?;
        let reason = Utf8Bytes::try_from(Bytes::copy_from_slice(reason))
            .map_err(|_| PeerMisbehaved::InvalidUtf8)?;
        Ok(Some(Self { code, reason }))
    }

    /// The body as it goes on the wire.
    pub(crate) fn encode(&self) -> Vec<u8> {
        [&self.code.0.to_be_bytes(), self.reason.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_may_be_sent() {
        let allowed: Vec<u16> = (0..=u16::MAX)
            .filter(|&c| CloseCode::new(c).is_some())
            .collect();
        let expected: Vec<u16> = (1000..=1003)
            .chain(1007..=1014)
            .chain(3000..=4999)
            .collect();
        assert_eq!(allowed, expected);
    }

    #[test]
    fn a_body_is_decoded_as_it_was_encoded() {
        let frame = CloseFrame::new(CloseCode::RESTART, "bye").unwrap();
        assert_eq!(CloseFrame::decode(&frame.encode()), Ok(Some(frame)));
        assert_eq!(CloseFrame::decode(b""), Ok(None));
    }

    #[test]
    fn bad_bodies_are_refused() {
        assert_eq!(
            CloseFrame::decode(b"\x03"),
            Err(PeerMisbehaved::CloseTruncated)
        );
        assert_eq!(
            CloseFrame::decode(b"\x03\xed"),
            Err(PeerMisbehaved::CloseCodeInvalid(1005))
        );
        assert_eq!(
            CloseFrame::decode(b"\x03\xe8\xff"),
            Err(PeerMisbehaved::InvalidUtf8)
        );
    }

    #[test]
    fn a_reason_has_123_bytes_at_most() {
        assert!(CloseFrame::new(CloseCode::NORMAL, "x".repeat(123)).is_ok());
        let refused = CloseFrame::new(CloseCode::NORMAL, "x".repeat(124));
        assert_eq!(refused, Err(ReasonTooLong { reason_bytes: 124 }));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = CloseFrame::truncated(CloseCode::NORMAL, &"é".repeat(70));
        assert_eq!(frame.reason(), "é".repeat(61));
    }
}
