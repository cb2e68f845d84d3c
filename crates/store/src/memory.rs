//! A store that keeps nothing longer than it lives: what every other store is held against.

use std::{
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    batch::Batch,
    error::StoreError,
    ledger::{Backing, Entry, Ledger, Stream},
    name::StreamName,
    record::{Committed, Epoch, Level, Offset, Portion, Record, StreamInfo},
    store::{Store, StoreFuture},
};

/// Keeps streams in memory. Nothing it does takes time, so it is never busy.
#[derive(Debug)]
pub struct MemoryStore {
    epoch: Epoch,
    ledger: Mutex<Ledger<Bytes, ()>>,
}

impl MemoryStore {
    /// An empty store. The epoch is to be a number that no other store had: random bits, or the time.
    #[must_use]
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch: Epoch(epoch),
            ledger: Mutex::new(Ledger::new(Offset::FIRST)),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<Bytes, ()>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn level_max(&self) -> Level {
        Level::Received
    }

    fn ready(&self) -> StoreFuture<()> {
        Box::pin(ready(Ok(())))
    }

    fn commit(&self, batch: Batch, _: Level) -> StoreFuture<Committed> {
        let committed = batch.check().map(|()| Committed {
            offsets: self.ledger().apply(batch, &mut InMemory),
            level: Level::Received,
        });
        Box::pin(ready(committed.map_err(StoreError::from)))
    }

    fn streams(&self) -> StoreFuture<Vec<StreamInfo>> {
        Box::pin(ready(Ok(self.ledger().infos())))
    }

    fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        portion: Portion,
    ) -> StoreFuture<Vec<Record>> {
        let ledger = self.ledger();
        let records = ledger.stream(stream).map(|stream| {
            let entries = stream.read(from, portion);
            entries
                .map(|(offset, entry)| record(offset, entry))
                .collect()
        });
        Box::pin(ready(Ok(records.unwrap_or_default())))
    }

    fn lease(
        &self,
        stream: &StreamName,
        portion: Portion,
        now_ms: u64,
    ) -> StoreFuture<Vec<Record>> {
        let mut ledger = self.ledger();
        let offsets = ledger.lease(stream, portion, now_ms);
        let records = ledger
            .stream(stream)
            .map(|stream| records(stream, &offsets))
            .unwrap_or_default();
        Box::pin(ready(Ok(records)))
    }
}

fn records(stream: &Stream<Bytes, ()>, offsets: &[Offset]) -> Vec<Record> {
    let entry = |offset: &Offset| Some((*offset, stream.entries().get(offset)?));
    let entries = offsets.iter().filter_map(entry);
    entries
        .map(|(offset, entry)| record(offset, entry))
        .collect()
}

fn record(offset: Offset, entry: &Entry<Bytes>) -> Record {
    Record {
        offset,
        payload: entry.kept.clone(),
        deliveries: entry.deliveries,
        appended_ms: entry.appended_ms,
        due_ms: entry.due_ms,
    }
}

/// The ledger has all that there is.
struct InMemory;

impl Backing for InMemory {
    type Kept = Bytes;
    type Note = ();

    fn begin(&mut self, _: &StreamName) {}

    fn append(&mut self, _: &mut (), _: Offset, entry: Entry<Bytes>) -> Bytes {
        entry.kept
    }

    fn change(&mut self, _: &mut (), _: Offset, _: &mut Entry<Bytes>) {}

    fn remove(&mut self, _: &mut (), _: Offset, _: Entry<Bytes>) {}

    fn end(&mut self, (): ()) {}
}
