//! What a store gives out: records, offsets, levels.

use std::fmt;

use bytes::Bytes;

use crate::{
    limits::{PORTION_BYTES_MAX, PORTION_RECORDS_MAX},
    name::StreamName,
};

/// The place of a record in its stream. Offsets of a stream grow, with gaps, and none is given twice in an epoch, not
/// even after a crash that lost the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl Offset {
    /// Lower than that of any record: reading from it reads everything.
    pub const FIRST: Self = Self(1);

    /// The next possible offset.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One life of a store. Offsets mean something only together with the epoch that they are of: a store that was created
/// anew, or lost what it had, has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a batch has outlived once it is confirmed. The levels are in the order of their strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// It is in memory, and dies with the process.
    Received,
    /// The operating system has it: it outlives the process, but not a loss of power.
    Stored,
    /// The disk has it.
    Synced,
    /// Most machines of a cluster have it.
    Replicated,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Received => "received",
            Self::Stored => "stored",
            Self::Synced => "synced",
            Self::Replicated => "replicated",
        })
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The offsets of what it appended, in the order of the batch.
    pub offsets: Vec<Offset>,
    /// The level that is reached for sure: the one asked for, a stronger one, or the strongest that the store has.
    pub level: Level,
}

/// A record of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the stream.
    pub offset: Offset,
    /// What was appended.
    pub payload: Bytes,
    /// How often it was delivered, as the last batch that settled it said.
    pub deliveries: u32,
    /// When it was appended, in milliseconds of Unix time.
    pub appended_ms: u64,
    /// From when on it may be leased, in milliseconds of Unix time.
    pub due_ms: u64,
}

/// How much to give at once. There is at least one record in what is given, however long, if there is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// How many records at most; above [`PORTION_RECORDS_MAX`] it is that.
    pub records: usize,
    /// How many bytes of payload at most; above [`PORTION_BYTES_MAX`] it is that.
    pub bytes: usize,
}

impl Portion {
    /// As much as is given at once.
    pub const ALL: Self = Self {
        records: PORTION_RECORDS_MAX,
        bytes: PORTION_BYTES_MAX,
    };

    /// Whether a record of this many bytes still belongs to a portion that has these already.
    pub(crate) fn takes(self, records: usize, bytes: usize, more: usize) -> bool {
        let records_max = self.records.min(PORTION_RECORDS_MAX);
        let bytes_max = self.bytes.min(PORTION_BYTES_MAX);
        records < records_max && (records == 0 || bytes.saturating_add(more) <= bytes_max)
    }
}

/// What a store says of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub name: StreamName,
    /// How many records it has.
    pub records: usize,
    /// How many bytes their payloads have.
    pub bytes: u64,
    /// From this offset on nothing was trimmed: who has read everything before it and reads on misses nothing.
    pub complete_from: Offset,
    /// Higher than the offset of any of its records, and not higher than that of the next.
    pub next: Offset,
}
