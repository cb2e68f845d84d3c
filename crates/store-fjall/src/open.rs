//! A store opened: locked, checked, and its index read.

mod create;

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use gumboot_store::{
    Epoch, Offset, StoreError,
    ledger::{Ledger, Stream},
};

use self::create::{create, create_directory};
use crate::{
    changes::{Amount, Changes, Index, Note},
    disk::Shared,
    fault::{file_error, fjall_error},
    journal,
    layout::{
        Kept, Place, STORE_KEY, Space, StoreRecord, StreamRecord, decode_entry, record_id,
        record_key, stream_id,
    },
    limits::UNSYNCED_APPENDS_MAX,
    log::{
        LOG, Log, ReadLog,
        entry::{self, Group},
    },
    manifest,
    options::Options,
    random::random,
    seal::{Closed, SEAL, Seal, Told, corrupt},
    spaces::Spaces,
};

const LOCK: &str = "store.lock";
const DATA: &str = "data";

/// A store that is open.
pub(crate) struct Opened {
    pub(crate) lock: File,
    pub(crate) epoch: Epoch,
    pub(crate) seal: Seal,
    pub(crate) shared: Shared,
}

pub(crate) fn open(directory: &Path, options: &Options) -> Result<Opened, StoreError> {
    create_directory(directory)?;
    let lock = lock(directory)?;
    if !is_there(&directory.join(SEAL))? {
        create(directory, options)?;
    }
    let (mut seal, told) = Seal::open(directory)?;
    let data = directory.join(DATA);
    manifest::check(&data)?;
    let log = ReadLog::read(&directory.join(LOG), told.commit_min())?;
    let commit_min = log.commit_min(told.commit_min());
    journal::check(&data, commit_min)?;
    let spaces = Spaces::open(&data, options)?;
    let record = store_record(&spaces, commit_min)?;
    log.check(&directory.join(LOG), record.commit, told.closed)?;
    let (mut index, left) = read_index(&spaces, &record)?;
    let mut changes = Changes::new(record, left);
    replay(&log, directory, &mut index, &mut changes)?;
    let first = changes.record.commit + 1;
    let mut log = Log::open(directory.join(LOG), &log, first, told.closed)?;
    if !told.closed {
        leave_out_offsets(&mut log, &mut index, &mut changes)?;
    }
    let commit = changes.record.commit;
    let epoch = epoch(&mut seal, &told)?;
    // Both slots, so that neither says any more that the store is closed.
    seal.write(commit, Closed::No)?;
    seal.write(commit, Closed::No)?;
    seal.sync()?;
    Ok(Opened {
        lock,
        epoch,
        seal,
        shared: Shared::new(spaces, index, changes, log),
    })
}

/// Does again what the log has and fjall has not.
fn replay(
    log: &ReadLog,
    directory: &Path,
    index: &mut Index,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    for entry in log.entries_after(changes.record.commit) {
        let group = entry.decode().ok_or_else(|| {
            let problem = format!("group {} is no group", changes.record.commit + 1);
            corrupt(&directory.join(LOG), &problem)
        })?;
        index.skip_to(group.next);
        for batch in group.batches {
            index.apply(batch, changes);
        }
        changes.record.next = index.next();
        changes.record.commit = group.commit;
    }
    Ok(())
}

/// Of what was appended last, some may have been seen and lost, so its offsets are left out. That is written down as a
/// group without batches, or the next start would count from where this one did, and give the same offsets again.
fn leave_out_offsets(
    log: &mut Log,
    index: &mut Index,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    index.skip_to(Offset(index.next().0 + UNSYNCED_APPENDS_MAX));
    let group = Group {
        commit: changes.record.commit + 1,
        synced: changes.record.commit,
        next: index.next(),
        batches: Vec::new(),
    };
    let mut entry = Vec::new();
    entry::encode(&mut entry, log.seed(), &group);
    log.write(&entry)?;
    let synced = log.file().sync_data();
    synced.map_err(|error| log.error("syncing", error))?;
    changes.record.next = group.next;
    changes.record.commit = group.commit;
    Ok(())
}

/// The lock is the system's: it goes with the process, however that ends.
fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(file_error("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            path: directory.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(file_error("locking", &path)(error)),
    }
}

/// What fjall says of the store. What is not there has to be in the log.
fn store_record(spaces: &Spaces, commit_min: u64) -> Result<StoreRecord, StoreError> {
    let place = Place(Space::Store, STORE_KEY);
    let record = spaces.store_record()?;
    let record = record.ok_or_else(|| place.corrupt("it is missing"))?;
    if record.commit < commit_min {
        let problem = format!(
            "it is of group {}, but group {commit_min} was confirmed",
            record.commit
        );
        return Err(place.corrupt(problem));
    }
    Ok(record)
}

/// Reads what there is of every stream, without payloads, and holds it against the counts and sums.
fn read_index(spaces: &Spaces, record: &StoreRecord) -> Result<(Index, Amount), StoreError> {
    let mut index = Ledger::new(record.next);
    let mut left = Amount::default();
    let (mut streams, mut sum) = (0, 0_u64);
    for guard in spaces.streams.iter() {
        let (key, value) = guard
            .into_inner()
            .map_err(|error| fjall_error("keyspace streams", error))?;
        let place = Place(Space::Streams, &key);
        let id = stream_id(&key).ok_or_else(|| place.corrupt("no number of a stream"))?;
        let (told, seal) = StreamRecord::decode(id, &value)?;
        streams += 1;
        sum = sum.wrapping_add(seal);
        let stream = read_stream(spaces, id, &told, seal, &mut left)?;
        index.insert(told.name, stream);
    }
    if (streams, sum) == (record.streams, record.sum) {
        Ok((index, left))
    } else {
        let problem = format!(
            "streams are missing, or are not those that were written: {streams} of {}",
            record.streams
        );
        Err(StoreError::Corrupt {
            place: "keyspace streams".to_owned(),
            problem,
        })
    }
}

fn read_stream(
    spaces: &Spaces,
    id: u64,
    told: &StreamRecord,
    seal: u64,
    left: &mut Amount,
) -> Result<Stream<Kept, Note>, StoreError> {
    let note = Note {
        id,
        name: told.name.clone(),
        sum: told.sum,
        seal: Some(seal),
        is_changed: false,
    };
    let mut stream = Stream::new(note, told.complete_from);
    let mut sum = 0_u64;
    let first = record_key(id, told.first);
    let end = record_key(id, Offset(u64::MAX));
    for guard in spaces.index.range(first..end) {
        let (key, value) = guard
            .into_inner()
            .map_err(|error| fjall_error(Place(Space::Index, &first), error))?;
        let place = Place(Space::Index, &key);
        let (_, offset) = record_id(&key).ok_or_else(|| place.corrupt("no number of a record"))?;
        let entry = decode_entry(&key, &value)?;
        sum = sum.wrapping_add(entry.kept.seal);
        left.records += 1;
        left.bytes += entry.bytes as u64;
        stream.insert(offset, entry);
    }
    let records = stream.entries().len() as u64;
    if (records, sum) == (told.records, told.sum) {
        return Ok(stream);
    }
    Err(StoreError::Corrupt {
        place: format!("keyspace index, stream {} (number {id})", told.name),
        problem: format!(
            "records are missing, or are not those that were written: {records} of {}",
            told.records
        ),
    })
}

/// A copy is another life: what happened to the original after it was made, it does not know.
fn epoch(seal: &mut Seal, told: &Told) -> Result<Epoch, StoreError> {
    if told.original {
        return Ok(told.epoch);
    }
    let epoch = random_epoch()?;
    seal.write_head(epoch)?;
    Ok(epoch)
}

fn random_epoch() -> Result<Epoch, StoreError> {
    random().map(Epoch)
}

fn is_there(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(file_error("looking for", path))
}

#[cfg(test)]
mod tests {
    use gumboot_store::{Batch, Keep, Level, Store, StreamName, wait};

    use super::*;
    use crate::FjallStore;

    /// How many bytes of tables a start reads, after so many records were settled between two that were not.
    fn read_at_start(settled: usize) -> u64 {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::default();
        let store = FjallStore::open(directory.path(), options).unwrap();
        let (queue, topic) = (
            StreamName::parse("q").unwrap(),
            StreamName::parse("t").unwrap(),
        );
        let mut batch = Batch::new(0);
        (0..settled + 2).for_each(|_| batch.append(&queue, "payload".into()));
        (0..settled).for_each(|_| batch.append(&topic, "payload".into()));
        let offsets = wait(store.commit(batch, Level::Stored)).unwrap().offsets;
        let mut batch = Batch::new(0);
        for offset in &offsets[1..=settled] {
            batch.settle(&queue, *offset, gumboot_store::Outcome::Done);
        }
        batch.trim(
            &topic,
            Keep {
                records: Some(1),
                ..Keep::default()
            },
        );
        wait(store.commit(batch, Level::Stored)).unwrap();
        store.compact().unwrap();
        drop(store);
        let opened = open(directory.path(), &options).unwrap();
        let state = opened.shared.state();
        let records = |name| {
            let stream = state.index.stream(name);
            stream.map(|stream| stream.entries().len())
        };
        assert_eq!((records(&queue), records(&topic)), (Some(2), Some(1)));
        let blocks = opened
            .shared
            .spaces
            .all()
            .map(|keyspace| keyspace.metrics().block_io());
        blocks.iter().sum()
    }

    #[test]
    fn a_start_does_not_read_what_was_settled() {
        let few = read_at_start(10);
        let many = read_at_start(8_000);
        assert!(
            many < few + 4_096,
            "{many} bytes are read after 8,000, {few} after 10"
        );
    }
}
