//! The task that writes: it takes all that was recorded, makes a batch of it, and waits until the store has it. What comes
//! meanwhile is the next batch, so that many commands share one sync, and no settlement comes before the offset is known.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use gumboot_broker_core::{HistoriesEnd, Timestamp};
use gumboot_store::{Batch, Committed, Level, Store, StoreError, limits::BATCH_OPERATIONS_MAX};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::{debug, error, info};

use super::{
    Journal,
    fitting::fitting,
    places::Places,
    plan::Plan,
    record::{Ended, HistoryMeta, Meta},
    recorder::{Operation, Recorded},
    ticket::{Ticket, Unconfirmed},
};
use crate::hub::Hub;

/// How long the end of a store may take: what waits is written, what there is is marked as all, and synced.
pub const CLOSE_MAX: Duration = Duration::from_secs(20);

/// How long a store may take for a batch before that is said.
const COMMIT_LATE_MAX: Duration = Duration::from_secs(10);

/// What the task has for itself.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Arc<dyn Store>,
    places: Places,
    /// The moment of the last batch: time does not run backwards.
    now: Timestamp,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn Store>, places: Places, now: Timestamp) -> Self {
        Self { store, places, now }
    }

    /// Writes what is recorded until the end is asked for; then what is left, and that this is all. When the store
    /// fails, it is done.
    pub(crate) async fn run(mut self, hub: Arc<Hub>, journal: Arc<Journal>) {
        let mut spare = Vec::new();
        let mut end = None;
        let mut watch = Watch {
            hub: &hub,
            journal: &journal,
            ticket: None,
            has_ended: false,
        };
        loop {
            let is_ending = journal.is_ending.load(Ordering::SeqCst);
            let filled = journal.filled.notified();
            if is_ending && end.is_none() {
                // Whatever was given an offset before is among what is still to be written, and nothing comes after.
                end = Some(hub.end_histories());
            }
            match hub.take_recorded(&mut spare) {
                Some(recorded) => {
                    journal.room.clear();
                    let ticket = watch.ticket.insert(recorded.ticket.clone()).clone();
                    match self.write(&hub, &journal, recorded, &mut spare).await {
                        Ok(level) => ticket.settle(Ok(level)),
                        Err(error) => {
                            watch.fail(&error);
                            break;
                        }
                    }
                }
                None if is_ending => {
                    if journal.is_quiet.load(Ordering::SeqCst)
                        && let Err(error) =
                            self.mark_ended(end, hub.config.history_patterns()).await
                    {
                        journal.fail(&error);
                    }
                    watch.has_ended = true;
                    break;
                }
                None => filled.await,
            }
        }
        drop(watch);
        close(self.store).await;
    }

    /// Writes what was recorded, in as few batches as it fits in; gives the level that all of it has reached.
    async fn write(
        &mut self,
        hub: &Hub,
        journal: &Journal,
        recorded: Recorded,
        spare: &mut Vec<Operation>,
    ) -> Result<Level, StoreError> {
        let Recorded {
            mut operations,
            level,
            ..
        } = recorded;
        let mut reached = None::<Level>;
        while reached.is_none() || !operations.is_empty() {
            let count = fitting(&operations);
            self.now = self.now.max(hub.now());
            let part = operations.drain(..count);
            let (batch, appended) = Plan::batch(&mut self.places, part, self.now);
            let bytes = batch.bytes();
            let committed = journal.watch(commit(&*self.store, batch, level)).await?;
            journal.written.add(bytes);
            appended.learn(&mut self.places, &committed.offsets);
            reached = Some(reached.map_or(committed.level, |r| r.min(committed.level)));
        }
        *spare = operations;
        Ok(reached.unwrap_or(Level::Received))
    }

    /// Says that the server ended in order.
    async fn mark_ended(
        &mut self,
        end: Option<HistoriesEnd>,
        patterns: Vec<Box<str>>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new(self.now.as_millis());
        let ends = &self.places.streams.history_ends;
        // Where none are reserved, none were given.
        if let Some(end) = end.filter(|_| self.places.reserved.is_some()) {
            for logs in end.logs.chunks(BATCH_OPERATIONS_MAX) {
                let mut batch = Batch::new(self.now.as_millis());
                for log in logs {
                    let meta = HistoryMeta::LogEnd {
                        topic: log.topic.as_str().into(),
                        gone: log.gone,
                        next: log.next,
                    };
                    batch.append(ends, meta.encode());
                }
                commit(&*self.store, batch, Level::Stored).await?;
            }
            let ended = Ended::new(&end, patterns);
            batch.append(ends, HistoryMeta::Ended(ended).encode());
        }
        batch.append(&self.places.streams.meta, Meta::Ended.encode());
        commit(&*self.store, batch, Level::Synced).await.map(drop)
    }
}

/// Looks after the end of the task: one that was not in order, such as a panic, is a failure of the store.
struct Watch<'a> {
    hub: &'a Hub,
    journal: &'a Journal,
    /// Of what is being written.
    ticket: Option<Ticket>,
    has_ended: bool,
}

impl Watch<'_> {
    fn fail(&mut self, cause: &dyn fmt::Display) {
        self.has_ended = true;
        self.journal.fail(cause);
        if let Some(ticket) = &self.ticket {
            ticket.settle(Err(Unconfirmed));
        }
        self.hub.fail_recorder();
        self.journal.room.clear();
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.fail(&"the task that writes has ended before its time");
        }
    }
}

impl Journal {
    /// Waits for the store, and says so while it takes too long.
    async fn watch<T>(&self, commit: impl Future<Output = T>) -> T {
        let mut commit = pin!(commit);
        if let Ok(committed) = timeout(COMMIT_LATE_MAX, &mut commit).await {
            return committed;
        }
        error!(
            "the store takes more than {COMMIT_LATE_MAX:?} for what it was given; receipts wait for it"
        );
        self.is_late.store(true, Ordering::Relaxed);
        let committed = commit.await;
        self.is_late.store(false, Ordering::Relaxed);
        info!("the store has it now");
        committed
    }
}

/// Hands a batch to a store that may be busy.
async fn commit(store: &dyn Store, batch: Batch, level: Level) -> Result<Committed, StoreError> {
    store.ready().await?;
    store.commit(batch, level).await
}

/// Closes the store, which may have something to write. Where somebody else has it too, that is left to them.
async fn close(store: Arc<dyn Store>) {
    match spawn_blocking(move || drop(store)).await {
        Ok(()) => debug!("the store is closed"),
        Err(error) => error!(%error, "the store was not closed"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::oneshot, task::spawn, time::sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_takes_too_long_is_late_until_it_answers() {
        let journal = Arc::new(Journal::new());
        let (answer, answered) = oneshot::channel();
        let watching = Arc::clone(&journal);
        let waiting = spawn(async move { watching.watch(answered).await });
        sleep(COMMIT_LATE_MAX - Duration::from_millis(1)).await;
        assert!(!journal.is_late.load(Ordering::Relaxed));
        sleep(Duration::from_millis(2)).await;
        assert!(journal.is_late.load(Ordering::Relaxed));
        answer.send(1).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(1));
        assert!(!journal.is_late.load(Ordering::Relaxed));
    }
}
