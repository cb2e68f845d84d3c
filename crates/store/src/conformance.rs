//! The tests that every store passes. A store's own tests call [`check_all`] and [`check_random`].

mod cases;
mod model;

use std::sync::Arc;

pub use self::model::check_random;
use crate::{
    batch::Batch,
    name::StreamName,
    record::{Committed, Level, Offset, Portion, Record, StreamInfo},
    store::Store,
    wait::wait,
};

/// Makes the stores that are tested.
pub trait Fixture {
    /// A new, empty store.
    fn create(&mut self) -> Arc<dyn Store>;

    /// Whether a store has anything left when it is opened again.
    fn keeps(&self) -> bool;

    /// Closes a store that [`create`](Self::create) made, of which this is the last handle, and opens it again. None if
    /// nothing of it would be left.
    fn reopen(&mut self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>>;
}

/// Runs every case, each with a store of its own.
///
/// # Panics
///
/// If the store does not do what is expected; the message says in which case.
pub fn check_all(fixture: &mut dyn Fixture) {
    for (name, case) in cases::ALL {
        println!("conformance: {name}");
        let mut subject = Subject::new(fixture);
        case(&mut subject);
    }
}

/// A store under test. Each answer is waited for.
struct Subject<'a> {
    fixture: &'a mut dyn Fixture,
    store: Option<Arc<dyn Store>>,
}

impl<'a> Subject<'a> {
    fn new(fixture: &'a mut dyn Fixture) -> Self {
        let store = Some(fixture.create());
        Self { fixture, store }
    }

    fn store(&self) -> &dyn Store {
        self.store.as_deref().expect("a store is open")
    }

    /// Whether there was anything to open again.
    fn reopen(&mut self) -> bool {
        let store = self.store.take().expect("a store is open");
        self.store = self.fixture.reopen(store);
        let reopened = self.store.is_some();
        if !reopened {
            self.store = Some(self.fixture.create());
        }
        reopened
    }

    /// Opens the store again if that is possible, and goes on with the same one if not.
    fn reopen_or_stay(&mut self) {
        if self.fixture.keeps() {
            assert!(
                self.reopen(),
                "a store that keeps what it has can be reopened"
            );
        }
    }

    fn commit(&self, batch: Batch) -> Committed {
        self.commit_at(batch, self.level_max())
    }

    fn commit_at(&self, batch: Batch, level: Level) -> Committed {
        wait(self.store().commit(batch, level)).expect("the batch is committed")
    }

    /// Appends payloads at a moment; gives their offsets.
    fn append(&self, stream: &StreamName, payloads: &[&str], now_ms: u64) -> Vec<Offset> {
        let mut batch = Batch::new(now_ms);
        for payload in payloads {
            batch.append(stream, payload.to_string().into());
        }
        self.commit(batch).offsets
    }

    fn read(&self, stream: &StreamName, from: Offset) -> Vec<Record> {
        self.read_portion(stream, from, Portion::ALL)
    }

    fn read_portion(&self, stream: &StreamName, from: Offset, portion: Portion) -> Vec<Record> {
        wait(self.store().read(stream, from, portion)).expect("the records are read")
    }

    fn lease(&self, stream: &StreamName, now_ms: u64) -> Vec<Record> {
        self.lease_portion(stream, Portion::ALL, now_ms)
    }

    fn lease_portion(&self, stream: &StreamName, portion: Portion, now_ms: u64) -> Vec<Record> {
        wait(self.store().lease(stream, portion, now_ms)).expect("the records are leased")
    }

    fn streams(&self) -> Vec<StreamInfo> {
        wait(self.store().streams()).expect("the streams are told")
    }

    fn level_max(&self) -> Level {
        self.store().level_max()
    }
}

fn name(name: &str) -> StreamName {
    StreamName::parse(name).expect("a name of the tests is one")
}

fn payloads(records: &[Record]) -> Vec<&str> {
    let text = |record| str::from_utf8(payload_of(record)).expect("payloads of the tests are text");
    records.iter().map(text).collect()
}

fn payload_of(record: &Record) -> &[u8] {
    &record.payload
}
