//! A store of messages on one disk: [`FjallStore`], a [`Store`] on the database fjall.
//!
//! What was confirmed as [`Level::Stored`] outlives the process, what was confirmed as [`Level::Synced`] a loss of power.
//! Batches that arrive while the disk is busy are written and synced together. They go to a log; what is left of them when
//! that has grown goes to the database, so that it never sees what is settled soon. A directory belongs to one process at
//! a time.
//!
//! ```
//! use bytes::Bytes;
//! use gumboot_store::{Batch, Level, Portion, Store, StreamName};
//! use gumboot_store_fjall::{FjallStore, Options};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let queue = StreamName::parse("/queue/orders")?;
//! let store = FjallStore::open(directory, Options::default())?;
//! let mut batch = Batch::new(0);
//! batch.append(&queue, Bytes::from_static(b"an order"));
//! gumboot_store::wait(store.commit(batch, Level::Synced))?;
//! drop(store);
//!
//! let store = FjallStore::open(directory, Options::default())?;
//! let orders = gumboot_store::wait(store.lease(&queue, Portion::ALL, 0))?;
//! assert_eq!(orders[0].payload, "an order");
//! # Ok(())
//! # }
//! ```
//!
//! # Damage
//!
//! Every record has a checksum of its own, and each stream and the store as a whole have a count and a sum of what
//! belongs to them; the file `store.seal` says what was synced, and so does each entry of the log of what came before it.
//! So what is missing or changed is found when the store is opened, or, in a payload, when that is read, and is an error
//! that names the place. What was written last and never confirmed as synced may be cut off by a crash, or by damage to
//! it. One thing cannot be told from that: damage to what was synced last, with nothing written after it, if the power
//! was lost as well, and before the system wrote the seal.
//!
//! # Copies
//!
//! The directory may be copied while it is written, by any tool. If files are replaced meanwhile, as they are every
//! [`Options::log_bytes`] and whenever space is given back, the copy may lack some: then it is refused, with the name
//! of what is missing, and has to be made again. If the original was not closed, what was written last may be missing in
//! the copy.
//!
//! A copy has another epoch than the original, for whoever has seen offsets that the copy gives again. A copy is told by
//! its `store.seal`, which is another file there (on Unix, by its inode). So it is not told if the file was overwritten
//! in place (`cp -r` over a directory that has a store), or if the whole file system is a copy (a snapshot of a volume or
//! of a virtual machine). Whoever restores these removes the directory first, and for a snapshot copies it to another
//! name: `cp -r store restored`.
//!
//! # Memory
//!
//! Payloads are on the disk; what was written last, and is not settled, is in memory as well until the database has it, and
//! so is what was settled since. Of both there are up to eight times [`Options::log_bytes`], where each change counts as
//! [`limits::CHANGE_BYTES`] beside its payload, and what the last batch changed comes on top: one operation can remove a
//! whole stream. What is known of each record that is not settled beside its payload is in memory as well, some hundred
//! bytes a record.
#![forbid(unsafe_code)]

mod changes;
mod checkpoint;
mod disk;
mod fault;
mod journal;
mod layout;
pub mod limits;
mod log;
mod manifest;
mod open;
mod options;
mod random;
mod reader;
mod seal;
mod space;
mod spaces;
mod writer;

use std::{fs::File, future::ready, path::Path, sync::Arc};

use gumboot_store::{
    Batch, Committed, Epoch, Level, Offset, Portion, Record, Store, StoreError, StoreFuture,
    StreamInfo, StreamName,
};

pub use crate::options::Options;
use crate::{
    checkpoint::Checkpointer,
    disk::{FjallDisk, Shared},
    open::Opened,
    reader::Reader,
    space::{Compactor, Removed},
    writer::Writer,
};

/// Keeps streams in a directory.
///
/// It has four threads of its own: one writes the log, one hands over to the database what is left of it, one reads, one
/// gives space back. When it is dropped it writes what waits,
/// syncs, and waits for them, so that is better not done in a task of a runtime.
#[derive(Debug)]
pub struct FjallStore {
    epoch: Epoch,
    removed: Arc<Removed>,
    shared: Arc<Shared>,
    // In the order in which they end; the lock is the last.
    writer: Writer,
    _checkpointer: Checkpointer,
    _compactor: Compactor,
    reader: Reader,
    _lock: Lock,
}

/// Held until everything else is closed.
#[derive(Debug)]
struct Lock(#[expect(dead_code, reason = "it is only held")] File);

impl FjallStore {
    /// Whether there is a store in this directory, open or not.
    #[must_use]
    pub fn is_in(directory: impl AsRef<Path>) -> bool {
        directory.as_ref().join(seal::SEAL).exists()
    }

    /// Opens the store in this directory, or creates one if there is none. It reads what is known of all records that
    /// are not settled, without their payloads. It blocks until that is done.
    ///
    /// After a crash it writes the last file of the log anew, for which up to twice [`Options::log_bytes`] have to be free.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`], [`StoreError::Io`], [`StoreError::Locked`], [`StoreError::UnknownFormat`].
    pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let Opened {
            lock,
            epoch,
            seal,
            shared,
        } = open::open(directory.as_ref(), &options)?;
        let shared = Arc::new(shared);
        let removed = Arc::new(Removed::default());
        let disk = FjallDisk::new(shared.clone(), seal, options.log_bytes);
        Ok(Self {
            epoch,
            writer: Writer::start(disk)?,
            _checkpointer: Checkpointer::start(shared.clone(), removed.clone())?,
            _compactor: Compactor::start(shared.clone(), removed.clone())?,
            reader: Reader::start(shared.clone())?,
            removed,
            shared,
            _lock: Lock(lock),
        })
    }

    /// Gives back the space of what was removed. It happens by itself once that is worth the work; this does it now, and
    /// blocks until it is done.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] and [`StoreError::Io`].
    pub fn compact(&self) -> Result<(), StoreError> {
        self.removed.compact(&self.shared)
    }
}

impl Store for FjallStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn level_max(&self) -> Level {
        Level::Synced
    }

    fn ready(&self) -> StoreFuture<()> {
        self.writer.ready()
    }

    fn commit(&self, batch: Batch, level: Level) -> StoreFuture<Committed> {
        match batch.check() {
            Ok(()) => self.writer.commit(batch, level),
            Err(refused) => Box::pin(ready(Err(refused.into()))),
        }
    }

    fn streams(&self) -> StoreFuture<Vec<StreamInfo>> {
        self.reader.ask(|shared| Ok(reader::streams(shared)))
    }

    fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        portion: Portion,
    ) -> StoreFuture<Vec<Record>> {
        let stream = stream.clone();
        self.reader
            .ask(move |shared| reader::read(shared, &stream, from, portion))
    }

    fn lease(
        &self,
        stream: &StreamName,
        portion: Portion,
        now_ms: u64,
    ) -> StoreFuture<Vec<Record>> {
        let stream = stream.clone();
        self.reader
            .ask(move |shared| reader::lease(shared, &stream, portion, now_ms))
    }
}
