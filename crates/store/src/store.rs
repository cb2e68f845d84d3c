//! The trait that every store implements.

use std::{fmt, pin::Pin, sync::Arc};

use crate::{
    batch::Batch,
    error::StoreError,
    name::StreamName,
    record::{Committed, Epoch, Level, Offset, Portion, Record, StreamInfo},
};

/// An answer of a store. It needs no particular runtime, and what was asked for is done whether or not it is polled.
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// Keeps streams of records.
///
/// Batches are applied in the order of the calls of [`commit`](Self::commit), whenever their answers are polled. What a
/// confirmed batch did is seen by every call that begins after the confirmation. Once a batch has reached a level, all
/// before it have; so an empty one is a way to wait for that.
pub trait Store: Send + Sync + 'static {
    /// The life of the store that its offsets are of.
    fn epoch(&self) -> Epoch;

    /// The strongest level that it has.
    fn level_max(&self) -> Level;

    /// Waits until the store takes another batch, so that [`StoreError::Busy`] is not to be expected.
    ///
    /// # Errors
    ///
    /// [`StoreError::Closed`] and [`StoreError::Poisoned`].
    fn ready(&self) -> StoreFuture<()>;

    /// Applies a batch, whole or not at all, and answers once it has reached the level, or the strongest that there is.
    ///
    /// # Errors
    ///
    /// All of [`StoreError`]. A batch that was refused, or that the store was too busy for, has changed nothing. After
    /// any other error nobody knows before the store is opened anew whether the batch is there; if so, it is there whole.
    fn commit(&self, batch: Batch, level: Level) -> StoreFuture<Committed>;

    /// All streams that have records, or once had and were not removed, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`StoreError::Closed`].
    fn streams(&self) -> StoreFuture<Vec<StreamInfo>>;

    /// The records of a stream from an offset on, leased or not, in order; none if there is no such stream. Those that
    /// were settled are not read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Closed`], [`StoreError::Corrupt`], [`StoreError::Io`].
    fn read(&self, stream: &StreamName, from: Offset, portion: Portion)
    -> StoreFuture<Vec<Record>>;

    /// The next records of a stream that are due and that nobody has, in order. Nobody else gets them until they are
    /// settled with [`Outcome::Again`](crate::Outcome::Again), or the store is opened anew.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); nothing is leased then.
    fn lease(&self, stream: &StreamName, portion: Portion, now_ms: u64)
    -> StoreFuture<Vec<Record>>;
}

impl fmt::Debug for dyn Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("epoch", &self.epoch())
            .field("level_max", &self.level_max())
            .finish_non_exhaustive()
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn epoch(&self) -> Epoch {
        (**self).epoch()
    }

    fn level_max(&self) -> Level {
        (**self).level_max()
    }

    fn ready(&self) -> StoreFuture<()> {
        (**self).ready()
    }

    fn commit(&self, batch: Batch, level: Level) -> StoreFuture<Committed> {
        (**self).commit(batch, level)
    }

    fn streams(&self) -> StoreFuture<Vec<StreamInfo>> {
        (**self).streams()
    }

    fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        portion: Portion,
    ) -> StoreFuture<Vec<Record>> {
        (**self).read(stream, from, portion)
    }

    fn lease(
        &self,
        stream: &StreamName,
        portion: Portion,
        now_ms: u64,
    ) -> StoreFuture<Vec<Record>> {
        (**self).lease(stream, portion, now_ms)
    }
}
