//! Groups of batches, written in one piece: what the ledger decides goes to fjall.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use fjall::OwnedWriteBatch;
use gumboot_store::{
    Batch, Offset, Operation, StoreError, StreamName,
    ledger::{Backing, Entry, Ledger, Stream},
};

use crate::{
    fault::fjall_error,
    layout::{
        Kept, STORE_KEY, StoreRecord, StreamRecord, body_checksum, encode_entry, record_key,
        stream_key,
    },
    seal::{Closed, Seal},
    space::Removed,
    spaces::Spaces,
    writer::Disk,
};

/// What the store knows of a stream beside its records.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) id: u64,
    /// The sum of the seals of its records.
    pub(crate) sum: u64,
    /// The seal of its own record, once that is written.
    pub(crate) seal: Option<u64>,
    pub(crate) is_changed: bool,
}

/// All records without their payloads.
pub(crate) type Index = Ledger<Kept, Note>;

/// What the threads of a store share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spaces: Spaces,
    pub(crate) index: Mutex<Index>,
}

impl Shared {
    /// The index is what fjall has: whoever holds it sees no half of a group.
    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The disk of a writer.
#[derive(Debug)]
pub(crate) struct FjallDisk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) record: StoreRecord,
    pub(crate) seal: Seal,
    /// What there is.
    pub(crate) left: Amount,
    pub(crate) removed: Arc<Removed>,
}

impl Disk for FjallDisk {
    fn write(&mut self, batches: Vec<Batch>) -> Result<Vec<Vec<Offset>>, StoreError> {
        self.shared.spaces.wait_for_room()?;
        let mut index = self.shared.index();
        let mut group = Group::new(self.record, self.left);
        let streams = streams_of(&batches);
        let apply = |batch| index.apply(batch, &mut group);
        let offsets: Vec<_> = batches.into_iter().map(apply).collect();
        let mut batch = self.shared.spaces.database.batch();
        for name in streams {
            if let Some(stream) = index.stream_mut(&name) {
                group.write_stream(&mut batch, &self.shared.spaces, name, stream);
            }
        }
        group.record.next = index.next();
        group.record.commit += 1;
        group.write(&mut batch, &self.shared.spaces);
        batch
            .commit()
            .map_err(|error| fjall_error("writing the journal", error))?;
        self.record = group.record;
        self.left = group.left;
        self.removed.add(group.freed, group.left);
        Ok(offsets)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.shared.spaces.sync()?;
        self.seal.write(self.record.commit, Closed::No)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.shared.spaces.sync()?;
        self.seal.write(self.record.commit, Closed::Yes)?;
        self.seal.sync()
    }
}

fn streams_of(batches: &[Batch]) -> HashSet<StreamName> {
    let stream = |operation: &Operation| match operation {
        Operation::Append(append) => append.stream.clone(),
        Operation::Remove { stream }
        | Operation::Settle { stream, .. }
        | Operation::Trim { stream, .. } => stream.clone(),
    };
    batches
        .iter()
        .flat_map(Batch::operations)
        .map(stream)
        .collect()
}

/// How much there is of something.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Amount {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// The changes of a group. fjall wants each key once.
struct Group {
    record: StoreRecord,
    records: HashMap<[u8; 16], Change>,
    streams_gone: Vec<u64>,
    freed: Amount,
    /// What there is once the group is written.
    left: Amount,
}

struct Change {
    /// The value in the index; none if the record goes.
    entry: Option<Vec<u8>>,
    /// The payload, of a record that is not on the disk yet.
    body: Option<Bytes>,
}

impl Group {
    fn new(record: StoreRecord, left: Amount) -> Self {
        Self {
            record,
            records: HashMap::new(),
            streams_gone: Vec::new(),
            freed: Amount::default(),
            left,
        }
    }

    fn write_stream(
        &mut self,
        batch: &mut OwnedWriteBatch,
        spaces: &Spaces,
        name: StreamName,
        stream: &mut Stream<Kept, Note>,
    ) {
        if !stream.note().is_changed {
            return;
        }
        let next = self.record.next;
        let entries = stream.entries();
        let record = StreamRecord {
            complete_from: stream.complete_from(),
            first: entries.first_key_value().map_or(next, |(first, _)| *first),
            records: entries.len() as u64,
            sum: stream.note().sum,
            name,
        };
        let note = stream.note_mut();
        let (value, seal) = record.encode(note.id);
        let before = note.seal.replace(seal).unwrap_or(0);
        note.is_changed = false;
        self.record.sum = self.record.sum.wrapping_sub(before).wrapping_add(seal);
        batch.insert(&spaces.streams, stream_key(note.id), value);
    }

    fn write(&mut self, batch: &mut OwnedWriteBatch, spaces: &Spaces) {
        for (key, change) in self.records.drain() {
            if let Some(body) = change.body {
                batch.insert(&spaces.bodies, key, body);
            }
            if let Some(entry) = change.entry {
                batch.insert(&spaces.index, key, entry);
            } else {
                batch.remove(&spaces.index, key);
                batch.remove(&spaces.bodies, key);
            }
        }
        for id in self.streams_gone.drain(..) {
            batch.remove(&spaces.streams, stream_key(id));
        }
        batch.insert(&spaces.store, STORE_KEY, self.record.encode());
    }
}

impl Backing for Group {
    type Kept = Kept;
    type Note = Note;

    fn begin(&mut self, _: &StreamName) -> Note {
        let id = self.record.next_stream;
        self.record.next_stream += 1;
        self.record.streams += 1;
        Note {
            id,
            sum: 0,
            seal: None,
            is_changed: true,
        }
    }

    fn append(&mut self, note: &mut Note, offset: Offset, entry: Entry<Bytes>) -> Kept {
        self.left.records += 1;
        self.left.bytes += entry.bytes as u64;
        let body = body_checksum(note.id, offset, &entry.kept);
        let (value, seal) = encode_entry(note.id, offset, &entry, body);
        note.sum = note.sum.wrapping_add(seal);
        note.is_changed = true;
        let change = Change {
            entry: Some(value),
            body: Some(entry.kept),
        };
        self.records.insert(record_key(note.id, offset), change);
        Kept { body, seal }
    }

    fn change(&mut self, note: &mut Note, offset: Offset, entry: &mut Entry<Kept>) {
        let (value, seal) = encode_entry(note.id, offset, entry, entry.kept.body);
        note.sum = note.sum.wrapping_sub(entry.kept.seal).wrapping_add(seal);
        note.is_changed = true;
        entry.kept.seal = seal;
        let key = record_key(note.id, offset);
        let unchanged = Change {
            entry: None,
            body: None,
        };
        self.records.entry(key).or_insert(unchanged).entry = Some(value);
    }

    fn remove(&mut self, note: &mut Note, offset: Offset, entry: Entry<Kept>) {
        note.sum = note.sum.wrapping_sub(entry.kept.seal);
        note.is_changed = true;
        self.freed.records += 1;
        self.freed.bytes += entry.bytes as u64;
        self.left.records -= 1;
        self.left.bytes -= entry.bytes as u64;
        let key = record_key(note.id, offset);
        let before = self.records.remove(&key);
        let is_on_disk = before.is_none_or(|change| change.body.is_none());
        if is_on_disk {
            let gone = Change {
                entry: None,
                body: None,
            };
            self.records.insert(key, gone);
        }
    }

    fn end(&mut self, note: Note) {
        self.record.streams -= 1;
        if let Some(seal) = note.seal {
            self.record.sum = self.record.sum.wrapping_sub(seal);
            self.streams_gone.push(note.id);
        }
    }
}
