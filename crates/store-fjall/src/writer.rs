//! The thread that writes. Batches that arrive while it is busy wait in a queue; it takes as many as there are, writes
//! them in one piece, and syncs once for all that want it.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use gumboot_store::{Batch, Committed, Level, Offset, StoreError, StoreFuture};
use tokio::sync::{Notify, oneshot};

use crate::{
    fault::{guarded, io_error},
    limits::{BATCHES_WAITING_MAX, BYTES_WAITING_MAX, GROUP_OPERATIONS_MAX, UNSYNCED_APPENDS_MAX},
};

/// What a writer writes to.
pub(crate) trait Disk: Send + 'static {
    /// Writes batches, all or none; gives the offsets of what each appended. They outlive the process then.
    fn write(&mut self, batches: Vec<Batch>) -> Result<Vec<Vec<Offset>>, StoreError>;

    /// Sees to it that all that was written outlives a loss of power.
    fn sync(&mut self) -> Result<(), StoreError>;

    /// Syncs, and says that nothing more comes.
    fn close(&mut self) -> Result<(), StoreError>;
}

/// The end of the queue where batches go in. When it is dropped, what waits is written, and the disk is closed.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start<D: Disk>(disk: D) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::default());
        let run = Run {
            queue: queue.clone(),
            disk,
            appends_unsynced: 0,
        };
        let thread = thread::Builder::new()
            .name("store-write".to_owned())
            .spawn(move || run.run())
            .map_err(|error| io_error("starting a thread", error))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Puts a batch into the queue.
    pub(crate) fn commit(&self, batch: Batch, level: Level) -> StoreFuture<Committed> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            bytes: batch.bytes(),
            batch,
            level,
            answer,
        };
        let pushed = self.queue.push(waiting);
        Box::pin(async move {
            pushed?;
            answered.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    /// Waits for room in the queue.
    pub(crate) fn ready(&self) -> StoreFuture<()> {
        let queue = self.queue.clone();
        Box::pin(async move {
            loop {
                let changed = queue.changed.notified();
                match queue.state().check(0) {
                    Err(StoreError::Busy) => {}
                    checked => return checked,
                }
                changed.await;
            }
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.state().is_closed = true;
        self.queue.filled.notify_one();
        self.queue.changed.notify_waiters();
        if let Some(thread) = self.thread.take() {
            // The thread catches what it can panic with, and has told all who wait.
            let _ = thread.join();
        }
    }
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    bytes: usize,
    level: Level,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    /// For the thread: there is something to do.
    filled: Condvar,
    /// For those who wait for room.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    is_closed: bool,
    poisoned: Option<StoreError>,
}

impl State {
    /// Whether a batch of so many bytes may come in.
    fn check(&self, bytes: usize) -> Result<(), StoreError> {
        if let Some(poisoned) = &self.poisoned {
            return Err(poisoned.clone());
        }
        if self.is_closed {
            return Err(StoreError::Closed);
        }
        let is_full = self.waiting.len() >= BATCHES_WAITING_MAX
            || (!self.waiting.is_empty() && self.bytes.saturating_add(bytes) > BYTES_WAITING_MAX);
        if is_full {
            Err(StoreError::Busy)
        } else {
            Ok(())
        }
    }

    /// The next batches, as far as they are written together.
    fn take(&mut self) -> Vec<Waiting> {
        let mut operations = 0;
        let mut group = Vec::new();
        while let Some(next) = self.waiting.front() {
            operations += next.batch.operations().len();
            if !group.is_empty() && operations > GROUP_OPERATIONS_MAX {
                break;
            }
            self.bytes -= next.bytes;
            group.extend(self.waiting.pop_front());
        }
        group
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, waiting: Waiting) -> Result<(), StoreError> {
        let mut state = self.state();
        state.check(waiting.bytes)?;
        state.bytes += waiting.bytes;
        state.waiting.push_back(waiting);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for batches; none once the queue is closed and empty.
    fn take(&self) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.is_closed {
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let group = state.take();
        drop(state);
        self.changed.notify_waiters();
        (!group.is_empty()).then_some(group)
    }

    /// From now on nothing is confirmed any more.
    fn poison(&self, error: &StoreError) {
        let mut state = self.state();
        state.poisoned = Some(error.clone());
        state.bytes = 0;
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_waiters();
        for waiting in waiting {
            // Nobody may be waiting for the answer.
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }
}

/// The thread.
struct Run<D> {
    queue: Arc<Queue>,
    disk: D,
    appends_unsynced: u64,
}

impl<D: Disk> Run<D> {
    fn run(mut self) {
        while let Some(group) = self.queue.take() {
            if self.commit(group).is_err() {
                return;
            }
        }
        if let Err(error) = guarded(|| self.disk.close()) {
            self.queue.poison(&poisoned(error));
        }
    }

    /// Writes a group and answers each batch once its level is reached.
    fn commit(&mut self, group: Vec<Waiting>) -> Result<(), Failed> {
        let mut answers = Vec::with_capacity(group.len());
        let mut batches = Vec::with_capacity(group.len());
        for waiting in group {
            answers.push((waiting.answer, waiting.level));
            batches.push(waiting.batch);
        }
        let offsets = match guarded(|| self.disk.write(batches)) {
            Ok(offsets) => offsets,
            Err(error) => {
                let answers = answers.into_iter().map(|(answer, _)| answer);
                return Err(self.fail(error, answers));
            }
        };
        let appends: usize = offsets.iter().map(Vec::len).sum();
        self.appends_unsynced += appends as u64;
        let mut synced = Vec::new();
        for ((answer, level), offsets) in answers.into_iter().zip(offsets) {
            if level <= Level::Stored {
                confirm(answer, offsets, Level::Stored);
            } else {
                synced.push((answer, offsets));
            }
        }
        if synced.is_empty() && self.appends_unsynced < UNSYNCED_APPENDS_MAX - GROUP_APPENDS_MAX {
            return Ok(());
        }
        if let Err(error) = guarded(|| self.disk.sync()) {
            let answers = synced.into_iter().map(|(answer, _)| answer);
            return Err(self.fail(error, answers));
        }
        self.appends_unsynced = 0;
        for (answer, offsets) in synced {
            confirm(answer, offsets, Level::Synced);
        }
        Ok(())
    }

    /// Confirms nothing from now on. Whoever hears of it finds the queue closed to more.
    fn fail(&self, cause: StoreError, answers: impl Iterator<Item = Answer>) -> Failed {
        let error = poisoned(cause);
        self.queue.poison(&error);
        for answer in answers {
            // Nobody may be waiting for the answer.
            let _ = answer.send(Err(error.clone()));
        }
        Failed
    }
}

/// The disk has failed, and everybody has been told.
struct Failed;

/// How many appends one group has at most: those of a full group, or of a single batch.
const GROUP_APPENDS_MAX: u64 = {
    let batch_max = gumboot_store::limits::BATCH_OPERATIONS_MAX;
    let max = if batch_max > GROUP_OPERATIONS_MAX {
        batch_max
    } else {
        GROUP_OPERATIONS_MAX
    };
    max as u64
};

type Answer = oneshot::Sender<Result<Committed, StoreError>>;

fn confirm(answer: Answer, offsets: Vec<Offset>, level: Level) {
    // Nobody may be waiting for the answer.
    let _ = answer.send(Ok(Committed { offsets, level }));
}

fn poisoned(cause: StoreError) -> StoreError {
    StoreError::Poisoned {
        cause: Arc::new(cause),
    }
}

#[cfg(test)]
mod tests;
