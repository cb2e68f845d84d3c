//! What changes together.

use bytes::Bytes;

use crate::{
    error::Refused,
    limits::{BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX},
    name::StreamName,
    record::Offset,
};

/// Operations that a store applies in their order, all of them or none: the effects of a transaction, or of whatever
/// is better written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    now_ms: u64,
    operations: Vec<Operation>,
}

impl Batch {
    /// An empty batch of this moment, in milliseconds of Unix time.
    #[must_use]
    pub const fn new(now_ms: u64) -> Self {
        Self {
            now_ms,
            operations: Vec::new(),
        }
    }

    /// Appends a record that may be leased at once. A stream begins with its first record.
    pub fn append(&mut self, stream: &StreamName, payload: Bytes) {
        self.append_later(stream, payload, 0);
    }

    /// Appends a record that may be leased from a moment on.
    pub fn append_later(&mut self, stream: &StreamName, payload: Bytes, due_ms: u64) {
        self.push(Operation::Append(Append {
            stream: stream.clone(),
            payload,
            deliveries: 0,
            due_ms,
        }));
    }

    /// Settles a record. One that is not there, or not any more, is none of the store's business.
    pub fn settle(&mut self, stream: &StreamName, offset: Offset, outcome: Outcome) {
        self.push(Operation::Settle {
            stream: stream.clone(),
            offset,
            outcome,
        });
    }

    /// Moves a message that nobody could use: a record in the stream for such messages, and the settlement where it
    /// comes from.
    pub fn bury(&mut self, stream: &StreamName, offset: Offset, letter: Append) {
        self.push(Operation::Append(letter));
        self.settle(stream, offset, Outcome::Dead);
    }

    /// Drops the oldest records of a stream until what is left is as asked.
    pub fn trim(&mut self, stream: &StreamName, keep: Keep) {
        self.push(Operation::Trim {
            stream: stream.clone(),
            keep,
        });
    }

    /// Removes a stream with all its records. It may begin anew, with higher offsets.
    pub fn remove(&mut self, stream: &StreamName) {
        self.push(Operation::Remove {
            stream: stream.clone(),
        });
    }

    /// Adds an operation.
    pub fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// The moment of the batch, in milliseconds of Unix time.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The operations, in their order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operations, in their order.
    #[must_use]
    pub fn into_operations(self) -> Vec<Operation> {
        self.operations
    }

    /// How many bytes the payloads have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.appends().map(|append| append.payload.len()).sum()
    }

    /// Holds the batch against the bounds of every store.
    ///
    /// # Errors
    ///
    /// [`Refused::BatchBytes`] and [`Refused::BatchOperations`] if it is over one.
    pub fn check(&self) -> Result<(), Refused> {
        if self.operations.len() > BATCH_OPERATIONS_MAX {
            return Err(Refused::BatchOperations(self.operations.len()));
        }
        let bytes = self.bytes();
        if bytes > BATCH_BYTES_MAX {
            return Err(Refused::BatchBytes(bytes));
        }
        Ok(())
    }

    fn appends(&self) -> impl Iterator<Item = &Append> {
        self.operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Append(append) => Some(append),
                _ => None,
            })
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A new record.
    Append(Append),
    /// A stream is gone, with all its records.
    Remove {
        /// The stream.
        stream: StreamName,
    },
    /// A record is settled. Nothing happens if it is not there.
    Settle {
        /// The stream that it is in.
        stream: StreamName,
        /// Its place there.
        offset: Offset,
        /// How.
        outcome: Outcome,
    },
    /// The oldest records of a stream go.
    Trim {
        /// The stream.
        stream: StreamName,
        /// What stays.
        keep: Keep,
    },
}

/// A record that is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The stream, which need not be there yet.
    pub stream: StreamName,
    /// What it holds.
    pub payload: Bytes,
    /// How often it was delivered already, elsewhere; 0 if it was not.
    pub deliveries: u32,
    /// From when on it may be leased, in milliseconds of Unix time; 0 for at once.
    pub due_ms: u64,
}

/// How a record is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It comes again: from then on it may be leased, in its old place.
    Again {
        /// From when on, in milliseconds of Unix time; 0 for at once.
        due_ms: u64,
        /// How often it was delivered up to now.
        deliveries: u32,
    },
    /// It is gone, and a copy of it is appended elsewhere in the same batch, if it was kept.
    Dead,
    /// It is gone.
    Done,
}

/// What a stream keeps when it is trimmed: the newest records, as far as they are within all bounds that are set. None
/// is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// How many records.
    pub records: Option<usize>,
    /// How many bytes of payload.
    pub bytes: Option<u64>,
    /// Those that were appended at this moment or later, in milliseconds of Unix time.
    pub since_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> StreamName {
        StreamName::parse("q").unwrap()
    }

    #[test]
    fn too_many_operations_are_refused() {
        let mut batch = Batch::new(0);
        for _ in 0..BATCH_OPERATIONS_MAX {
            batch.settle(&queue(), Offset(1), Outcome::Done);
        }
        assert_eq!(batch.check(), Ok(()));
        batch.remove(&queue());
        assert_eq!(
            batch.check(),
            Err(Refused::BatchOperations(BATCH_OPERATIONS_MAX + 1))
        );
    }

    #[test]
    fn too_many_bytes_are_refused() {
        let mut batch = Batch::new(0);
        let half = Bytes::from(vec![0; BATCH_BYTES_MAX / 2]);
        batch.append(&queue(), half.clone());
        batch.append(&queue(), half);
        assert_eq!(batch.check(), Ok(()));
        batch.append(&queue(), Bytes::from_static(b"!"));
        assert_eq!(batch.check(), Err(Refused::BatchBytes(BATCH_BYTES_MAX + 1)));
    }
}
