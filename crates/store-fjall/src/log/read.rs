//! The files of a log, read when the store is opened, and held against what was confirmed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use gumboot_store::StoreError;

use super::{
    HEAD_BYTES, Head,
    entry::{self, Entry},
};
use crate::{fault::file_error, seal::corrupt};

/// What the files of a log say.
#[derive(Debug, Default)]
pub(crate) struct ReadLog {
    pub(super) paths: Vec<PathBuf>,
    entries: Vec<Entry>,
    /// The first group, even if it is not there yet.
    first: Option<u64>,
    pub(super) bytes: u64,
    pub(super) last_file: Option<LastFile>,
}

/// A file, and how far it is whole.
#[derive(Debug)]
pub(super) struct LastFile {
    pub(super) path: PathBuf,
    pub(super) head: Head,
    bytes: Bytes,
    end: usize,
}

impl LastFile {
    pub(super) fn is_torn(&self) -> bool {
        self.end < self.bytes.len()
    }

    pub(super) fn whole(&self) -> &[u8] {
        &self.bytes[..self.end]
    }
}

impl ReadLog {
    /// Reads all files, and holds them against the group that must be there. What was written behind it and is not whole,
    /// as a crash leaves it, is left out.
    pub(crate) fn read(directory: &Path, commit_min: u64) -> Result<Self, StoreError> {
        let mut log = Self {
            paths: paths(directory)?,
            ..Self::default()
        };
        for path in log.paths.clone() {
            log.read_file(path)?;
        }
        if let (Some(file), Some(last)) = (&log.last_file, log.last()) {
            check_end(file, last, commit_min)?;
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

    /// Holds the log against the last group that fjall has, which was in the log before. Otherwise it is that of a copy
    /// which lacks files, and what is written next would not follow what is there.
    pub(crate) fn check(
        &self,
        directory: &Path,
        commit: u64,
        closed: bool,
    ) -> Result<(), StoreError> {
        match (self.last(), &self.last_file) {
            (Some(last), Some(file)) if last < commit => {
                let problem =
                    format!("it ends with group {last}, but the database has group {commit}");
                Err(corrupt(&file.path, &problem))
            }
            (None, _) if !closed => Err(corrupt(directory, "its files are missing")),
            _ => Ok(()),
        }
    }

    /// The entries that a store does not have which has all up to a group.
    pub(crate) fn entries_after(&self, commit: u64) -> &[Entry] {
        let known = self
            .first
            .map_or(0, |first| (commit + 1).saturating_sub(first));
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        self.entries.get(known..).unwrap_or(&[])
    }

    fn read_file(&mut self, path: PathBuf) -> Result<(), StoreError> {
        let bytes = Bytes::from(fs::read(&path).map_err(file_error("reading", &path))?);
        let head = Head::decode(&bytes, &path)?;
        if let Some(last) = self.last()
            && last + 1 != head.first
        {
            let torn = self.last_file.as_ref().filter(|file| file.is_torn());
            let (place, end) = torn.map_or((&path, 0), |file| (&file.path, file.end));
            return Err(damaged(place, end, last + 1, head.first));
        }
        self.first.get_or_insert(head.first);
        let end = self.read_entries(&bytes, head);
        self.bytes += (end - HEAD_BYTES) as u64;
        self.last_file = Some(LastFile {
            path,
            head,
            bytes,
            end,
        });
        Ok(())
    }

    /// Reads whole entries in a row; gives where they end.
    fn read_entries(&mut self, bytes: &Bytes, head: Head) -> usize {
        let mut commit = head.first;
        let mut end = HEAD_BYTES;
        while let Some((entry, length)) = Entry::read(&bytes.slice(end..), head.seed)
            && entry.commit() == commit
        {
            self.entries.push(entry);
            commit += 1;
            end += length;
        }
        end
    }
}

/// Whether a log may end like this: all that was synced is there, by what the seal says, and what is behind the end.
fn check_end(file: &LastFile, last: u64, commit_min: u64) -> Result<(), StoreError> {
    let behind = &file.bytes[file.end..];
    if last < commit_min && behind.is_empty() {
        return Err(short(&file.path, last, commit_min));
    }
    let there = if last < commit_min {
        Some(commit_min)
    } else {
        entry::find_synced(behind, file.head.seed, last + 1)
    };
    match there {
        None => Ok(()),
        Some(there) => Err(damaged(&file.path, file.end, last + 1, there)),
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
