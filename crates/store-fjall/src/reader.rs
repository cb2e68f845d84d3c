//! The thread that reads, so that whoever asks does not wait for the disk.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, MutexGuard,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use gumboot_store::{
    Offset, Portion, Record, StoreError, StoreFuture, StreamInfo, StreamName, ledger::Entry,
};
use tokio::sync::oneshot;

use crate::{
    disk::{Index, Shared},
    fault::{io_error, panic_error},
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
            // Damaged files can make fjall panic.
            let acted = catch_unwind(AssertUnwindSafe(|| act(shared)));
            let acted = acted.unwrap_or_else(|panic| Err(panic_error("the database", &*panic)));
            // Nobody may be waiting for the answer.
            let _ = answer.send(acted);
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
    shared.index().infos()
}

pub(crate) fn read(
    shared: &Shared,
    name: &StreamName,
    from: Offset,
    portion: Portion,
) -> Result<Vec<Record>, StoreError> {
    let index = shared.index();
    let Some(stream) = index.stream(name) else {
        return Ok(Vec::new());
    };
    let id = stream.note().id;
    let entries = stream.read(from, portion);
    let entries = entries
        .map(|(offset, entry)| (offset, entry.clone()))
        .collect();
    records(shared, index, id, entries)
}

pub(crate) fn lease(
    shared: &Shared,
    name: &StreamName,
    portion: Portion,
    now_ms: u64,
) -> Result<Vec<Record>, StoreError> {
    let mut index = shared.index();
    let offsets = index.lease(name, portion, now_ms);
    let Some(stream) = index.stream(name) else {
        return Ok(Vec::new());
    };
    let id = stream.note().id;
    let entry = |offset: &Offset| Some((*offset, stream.entries().get(offset)?.clone()));
    let entries = offsets.iter().filter_map(entry).collect();
    let records = records(shared, index, id, entries);
    if records.is_err()
        && let Some(stream) = shared.index().stream_mut(name)
    {
        stream.release(&offsets);
    }
    records
}

/// Reads the payloads of records, with the index free for others.
fn records(
    shared: &Shared,
    index: MutexGuard<'_, Index>,
    id: u64,
    entries: Vec<(Offset, Entry<Kept>)>,
) -> Result<Vec<Record>, StoreError> {
    // Taken while nothing is written, so that it has what the index has.
    let snapshot = shared.spaces.database.snapshot();
    drop(index);
    let record = |(offset, entry): (Offset, Entry<Kept>)| {
        let payload = body(&snapshot, &shared.spaces.bodies, id, offset, &entry)?;
        Ok(Record {
            offset,
            payload,
            deliveries: entry.deliveries,
            appended_ms: entry.appended_ms,
            due_ms: entry.due_ms,
        })
    };
    entries.into_iter().map(record).collect()
}
