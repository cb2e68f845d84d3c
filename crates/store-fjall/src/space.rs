//! Space given back: what was removed stays in fjall's files until they are compacted.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use fjall::{Keyspace, PersistMode};
use gumboot_store::StoreError;

use crate::{
    changes::Amount,
    checkpoint::checkpoint,
    disk::Shared,
    fault::{fjall_error, io_error},
    layout::MARK_KEY,
    limits::{REMOVED_BYTES_MAX, REMOVED_RECORDS_MAX},
    spaces::Spaces,
};

/// How often it is looked whether fjall has written a table, in milliseconds. fjall does not tell.
const FLUSH_LOOK_MS: u64 = 5;

/// How often it is looked whether fjall has deleted the journals that it needs no more; others may need them longer.
const JOURNAL_LOOKS_MAX: usize = 200;

/// What was removed since space was last given back.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    state: Mutex<State>,
    changed: Condvar,
    is_closed: AtomicBool,
    /// Only one compaction at a time.
    compacting: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    freed: Amount,
    is_enough: bool,
}

impl Removed {
    /// Counts what was removed, and decides whether it is worth the work.
    pub(crate) fn add(&self, freed: Amount, left: Amount) {
        if freed.records == 0 {
            return;
        }
        let mut state = self.state();
        state.freed.records += freed.records;
        state.freed.bytes += freed.bytes;
        if !state.is_enough && state.freed.is_worth(left) {
            state.is_enough = true;
            self.changed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Waits until it is worth the work. False if the store is closed.
    fn wait(&self) -> bool {
        let mut state = self.state();
        while !state.is_enough && !self.is_closed() {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *state = State::default();
        !self.is_closed()
    }

    /// Waits for fjall. False if the store is closed.
    fn pause(&self) -> bool {
        let state = self.state();
        let pause = Duration::from_millis(FLUSH_LOOK_MS);
        drop(self.changed.wait_timeout(state, pause));
        !self.is_closed()
    }

    /// Compacts all that there is, also what fjall did not have yet. The first time fjall learns what is stale in the files of payloads, the second time it
    /// leaves that out, and when the next table is written it deletes the files that it needs no more.
    pub(crate) fn compact(&self, shared: &Shared) -> Result<(), StoreError> {
        let _one_at_a_time = self.compacting.lock();
        checkpoint(shared, self)?;
        let spaces = &shared.spaces;
        self.flush(spaces, &spaces.all())?;
        self.wait_for_journals(spaces);
        self.merge(&spaces.all())?;
        self.flush(spaces, &[&spaces.bodies])?;
        self.merge(&[&spaces.bodies])?;
        self.flush(spaces, &[&spaces.bodies])
    }

    fn merge(&self, keyspaces: &[&Keyspace]) -> Result<(), StoreError> {
        for keyspace in keyspaces {
            if self.is_closed() {
                break;
            }
            keyspace
                .major_compact()
                .map_err(|error| fjall_error(doing(keyspace), error))?;
        }
        Ok(())
    }

    /// fjall deletes a journal when the tables have something as new as it. A compaction that leaves out what was removed
    /// takes that from the tables, and the journal would stay until more is written.
    fn wait_for_journals(&self, spaces: &Spaces) {
        for _ in 0..JOURNAL_LOOKS_MAX {
            if spaces.database.journal_count() <= 1 || !self.pause() {
                return;
            }
        }
    }

    /// Writes what is in memory to tables, unless the store is closed meanwhile.
    fn flush(&self, spaces: &Spaces, keyspaces: &[&Keyspace]) -> Result<(), StoreError> {
        mark(spaces)?;
        for keyspace in keyspaces {
            self.flush_one(spaces, keyspace)
                .map_err(|error| fjall_error(doing(keyspace), error))?;
        }
        Ok(())
    }

    fn flush_one(&self, spaces: &Spaces, keyspace: &Keyspace) -> fjall::Result<()> {
        keyspace.rotate_memtable()?;
        while keyspace.sealed_memtable_count() > 0 && self.pause() {
            // Fails if a thread of fjall's has failed, which will never write this table then.
            spaces.database.persist(PersistMode::Buffer)?;
        }
        Ok(())
    }
}

/// fjall deletes what is stale while it merges tables, so there has to be one, even if nothing is left.
fn mark(spaces: &Spaces) -> Result<(), StoreError> {
    for keyspace in [&spaces.bodies, &spaces.index] {
        keyspace
            .insert(MARK_KEY, [])
            .map_err(|error| fjall_error(doing(keyspace), error))?;
    }
    Ok(())
}

fn doing(keyspace: &Keyspace) -> String {
    format!("compacting keyspace {}", keyspace.name())
}

impl Amount {
    /// Whether so much was freed that to give it back is worth the work.
    fn is_worth(self, left: Self) -> bool {
        self.bytes >= left.bytes.max(REMOVED_BYTES_MAX)
            || self.records >= left.records.max(REMOVED_RECORDS_MAX)
    }
}

/// The thread that gives space back.
#[derive(Debug)]
pub(crate) struct Compactor {
    removed: Arc<Removed>,
    thread: Option<JoinHandle<()>>,
}

impl Compactor {
    pub(crate) fn start(shared: Arc<Shared>, removed: Arc<Removed>) -> Result<Self, StoreError> {
        let run = {
            let removed = removed.clone();
            move || {
                while removed.wait() {
                    // If it fails, fjall refuses the next write, and the writer tells of it.
                    let _ = removed.compact(&shared);
                }
            }
        };
        let thread = thread::Builder::new()
            .name("store-compact".to_owned())
            .spawn(run)
            .map_err(|error| io_error("starting a thread", error))?;
        Ok(Self {
            removed,
            thread: Some(thread),
        })
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        let state = self.removed.state();
        self.removed.is_closed.store(true, Ordering::Release);
        drop(state);
        self.removed.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has no consequences here.
            let _ = thread.join();
        }
    }
}
