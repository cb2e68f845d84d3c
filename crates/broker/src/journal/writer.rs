//! The task that writes: it takes all that was recorded, makes a batch of it, and waits until the store has it. What comes
//! meanwhile is the next batch, so that many commands share one sync, and no settlement comes before the offset is known.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use gumboot_broker_core::Timestamp;
use gumboot_store::{Batch, Committed, Level, Store, StoreError};
use tokio::task::spawn_blocking;
use tracing::{debug, error};

use super::{
    Journal,
    fitting::fitting,
    places::Places,
    plan::Plan,
    record::Meta,
    recorder::{Operation, Recorded},
    ticket::Unconfirmed,
};
use crate::hub::Hub;

/// How long the end of a store may take: what waits is written, what there is is marked as all, and synced.
pub const CLOSE_MAX: Duration = Duration::from_secs(20);

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
        let written = loop {
            let is_ending = journal.is_ending.load(Ordering::SeqCst);
            let filled = journal.filled.notified();
            match hub.take_recorded(&mut spare) {
                Some(recorded) => {
                    journal.room.clear();
                    let ticket = recorded.ticket.clone();
                    match self.write(&hub, &journal, recorded, &mut spare).await {
                        Ok(level) => ticket.settle(Ok(level)),
                        Err(error) => {
                            journal.fail(&error);
                            ticket.settle(Err(Unconfirmed));
                            break Err(());
                        }
                    }
                }
                None if is_ending => break Ok(()),
                None => filled.await,
            }
        };
        match written {
            Ok(()) => {
                if let Err(error) = self.mark_ended().await {
                    journal.fail(&error);
                }
            }
            Err(()) => {
                hub.fail_recorder();
                journal.room.clear();
            }
        }
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
            let committed = commit(&*self.store, batch, level).await?;
            journal.written.add(bytes);
            appended.learn(&mut self.places, &committed.offsets);
            reached = Some(reached.map_or(committed.level, |r| r.min(committed.level)));
        }
        *spare = operations;
        Ok(reached.unwrap_or(Level::Received))
    }

    /// Says that the server ended in order.
    async fn mark_ended(&mut self) -> Result<(), StoreError> {
        let mut batch = Batch::new(self.now.as_millis());
        batch.append(&self.places.streams.meta, Meta::Ended.encode());
        commit(&*self.store, batch, Level::Synced).await.map(drop)
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
