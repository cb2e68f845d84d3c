//! Random operations against a model that is too simple to be wrong: a list of records.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Fixture, Subject, name};
use crate::{
    batch::{Append, Batch, Keep, Operation, Outcome},
    name::StreamName,
    record::{Level, Offset, Portion, Record},
};

/// Does random operations from a seed, which it prints, and compares everything with a model.
///
/// # Panics
///
/// If the store differs from the model.
pub fn check_random(fixture: &mut dyn Fixture, seed: u64, operations: usize) {
    println!("conformance: {operations} random operations from seed {seed}");
    let mut run = Run {
        subject: Subject::new(fixture),
        model: Model::default(),
        random: Random(seed),
        now_ms: 0,
        done: 0,
    };
    while run.done < operations {
        run.step();
    }
    run.compare_all();
}

struct Run<'a> {
    subject: Subject<'a>,
    model: Model,
    random: Random,
    now_ms: u64,
    done: usize,
}

impl Run<'_> {
    fn step(&mut self) {
        self.now_ms += self.random.below(3);
        match self.random.below(1_000) {
            0 => self.reopen(),
            1..=3 => self.compare_all(),
            4..=200 => self.read(),
            201..=450 => self.lease(),
            _ => self.commit(),
        }
        self.done += 1;
    }

    fn commit(&mut self) {
        let count = 1 + self.random.below(8);
        let mut batch = Batch::new(self.now_ms);
        for _ in 0..count {
            batch.push(self.operation());
        }
        self.done += batch.operations().len();
        let committed = self.subject.commit_at(batch.clone(), Level::Stored);
        self.model.apply(&batch, &committed.offsets);
    }

    fn operation(&mut self) -> Operation {
        let stream = self.stream();
        match self.random.below(100) {
            0..=44 => Operation::Append(self.append(stream)),
            45..=89 => {
                let offset = self.offset(&stream);
                let outcome = self.outcome();
                Operation::Settle {
                    stream,
                    offset,
                    outcome,
                }
            }
            90..=98 => {
                let keep = self.keep();
                Operation::Trim { stream, keep }
            }
            _ => Operation::Remove { stream },
        }
    }

    fn append(&mut self, stream: StreamName) -> Append {
        let length = match self.random.below(50) {
            0 => 1_000 + self.random.below(4_000),
            _ => self.random.below(40),
        };
        let byte = self.random.below(256) as u8;
        Append {
            stream,
            payload: Bytes::from(vec![byte; usize::try_from(length).expect("it is small")]),
            deliveries: self.random.below(3) as u32,
            due_ms: self.due_ms(),
        }
    }

    fn outcome(&mut self) -> Outcome {
        match self.random.below(4) {
            0 => Outcome::Again {
                due_ms: self.due_ms(),
                deliveries: self.random.below(9) as u32,
            },
            1 => Outcome::Dead,
            _ => Outcome::Done,
        }
    }

    fn due_ms(&mut self) -> u64 {
        match self.random.below(3) {
            0 => self.now_ms + self.random.below(50),
            _ => 0,
        }
    }

    fn keep(&mut self) -> Keep {
        let since_ms = self.now_ms.saturating_sub(self.random.below(2_000));
        Keep {
            records: self
                .random
                .one_in(3)
                .then(|| self.random.below(60) as usize),
            bytes: self.random.one_in(3).then(|| self.random.below(6_000)),
            since_ms: self.random.one_in(3).then_some(since_ms),
        }
    }

    fn stream(&mut self) -> StreamName {
        name(&format!("stream {}", self.random.below(6)))
    }

    /// Mostly one that is there.
    fn offset(&mut self, stream: &StreamName) -> Offset {
        let records = self.model.records(stream);
        let count = records.len() as u64;
        if count == 0 || self.random.one_in(20) {
            return Offset(self.random.below(200));
        }
        records[self.random.below(count) as usize].record.offset
    }

    fn portion(&mut self) -> Portion {
        Portion {
            records: self.random.below(20) as usize,
            bytes: self.random.below(2_000) as usize,
        }
    }

    fn read(&mut self) {
        let stream = self.stream();
        let from = self.offset(&stream);
        let portion = self.portion();
        let records = self.subject.read_portion(&stream, from, portion);
        let from_there = |kept: &&mut Kept| kept.record.offset >= from;
        let expected = self.model.take(&stream, portion, from_there);
        let expected: Vec<_> = expected
            .into_iter()
            .map(|kept| kept.record.clone())
            .collect();
        assert_eq!(records, expected, "{stream} from {from}, {portion:?}");
    }

    fn lease(&mut self) {
        let stream = self.stream();
        let portion = self.portion();
        let now_ms = self.now_ms;
        let records = self.subject.lease_portion(&stream, portion, now_ms);
        let due = |kept: &&mut Kept| !kept.leased && kept.record.due_ms <= now_ms;
        let mut expected = Vec::new();
        for kept in self.model.take(&stream, portion, due) {
            kept.leased = true;
            expected.push(kept.record.clone());
        }
        assert_eq!(records, expected, "{stream} at {now_ms}, {portion:?}");
    }

    fn reopen(&mut self) {
        if self.subject.reopen() {
            self.model.release_all();
        } else {
            self.model = Model::default();
        }
        self.compare_all();
    }

    fn compare_all(&self) {
        let infos = self.subject.streams();
        let names: Vec<_> = infos.iter().map(|info| &info.name).collect();
        assert_eq!(names, self.model.0.keys().collect::<Vec<_>>());
        for info in &infos {
            let kept = self.model.records(&info.name);
            let records: Vec<_> = kept.iter().map(|kept| kept.record.clone()).collect();
            assert_eq!(self.subject.read(&info.name, Offset::FIRST), records);
            let bytes: usize = records.iter().map(|record| record.payload.len()).sum();
            assert_eq!((info.records, info.bytes), (records.len(), bytes as u64));
        }
    }
}

struct Kept {
    record: Record,
    leased: bool,
}

#[derive(Default)]
struct Model(BTreeMap<StreamName, Vec<Kept>>);

impl Model {
    fn records(&self, stream: &StreamName) -> &[Kept] {
        self.0.get(stream).map_or(&[], Vec::as_slice)
    }

    fn release_all(&mut self) {
        self.0
            .values_mut()
            .flatten()
            .for_each(|kept| kept.leased = false);
    }

    /// The records that a portion takes of those that are wanted.
    fn take(
        &mut self,
        stream: &StreamName,
        portion: Portion,
        wanted: impl FnMut(&&mut Kept) -> bool,
    ) -> Vec<&mut Kept> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        let records = self.0.get_mut(stream).into_iter().flatten();
        for kept in records.filter(wanted) {
            bytes += kept.record.payload.len();
            let too_long = !taken.is_empty() && bytes > portion.bytes;
            if taken.len() == portion.records || too_long {
                break;
            }
            taken.push(kept);
        }
        taken
    }

    fn apply(&mut self, batch: &Batch, offsets: &[Offset]) {
        let mut offsets = offsets.iter();
        for operation in batch.operations() {
            match operation {
                Operation::Append(append) => {
                    let offset = *offsets.next().expect("every append has an offset");
                    self.append(append, offset, batch.now_ms());
                }
                Operation::Remove { stream } => drop(self.0.remove(stream)),
                Operation::Settle {
                    stream,
                    offset,
                    outcome,
                } => {
                    self.settle(stream, *offset, *outcome);
                }
                Operation::Trim { stream, keep } => self.trim(stream, *keep),
            }
        }
        assert!(offsets.next().is_none(), "no offset without an append");
    }

    fn append(&mut self, append: &Append, offset: Offset, now_ms: u64) {
        let records = self.0.entry(append.stream.clone()).or_default();
        let last = records.last().map_or(Offset(0), |kept| kept.record.offset);
        assert!(offset > last, "{offset} after {last}");
        records.push(Kept {
            record: Record {
                offset,
                payload: append.payload.clone(),
                deliveries: append.deliveries,
                appended_ms: now_ms,
                due_ms: append.due_ms,
            },
            leased: false,
        });
    }

    fn settle(&mut self, stream: &StreamName, offset: Offset, outcome: Outcome) {
        let Some(records) = self.0.get_mut(stream) else {
            return;
        };
        let Some(index) = records.iter().position(|kept| kept.record.offset == offset) else {
            return;
        };
        match outcome {
            Outcome::Again { due_ms, deliveries } => {
                let kept = &mut records[index];
                kept.leased = false;
                kept.record.due_ms = due_ms;
                kept.record.deliveries = deliveries;
            }
            Outcome::Dead | Outcome::Done => drop(records.remove(index)),
        }
    }

    fn trim(&mut self, stream: &StreamName, keep: Keep) {
        let Some(records) = self.0.get_mut(stream) else {
            return;
        };
        let is_over = |records: &[Kept]| {
            let bytes: u64 = records
                .iter()
                .map(|kept| kept.record.payload.len() as u64)
                .sum();
            let oldest = records.first().map(|kept| kept.record.appended_ms);
            keep.records.is_some_and(|max| records.len() > max)
                || keep.bytes.is_some_and(|max| bytes > max)
                || keep
                    .since_ms
                    .zip(oldest)
                    .is_some_and(|(since, oldest)| oldest < since)
        };
        while !records.is_empty() && is_over(records) {
            records.remove(0);
        }
    }
}

/// SplitMix64, which is enough to choose operations.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}
