//! What goes wrong on a connection, whose fault it is, and the one mapping to the close code that goes on the wire.

use std::{error, fmt};

use crate::{
    close::CloseCode,
    limits::{Limit, Wait},
};

/// Why a connection failed. The text is for people and may change; match on the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent more than a limit of ours allows. Raise the limit if the peer is right to.
    LimitExceeded {
        /// The limit that was passed.
        limit: Limit,
        /// The value of that limit.
        max: u64,
    },
    /// The peer broke a rule of RFC 6455. Nothing to do on this side but to report it there.
    PeerMisbehaved(PeerMisbehaved),
    /// The peer kept silent for too long.
    TimedOut(Wait),
}

/// The rule of RFC 6455 that a peer broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// A Close with a status code that must not be on the wire (§7.4).
    CloseCodeInvalid(u16),
    /// A Close with a body of one byte (§5.5.1).
    CloseTruncated,
    /// A continuation frame with no message to continue (§5.4).
    ContinuationUnexpected,
    /// A control frame without FIN (§5.5).
    ControlFragmented,
    /// A control frame with more than 125 bytes (§5.5).
    ControlTooLong,
    /// A compressed message that cannot be inflated (RFC 7692 §7.2.2).
    DeflateInvalid,
    /// Text, or the reason of a Close, that is not UTF-8 (§8.1).
    InvalidUtf8,
    /// A length in more bytes than it needs (§5.2).
    LengthNotMinimal,
    /// A 64-bit length with its highest bit set (§5.2).
    LengthOverflow,
    /// A frame to a server that is not masked (§5.1).
    MaskMissing,
    /// A frame to a client that is masked (§5.1).
    MaskUnexpected,
    /// A new data frame inside a fragmented message (§5.4).
    MessageInterleaved,
    /// An opcode that RFC 6455 reserves (§5.2).
    OpcodeReserved(u8),
    /// A reserved bit that no extension gave a meaning (§5.2).
    ReservedBitSet,
}

impl Error {
    /// The status code of the Close that this error sends (RFC 6455 §7.4.1).
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::LimitExceeded { limit, .. } => match limit {
                Limit::ControlFramesPerSecond | Limit::FragmentsPerMessage => CloseCode::POLICY,
                Limit::FrameBytes | Limit::InflateRatio | Limit::MessageBytes => CloseCode::TOO_BIG,
            },
            Self::PeerMisbehaved(PeerMisbehaved::DeflateInvalid | PeerMisbehaved::InvalidUtf8) => {
                CloseCode::INVALID_DATA
            }
            Self::PeerMisbehaved(_) => CloseCode::PROTOCOL,
            Self::TimedOut(Wait::FrameStall) => CloseCode::POLICY,
            Self::TimedOut(Wait::Idle) => CloseCode::GOING_AWAY,
            Self::TimedOut(_) => CloseCode::INTERNAL,
        }
    }
}

impl From<PeerMisbehaved> for Error {
    fn from(fault: PeerMisbehaved) -> Self {
        Self::PeerMisbehaved(fault)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitExceeded { limit, max } => {
                write!(f, "the peer sent more than {} allows ({max})", limit.name())
            }
            Self::PeerMisbehaved(fault) => fault.fmt(f),
            Self::TimedOut(Wait::Close) => f.write_str("the peer did not finish the close"),
            Self::TimedOut(Wait::FrameStall) => {
                f.write_str("the peer stopped in the middle of a frame")
            }
            Self::TimedOut(Wait::Idle) => f.write_str("nothing was said for too long"),
            Self::TimedOut(Wait::Pong) => f.write_str("the peer did not answer a ping"),
        }
    }
}

impl fmt::Display for PeerMisbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloseCodeInvalid(code) => write!(f, "close code {code} must not be sent"),
            Self::CloseTruncated => f.write_str("close frame with a body of one byte"),
            Self::ContinuationUnexpected => f.write_str("continuation frame without a message"),
            Self::ControlFragmented => f.write_str("fragmented control frame"),
            Self::ControlTooLong => f.write_str("control frame of more than 125 bytes"),
            Self::DeflateInvalid => f.write_str("compressed message that cannot be inflated"),
            Self::InvalidUtf8 => f.write_str("text that is not UTF-8"),
            Self::LengthNotMinimal => f.write_str("frame length not in its shortest form"),
            Self::LengthOverflow => f.write_str("frame length with the highest bit set"),
            Self::MaskMissing => f.write_str("client frame without a mask"),
            Self::MaskUnexpected => f.write_str("server frame with a mask"),
            Self::MessageInterleaved => f.write_str("new message inside a fragmented one"),
            Self::OpcodeReserved(opcode) => write!(f, "reserved opcode {opcode:#x}"),
            Self::ReservedBitSet => f.write_str("reserved bit set"),
        }
    }
}

impl error::Error for Error {}

/// Why a message or a Close was not taken for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The closing handshake has begun or the connection has failed: nothing more goes out.
    Closing,
    /// A ping or pong body of more than 125 bytes (RFC 6455 §5.5): send less.
    ControlTooLong,
    /// A piece with which the text is not UTF-8 (RFC 6455 §5.6): send another.
    InvalidUtf8,
    /// A message is being sent in pieces (RFC 6455 §5.4): send its last one first.
    MessageOpen,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closing => "the connection is closing",
            Self::ControlTooLong => "a ping carries at most 125 bytes",
            Self::InvalidUtf8 => "the text is not UTF-8",
            Self::MessageOpen => "a message is being sent in pieces",
        })
    }
}

impl error::Error for SendError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_close_code() {
        let too_big = Error::LimitExceeded {
            limit: Limit::FrameBytes,
            max: 1,
        };
        let too_many = Error::LimitExceeded {
            limit: Limit::FragmentsPerMessage,
            max: 1,
        };
        assert_eq!(too_big.close_code().get(), 1009);
        assert_eq!(too_many.close_code().get(), 1008);
        assert_eq!(
            Error::from(PeerMisbehaved::InvalidUtf8).close_code().get(),
            1007
        );
        assert_eq!(
            Error::from(PeerMisbehaved::MaskMissing).close_code().get(),
            1002
        );
        assert_eq!(Error::TimedOut(Wait::FrameStall).close_code().get(), 1008);
        assert_eq!(Error::TimedOut(Wait::Pong).close_code().get(), 1011);
    }

    #[test]
    fn an_error_names_the_limit() {
        let error = Error::LimitExceeded {
            limit: Limit::MessageBytes,
            max: 16,
        };
        assert_eq!(
            error.to_string(),
            "the peer sent more than message_bytes_max allows (16)"
        );
    }
}
