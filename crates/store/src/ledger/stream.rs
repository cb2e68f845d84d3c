//! One stream: its records in order, which of them are due, and which are leased.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::Backing;
use crate::{
    batch::Keep,
    name::StreamName,
    record::{Offset, Portion, StreamInfo},
};

/// A record without its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<K> {
    /// When it was appended, in milliseconds of Unix time.
    pub appended_ms: u64,
    /// How long its payload is.
    pub bytes: usize,
    /// How often it was delivered.
    pub deliveries: u32,
    /// From when on it may be leased, in milliseconds of Unix time.
    pub due_ms: u64,
    /// What the backing has of it.
    pub kept: K,
}

/// A stream. `N` is what the backing knows of it as a whole.
#[derive(Debug)]
pub struct Stream<K, N> {
    entries: BTreeMap<Offset, Entry<K>>,
    /// Neither leased nor known to be not due yet.
    ready: BTreeSet<Offset>,
    /// Not leased, by when they are due.
    delayed: BTreeSet<(u64, Offset)>,
    bytes: u64,
    complete_from: Offset,
    note: N,
}

impl<K, N> Stream<K, N> {
    /// An empty stream, of which nothing was trimmed from this offset on.
    #[must_use]
    pub fn new(note: N, complete_from: Offset) -> Self {
        Self {
            entries: BTreeMap::new(),
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            bytes: 0,
            complete_from,
            note,
        }
    }

    /// Takes a record that was kept. Nobody has it.
    pub fn insert(&mut self, offset: Offset, entry: Entry<K>) {
        self.delayed.insert((entry.due_ms, offset));
        self.bytes += entry.bytes as u64;
        self.entries.insert(offset, entry);
    }

    /// The records, in order.
    #[must_use]
    pub const fn entries(&self) -> &BTreeMap<Offset, Entry<K>> {
        &self.entries
    }

    /// From this offset on nothing was trimmed.
    #[must_use]
    pub const fn complete_from(&self) -> Offset {
        self.complete_from
    }

    /// What the backing knows of it.
    #[must_use]
    pub const fn note(&self) -> &N {
        &self.note
    }

    /// What the backing knows of it.
    pub const fn note_mut(&mut self) -> &mut N {
        &mut self.note
    }

    /// The records from an offset on that a portion takes.
    pub fn read(
        &self,
        from: Offset,
        portion: Portion,
    ) -> impl Iterator<Item = (Offset, &Entry<K>)> {
        let mut records = 0;
        let mut bytes = 0;
        self.entries
            .range(from..)
            .map(|(offset, entry)| (*offset, entry))
            .take_while(move |(_, entry)| {
                let takes = portion.takes(records, bytes, entry.bytes);
                records += 1;
                bytes += entry.bytes;
                takes
            })
    }

    /// Gives back what was leased and could not be handed out after all.
    pub fn release(&mut self, offsets: &[Offset]) {
        for offset in offsets {
            if self.entries.contains_key(offset) {
                self.ready.insert(*offset);
            }
        }
    }

    pub(super) fn info(&self, name: &StreamName, next: Offset) -> StreamInfo {
        StreamInfo {
            name: name.clone(),
            records: self.entries.len(),
            bytes: self.bytes,
            complete_from: self.complete_from,
            next,
        }
    }

    pub(super) fn lease(&mut self, portion: Portion, now_ms: u64) -> Vec<Offset> {
        while let Some(&(due_ms, offset)) = self.delayed.first()
            && due_ms <= now_ms
        {
            self.delayed.pop_first();
            self.ready.insert(offset);
        }
        let mut leased = Vec::new();
        let mut bytes = 0;
        while let Some(offset) = self.ready.first() {
            let more = self.entries.get(offset).map_or(0, |entry| entry.bytes);
            if !portion.takes(leased.len(), bytes, more) {
                break;
            }
            bytes += more;
            leased.extend(self.ready.pop_first());
        }
        leased
    }

    pub(super) fn append<B>(&mut self, offset: Offset, entry: Entry<Bytes>, backing: &mut B)
    where
        B: Backing<Kept = K, Note = N>,
    {
        let Entry {
            appended_ms,
            bytes,
            deliveries,
            due_ms,
            ..
        } = entry;
        let kept = backing.append(&mut self.note, offset, entry);
        let entry = Entry {
            appended_ms,
            bytes,
            deliveries,
            due_ms,
            kept,
        };
        self.insert(offset, entry);
    }

    pub(super) fn again<B>(&mut self, offset: Offset, due_ms: u64, deliveries: u32, backing: &mut B)
    where
        B: Backing<Kept = K, Note = N>,
    {
        let Some(entry) = self.entries.get_mut(&offset) else {
            return;
        };
        self.ready.remove(&offset);
        self.delayed.remove(&(entry.due_ms, offset));
        self.delayed.insert((due_ms, offset));
        entry.due_ms = due_ms;
        entry.deliveries = deliveries;
        backing.change(&mut self.note, offset, entry);
    }

    pub(super) fn remove<B>(&mut self, offset: Offset, backing: &mut B)
    where
        B: Backing<Kept = K, Note = N>,
    {
        let Some(entry) = self.entries.remove(&offset) else {
            return;
        };
        self.ready.remove(&offset);
        self.delayed.remove(&(entry.due_ms, offset));
        self.bytes -= entry.bytes as u64;
        backing.remove(&mut self.note, offset, entry);
    }

    pub(super) fn trim<B>(&mut self, keep: Keep, backing: &mut B)
    where
        B: Backing<Kept = K, Note = N>,
    {
        while let Some((&offset, oldest)) = self.entries.first_key_value()
            && self.is_over(oldest, keep)
        {
            self.remove(offset, backing);
            self.complete_from = offset.next();
        }
    }

    fn is_over(&self, oldest: &Entry<K>, keep: Keep) -> bool {
        keep.records.is_some_and(|max| self.entries.len() > max)
            || keep.bytes.is_some_and(|max| self.bytes > max)
            || keep
                .since_ms
                .is_some_and(|since| oldest.appended_ms < since)
    }

    pub(super) fn end<B>(mut self, backing: &mut B)
    where
        B: Backing<Kept = K, Note = N>,
    {
        while let Some((&offset, _)) = self.entries.first_key_value() {
            self.remove(offset, backing);
        }
        backing.end(self.note);
    }
}
