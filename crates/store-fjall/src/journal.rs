//! fjall's journals, read before fjall does: it cuts a journal at the first entry that it cannot read, and what comes
//! after is gone. Here that is held first against what the [log](crate::log) does not have any more.
//!
//! A journal is a row of batches: a start (tag 1, count of items `u32`, sequence number `u64`), items (tag 2, kind `u8`,
//! compression `u8`, keyspace `u64`, length of the key `u16`, of the value `u32`, as it is written `u32`, key, value) or
//! clearings (tag 4, keyspace `u64`), and an end (tag 3, XXH3 of the items and clearings `u64`, `FJL` 3). Zeros are room
//! that is not used yet.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

use gumboot_store::StoreError;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    fault::file_error,
    layout::{STORE_KEY, StoreRecord},
    log::{self, damaged},
    seal::corrupt,
};

const FIRST: &str = "0.jnl";
const TRAILER: &[u8] = b"FJL\x03";

/// Holds all journals of a database against the group that must be there. Cuts off what was written behind it and is
/// not whole, as a crash leaves it. If no checkpoint is left in the journals, the tables will tell.
///
/// A checkpoint of groups that the log still has may be on no disk: if the process before could not sync it, the system
/// says nothing of that any more. Its journal is written anew, or the log would be deleted at the next one.
pub(crate) fn check(data: &Path, commit_min: u64) -> Result<(), StoreError> {
    let mut last: Option<StoreRecord> = None;
    let mut torn: Option<(PathBuf, usize)> = None;
    let mut unsure: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for path in paths(data)? {
        let mut bytes = fs::read(&path).map_err(file_error("reading", &path))?;
        let whole = Whole::read(&bytes);
        for record in &whole.records {
            if let Some(last) = last
                && record.checkpoint != last.checkpoint + 1
            {
                let (place, _) = torn.unwrap_or((path, 0));
                return Err(damaged(&place, whole.end, last.commit + 1, record.commit));
            }
            last = Some(*record);
        }
        if !is_zero(&bytes[whole.end..]) {
            torn.get_or_insert((path.clone(), whole.end));
        }
        if whole
            .records
            .iter()
            .any(|record| record.commit > commit_min)
        {
            bytes.truncate(whole.end);
            unsure.push((path, bytes));
        }
    }
    check_end(data, last, torn, commit_min)?;
    for (path, bytes) in unsure {
        log::write_whole(data, &path, &bytes)?;
    }
    Ok(())
}

/// Whether journals may end like this; cuts off what is torn.
fn check_end(
    data: &Path,
    last: Option<StoreRecord>,
    torn: Option<(PathBuf, usize)>,
    commit_min: u64,
) -> Result<(), StoreError> {
    let last = last.map(|record| record.commit);
    let Some((path, end)) = torn else {
        return short(data, last, commit_min);
    };
    // The first journal begins with the first group; what others have lost at their beginning, only the tables know.
    let is_first = path.file_name().is_some_and(|name| name == FIRST);
    if let Some(last) = last.or(is_first.then_some(0))
        && last < commit_min
    {
        return Err(damaged(&path, end, last + 1, commit_min));
    }
    cut(&path, end)
}

/// All journals are whole: is one missing, or has one lost its end?
fn short(data: &Path, last: Option<u64>, commit_min: u64) -> Result<(), StoreError> {
    let Some(last) = last.filter(|last| *last < commit_min) else {
        return Ok(());
    };
    let place = paths(data)?.pop().unwrap_or_else(|| data.to_owned());
    Err(log::short(&place, last, commit_min))
}

fn cut(path: &Path, end: usize) -> Result<(), StoreError> {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| {
        file.set_len(end as u64)?;
        file.sync_all()
    })
    .map_err(file_error("cutting", path))
}

fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: &[u8] = &[0; 64 * 1024];
    bytes
        .chunks(ZEROS.len())
        .all(|chunk| chunk == &ZEROS[..chunk.len()])
}

/// The journals in the order of their numbers.
fn paths(data: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(data).map_err(file_error("reading", data))? {
        let path = entry.map_err(file_error("reading", data))?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            let number = number.ok_or_else(|| corrupt(&path, "no name of a journal"))?;
            journals.push((number, path));
        }
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// What of a journal is whole.
struct Whole {
    /// What the checkpoints in it say of the store.
    records: Vec<StoreRecord>,
    /// Where the last whole batch ends.
    end: usize,
}

impl Whole {
    fn read(bytes: &[u8]) -> Self {
        let mut whole = Self {
            records: Vec::new(),
            end: 0,
        };
        let mut rest = bytes;
        while let Some(records) = batch(&mut rest) {
            whole.records.extend(records);
            whole.end = bytes.len() - rest.len();
        }
        whole
    }
}

/// Takes a whole batch; gives the records of the store in it: one of a checkpoint, none of another.
fn batch(rest: &mut &[u8]) -> Option<Vec<StoreRecord>> {
    let (1, count, _) = (
        byte(rest)?,
        u32::from_le_bytes(take(rest)?),
        take::<8>(rest)?,
    ) else {
        return None;
    };
    let items = *rest;
    let mut records = Vec::new();
    for _ in 0..count {
        records.extend(item(rest)?);
    }
    let items = &items[..items.len() - rest.len()];
    let (3, checksum) = (byte(rest)?, u64::from_le_bytes(take(rest)?)) else {
        return None;
    };
    let is_whole = take::<4>(rest)? == TRAILER && checksum == xxh3_64(items);
    is_whole.then_some(records)
}

/// Takes an item; gives it if it is the record of the store.
fn item(rest: &mut &[u8]) -> Option<Option<StoreRecord>> {
    match byte(rest)? {
        2 => {
            let _kind = byte(rest)?;
            let _compression = byte(rest)?;
            let _keyspace = take::<8>(rest)?;
            let key_bytes = u16::from_le_bytes(take(rest)?);
            let _value_bytes = take::<4>(rest)?;
            let written_bytes = u32::from_le_bytes(take(rest)?);
            let key = rest.split_off(..usize::from(key_bytes))?;
            let value = rest.split_off(..usize::try_from(written_bytes).ok()?)?;
            if key == STORE_KEY {
                return Some(Some(StoreRecord::decode(value).ok()?));
            }
        }
        4 => drop(take::<8>(rest)?),
        _ => return None,
    }
    Some(None)
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    rest.split_off_first().copied()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}
