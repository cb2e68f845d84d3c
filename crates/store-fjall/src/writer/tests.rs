//! Tests of the writer with a disk that does what a test says.

use std::{
    io,
    sync::mpsc::{Receiver, Sender, channel},
};

use bytes::Bytes;
use gumboot_store::{StreamName, wait};

use super::*;

/// What the disk was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Write(usize),
    Sync,
    Close,
}

/// A disk that does the next thing when the test lets it, and as the test says.
struct Slow {
    asked: Sender<Asked>,
    answers: Receiver<Result<(), io::ErrorKind>>,
    next: u64,
}

impl Slow {
    fn act(&self, asked: Asked) -> Result<(), StoreError> {
        self.asked.send(asked).expect("the test listens");
        let answer = self.answers.recv().expect("the test answers");
        answer.map_err(|kind| io_error("playing a disk", kind.into()))
    }
}

impl Disk for Slow {
    fn write(&mut self, batches: Vec<Batch>) -> Result<Vec<Vec<Offset>>, StoreError> {
        self.act(Asked::Write(batches.len()))?;
        let mut offsets = |batch: Batch| -> Vec<Offset> {
            let appends = batch.operations().iter().map(|_| {
                self.next += 1;
                Offset(self.next)
            });
            appends.collect()
        };
        Ok(batches.into_iter().map(&mut offsets).collect())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.act(Asked::Sync)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.act(Asked::Close)
    }
}

struct Test {
    writer: Writer,
    asked: Receiver<Asked>,
    answers: Sender<Result<(), io::ErrorKind>>,
}

impl Test {
    fn new() -> Self {
        let (asked_in, asked) = channel();
        let (answers, answers_out) = channel();
        let disk = Slow {
            asked: asked_in,
            answers: answers_out,
            next: 0,
        };
        let writer = Writer::start(disk).unwrap();
        Self {
            writer,
            asked,
            answers,
        }
    }

    fn commit(&self, level: Level) -> StoreFuture<Committed> {
        self.writer.commit(batch(1), level)
    }

    fn expect(&self, asked: Asked) {
        assert_eq!(self.asked.recv().unwrap(), asked);
    }

    fn answer(&self, answer: Result<(), io::ErrorKind>) {
        self.answers.send(answer).unwrap();
    }

    fn end(self) {
        self.answer(Ok(()));
        drop(self.writer);
    }
}

fn batch(bytes: usize) -> Batch {
    let mut batch = Batch::new(0);
    let stream = StreamName::parse("q").expect("a name");
    batch.append(&stream, Bytes::from(vec![0; bytes]));
    batch
}

#[test]
fn what_arrives_during_a_sync_shares_the_next() {
    let test = Test::new();
    let first = test.commit(Level::Synced);
    test.expect(Asked::Write(1));
    test.answer(Ok(()));
    test.expect(Asked::Sync);
    let others: Vec<_> = (0..255).map(|_| test.commit(Level::Synced)).collect();
    test.answer(Ok(()));
    assert_eq!(wait(first).unwrap().level, Level::Synced);
    test.expect(Asked::Write(255));
    test.answer(Ok(()));
    test.expect(Asked::Sync);
    test.answer(Ok(()));
    for (index, other) in others.into_iter().enumerate() {
        assert_eq!(wait(other).unwrap().offsets, [Offset(index as u64 + 2)]);
    }
    test.end();
}

#[test]
fn what_is_only_stored_does_not_wait_for_a_sync() {
    let test = Test::new();
    let stored = test.commit(Level::Stored);
    test.expect(Asked::Write(1));
    test.answer(Ok(()));
    assert_eq!(wait(stored).unwrap().level, Level::Stored);
    let received = test.commit(Level::Received);
    test.expect(Asked::Write(1));
    test.answer(Ok(()));
    assert_eq!(wait(received).unwrap().level, Level::Stored);
    test.end();
}

#[test]
fn not_too_much_is_left_unsynced() {
    let test = Test::new();
    let appends = gumboot_store::limits::BATCH_OPERATIONS_MAX;
    let mut unsynced = 0;
    loop {
        let mut batch = Batch::new(0);
        let stream = StreamName::parse("q").unwrap();
        (0..appends).for_each(|_| batch.append(&stream, Bytes::new()));
        let stored = test.writer.commit(batch, Level::Stored);
        test.expect(Asked::Write(1));
        test.answer(Ok(()));
        assert_eq!(wait(stored).unwrap().level, Level::Stored);
        unsynced += appends as u64;
        if unsynced + appends as u64 >= UNSYNCED_APPENDS_MAX {
            test.expect(Asked::Sync);
            test.answer(Ok(()));
            return test.end();
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_confirmed() {
    let test = Test::new();
    let stored = test.commit(Level::Stored);
    let synced = test.commit(Level::Synced);
    let mut writes = 0;
    while writes < 2 {
        match test.asked.recv().unwrap() {
            Asked::Write(batches) => writes += batches,
            asked => panic!("{asked:?} before both are written"),
        }
        test.answer(Ok(()));
    }
    test.expect(Asked::Sync);
    let waiting = test.commit(Level::Stored);
    test.answer(Err(io::ErrorKind::StorageFull));
    assert_eq!(wait(stored).unwrap().level, Level::Stored);
    for refused in [synced, waiting, test.commit(Level::Received)] {
        let error = wait(refused).unwrap_err();
        assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
        assert!(error.to_string().contains("no storage space"), "{error}");
    }
    assert!(matches!(
        wait(test.writer.ready()),
        Err(StoreError::Poisoned { .. })
    ));
    let Test { writer, asked, .. } = test;
    drop(writer);
    assert!(
        asked.recv().is_err(),
        "it is not even closed as if all were well"
    );
}

#[test]
fn a_failed_write_confirms_nothing() {
    let test = Test::new();
    let batches: Vec<_> = (0..2).map(|_| test.commit(Level::Stored)).collect();
    assert!(matches!(test.asked.recv().unwrap(), Asked::Write(_)));
    test.answer(Err(io::ErrorKind::ReadOnlyFilesystem));
    for batch in batches {
        assert!(matches!(wait(batch), Err(StoreError::Poisoned { .. })));
    }
}

#[test]
fn the_queue_has_bounds() {
    let test = Test::new();
    let first = test.commit(Level::Stored);
    test.expect(Asked::Write(1));
    let half = BYTES_WAITING_MAX / 2;
    let waiting: Vec<_> = (0..2)
        .map(|_| test.writer.commit(batch(half), Level::Stored))
        .collect();
    assert!(matches!(
        wait(test.commit(Level::Stored)),
        Err(StoreError::Busy)
    ));
    let ready = test.writer.ready();
    test.answer(Ok(()));
    wait(first).unwrap();
    wait(ready).unwrap();
    test.expect(Asked::Write(2));
    let many: Vec<_> = (0..BATCHES_WAITING_MAX)
        .map(|_| test.commit(Level::Stored))
        .collect();
    assert!(matches!(
        wait(test.commit(Level::Stored)),
        Err(StoreError::Busy)
    ));
    test.answer(Ok(()));
    waiting
        .into_iter()
        .for_each(|batch| drop(wait(batch).unwrap()));
    test.expect(Asked::Write(BATCHES_WAITING_MAX));
    test.answer(Ok(()));
    many.into_iter()
        .for_each(|batch| drop(wait(batch).unwrap()));
    test.end();
}

#[test]
fn what_waits_is_written_before_the_end() {
    let test = Test::new();
    let answers: Vec<_> = (0..10).map(|_| test.commit(Level::Synced)).collect();
    for _ in 0..100 {
        test.answer(Ok(()));
    }
    drop(test.writer);
    for answer in answers {
        assert_eq!(wait(answer).unwrap().level, Level::Synced);
    }
    assert_eq!(test.asked.try_iter().last(), Some(Asked::Close));
}
