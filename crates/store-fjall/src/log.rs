//! The log: what is written first, and synced. Each group of batches is an [entry](entry) in it, and is confirmed when
//! that is on the disk; fjall gets what is left of many groups together, in a [checkpoint](crate::checkpoint), and files
//! of the log that it has whole are deleted.
//!
//! A file is named after the first group in it. It begins with a head: 16 bytes that say what it is, that group `u64`, a
//! random number `u64` that is the seed of the checksums of its entries, XXH3 of all that `u64`. With the seed, nothing
//! that is in a payload can be taken for an entry.

pub(crate) mod entry;
mod read;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use gumboot_store::StoreError;
use xxhash_rust::xxh3::xxh3_64;

use self::read::LastFile;
pub(crate) use self::read::{ReadLog, damaged, short};
use crate::{
    fault::{file_error, sync_directory},
    random::random,
    seal::corrupt,
};

const MAGIC: &[u8; 16] = b"gumboot log 2\r\n\x1a";
const HEAD_BYTES: usize = 40;

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
    /// Of that one.
    head: Head,
    file: Arc<File>,
    bytes: u64,
}

impl Log {
    /// Goes on at the end of what was read, which is on the disk then; or begins with this group if there is nothing.
    pub(crate) fn open(
        directory: PathBuf,
        read: &ReadLog,
        first: u64,
        closed: bool,
    ) -> Result<Self, StoreError> {
        let mut paths = read.paths.clone();
        let (head, file) = if let Some(last) = &read.last_file {
            (last.head, go_on(&directory, last, closed)?)
        } else {
            let (path, head, file) = begin(&directory, first)?;
            paths.push(path);
            (head, file)
        };
        Ok(Self {
            directory,
            paths,
            head,
            file: Arc::new(file),
            bytes: read.bytes,
        })
    }

    /// The seed of the checksums of what is written next.
    pub(crate) const fn seed(&self) -> u64 {
        self.head.seed
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
        mem::replace(&mut self.file, file)
    }

    pub(crate) fn error(&self, doing: &str, error: io::Error) -> StoreError {
        let path = self.paths.last().unwrap_or(&self.directory);
        file_error(doing, path)(error)
    }

    /// Begins a file with this group, and syncs the one before. Gives those that are done. The last one remains if it
    /// begins with this group already.
    pub(crate) fn rotate(&mut self, first: u64) -> Result<Vec<PathBuf>, StoreError> {
        self.file
            .sync_data()
            .map_err(|error| self.error("syncing", error))?;
        let paths = if first == self.head.first {
            self.paths.split_off(self.paths.len() - 1)
        } else {
            let (path, head, file) = begin(&self.directory, first)?;
            (self.head, self.file) = (head, Arc::new(file));
            vec![path]
        };
        self.bytes = 0;
        Ok(mem::replace(&mut self.paths, paths))
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

/// What is at the beginning of a file.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// The first group in the file.
    first: u64,
    seed: u64,
}

impl Head {
    fn encode(self) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&self.first.to_le_bytes());
        head.extend_from_slice(&self.seed.to_le_bytes());
        head.extend_from_slice(&xxh3_64(&head).to_le_bytes());
        head
    }

    fn decode(bytes: &[u8], path: &Path) -> Result<Self, StoreError> {
        let head = bytes
            .first_chunk::<HEAD_BYTES>()
            .ok_or_else(|| corrupt(path, "the file is cut off"))?;
        let (content, checksum) = head.split_last_chunk().expect("a head is longer than that");
        let numbers = content[MAGIC.len()..].as_chunks().0;
        let [first, seed] = [numbers[0], numbers[1]].map(u64::from_le_bytes);
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let is_whole = content.starts_with(MAGIC)
            && xxh3_64(content) == u64::from_le_bytes(*checksum)
            && name.and_then(|name| name.parse().ok()) == Some(first);
        if is_whole && first > 0 {
            Ok(Self { first, seed })
        } else {
            Err(corrupt(path, "the checksum of its head is wrong"))
        }
    }
}

/// Begins a file with this group.
fn begin(directory: &Path, first: u64) -> Result<(PathBuf, Head, File), StoreError> {
    let seed = random()?;
    let head = Head { first, seed };
    let path = directory.join(format!("{first:020}.log"));
    if !directory.is_dir() {
        fs::create_dir_all(directory).map_err(file_error("creating", directory))?;
        directory.parent().map_or(Ok(()), sync_directory)?;
    }
    let file = write_whole(directory, &path, &head.encode())?;
    Ok((path, head, file))
}

/// Opens the last file, to write behind what is whole of it.
fn go_on(directory: &Path, last: &LastFile, closed: bool) -> Result<File, StoreError> {
    if !closed || last.is_torn() {
        // The process before may have failed to sync it. Then it may be that what can be read is not on the disk, and a
        // sync says nothing of that any more; so it is written anew.
        return write_whole(directory, &last.path, last.whole());
    }
    let file = OpenOptions::new().append(true).open(&last.path);
    let synced = file.and_then(|file| file.sync_all().map(|()| file));
    let file = synced.map_err(file_error("opening", &last.path))?;
    sync_directory(directory)?;
    Ok(file)
}

/// Writes a file, and syncs it before it gets its name.
pub(crate) fn write_whole(directory: &Path, path: &Path, bytes: &[u8]) -> Result<File, StoreError> {
    let new = directory.join(NEW);
    let mut file = File::create(&new).map_err(file_error("creating", &new))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, path))
        .map_err(file_error("writing", &new))
        // A disk that is full need not be fuller.
        .inspect_err(|_| drop(fs::remove_file(&new)))?;
    sync_directory(directory)?;
    Ok(file)
}
