//! What goes wrong, and whose fault it is.

use std::{fmt, io, path::PathBuf, sync::Arc};

use crate::limits::{BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX, STREAM_NAME_BYTES_MAX};

/// Why a store did not do what it was asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoreError {
    /// More waits for the store than it takes: wait until it is [ready](crate::Store::ready) and ask again.
    Busy,
    /// The store is being closed; what was asked for is not done.
    Closed,
    /// What is kept is not what was written. Nothing of it was changed: restore it from a copy.
    Corrupt {
        /// The file, or the part of the store and the key in it.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// The system failed: a full disk, missing rights, a broken device.
    Io {
        /// What was being done, and with which file.
        doing: String,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// Another process has the store open.
    Locked {
        /// Its directory.
        path: PathBuf,
    },
    /// A write or a sync has failed before, so that nobody knows what the disk has. The store confirms nothing any
    /// more: open it anew once the cause is mended.
    Poisoned {
        /// What had failed.
        cause: Arc<Self>,
    },
    /// The caller asked for something that no store does.
    Refused(Refused),
    /// The store was written by another version of this program that keeps it in another way.
    UnknownFormat {
        /// Its directory.
        path: PathBuf,
        /// The number of its format.
        found: u32,
        /// The number of the format that is known.
        known: u32,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the store does not keep up with what it is asked for"),
            Self::Closed => f.write_str("the store is closed"),
            Self::Corrupt { place, problem } => {
                write!(f, "the store is damaged: {place}: {problem}")
            }
            Self::Io { doing, error } => write!(f, "{doing}: {error}"),
            Self::Locked { path } => {
                write!(f, "another process has the store {} open", path.display())
            }
            Self::Poisoned { cause } => write!(
                f,
                "the store confirms nothing until it is opened anew, because of: {cause}"
            ),
            Self::Refused(refused) => refused.fmt(f),
            Self::UnknownFormat { path, found, known } => write!(
                f,
                "the store {} has format {found}, and only format {known} is known here",
                path.display()
            ),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(&**error),
            Self::Poisoned { cause } => Some(&**cause),
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// What a caller must not ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The payloads of a batch have so many bytes, more than [`BATCH_BYTES_MAX`].
    BatchBytes(usize),
    /// A batch has so many operations, more than [`BATCH_OPERATIONS_MAX`].
    BatchOperations(usize),
    /// The name of a stream is empty, too long, or has control characters.
    StreamName,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatchBytes(bytes) => {
                write!(
                    f,
                    "a batch of {bytes} bytes is over the limit of {BATCH_BYTES_MAX}"
                )
            }
            Self::BatchOperations(operations) => write!(
                f,
                "a batch of {operations} operations is over the limit of {BATCH_OPERATIONS_MAX}"
            ),
            Self::StreamName => write!(
                f,
                "the name of a stream has 1 to {STREAM_NAME_BYTES_MAX} bytes and no control characters"
            ),
        }
    }
}

impl std::error::Error for Refused {}
