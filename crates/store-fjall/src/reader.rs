//! The thread that reads, so that whoever asks does not wait for the disk.

use std::{
    sync::{
        Arc, MutexGuard,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use gumboot_store::{
    Offset, Portion, Record, StoreError, StoreFuture, StreamInfo, StreamName, ledger::Entry,
};
use tokio::sync::oneshot;

use crate::{
    disk::{Shared, State},
    fault::{guarded, io_error},
    layout::Kept,
    limits::READS_WAITING_MAX,
    spaces::body,
};

type Job = Box<dyn FnOnce(&Shared) + Send>;

/// The end of the queue where questions go in.
#[derive(Debug)]
pub(crate) struct Reader {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub(crate) fn start(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let (jobs, waiting): (SyncSender<Job>, Receiver<Job>) = sync_channel(READS_WAITING_MAX);
        let run = move || {
            for job in waiting {
                job(&shared);
            }
        };
        let thread = thread::Builder::new()
            .name("store-read".to_owned())
            .spawn(run)
            .map_err(|error| io_error("starting a thread", error))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Has the thread do something.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |shared| {
            // Nobody may be waiting for the answer.
            let _ = answer.send(guarded(|| act(shared)));
        });
        let jobs = self.jobs.as_ref();
        let sent = match jobs.map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(StoreError::Busy),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(StoreError::Closed),
        };
        Box::pin(async move {
            sent?;
            answered.await.unwrap_or(Err(StoreError::Closed))
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches what it can panic with.
            let _ = thread.join();
        }
    }
}

pub(crate) fn streams(shared: &Shared) -> Vec<StreamInfo> {
    shared.state().index.infos()
}

pub(crate) fn read(
    shared: &Shared,
    name: &StreamName,
    from: Offset,
    portion: Portion,
) -> Result<Vec<Record>, StoreError> {
    let state = shared.state();
    let Some(stream) = state.index.stream(name) else {
        return Ok(Vec::new());
    };
    let id = stream.note().id;
    let found = stream
        .read(from, portion)
        .map(|(offset, entry)| Found::of(&state, id, offset, entry))
        .collect();
    records(shared, state, id, found)
}

pub(crate) fn lease(
    shared: &Shared,
    name: &StreamName,
    portion: Portion,
    now_ms: u64,
) -> Result<Vec<Record>, StoreError> {
    let mut state = shared.state();
    let offsets = state.index.lease(name, portion, now_ms);
    let Some(stream) = state.index.stream(name) else {
        return Ok(Vec::new());
    };
    let id = stream.note().id;
    let find = |offset: &Offset| {
        let entry = stream.entries().get(offset)?;
        Some(Found::of(&state, id, *offset, entry))
    };
    let found = offsets.iter().filter_map(find).collect();
    let records = records(shared, state, id, found);
    if records.is_err()
        && let Some(stream) = shared.state().index.stream_mut(name)
    {
        stream.release(&offsets);
    }
    records
}

/// What is known of a record.
struct Found {
    offset: Offset,
    entry: Entry<Kept>,
    /// The payload, if fjall may not have it yet.
    body: Option<Bytes>,
}

impl Found {
    fn of(state: &State, id: u64, offset: Offset, entry: &Entry<Kept>) -> Self {
        Self {
            offset,
            entry: entry.clone(),
            body: state.body(id, offset),
        }
    }
}

/// Reads the payloads of records, with the state free for others.
fn records(
    shared: &Shared,
    state: MutexGuard<'_, State>,
    id: u64,
    found: Vec<Found>,
) -> Result<Vec<Record>, StoreError> {
    // Taken while nothing is written, so that it has what the state says fjall has.
    let snapshot = shared.spaces.database.snapshot();
    drop(state);
    let record = |found: Found| {
        let Found {
            offset,
            entry,
            body: known,
        } = found;
        let payload = match known {
            Some(payload) => payload,
            None => body(&snapshot, &shared.spaces.bodies, id, offset, &entry)?,
        };
        Ok(Record {
            offset,
            payload,
            deliveries: entry.deliveries,
            appended_ms: entry.appended_ms,
            due_ms: entry.due_ms,
        })
    };
    found.into_iter().map(record).collect()
}
