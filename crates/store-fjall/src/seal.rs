//! The file `store.seal`: the format, the epoch, and how much was synced for sure.
//!
//! A log that is damaged at its end would look like a shorter one. The seal is the witness against that: after every sync
//! the number of the last group is written here. It is not synced itself, so it may be behind after a loss of power, but
//! never ahead; then the entries of the log that came later are witnesses. There are two slots, written in turn, so that
//! one is always whole.
//!
//! A copy that is taken while the store is written may have a seal that is newer than its log. So the seal also has
//! the number of its own file (the inode): in a copy, which has another, only a seal that was closed is held against
//! the rest.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use gumboot_store::{Epoch, StoreError};
use xxhash_rust::xxh3::xxh3_64;

use crate::{fault::file_error, layout::FORMAT};

const MAGIC: &[u8; 16] = b"gumboot store\r\n\x1a";
const HEAD_BYTES: usize = 40;
const SLOT_BYTES: usize = 40;
/// Each slot in a sector of its own.
const SLOTS_AT: [usize; 2] = [512, 1_024];
const FILE_BYTES: usize = 1_536;

/// The name of the file.
pub(crate) const SEAL: &str = "store.seal";
/// Its name while the store is being created.
pub(crate) const SEAL_NEW: &str = "store.seal.new";

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) epoch: Epoch,
    /// The last group that was synced for sure.
    pub(crate) commit: u64,
    /// Whether the store was closed in order.
    pub(crate) closed: bool,
    /// Whether the file is still the one that was written, not a copy of it.
    pub(crate) original: bool,
}

impl Told {
    /// The group that must be there, or something is lost.
    pub(crate) fn commit_min(&self) -> u64 {
        if self.closed || self.original {
            self.commit
        } else {
            0
        }
    }
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Seal {
    file: File,
    path: PathBuf,
    inode: u64,
    turn: u64,
}

impl Seal {
    /// Writes the file of a new store, with both slots, and syncs it.
    pub(crate) fn create(directory: &Path, epoch: Epoch, commit: u64) -> Result<(), StoreError> {
        let path = directory.join(SEAL_NEW);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let file = options.open(&path).map_err(file_error("creating", &path))?;
        file.set_len(FILE_BYTES as u64)
            .map_err(file_error("writing", &path))?;
        let inode = inode_of(&file, &path)?;
        let turn = 0;
        let mut seal = Self {
            file,
            path,
            inode,
            turn,
        };
        seal.write_head(epoch)?;
        seal.write(commit, Closed::Yes)?;
        seal.write(commit, Closed::Yes)?;
        seal.sync()
    }

    /// Opens the file and reads it.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Told), StoreError> {
        let path = directory.join(SEAL);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .open(&path)
            .map_err(file_error("opening", &path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(file_error("reading", &path))?;
        let inode = inode_of(&file, &path)?;
        let epoch = read_head(&bytes, &path, directory)?;
        let slots = SLOTS_AT
            .iter()
            .filter_map(|at| Slot::decode(bytes.get(*at..*at + SLOT_BYTES)?));
        let slot = slots
            .max_by_key(|slot| slot.turn)
            .ok_or_else(|| corrupt(&path, "both checksums are wrong"))?;
        let told = Told {
            epoch,
            commit: slot.commit,
            closed: slot.closed,
            original: slot.inode == inode,
        };
        let turn = slot.turn;
        Ok((
            Self {
                file,
                path,
                inode,
                turn,
            },
            told,
        ))
    }

    pub(crate) fn write_head(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&u64::from(FORMAT).to_le_bytes());
        head.extend_from_slice(&epoch.0.to_le_bytes());
        head.extend_from_slice(&xxh3_64(&head).to_le_bytes());
        self.write_at(0, &head)
    }

    /// Says that this group is synced.
    pub(crate) fn write(&mut self, commit: u64, closed: Closed) -> Result<(), StoreError> {
        self.turn += 1;
        let slot = Slot {
            turn: self.turn,
            commit,
            inode: self.inode,
            closed: closed == Closed::Yes,
        };
        let at = SLOTS_AT[usize::from(self.turn % 2 == 1)];
        self.write_at(at as u64, &slot.encode())
    }

    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.file
            .sync_all()
            .map_err(file_error("syncing", &self.path))
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.write_all(bytes))
            .map_err(file_error("writing", &self.path))
    }
}

/// Whether the store is closed from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    No,
    Yes,
}

struct Slot {
    turn: u64,
    commit: u64,
    inode: u64,
    closed: bool,
}

impl Slot {
    fn encode(&self) -> Vec<u8> {
        let fields = [self.turn, self.commit, self.inode, u64::from(self.closed)];
        let mut slot: Vec<u8> = fields.into_iter().flat_map(u64::to_le_bytes).collect();
        slot.extend_from_slice(&xxh3_64(&slot).to_le_bytes());
        slot
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        let (fields, checksum) = slot.split_last_chunk()?;
        if xxh3_64(fields) != u64::from_le_bytes(*checksum) {
            return None;
        }
        let mut fields = fields
            .as_chunks()
            .0
            .iter()
            .map(|field| u64::from_le_bytes(*field));
        Some(Self {
            turn: fields.next()?,
            commit: fields.next()?,
            inode: fields.next()?,
            closed: fields.next()? == 1,
        })
    }
}

fn read_head(bytes: &[u8], path: &Path, directory: &Path) -> Result<Epoch, StoreError> {
    let head = bytes
        .first_chunk::<HEAD_BYTES>()
        .ok_or_else(|| corrupt(path, "the file is cut off"))?;
    let (content, checksum) = head.split_last_chunk().expect("a head is longer than that");
    if !content.starts_with(MAGIC) || xxh3_64(content) != u64::from_le_bytes(*checksum) {
        return Err(corrupt(path, "the checksum is wrong"));
    }
    let numbers = content[MAGIC.len()..].as_chunks().0;
    let [format, epoch] = [numbers[0], numbers[1]].map(u64::from_le_bytes);
    if format != u64::from(FORMAT) {
        return Err(StoreError::UnknownFormat {
            path: directory.to_owned(),
            found: u32::try_from(format).unwrap_or(u32::MAX),
            known: FORMAT,
        });
    }
    Ok(Epoch(epoch))
}

pub(crate) fn corrupt(path: &Path, problem: &str) -> StoreError {
    StoreError::Corrupt {
        place: path.display().to_string(),
        problem: problem.to_owned(),
    }
}

#[cfg(unix)]
fn inode_of(file: &File, path: &Path) -> Result<u64, StoreError> {
    use std::os::unix::fs::MetadataExt;
    let metadata: fs::Metadata = file.metadata().map_err(file_error("looking at", path))?;
    Ok(metadata.ino())
}

/// Elsewhere a copy cannot be told from what it was made of.
#[cfg(not(unix))]
fn inode_of(file: &File, path: &Path) -> Result<u64, StoreError> {
    let _: fs::Metadata = file.metadata().map_err(file_error("looking at", path))?;
    Ok(0)
}
