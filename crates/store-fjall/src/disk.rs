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
    fault::guarded,
    layout::record_key,
    log::{
        Log,
        entry::{self, Group},
    },
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
    /// Held by who syncs the log, until a fault is noted: the system tells of it only once, and only one of two. It is
    /// taken before the state.
    syncing: Mutex<()>,
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
            syncing: Mutex::default(),
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

    /// Changes the state, unless something has failed before. If this fails, nobody finds the state as it is then
    /// without hearing of that.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.state();
        self.checkpoints.check()?;
        let changed = guarded(|| change(&mut state));
        self.note(changed)
    }

    /// Syncs what the log has, unless something has failed before. A file of it that was ended was synced then.
    pub(crate) fn sync_log(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.syncing();
        let file = self.change(|state| Ok(state.log.file()))?;
        let synced = file.sync_data();
        self.note(synced.map_err(|error| self.state().log.error("syncing", error)))
    }

    pub(crate) fn syncing(&self) -> MutexGuard<'_, ()> {
        self.syncing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a failure nothing is written, synced or given to fjall any more, by no thread.
    fn note<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        done.inspect_err(|error| self.checkpoints.fail(error))
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
    shared: Arc<Shared>,
    seal: Seal,
    /// When a checkpoint is due.
    log_bytes: u64,
    /// The last group.
    commit: u64,
    /// The last one that was synced.
    synced: u64,
    buffer: Vec<u8>,
}

impl FjallDisk {
    /// Of a store that was opened.
    pub(crate) fn new(shared: Arc<Shared>, seal: Seal, log_bytes: u64) -> Self {
        let commit = shared.state().changes.record.commit;
        Self {
            shared,
            seal,
            log_bytes,
            commit,
            synced: commit,
            buffer: Vec::new(),
        }
    }

    /// Writes a group, however long the log is.
    fn append(&mut self, batches: Vec<Batch>) -> Result<Vec<Vec<Offset>>, StoreError> {
        self.shared.change(|state| {
            let State {
                index,
                changes,
                log,
                ..
            } = state;
            let commit = self.commit + 1;
            let group = Group {
                commit,
                synced: self.synced,
                next: index.next(),
                batches,
            };
            entry::encode(&mut self.buffer, log.seed(), &group);
            log.write(&self.buffer)?;
            let apply = |batch| index.apply(batch, changes);
            let offsets = group.batches.into_iter().map(apply).collect();
            changes.record.next = index.next();
            changes.record.commit = commit;
            self.commit = commit;
            let bytes = log.bytes().max(changes.bytes());
            self.shared.checkpoints.note(bytes, self.log_bytes);
            Ok(offsets)
        })
    }

    fn seal(&mut self, closed: Closed) -> Result<(), StoreError> {
        let sealed = self.seal.write(self.commit, closed);
        self.shared.note(sealed)
    }
}

impl Disk for FjallDisk {
    fn write(&mut self, batches: Vec<Batch>) -> Result<Vec<Vec<Offset>>, StoreError> {
        self.shared.checkpoints.wait_for_room()?;
        let offsets = self.append(batches)?;
        if self.buffer.capacity() > BUFFER_BYTES_MAX {
            mem::take(&mut self.buffer);
        }
        Ok(offsets)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.shared.sync_log()?;
        self.synced = self.commit;
        self.seal(Closed::No)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.shared.sync_log()?;
        self.seal(Closed::Yes)?;
        self.seal.sync()
    }
}

#[cfg(test)]
mod tests;
