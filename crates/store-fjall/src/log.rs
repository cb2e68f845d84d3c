//! The log: what is written first, and synced. Each group of batches is an [entry](entry) in it, and is confirmed when
//! that is on the disk; fjall gets what is left of many groups together, in a [checkpoint](crate::checkpoint), and files
//! of the log that it has whole are deleted.
//!
//! A file is named after the first group in it. It begins with a head: 16 bytes that say what it is, that group `u64`,
//! XXH3 of both `u64`.

pub(crate) mod entry;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use gumboot_store::StoreError;
use xxhash_rust::xxh3::xxh3_64;

use self::entry::Entry;
use crate::{
    fault::{file_error, sync_directory},
    seal::corrupt,
};

const MAGIC: &[u8; 16] = b"gumboot log 1\r\n\x1a";
const HEAD_BYTES: usize = 32;

/// The directory of the files.
pub(crate) const LOG: &str = "log";
/// A file that is being made.
const NEW: &str = "new";

/// The log, at the end of which entries are written.
#[derive(Debug)]
pub(crate) struct Log {
    directory: PathBuf,
    /// In order; the last one is written to.
    paths: Vec<PathBuf>,
    file: Arc<File>,
    bytes: u64,
}

impl Log {
    /// Goes on at the end of what was read, or begins with this group if there is nothing.
    pub(crate) fn open(directory: PathBuf, read: &ReadLog, first: u64) -> Result<Self, StoreError> {
        let mut paths = read.paths.clone();
        let file = match paths.last() {
            Some(last) => OpenOptions::new()
                .append(true)
                .open(last)
                .map_err(file_error("opening", last))?,
            None => {
                let (path, file) = begin(&directory, first)?;
                paths.push(path);
                file
            }
        };
        Ok(Self {
            directory,
            paths,
            file: Arc::new(file),
            bytes: read.bytes,
        })
    }

    /// How many bytes were written since the files began that fjall does not have.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn write(&mut self, entry: &[u8]) -> Result<(), StoreError> {
        self.bytes += entry.len() as u64;
        (&*self.file)
            .write_all(entry)
            .map_err(|error| self.error("writing", error))
    }

    /// What to sync, so that nobody has to hold the log meanwhile.
    pub(crate) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Writes to another file from now on, which may fail as a test wants it. Gives the one before.
    #[cfg(test)]
    pub(crate) fn replace_file(&mut self, file: Arc<File>) -> Arc<File> {
        std::mem::replace(&mut self.file, file)
    }

    pub(crate) fn error(&self, doing: &str, error: io::Error) -> StoreError {
        let path = self.paths.last().unwrap_or(&self.directory);
        file_error(doing, path)(error)
    }

    /// Begins a file with this group, and syncs the one before. Gives those that are done.
    pub(crate) fn rotate(&mut self, first: u64) -> Result<Vec<PathBuf>, StoreError> {
        self.file
            .sync_data()
            .map_err(|error| self.error("syncing", error))?;
        let (path, file) = begin(&self.directory, first)?;
        self.file = Arc::new(file);
        self.bytes = 0;
        Ok(std::mem::replace(&mut self.paths, vec![path]))
    }
}

/// Deletes files that are not needed any more. Each is gone for sure before the next goes, so that there is no gap.
pub(crate) fn delete(paths: &[PathBuf]) -> Result<(), StoreError> {
    for path in paths {
        fs::remove_file(path).map_err(file_error("removing", path))?;
        if let Some(directory) = path.parent() {
            sync_directory(directory)?;
        }
    }
    Ok(())
}

/// Makes a file whole before it gets its name.
fn begin(directory: &Path, first: u64) -> Result<(PathBuf, File), StoreError> {
    let new = directory.join(NEW);
    let path = directory.join(format!("{first:020}.log"));
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&first.to_le_bytes());
    head.extend_from_slice(&xxh3_64(&head).to_le_bytes());
    if !directory.is_dir() {
        fs::create_dir_all(directory).map_err(file_error("creating", directory))?;
        directory.parent().map_or(Ok(()), sync_directory)?;
    }
    let mut file = File::create(&new).map_err(file_error("creating", &new))?;
    file.write_all(&head)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, &path))
        .map_err(file_error("writing", &new))?;
    sync_directory(directory)?;
    Ok((path, file))
}

/// What the files of a log say.
#[derive(Debug, Default)]
pub(crate) struct ReadLog {
    paths: Vec<PathBuf>,
    entries: Vec<Entry>,
    /// The first group, even if it is not there yet.
    first: Option<u64>,
    bytes: u64,
}

impl ReadLog {
    /// Reads all files, and holds them against the group that must be there. Cuts off what was written behind it and is
    /// not whole, as a crash leaves it.
    pub(crate) fn read(directory: &Path, commit_min: u64) -> Result<Self, StoreError> {
        let mut log = Self {
            paths: paths(directory)?,
            ..Self::default()
        };
        let mut next = None;
        let mut torn: Option<(PathBuf, usize)> = None;
        for path in log.paths.clone() {
            let bytes = Bytes::from(fs::read(&path).map_err(file_error("reading", &path))?);
            let first = head(&bytes, &path)?;
            if next.is_some_and(|next| next != first) {
                let (place, end) = torn.unwrap_or((path, 0));
                return Err(damaged(&place, end, next.unwrap_or(0), first));
            }
            log.first.get_or_insert(first);
            let end = log.read_entries(&bytes, first);
            log.bytes += (end - HEAD_BYTES) as u64;
            next = Some(log.last().unwrap_or(0) + 1);
            torn = (end < bytes.len()).then_some((path, end));
        }
        let Some(last) = log.last() else {
            return Ok(log);
        };
        if let Some((path, end)) = torn {
            if last < commit_min {
                return Err(damaged(&path, end, last + 1, commit_min));
            }
            cut(&path, end)?;
        } else if last < commit_min {
            let place = log.paths.last().map_or(directory, PathBuf::as_path);
            return Err(short(place, last, commit_min));
        }
        Ok(log)
    }

    /// The last group of which all before it are in the log or in fjall.
    pub(crate) fn last(&self) -> Option<u64> {
        Some(self.first? + self.entries.len() as u64 - 1)
    }

    /// What fjall must have, given what was confirmed.
    pub(crate) fn commit_min(&self, confirmed: u64) -> u64 {
        self.first.map_or(confirmed, |first| first - 1)
    }

    /// The entries that a store does not have which has all up to a group.
    pub(crate) fn entries_after(&self, commit: u64) -> &[Entry] {
        let known = self
            .first
            .map_or(0, |first| (commit + 1).saturating_sub(first));
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        self.entries.get(known..).unwrap_or(&[])
    }

    /// Reads whole entries in a row; gives where they end.
    fn read_entries(&mut self, bytes: &Bytes, mut commit: u64) -> usize {
        let mut end = HEAD_BYTES;
        while let Some((entry, length)) = Entry::read(&bytes.slice(end..))
            && entry.commit() == Some(commit)
        {
            self.entries.push(entry);
            commit += 1;
            end += length;
        }
        end
    }
}

fn head(bytes: &[u8], path: &Path) -> Result<u64, StoreError> {
    let head = bytes
        .first_chunk::<HEAD_BYTES>()
        .ok_or_else(|| corrupt(path, "the file is cut off"))?;
    let (content, checksum) = head
        .split_last_chunk()
        .ok_or_else(|| corrupt(path, "the file is cut off"))?;
    let (magic, first) = content.split_at(MAGIC.len());
    let name = path.file_stem().and_then(|stem| stem.to_str());
    let first = first.try_into().map_or(0, u64::from_le_bytes);
    let is_whole = magic == MAGIC
        && xxh3_64(content) == u64::from_le_bytes(*checksum)
        && name.and_then(|name| name.parse().ok()) == Some(first);
    if is_whole && first > 0 {
        Ok(first)
    } else {
        Err(corrupt(path, "the checksum of its head is wrong"))
    }
}

/// Damage, seen by what should come before what is there.
pub(crate) fn damaged(path: &Path, end: usize, missing: u64, there: u64) -> StoreError {
    corrupt(
        path,
        &format!(
            "unreadable from byte {end} on; group {missing} is missing, and {there} was written"
        ),
    )
}

/// Damage, seen by the end that is missing.
pub(crate) fn short(path: &Path, last: u64, commit_min: u64) -> StoreError {
    corrupt(
        path,
        &format!("it ends with group {last}, but group {commit_min} was confirmed"),
    )
}

pub(crate) fn cut(path: &Path, end: usize) -> Result<(), StoreError> {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| {
        file.set_len(end as u64)?;
        file.sync_all()
    })
    .map_err(file_error("cutting", path))
}

/// The files in the order of their groups.
fn paths(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut paths = Vec::new();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(paths),
        entries => entries.map_err(file_error("reading", directory))?,
    };
    for entry in entries {
        let path = entry.map_err(file_error("reading", directory))?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            paths.push(path);
        }
    }
    // The numbers in the names are of one length.
    paths.sort();
    Ok(paths)
}
