//! What was changed since the last time goes to fjall, in one batch, and then the log is not needed any more up to there.
//! Whatever was appended and settled meanwhile never gets to fjall.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use gumboot_store::StoreError;

use crate::{
    changes::Complete,
    disk::{Shared, State},
    fault::{fjall_error, guarded, io_error},
    limits::LOG_FACTOR_MAX,
    log,
    space::Removed,
};

/// When there are checkpoints.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    wanted: Mutex<Wanted>,
    changed: Condvar,
    /// Only one at a time.
    checkpointing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Wanted {
    is_due: bool,
    is_overdue: bool,
    is_closed: bool,
    failed: Option<StoreError>,
}

impl Checkpoints {
    /// Tells how long the log is, and when a checkpoint is due. The state is held meanwhile, as in [`Self::begun`].
    pub(crate) fn note(&self, bytes: u64, due_bytes: u64) {
        if bytes < due_bytes {
            return;
        }
        let mut wanted = self.wanted();
        wanted.is_due = true;
        wanted.is_overdue = bytes >= due_bytes.saturating_mul(LOG_FACTOR_MAX);
        drop(wanted);
        self.changed.notify_all();
    }

    /// Whether nothing has failed yet.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.wanted().failed.clone().map_or(Ok(()), Err)
    }

    /// Waits until the log is not too long. If a checkpoint has failed, there is nothing to wait for.
    pub(crate) fn wait_for_room(&self) -> Result<(), StoreError> {
        let mut wanted = self.wanted();
        loop {
            if let Some(failed) = &wanted.failed {
                return Err(failed.clone());
            }
            if !wanted.is_overdue {
                return Ok(());
            }
            wanted = self.wait(wanted);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_due(&self) -> bool {
        self.wanted().is_due
    }

    /// Waits until one is due. False if there will be none any more.
    fn wait_until_due(&self) -> bool {
        let mut wanted = self.wanted();
        while !wanted.is_due && !wanted.is_closed {
            wanted = self.wait(wanted);
        }
        !wanted.is_closed
    }

    /// The log is empty.
    fn begun(&self) {
        let mut wanted = self.wanted();
        (wanted.is_due, wanted.is_overdue) = (false, false);
        drop(wanted);
        self.changed.notify_all();
    }

    /// Something has failed, here or where the log is written and synced. The first failure is the one that counts.
    pub(crate) fn fail(&self, error: &StoreError) {
        self.wanted().failed.get_or_insert(error.clone());
        self.changed.notify_all();
    }

    fn wait<'a>(&self, wanted: MutexGuard<'a, Wanted>) -> MutexGuard<'a, Wanted> {
        let waited = self.changed.wait(wanted);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives fjall what was changed. If that fails, nothing is confirmed any more.
pub(crate) fn checkpoint(shared: &Shared, removed: &Removed) -> Result<(), StoreError> {
    let checkpoints = &shared.checkpoints;
    let _one_at_a_time = checkpoints.checkpointing.lock();
    guarded(|| change_fjall(shared, removed)).inspect_err(|error| checkpoints.fail(error))
}

fn change_fjall(shared: &Shared, removed: &Removed) -> Result<(), StoreError> {
    // Most of it is on the disk then, so that nobody waits long for the rest of it below.
    shared.sync_log()?;
    let Some((done, complete)) = take_changes(shared)? else {
        return Ok(());
    };
    let spaces = &shared.spaces;
    spaces.wait_for_room()?;
    let mut batch = spaces.database.batch();
    complete.fill(&mut batch, spaces);
    batch
        .commit()
        .map_err(|error| fjall_error("writing the journal", error))?;
    spaces.sync()?;
    let underway = std::mem::take(&mut shared.state().underway);
    drop(underway);
    removed.add(complete.freed, complete.left);
    log::delete(&done)
}

/// Ends the files of the log; gives them, and what fjall gets. None if there is nothing.
pub(crate) fn take_changes(
    shared: &Shared,
) -> Result<Option<(Vec<PathBuf>, Complete)>, StoreError> {
    let _one_at_a_time = shared.syncing();
    shared.change(|state| {
        let State {
            index,
            changes,
            log,
            underway,
        } = state;
        if log.bytes() == 0 {
            shared.checkpoints.begun();
            return Ok(None);
        }
        let done = log.rotate(changes.record.commit + 1)?;
        let complete = changes.complete(index);
        *underway = complete.records.clone();
        shared.checkpoints.begun();
        Ok(Some((done, complete)))
    })
}

/// The thread that makes them.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(crate) fn start(shared: Arc<Shared>, removed: Arc<Removed>) -> Result<Self, StoreError> {
        let run = {
            let shared = shared.clone();
            move || {
                // If it fails, the writer tells of it.
                while shared.checkpoints.wait_until_due() && checkpoint(&shared, &removed).is_ok() {
                }
            }
        };
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(run)
            .map_err(|error| io_error("starting a thread", error))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        let checkpoints = &self.shared.checkpoints;
        checkpoints.wanted().is_closed = true;
        checkpoints.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // The thread catches what it can panic with.
            let _ = thread.join();
        }
    }
}
