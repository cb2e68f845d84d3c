//! Groups of batches, written in one piece: the log gets them as they are, the index and the changes what they do.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use gumboot_store::{Batch, Offset, StoreError};

use crate::{
    changes::{Changes, Index, Records},
    checkpoint::Checkpoints,
    layout::record_key,
    log::{Log, entry},
    seal::{Closed, Seal},
    spaces::Spaces,
    writer::Disk,
};

/// A buffer for entries that has grown longer than this, in bytes, is not kept.
const BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the threads of a store share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spaces: Spaces,
    pub(crate) checkpoints: Checkpoints,
    state: Mutex<State>,
}

/// What the log has: fjall, and what was changed since. Whoever holds it sees no half of a group.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) index: Index,
    pub(crate) changes: Changes,
    pub(crate) log: Log,
    /// What fjall is being given.
    pub(crate) underway: Arc<Records>,
}

impl Shared {
    pub(crate) fn new(spaces: Spaces, index: Index, changes: Changes, log: Log) -> Self {
        Self {
            spaces,
            checkpoints: Checkpoints::default(),
            state: Mutex::new(State {
                index,
                changes,
                log,
                underway: Arc::default(),
            }),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The payload of a record that fjall may not have yet.
    pub(crate) fn body(&self, id: u64, offset: Offset) -> Option<Bytes> {
        let key = record_key(id, offset);
        let underway = || self.underway.get(&key)?.body.clone();
        self.changes.body(&key).or_else(underway)
    }
}

/// The disk of a writer.
#[derive(Debug)]
pub(crate) struct FjallDisk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) seal: Seal,
    /// When a checkpoint is due.
    pub(crate) log_bytes: u64,
    /// The last group.
    pub(crate) commit: u64,
    pub(crate) buffer: Vec<u8>,
}

impl Disk for FjallDisk {
    fn write(&mut self, batches: Vec<Batch>) -> Result<Vec<Vec<Offset>>, StoreError> {
        self.shared.checkpoints.wait_for_room()?;
        let mut state = self.shared.state();
        let State {
            index,
            changes,
            log,
            ..
        } = &mut *state;
        let commit = self.commit + 1;
        entry::encode(&mut self.buffer, commit, index.next(), &batches);
        log.write(&self.buffer)?;
        let apply = |batch| index.apply(batch, changes);
        let offsets = batches.into_iter().map(apply).collect();
        changes.record.next = index.next();
        changes.record.commit = commit;
        self.commit = commit;
        self.shared.checkpoints.note(log.bytes(), self.log_bytes);
        drop(state);
        if self.buffer.capacity() > BUFFER_BYTES_MAX {
            mem::take(&mut self.buffer);
        }
        Ok(offsets)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.sync_log()?;
        self.seal.write(self.commit, Closed::No)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.sync_log()?;
        self.seal.write(self.commit, Closed::Yes)?;
        self.seal.sync()
    }
}

impl FjallDisk {
    /// A file of the log that was ended since the last group was written was synced then.
    fn sync_log(&self) -> Result<(), StoreError> {
        let file = self.shared.state().log.file();
        file.sync_data()
            .map_err(|error| self.shared.state().log.error("syncing", error))
    }
}
