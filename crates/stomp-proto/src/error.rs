//! What can go wrong, whose fault it is, and the one place that says how it goes over the wire.
//! What a broker refuses for reasons of its own is not here: it writes an [`ErrorFrame`] itself.

use std::{borrow::Cow, fmt};

use crate::{
    command::{Command, ErrorFrame},
    frame::Frame,
    limits::Limit,
    version::Version,
};

/// The peer broke the protocol, went past a limit or fell silent: the session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    receipt_id: Option<Box<str>>,
}

/// What an [`Error`] is about; the names say what the peer did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A second CONNECT or CONNECTED.
    AlreadyConnected,
    /// A body on a frame that may have none.
    BodyForbidden(Command),
    /// A carriage return that ends no line, where the version does not take it for data.
    CarriageReturn,
    /// A command that the agreed version does not have.
    CommandNotInVersion(Command, Version),
    /// A command of the other role: a client that sends MESSAGE.
    CommandUnexpected(Command),
    /// A frame that begins with no command of STOMP.
    CommandUnknown,
    /// A `content-length` that is no count of octets.
    ContentLengthInvalid,
    /// The octet after `content-length` octets of body is not NUL.
    ContentLengthMismatch,
    /// A backslash that begins no escape of the version.
    EscapeInvalid,
    /// A frame was begun, and nothing more arrived for
    /// [`frame_stall_ms_max`](crate::Limits::frame_stall_ms_max).
    FrameStalled,
    /// A header with a value that it cannot have.
    HeaderInvalid(&'static str),
    /// A frame without a header that it must have.
    HeaderMissing(Command, &'static str),
    /// A header with an empty name.
    HeaderNameEmpty,
    /// A NUL before the blank line that ends the headers.
    HeaderNul,
    /// A line among the headers that has no colon.
    HeaderWithoutColon,
    /// No log-in within [`login_ms_max`](crate::Limits::login_ms_max).
    LoginTimedOut,
    /// The first frame does not open a session.
    NotConnected(Command),
    /// No data within the agreed heart-beat and its margin.
    PeerSilent,
    /// More than a limit allows; raise the limit if the peer is right.
    TooBig {
        /// The limit that was passed.
        limit: Limit,
        /// Its value.
        max: u32,
    },
    /// A header that is not UTF-8.
    Utf8Invalid,
    /// No version in common.
    VersionUnsupported,
}

/// Whose fault an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The network's, or a peer that is gone: nothing came in time.
    Environment,
    /// Nobody's: the peer may be right, but a limit of ours was passed.
    Limit,
    /// The peer's: it does not keep to the protocol.
    Peer,
}

impl Error {
    /// What the error is about.
    #[must_use]
    pub const fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The receipt that the offending frame asked for; the ERROR repeats it.
    #[must_use]
    pub fn receipt_id(&self) -> Option<&str> {
        self.receipt_id.as_deref()
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self.kind {
            ErrorKind::FrameStalled | ErrorKind::LoginTimedOut | ErrorKind::PeerSilent => {
                Fault::Environment
            }
            ErrorKind::TooBig { .. } => Fault::Limit,
            _ => Fault::Peer,
        }
    }

    /// The ERROR frame that tells the peer (STOMP 1.2, ERROR). It names the versions when none was
    /// in common (Protocol Negotiation).
    #[must_use]
    pub fn error_frame(&self) -> ErrorFrame<'_> {
        let unsupported = self.kind == ErrorKind::VersionUnsupported;
        ErrorFrame {
            message: Some(Cow::Borrowed(self.kind.title())),
            receipt_id: self.receipt_id().map(Cow::Borrowed),
            version: unsupported.then_some(Cow::Borrowed(Version::LIST)),
            body: Cow::Owned(self.to_string()),
        }
    }

    /// The same error, of a `frame` that may have asked for a receipt. On CONNECT that means
    /// nothing.
    pub(crate) fn in_frame(kind: ErrorKind, frame: &Frame<'_>) -> Self {
        let connects = frame.command().opens_session();
        let receipt = if connects {
            None
        } else {
            frame.header("receipt")
        };
        Self::with_receipt(kind, receipt)
    }

    pub(crate) fn with_receipt(kind: ErrorKind, receipt: Option<Cow<'_, str>>) -> Self {
        Self {
            kind,
            receipt_id: receipt.map(|id| id.into_owned().into_boxed_str()),
        }
    }
}

impl ErrorKind {
    /// A few words for the `message` header.
    const fn title(&self) -> &'static str {
        match self {
            Self::AlreadyConnected => "Already connected",
            Self::BodyForbidden(_) => "Body not allowed",
            Self::CarriageReturn => "Stray carriage return",
            Self::CommandNotInVersion(..) => "Command not in this version",
            Self::CommandUnexpected(_) => "Command not for this role",
            Self::CommandUnknown => "Unknown command",
            Self::ContentLengthInvalid => "Invalid content-length",
            Self::ContentLengthMismatch => "Wrong content-length",
            Self::EscapeInvalid => "Invalid escape",
            Self::FrameStalled => "Frame not finished",
            Self::HeaderInvalid(_) => "Invalid header",
            Self::HeaderMissing(..) => "Missing header",
            Self::HeaderNameEmpty | Self::HeaderNul | Self::HeaderWithoutColon => {
                "Malformed header"
            }
            Self::LoginTimedOut => "Login timed out",
            Self::NotConnected(_) => "Not connected",
            Self::PeerSilent => "Heart-beat missed",
            Self::TooBig { .. } => "Frame too big",
            Self::Utf8Invalid => "Header not UTF-8",
            Self::VersionUnsupported => "Version not supported",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyConnected => f.write_str("This session is connected already."),
            Self::BodyForbidden(command) => write!(f, "A {command} frame has no body."),
            Self::CarriageReturn => {
                f.write_str("A carriage return stands where no line ends; in a header write \\r.")
            }
            Self::CommandNotInVersion(command, version) => {
                write!(f, "STOMP {version} has no {command}.")
            }
            Self::CommandUnexpected(command) => {
                write!(f, "{command} is sent by the other side only.")
            }
            Self::CommandUnknown => f.write_str(
                "A frame begins with no command of STOMP; commands are upper case and exact.",
            ),
            Self::ContentLengthInvalid => {
                f.write_str("content-length is the number of octets of the body, in digits.")
            }
            Self::ContentLengthMismatch => {
                f.write_str("The body does not end with a NUL after content-length octets.")
            }
            Self::EscapeInvalid => f.write_str(
                "A backslash in a header begins \\n, \\c or \\\\, and in STOMP 1.2 also \\r.",
            ),
            Self::FrameStalled => f.write_str("A frame was begun, and its rest did not arrive."),
            Self::HeaderInvalid(name) => write!(f, "The header {name} has an invalid value."),
            Self::HeaderMissing(command, name) => {
                write!(f, "A {command} frame needs the header {name}.")
            }
            Self::HeaderNameEmpty => f.write_str("A header has an empty name."),
            Self::HeaderNul => f.write_str(
                "A NUL stands in the headers; a blank line ends them, even if no body follows.",
            ),
            Self::HeaderWithoutColon => f.write_str("A header line has no colon."),
            Self::LoginTimedOut => f.write_str("No log-in within the time for it."),
            Self::NotConnected(command) => {
                write!(
                    f,
                    "A session begins with CONNECT or STOMP, not with {command}."
                )
            }
            Self::PeerSilent => f.write_str("Nothing arrived within the agreed heart-beat."),
            Self::TooBig { limit, max } => write!(f, "More than {max} {limit}."),
            Self::Utf8Invalid => f.write_str("A header is not valid UTF-8."),
            Self::VersionUnsupported => {
                write!(
                    f,
                    "No version in common; this side speaks {}.",
                    Version::LIST
                )
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Error {}

impl std::error::Error for ErrorKind {}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self {
            kind,
            receipt_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(error: &Error, version: Option<Version>, expect: &Expect) {
        let mut out = Vec::new();
        error.error_frame().encode(&mut out, version);
        expect.assert_eq(&String::from_utf8_lossy(&out).replace('\0', "^@"));
    }

    #[test]
    fn no_version_in_common() {
        check(
            &ErrorKind::VersionUnsupported.into(),
            None,
            &expect![[r#"
            ERROR
            message:Version not supported
            version:1.0,1.1,1.2
            content-type:text/plain
            content-length:51

            No version in common; this side speaks 1.0,1.1,1.2.^@"#]],
        );
    }

    #[test]
    fn the_receipt_comes_back_escaped() {
        let kind = ErrorKind::HeaderMissing(Command::Send, "destination");
        let error = Error::with_receipt(kind, Some("a:b".into()));
        check(
            &error,
            Some(Version::V1_2),
            &expect![[r#"
            ERROR
            message:Missing header
            receipt-id:a\cb
            content-type:text/plain
            content-length:42

            A SEND frame needs the header destination.^@"#]],
        );
    }

    #[test]
    fn a_limit_names_itself() {
        let kind = ErrorKind::TooBig {
            limit: Limit::Headers,
            max: 128,
        };
        check(
            &kind.into(),
            Some(Version::V1_1),
            &expect![[r#"
            ERROR
            message:Frame too big
            content-type:text/plain
            content-length:33

            More than 128 headers in a frame.^@"#]],
        );
    }

    #[test]
    fn whose_fault() {
        let fault = |kind| Error::from(kind).fault();
        assert_eq!(fault(ErrorKind::PeerSilent), Fault::Environment);
        assert_eq!(fault(ErrorKind::EscapeInvalid), Fault::Peer);
    }
}
