//! Why a name is no destination.

use std::{error, fmt, sync::Arc};

use super::{DESTINATION_BYTES_MAX, PATTERN_SEGMENTS_MAX};

/// Why a name is no destination.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationError {
    /// A name with a control character in it.
    ControlCharacter,
    /// Nothing behind the prefix that names the kind.
    Empty,
    /// More than [`DESTINATION_BYTES_MAX`] bytes.
    TooLong,
    /// A pattern of more than [`PATTERN_SEGMENTS_MAX`] segments.
    TooManySegments,
    /// A name of no kind.
    UnknownKind {
        /// The prefixes that there are.
        known: Arc<str>,
    },
    /// A wildcard for all that follow, with something behind it.
    Wildcard,
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlCharacter => f.write_str("a destination has no control characters"),
            Self::Empty => f.write_str("the destination has no name behind its kind"),
            Self::TooLong => write!(f, "a destination has {DESTINATION_BYTES_MAX} bytes at most"),
            Self::TooManySegments => write!(
                f,
                "a destination with wildcards has {PATTERN_SEGMENTS_MAX} segments at most"
            ),
            Self::UnknownKind { known } => write!(
                f,
                "the destination is of no known kind; this server has: {known}"
            ),
            Self::Wildcard => f.write_str("the wildcards **, > and # stand at the end only"),
        }
    }
}

impl error::Error for DestinationError {}
