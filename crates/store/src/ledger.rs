//! What a store on one machine knows of its records without their payloads: which there are, which are due, which are
//! leased. It decides what a batch does; a [`Backing`] keeps the payloads.

mod stream;

use std::collections::HashMap;

use bytes::Bytes;

pub use self::stream::{Entry, Stream};
use crate::{
    batch::{Append, Batch, Keep, Operation, Outcome},
    name::StreamName,
    record::{Offset, Portion, StreamInfo},
};

/// Keeps payloads, and hears of every change. What it has per record, `Kept`, and per stream, `Note`, is kept for it.
pub trait Backing {
    /// What it knows of a record: the payload, or where that is.
    type Kept;
    /// What it knows of a stream.
    type Note;

    /// A stream begins.
    fn begin(&mut self, stream: &StreamName) -> Self::Note;

    /// A record is appended. Its entry holds the payload until this returns what is kept instead.
    fn append(&mut self, note: &mut Self::Note, offset: Offset, entry: Entry<Bytes>) -> Self::Kept;

    /// A record comes again: `due_ms` and `deliveries` of its entry have changed.
    fn change(&mut self, note: &mut Self::Note, offset: Offset, entry: &mut Entry<Self::Kept>);

    /// A record is gone.
    fn remove(&mut self, note: &mut Self::Note, offset: Offset, entry: Entry<Self::Kept>);

    /// A stream is gone, after all its records.
    fn end(&mut self, note: Self::Note);
}

/// All streams of a store. `K` is what a backing keeps per record, `N` per stream.
#[derive(Debug)]
pub struct Ledger<K, N> {
    streams: HashMap<StreamName, Stream<K, N>>,
    next: Offset,
}

impl<K, N> Ledger<K, N> {
    /// Without any stream; the first record gets this offset.
    #[must_use]
    pub fn new(next: Offset) -> Self {
        Self {
            streams: HashMap::new(),
            next,
        }
    }

    /// Takes a stream that was kept.
    pub fn insert(&mut self, name: StreamName, stream: Stream<K, N>) {
        self.streams.insert(name, stream);
    }

    /// The offset of the next record, of whichever stream.
    #[must_use]
    pub const fn next(&self) -> Offset {
        self.next
    }

    /// Leaves out the offsets before this one, if there are any left.
    pub fn skip_to(&mut self, next: Offset) {
        self.next = self.next.max(next);
    }

    /// A stream, if there is one of this name.
    #[must_use]
    pub fn stream(&self, name: &StreamName) -> Option<&Stream<K, N>> {
        self.streams.get(name)
    }

    /// A stream, if there is one of this name.
    pub fn stream_mut(&mut self, name: &StreamName) -> Option<&mut Stream<K, N>> {
        self.streams.get_mut(name)
    }

    /// What there is of all streams, in the order of their names.
    #[must_use]
    pub fn infos(&self) -> Vec<StreamInfo> {
        let next = self.next;
        let info = |(name, stream): (&StreamName, &Stream<K, N>)| stream.info(name, next);
        let mut infos: Vec<_> = self.streams.iter().map(info).collect();
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        infos
    }

    /// Applies a batch that was [checked](Batch::check), and tells the backing what that changes. Gives the offsets of
    /// what it appended.
    pub fn apply<B>(&mut self, batch: Batch, backing: &mut B) -> Vec<Offset>
    where
        B: Backing<Kept = K, Note = N>,
    {
        let now_ms = batch.now_ms();
        let mut offsets = Vec::new();
        for operation in batch.into_operations() {
            match operation {
                Operation::Append(append) => offsets.push(self.append(append, now_ms, backing)),
                Operation::Remove { stream } => self.remove(&stream, backing),
                Operation::Settle {
                    stream,
                    offset,
                    outcome,
                } => self.settle(&stream, offset, outcome, backing),
                Operation::Trim { stream, keep } => self.trim(&stream, keep, backing),
            }
        }
        offsets
    }

    /// Leases the next records of a stream; gives their offsets.
    pub fn lease(&mut self, name: &StreamName, portion: Portion, now_ms: u64) -> Vec<Offset> {
        self.stream_mut(name)
            .map(|stream| stream.lease(portion, now_ms))
            .unwrap_or_default()
    }

    fn append<B>(&mut self, append: Append, now_ms: u64, backing: &mut B) -> Offset
    where
        B: Backing<Kept = K, Note = N>,
    {
        let offset = self.next;
        self.next = offset.next();
        let stream = self
            .streams
            .entry(append.stream)
            .or_insert_with_key(|name| Stream::new(backing.begin(name), offset));
        let entry = Entry {
            appended_ms: now_ms,
            bytes: append.payload.len(),
            deliveries: append.deliveries,
            due_ms: append.due_ms,
            kept: append.payload,
        };
        stream.append(offset, entry, backing);
        offset
    }

    fn settle<B>(&mut self, name: &StreamName, offset: Offset, outcome: Outcome, backing: &mut B)
    where
        B: Backing<Kept = K, Note = N>,
    {
        let Some(stream) = self.streams.get_mut(name) else {
            return;
        };
        match outcome {
            Outcome::Again { due_ms, deliveries } => {
                stream.again(offset, due_ms, deliveries, backing);
            }
            Outcome::Dead | Outcome::Done => stream.remove(offset, backing),
        }
    }

    fn trim<B>(&mut self, name: &StreamName, keep: Keep, backing: &mut B)
    where
        B: Backing<Kept = K, Note = N>,
    {
        if let Some(stream) = self.streams.get_mut(name) {
            stream.trim(keep, backing);
        }
    }

    fn remove<B>(&mut self, name: &StreamName, backing: &mut B)
    where
        B: Backing<Kept = K, Note = N>,
    {
        if let Some(stream) = self.streams.remove(name) {
            stream.end(backing);
        }
    }
}
