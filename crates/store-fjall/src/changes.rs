//! What fjall does not have yet: the changes of all groups since the last [checkpoint](crate::checkpoint), as the ledger
//! decides them. What was appended and settled since then leaves no trace here.

use std::{collections::HashMap, mem, sync::Arc};

use bytes::Bytes;
use fjall::OwnedWriteBatch;
use gumboot_store::{
    Offset, StreamName,
    ledger::{Backing, Entry, Ledger, Stream},
};

use crate::{
    layout::{
        Kept, STORE_KEY, StoreRecord, StreamRecord, body_checksum, encode_entry, entry_seal,
        record_key, stream_key,
    },
    limits::CHANGE_BYTES,
    spaces::Spaces,
};

/// What the store knows of a stream beside its records.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) id: u64,
    pub(crate) name: StreamName,
    /// The sum of the seals of its records.
    pub(crate) sum: u64,
    /// The seal of its own record, once a checkpoint has that.
    pub(crate) seal: Option<u64>,
    pub(crate) is_changed: bool,
}

/// All records without their payloads.
pub(crate) type Index = Ledger<Kept, Note>;

/// How much there is of something.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Amount {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// The changes of records, by their keys. fjall wants each key once.
pub(crate) type Records = HashMap<[u8; 16], Change>;

/// What becomes of a record.
#[derive(Debug)]
pub(crate) struct Change {
    /// What is known of it; none if the record goes.
    entry: Option<Entry<Kept>>,
    /// The payload, if fjall was not given the record before.
    pub(crate) body: Option<Bytes>,
}

/// Changes that are being collected.
#[derive(Debug)]
pub(crate) struct Changes {
    /// The store with them.
    pub(crate) record: StoreRecord,
    /// What there is with them.
    pub(crate) left: Amount,
    records: Records,
    streams: Vec<StreamName>,
    streams_gone: Vec<u64>,
    freed: Amount,
}

/// Changes that are complete, for fjall.
#[derive(Debug)]
pub(crate) struct Complete {
    pub(crate) record: StoreRecord,
    pub(crate) left: Amount,
    /// What goes that fjall was given before.
    pub(crate) freed: Amount,
    pub(crate) records: Arc<Records>,
    streams: Vec<(u64, Vec<u8>)>,
    streams_gone: Vec<u64>,
}

impl Changes {
    pub(crate) fn new(record: StoreRecord, left: Amount) -> Self {
        Self {
            record,
            left,
            records: Records::new(),
            streams: Vec::new(),
            streams_gone: Vec::new(),
            freed: Amount::default(),
        }
    }

    /// The payload of a record that fjall was not given yet.
    pub(crate) fn body(&self, key: &[u8; 16]) -> Option<Bytes> {
        self.records.get(key)?.body.clone()
    }

    /// How many bytes of memory they take about, without payloads.
    pub(crate) fn bytes(&self) -> u64 {
        self.records.len() as u64 * CHANGE_BYTES
    }

    /// All of them, for fjall; from now on others are collected.
    pub(crate) fn complete(&mut self, index: &mut Index) -> Complete {
        let mut streams = Vec::new();
        for name in mem::take(&mut self.streams) {
            if let Some(stream) = index.stream_mut(&name)
                && stream.note().is_changed
            {
                streams.push(self.complete_stream(stream));
            }
        }
        self.record.checkpoint += 1;
        Complete {
            record: self.record,
            left: self.left,
            freed: mem::take(&mut self.freed),
            records: Arc::new(mem::take(&mut self.records)),
            streams,
            streams_gone: mem::take(&mut self.streams_gone),
        }
    }

    fn complete_stream(&mut self, stream: &mut Stream<Kept, Note>) -> (u64, Vec<u8>) {
        let next = self.record.next;
        let entries = stream.entries();
        let record = StreamRecord {
            complete_from: stream.complete_from(),
            first: entries.first_key_value().map_or(next, |(first, _)| *first),
            records: entries.len() as u64,
            sum: stream.note().sum,
            name: stream.note().name.clone(),
        };
        let note = stream.note_mut();
        let (value, seal) = record.encode(note.id);
        let before = note.seal.replace(seal).unwrap_or(0);
        note.is_changed = false;
        self.record.sum = self.record.sum.wrapping_sub(before).wrapping_add(seal);
        (note.id, value)
    }

    fn note_change(&mut self, note: &mut Note) {
        if !mem::replace(&mut note.is_changed, true) {
            self.streams.push(note.name.clone());
        }
    }
}

impl Complete {
    /// Puts the changes into a batch, in the order of their keys, which spares fjall searching.
    pub(crate) fn fill(&self, batch: &mut OwnedWriteBatch, spaces: &Spaces) {
        batch.insert(&spaces.store, STORE_KEY, self.record.encode());
        for (id, value) in &self.streams {
            batch.insert(&spaces.streams, stream_key(*id), value.as_slice());
        }
        for id in &self.streams_gone {
            batch.remove(&spaces.streams, stream_key(*id));
        }
        let mut records: Vec<_> = self.records.iter().collect();
        records.sort_unstable_by_key(|(key, _)| *key);
        for (key, change) in &records {
            match (&change.entry, &change.body) {
                (None, _) => batch.remove(&spaces.bodies, **key),
                (Some(_), Some(body)) => batch.insert(&spaces.bodies, **key, body.clone()),
                (Some(_), None) => {}
            }
        }
        for (key, change) in records {
            match &change.entry {
                None => batch.remove(&spaces.index, *key),
                Some(entry) => batch.insert(&spaces.index, *key, encode_entry(entry)),
            }
        }
    }
}

impl Backing for Changes {
    type Kept = Kept;
    type Note = Note;

    fn begin(&mut self, name: &StreamName) -> Note {
        let id = self.record.next_stream;
        self.record.next_stream += 1;
        self.record.streams += 1;
        self.streams.push(name.clone());
        Note {
            id,
            name: name.clone(),
            sum: 0,
            seal: None,
            is_changed: true,
        }
    }

    fn append(&mut self, note: &mut Note, offset: Offset, entry: Entry<Bytes>) -> Kept {
        self.note_change(note);
        self.left.records += 1;
        self.left.bytes += entry.bytes as u64;
        let Entry {
            appended_ms,
            bytes,
            deliveries,
            due_ms,
            kept: payload,
        } = entry;
        let body = body_checksum(note.id, offset, &payload);
        let mut entry = Entry {
            appended_ms,
            bytes,
            deliveries,
            due_ms,
            kept: Kept { body, seal: 0 },
        };
        entry.kept.seal = entry_seal(note.id, offset, &entry);
        note.sum = note.sum.wrapping_add(entry.kept.seal);
        let kept = entry.kept;
        let change = Change {
            entry: Some(entry),
            body: Some(payload),
        };
        self.records.insert(record_key(note.id, offset), change);
        kept
    }

    fn change(&mut self, note: &mut Note, offset: Offset, entry: &mut Entry<Kept>) {
        self.note_change(note);
        let seal = entry_seal(note.id, offset, entry);
        note.sum = note.sum.wrapping_sub(entry.kept.seal).wrapping_add(seal);
        entry.kept.seal = seal;
        let key = record_key(note.id, offset);
        let unchanged = Change {
            entry: None,
            body: None,
        };
        self.records.entry(key).or_insert(unchanged).entry = Some(entry.clone());
    }

    fn remove(&mut self, note: &mut Note, offset: Offset, entry: Entry<Kept>) {
        self.note_change(note);
        note.sum = note.sum.wrapping_sub(entry.kept.seal);
        self.left.records -= 1;
        self.left.bytes -= entry.bytes as u64;
        let key = record_key(note.id, offset);
        let before = self.records.remove(&key);
        if before.is_some_and(|change| change.body.is_some()) {
            return;
        }
        self.freed.records += 1;
        self.freed.bytes += entry.bytes as u64;
        let gone = Change {
            entry: None,
            body: None,
        };
        self.records.insert(key, gone);
    }

    fn end(&mut self, note: Note) {
        self.record.streams -= 1;
        if let Some(seal) = note.seal {
            self.record.sum = self.record.sum.wrapping_sub(seal);
            self.streams_gone.push(note.id);
        }
    }
}
