//! An entry of the log: a group of batches, as they were asked for. What they did before they do again.
//!
//! A head, the content, XXH3 of both `u64`. The head: the length of the content `u32`, the group `u64`, the last group that
//! was synced when it was written `u64`, XXH3 of these `u64`. The seed of both XXH3 is in the [head of the file](super).
//! The content: the offset of the first append `u64`, and batches: the moment `u64`, how many operations `u32`, operations. An operation: its kind `u8`,
//! the length of the name of the stream `u16`, the name, and what the kind wants. A name of length 0 is that of the
//! operation before.

use bytes::{Buf, Bytes};
use gumboot_store::{Append, Batch, Keep, Offset, Operation, Outcome, StreamName};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const APPEND: u8 = 1;
const AGAIN: u8 = 2;
const DEAD: u8 = 3;
const DONE: u8 = 4;
const TRIM: u8 = 5;
const REMOVE: u8 = 6;

const LENGTH_BYTES: usize = 4;
const HEAD_BYTES: usize = 28;
const CHECKSUM_BYTES: usize = 8;

/// An entry whose checksums are right.
#[derive(Debug)]
pub(crate) struct Entry {
    head: Head,
    content: Bytes,
}

/// What an entry begins with.
#[derive(Debug, Clone, Copy)]
struct Head {
    content_bytes: u32,
    commit: u64,
    synced: u64,
}

/// What an entry says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) commit: u64,
    /// The last group that was synced when this one was written.
    pub(crate) synced: u64,
    /// The offset of what is appended first.
    pub(crate) next: Offset,
    pub(crate) batches: Vec<Batch>,
}

impl Entry {
    /// Reads a whole entry; gives how long it is with head and checksum.
    pub(crate) fn read(bytes: &Bytes, seed: u64) -> Option<(Self, usize)> {
        let head = Head::read(bytes, seed)?;
        let end = HEAD_BYTES.checked_add(usize::try_from(head.content_bytes).ok()?)?;
        let checksum = bytes.get(end..)?.first_chunk()?;
        let is_whole = xxh3_64_with_seed(&bytes[..end], seed) == u64::from_le_bytes(*checksum);
        let content = is_whole.then(|| bytes.slice(HEAD_BYTES..end))?;
        Some((Self { head, content }, end + CHECKSUM_BYTES))
    }

    pub(crate) const fn commit(&self) -> u64 {
        self.head.commit
    }

    /// None if it was not written as it should be.
    pub(crate) fn decode(&self) -> Option<Group> {
        let mut rest = self.content.clone();
        let next = Offset(rest.try_get_u64_le().ok()?);
        let mut batches = Vec::new();
        let mut stream = None;
        while rest.has_remaining() {
            let mut batch = Batch::new(rest.try_get_u64_le().ok()?);
            for _ in 0..rest.try_get_u32_le().ok()? {
                batch.push(operation(&mut rest, &mut stream)?);
            }
            batches.push(batch);
        }
        Some(Group {
            commit: self.head.commit,
            synced: self.head.synced,
            next,
            batches,
        })
    }
}

impl Head {
    fn read(bytes: &[u8], seed: u64) -> Option<Self> {
        let (content, checksum) = bytes.first_chunk::<HEAD_BYTES>()?.split_last_chunk()?;
        if xxh3_64_with_seed(content, seed) != u64::from_le_bytes(*checksum) {
            return None;
        }
        let (length, numbers) = content.split_first_chunk()?;
        let numbers = numbers.as_chunks().0;
        Some(Self {
            content_bytes: u32::from_le_bytes(*length),
            commit: u64::from_le_bytes(*numbers.first()?),
            synced: u64::from_le_bytes(*numbers.get(1)?),
        })
    }
}

/// Looks anywhere in these bytes for an entry that was written when a group had been synced; gives its own group.
pub(crate) fn find_synced(bytes: &[u8], seed: u64, group: u64) -> Option<u64> {
    let heads = (0..bytes.len()).filter_map(|at| Head::read(&bytes[at..], seed));
    let mut later = heads.filter(|head| head.synced >= group);
    later.next().map(|head| head.commit)
}

/// Writes an entry into the buffer, which it empties first.
pub(crate) fn encode(to: &mut Vec<u8>, seed: u64, group: &Group) {
    to.clear();
    to.extend_from_slice(&[0; HEAD_BYTES]);
    put(to, group.next.0);
    let mut last = None;
    for batch in &group.batches {
        put(to, batch.now_ms());
        to.extend_from_slice(&length(batch.operations().len()));
        for operation in batch.operations() {
            encode_operation(to, operation, &mut last);
        }
    }
    let head = encode_head(seed, group, to.len() - HEAD_BYTES);
    to[..HEAD_BYTES].copy_from_slice(&head);
    let checksum = xxh3_64_with_seed(to, seed);
    put(to, checksum);
}

fn encode_head(seed: u64, group: &Group, content_bytes: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(&length(content_bytes));
    put(&mut head, group.commit);
    put(&mut head, group.synced);
    let checksum = xxh3_64_with_seed(&head, seed);
    put(&mut head, checksum);
    head
}

fn encode_operation<'a>(
    to: &mut Vec<u8>,
    operation: &'a Operation,
    last: &mut Option<&'a StreamName>,
) {
    match operation {
        Operation::Append(append) => {
            begin(to, APPEND, &append.stream, last);
            to.extend_from_slice(&append.deliveries.to_le_bytes());
            put(to, append.due_ms);
            to.extend_from_slice(&length(append.payload.len()));
            to.extend_from_slice(&append.payload);
        }
        Operation::Settle {
            stream,
            offset,
            outcome,
        } => {
            let kind = match outcome {
                Outcome::Again { .. } => AGAIN,
                Outcome::Dead => DEAD,
                Outcome::Done => DONE,
            };
            begin(to, kind, stream, last);
            put(to, offset.0);
            if let Outcome::Again { due_ms, deliveries } = outcome {
                put(to, *due_ms);
                to.extend_from_slice(&deliveries.to_le_bytes());
            }
        }
        Operation::Trim { stream, keep } => {
            begin(to, TRIM, stream, last);
            put_bound(to, keep.records.map(|records| records as u64));
            put_bound(to, keep.bytes);
            put_bound(to, keep.since_ms);
        }
        Operation::Remove { stream } => begin(to, REMOVE, stream, last),
    }
}

fn begin<'a>(
    to: &mut Vec<u8>,
    kind: u8,
    stream: &'a StreamName,
    last: &mut Option<&'a StreamName>,
) {
    to.push(kind);
    if *last == Some(stream) {
        to.extend_from_slice(&[0; 2]);
        return;
    }
    let name = stream.as_str().as_bytes();
    let length = u16::try_from(name.len()).expect("a name is shorter than that");
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(name);
    *last = Some(stream);
}

fn put(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(&number.to_le_bytes());
}

/// Whether there is a bound, and if so which.
fn put_bound(to: &mut Vec<u8>, bound: Option<u64>) {
    to.push(u8::from(bound.is_some()));
    bound.into_iter().for_each(|bound| put(to, bound));
}

fn length(length: usize) -> [u8; LENGTH_BYTES] {
    let length = u32::try_from(length).expect("a group is shorter than that");
    length.to_le_bytes()
}

fn operation(rest: &mut Bytes, last: &mut Option<StreamName>) -> Option<Operation> {
    let kind = rest.try_get_u8().ok()?;
    let name_bytes = rest.try_get_u16_le().ok()?;
    if name_bytes > 0 {
        let name = take(rest, usize::from(name_bytes))?;
        *last = Some(StreamName::parse(str::from_utf8(&name).ok()?).ok()?);
    }
    let stream = last.clone()?;
    Some(match kind {
        APPEND => Operation::Append(append(rest, stream)?),
        AGAIN | DEAD | DONE => Operation::Settle {
            stream,
            offset: Offset(rest.try_get_u64_le().ok()?),
            outcome: match kind {
                AGAIN => Outcome::Again {
                    due_ms: rest.try_get_u64_le().ok()?,
                    deliveries: rest.try_get_u32_le().ok()?,
                },
                DEAD => Outcome::Dead,
                _ => Outcome::Done,
            },
        },
        TRIM => Operation::Trim {
            stream,
            keep: Keep {
                records: bound(rest)?.map(usize::try_from).transpose().ok()?,
                bytes: bound(rest)?,
                since_ms: bound(rest)?,
            },
        },
        REMOVE => Operation::Remove { stream },
        _ => return None,
    })
}

fn append(rest: &mut Bytes, stream: StreamName) -> Option<Append> {
    let deliveries = rest.try_get_u32_le().ok()?;
    let due_ms = rest.try_get_u64_le().ok()?;
    let length = rest.try_get_u32_le().ok()?;
    Some(Append {
        stream,
        payload: take(rest, usize::try_from(length).ok()?)?,
        deliveries,
        due_ms,
    })
}

fn bound(rest: &mut Bytes) -> Option<Option<u64>> {
    match rest.try_get_u8().ok()? {
        0 => Some(None),
        _ => Some(Some(rest.try_get_u64_le().ok()?)),
    }
}

fn take(rest: &mut Bytes, length: usize) -> Option<Bytes> {
    (rest.len() >= length).then(|| rest.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 77;

    fn group() -> Group {
        let name = |name| StreamName::parse(name).unwrap();
        let (queue, topic) = (name("/queue/orders"), name("/topic/news"));
        let mut batch = Batch::new(5);
        batch.append(&queue, Bytes::from_static(b"an order"));
        batch.append_later(&queue, Bytes::new(), 77);
        batch.settle(&queue, Offset(3), Outcome::Done);
        let again = Outcome::Again {
            due_ms: 9,
            deliveries: 2,
        };
        batch.settle(&topic, Offset(4), again);
        let letter = Append {
            stream: queue.clone(),
            payload: Bytes::from_static(b"dead"),
            deliveries: 8,
            due_ms: 0,
        };
        batch.bury(&topic, Offset(5), letter);
        let mut other = Batch::new(6);
        let bounds = [
            (Some(0), None, Some(3)),
            (None, Some(4), None),
            (None, None, Some(u64::MAX)),
        ];
        for (records, bytes, since_ms) in bounds {
            let keep = Keep {
                records,
                bytes,
                since_ms,
            };
            other.trim(&topic, keep);
        }
        other.remove(&queue);
        Group {
            commit: 12,
            synced: 10,
            next: Offset(34),
            batches: vec![batch, Batch::new(7), other],
        }
    }

    fn encoded(group: &Group) -> Bytes {
        let mut bytes = b"before".to_vec();
        encode(&mut bytes, SEED, group);
        bytes.into()
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let bytes = encoded(&group());
        let (entry, length) = Entry::read(&bytes, SEED).unwrap();
        assert_eq!(length, bytes.len());
        assert_eq!(entry.commit(), 12);
        assert_eq!(entry.decode(), Some(group()));
    }

    #[test]
    fn what_is_cut_off_or_changed_is_no_entry() {
        let bytes = encoded(&group());
        for end in 0..bytes.len() {
            assert!(Entry::read(&bytes.slice(..end), SEED).is_none(), "{end}");
        }
        for at in 0..bytes.len() * 8 {
            let mut changed = bytes.to_vec();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(Entry::read(&changed.into(), SEED).is_none(), "{at}");
        }
    }

    #[test]
    fn what_another_file_has_is_no_entry() {
        assert!(Entry::read(&encoded(&group()), SEED + 1).is_none());
    }

    #[test]
    fn an_entry_tells_what_was_synced_before_it() {
        let mut bytes = vec![7; 100];
        bytes.extend_from_slice(&encoded(&group()));
        assert_eq!(find_synced(&bytes, SEED, 10), Some(12));
        assert_eq!(find_synced(&bytes, SEED, 11), None);
        assert_eq!(find_synced(&bytes, SEED + 1, 10), None);
        bytes.truncate(100 + HEAD_BYTES - 1);
        assert_eq!(find_synced(&bytes, SEED, 10), None);
    }

    #[test]
    fn a_content_that_is_cut_off_is_not_decoded() {
        let bytes = encoded(&group());
        let (Entry { head, content }, _) = Entry::read(&bytes, SEED).unwrap();
        let moment = 8;
        for end in moment + 1..content.len() {
            let content = content.slice(..end);
            let decoded = Entry { head, content }.decode();
            let whole_batches = decoded.as_ref().is_some_and(|cut| {
                group().batches.starts_with(&cut.batches) && cut.batches.len() < 3
            });
            assert!(decoded.is_none() || whole_batches, "{end}: {decoded:?}");
        }
    }
}
