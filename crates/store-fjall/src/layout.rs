//! What is written under which key. Numbers in keys are big-endian, so that keys have the order of offsets; those in
//! values are little-endian. Every value ends with a checksum over its keyspace, key and content.

use std::fmt;

use gumboot_store::{Offset, StoreError, StreamName, ledger::Entry};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The number of this format.
pub(crate) const FORMAT: u32 = 3;

/// The key of the one record about the store as a whole. It is also looked for in journals.
pub(crate) const STORE_KEY: &[u8] = b"gumboot store";

/// The key of a record without content, higher than those of all records, so that a keyspace is never empty.
pub(crate) const MARK_KEY: [u8; 1] = [0xff];

/// A keyspace of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    /// The payloads of records.
    Bodies,
    /// Records without their payloads.
    Index,
    /// The store as a whole, one record.
    Store,
    /// Streams.
    Streams,
}

impl Space {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Index => "index",
            Self::Store => "store",
            Self::Streams => "streams",
        }
    }
}

/// A place in the store, as errors name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a>(pub(crate) Space, pub(crate) &'a [u8]);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keyspace {}", self.0.name())?;
        match (self.0, stream_id(self.1), record_id(self.1)) {
            (Space::Bodies | Space::Index, _, Some((id, offset))) => {
                write!(f, ", stream number {id}, offset {offset}")
            }
            (Space::Streams, Some(id), _) => write!(f, ", stream number {id}"),
            _ => write!(f, ", key {:?}", String::from_utf8_lossy(self.1)),
        }
    }
}

impl Place<'_> {
    pub(crate) fn corrupt(&self, problem: impl fmt::Display) -> StoreError {
        StoreError::Corrupt {
            place: self.to_string(),
            problem: problem.to_string(),
        }
    }
}

/// The key of a stream.
pub(crate) fn stream_key(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// The key of a record, in the index and of its payload.
pub(crate) fn record_key(id: u64, offset: Offset) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&id.to_be_bytes());
    key[8..].copy_from_slice(&offset.0.to_be_bytes());
    key
}

pub(crate) fn stream_id(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

pub(crate) fn record_id(key: &[u8]) -> Option<(u64, Offset)> {
    let (id, offset) = key.split_first_chunk::<8>()?;
    let offset = offset.try_into().ok()?;
    let offset = Offset(u64::from_be_bytes(offset));
    Some((u64::from_be_bytes(*id), offset))
}

/// The store as a whole. The sum of the seals of all streams, and their count, tell when one is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreRecord {
    /// How many times fjall was given what had changed.
    pub(crate) checkpoint: u64,
    /// How many groups were written.
    pub(crate) commit: u64,
    pub(crate) next: Offset,
    pub(crate) next_stream: u64,
    pub(crate) streams: u64,
    pub(crate) sum: u64,
}

impl StoreRecord {
    /// Of a store without any stream.
    pub(crate) const EMPTY: Self = Self {
        checkpoint: 0,
        commit: 0,
        next: Offset::FIRST,
        next_stream: 1,
        streams: 0,
        sum: 0,
    };

    pub(crate) fn encode(&self) -> Vec<u8> {
        let fields = [
            self.checkpoint,
            self.commit,
            self.next.0,
            self.next_stream,
            self.streams,
            self.sum,
        ];
        let mut value: Vec<u8> = fields.into_iter().flat_map(u64::to_le_bytes).collect();
        seal(Space::Store, STORE_KEY, &mut value);
        value
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, StoreError> {
        let mut fields = Fields::open(Space::Store, STORE_KEY, value)?;
        let record = Self {
            checkpoint: fields.number()?,
            commit: fields.number()?,
            next: Offset(fields.number()?),
            next_stream: fields.number()?,
            streams: fields.number()?,
            sum: fields.number()?,
        };
        fields.end()?;
        Ok(record)
    }
}

/// A stream. The sum of the seals of its records, and their count, tell when one is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamRecord {
    pub(crate) complete_from: Offset,
    /// The lowest offset, so that a start does not look at what was settled before it.
    pub(crate) first: Offset,
    pub(crate) records: u64,
    pub(crate) sum: u64,
    pub(crate) name: StreamName,
}

impl StreamRecord {
    /// The value, and its seal.
    pub(crate) fn encode(&self, id: u64) -> (Vec<u8>, u64) {
        let fields = [self.complete_from.0, self.first.0, self.records, self.sum];
        let mut value: Vec<u8> = fields.into_iter().flat_map(u64::to_le_bytes).collect();
        value.extend_from_slice(self.name.as_str().as_bytes());
        let seal = seal(Space::Streams, &stream_key(id), &mut value);
        (value, seal)
    }

    pub(crate) fn decode(id: u64, value: &[u8]) -> Result<(Self, u64), StoreError> {
        let key = stream_key(id);
        let mut fields = Fields::open(Space::Streams, &key, value)?;
        let complete_from = Offset(fields.number()?);
        let first = Offset(fields.number()?);
        let records = fields.number()?;
        let sum = fields.number()?;
        let name = str::from_utf8(fields.content)
            .ok()
            .and_then(|name| StreamName::parse(name).ok())
            .ok_or_else(|| fields.place.corrupt("no name of a stream"))?;
        let record = Self {
            complete_from,
            first,
            records,
            sum,
            name,
        };
        Ok((record, fields.seal))
    }
}

/// What the store knows of a record whose payload is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The checksum of the payload.
    pub(crate) body: u64,
    /// The seal of its value in the index.
    pub(crate) seal: u64,
}

/// The value of a record in the index.
pub(crate) fn encode_entry(entry: &Entry<Kept>) -> Vec<u8> {
    [
        entry_content(entry).as_slice(),
        &entry.kept.seal.to_le_bytes(),
    ]
    .concat()
}

/// The seal of that value.
pub(crate) fn entry_seal(id: u64, offset: Offset, entry: &Entry<Kept>) -> u64 {
    let content = entry_content(entry);
    checksum(Space::Index, &record_key(id, offset), &content)
}

fn entry_content(entry: &Entry<Kept>) -> [u8; 40] {
    let fields = [
        entry.appended_ms,
        entry.due_ms,
        u64::from(entry.deliveries),
        entry.bytes as u64,
        entry.kept.body,
    ];
    let mut content = [0; 40];
    for (place, field) in content.chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    content
}

pub(crate) fn decode_entry(key: &[u8], value: &[u8]) -> Result<Entry<Kept>, StoreError> {
    let mut fields = Fields::open(Space::Index, key, value)?;
    let appended_ms = fields.number()?;
    let due_ms = fields.number()?;
    let deliveries = fields.fitting()?;
    let bytes = fields.fitting()?;
    let body = fields.number()?;
    let seal = fields.seal;
    fields.end()?;
    Ok(Entry {
        appended_ms,
        bytes,
        deliveries,
        due_ms,
        kept: Kept { body, seal },
    })
}

/// The checksum of the payload of a record.
pub(crate) fn body_checksum(id: u64, offset: Offset, payload: &[u8]) -> u64 {
    checksum(Space::Bodies, &record_key(id, offset), payload)
}

/// Puts the checksum behind the content; gives it.
fn seal(space: Space, key: &[u8], value: &mut Vec<u8>) -> u64 {
    let seal = checksum(space, key, value);
    value.extend_from_slice(&seal.to_le_bytes());
    seal
}

fn checksum(space: Space, key: &[u8], content: &[u8]) -> u64 {
    let mut place = [0; PLACE_BYTES_MAX];
    let name = space.name().as_bytes();
    let place = place
        .get_mut(..name.len() + key.len())
        .map_or([].as_slice(), |place| {
            place[..name.len()].copy_from_slice(name);
            place[name.len()..].copy_from_slice(key);
            place
        });
    xxh3_64_with_seed(content, xxh3_64(place))
}

/// How long the name of a keyspace and a key in it are at most; longer keys are none of ours.
const PLACE_BYTES_MAX: usize = 32;

/// The content of a value whose checksum is right.
struct Fields<'a> {
    place: Place<'a>,
    content: &'a [u8],
    seal: u64,
}

impl<'a> Fields<'a> {
    fn open(space: Space, key: &'a [u8], value: &'a [u8]) -> Result<Self, StoreError> {
        let place = Place(space, key);
        let (content, seal) = value
            .split_last_chunk::<8>()
            .ok_or_else(|| place.corrupt("the value is cut off"))?;
        let seal = u64::from_le_bytes(*seal);
        if seal != checksum(space, key, content) {
            return Err(place.corrupt("the checksum is wrong"));
        }
        Ok(Self {
            place,
            content,
            seal,
        })
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        let (number, rest) = self
            .content
            .split_first_chunk::<8>()
            .ok_or_else(|| self.place.corrupt("the value is too short"))?;
        self.content = rest;
        Ok(u64::from_le_bytes(*number))
    }

    fn fitting<T: TryFrom<u64>>(&mut self) -> Result<T, StoreError> {
        let number = self.number()?;
        T::try_from(number).map_err(|_| self.place.corrupt("a number is too large"))
    }

    fn end(self) -> Result<(), StoreError> {
        if self.content.is_empty() {
            Ok(())
        } else {
            Err(self.place.corrupt("the value is too long"))
        }
    }
}
