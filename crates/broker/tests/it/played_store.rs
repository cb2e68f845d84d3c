//! A store that a test plays: it confirms when the test lets it, as what the test says, or fails.

use std::{
    collections::VecDeque,
    future::ready,
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use gumboot_broker::{Level, Store};
use gumboot_store::{
    Append, Batch, Committed, Epoch, MemoryStore, Offset, Operation, Portion, Record, StoreError,
    StoreFuture, StreamInfo, StreamName, wait,
};
use gumboot_testkit::WAIT_MAX;
use tokio::sync::oneshot;

/// A store in memory behind a gate. Whoever has it keeps what is in it, also when a server has ended.
#[derive(Debug, Clone)]
pub(crate) struct PlayedStore(Arc<Played>);

#[derive(Debug)]
struct Played {
    memory: MemoryStore,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    gate: Gate,
    /// The strongest level that it has.
    level_max: Level,
    waiting: VecDeque<Waiting>,
    /// How many operations each batch had that was let in, and the level that was asked for.
    batches: Vec<(usize, Level)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Closed,
    Broken,
    Panics,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    level: Level,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
}

impl PlayedStore {
    pub(crate) fn new(level_max: Level) -> Self {
        Self(Arc::new(Played {
            memory: MemoryStore::new(1),
            state: Mutex::new(State {
                gate: Gate::Open,
                level_max,
                waiting: VecDeque::new(),
                batches: Vec::new(),
            }),
            changed: Condvar::new(),
        }))
    }

    /// For the configuration of a server.
    pub(crate) fn share(&self) -> Option<Arc<dyn Store>> {
        Some(Arc::new(self.clone()))
    }

    /// From now on nothing is confirmed.
    pub(crate) fn close(&self) {
        self.state().gate = Gate::Closed;
    }

    /// Confirms what waits, and all that comes.
    pub(crate) fn open(&self) {
        let mut state = self.state();
        state.gate = Gate::Open;
        for waiting in mem::take(&mut state.waiting) {
            let committed = self.0.let_in(&mut state, waiting.batch, waiting.level);
            // The server may have ended.
            let _ = waiting.answer.send(committed);
        }
    }

    /// Confirms nothing any more, whatever waits.
    pub(crate) fn break_down(&self) {
        let mut state = self.state();
        state.gate = Gate::Broken;
        for waiting in mem::take(&mut state.waiting) {
            let _ = waiting.answer.send(Err(broken()));
        }
    }

    /// From now on it is a store with a defect.
    pub(crate) fn panic(&self) {
        self.state().gate = Gate::Panics;
    }

    /// Waits until a batch waits at the gate.
    #[track_caller]
    pub(crate) fn expect_waiting(&self) {
        let mut state = self.state();
        let start = Instant::now();
        while state.waiting.is_empty() {
            let left = WAIT_MAX.saturating_sub(start.elapsed());
            assert!(!left.is_zero(), "nothing was to be stored");
            (state, _) = self.0.changed.wait_timeout(state, left).unwrap();
        }
    }

    /// How many operations each batch had that was let in since the last call, and the level that was asked for.
    pub(crate) fn take_batches(&self) -> Vec<(usize, Level)> {
        mem::take(&mut self.state().batches)
    }

    /// How many records the streams have whose names begin so.
    pub(crate) fn records(&self, prefix: &str) -> usize {
        let streams = wait(self.0.memory.streams()).unwrap();
        let ours = streams
            .iter()
            .filter(|info| info.name.as_str().starts_with(prefix));
        ours.map(|info| info.records).sum()
    }

    /// Changes what is in it behind the back of a server.
    pub(crate) fn change(&self, batch: Batch) {
        wait(self.0.memory.commit(batch, Level::Received)).unwrap();
    }

    /// What a server finds that starts when the one before it was killed now.
    pub(crate) fn after_crash(&self) -> Self {
        let copy = Self::new(self.state().level_max);
        let memory = &self.0.memory;
        for info in wait(memory.streams()).unwrap() {
            let records = wait(memory.read(&info.name, Offset::FIRST, Portion::ALL)).unwrap();
            let mut batch = Batch::new(0);
            for record in records {
                batch.push(Operation::Append(Append {
                    stream: info.name.clone(),
                    payload: record.payload,
                    deliveries: record.deliveries,
                    due_ms: record.due_ms,
                }));
            }
            copy.change(batch);
        }
        copy
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Played {
    fn let_in(
        &self,
        state: &mut State,
        batch: Batch,
        level: Level,
    ) -> Result<Committed, StoreError> {
        state.batches.push((batch.operations().len(), level));
        let committed = wait(self.memory.commit(batch, level))?;
        Ok(Committed {
            level: level.min(state.level_max),
            ..committed
        })
    }
}

fn broken() -> StoreError {
    StoreError::Io {
        doing: "writing where a test broke it".to_owned(),
        error: Arc::new(io::Error::from(io::ErrorKind::StorageFull)),
    }
}

impl Store for PlayedStore {
    fn epoch(&self) -> Epoch {
        self.0.memory.epoch()
    }

    fn level_max(&self) -> Level {
        self.state().level_max
    }

    fn ready(&self) -> StoreFuture<()> {
        Box::pin(ready(Ok(())))
    }

    fn commit(&self, batch: Batch, level: Level) -> StoreFuture<Committed> {
        let mut state = self.state();
        match state.gate {
            Gate::Open => {
                let committed = self.0.let_in(&mut state, batch, level);
                Box::pin(ready(committed))
            }
            Gate::Panics => panic!("a test wants it"),
            Gate::Broken => Box::pin(ready(Err(broken()))),
            Gate::Closed => {
                let (answer, answered) = oneshot::channel();
                state.waiting.push_back(Waiting {
                    batch,
                    level,
                    answer,
                });
                self.0.changed.notify_all();
                Box::pin(async { answered.await.unwrap_or(Err(StoreError::Closed)) })
            }
        }
    }

    fn streams(&self) -> StoreFuture<Vec<StreamInfo>> {
        self.0.memory.streams()
    }

    fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        portion: Portion,
    ) -> StoreFuture<Vec<Record>> {
        self.0.memory.read(stream, from, portion)
    }

    fn lease(
        &self,
        stream: &StreamName,
        portion: Portion,
        now_ms: u64,
    ) -> StoreFuture<Vec<Record>> {
        self.0.memory.lease(stream, portion, now_ms)
    }
}
