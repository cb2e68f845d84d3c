//! A new store: the directory, and what is in it from the beginning.

use std::{
    fs,
    path::{Path, PathBuf},
};

use fjall::PersistMode;
use gumboot_store::StoreError;

use super::{DATA, is_there, random_epoch};
use crate::{
    fault::{file_error, fjall_error, sync_directory},
    layout::{STORE_KEY, StoreRecord},
    options::Options,
    seal::{SEAL, SEAL_NEW, Seal, corrupt},
    spaces::Spaces,
};

const DATA_NEW: &str = "data.new";

/// Makes the directory, and those above it that are missing; all of them outlive a loss of power.
pub(super) fn create_directory(directory: &Path) -> Result<(), StoreError> {
    let changed = parents_of_missing(directory);
    fs::create_dir_all(directory).map_err(file_error("creating", directory))?;
    changed.iter().try_for_each(|parent| sync_directory(parent))
}

/// The directories that get an entry when this one is made, the lowest first.
fn parents_of_missing(directory: &Path) -> Vec<&Path> {
    let missing = directory.ancestors().take_while(|path| !path.exists());
    let parents = missing.filter_map(Path::parent);
    parents
        .map(|parent| if parent == "" { Path::new(".") } else { parent })
        .collect()
}

/// Creates what a store consists of beside its place, and moves it there at the end, the seal last. A crash before that
/// leaves nothing that is taken for a store.
pub(super) fn create(directory: &Path, options: &Options) -> Result<(), StoreError> {
    let path = |name| -> PathBuf { directory.join(name) };
    if !is_there(&path(DATA))? {
        remove(&path(DATA_NEW))?;
        create_data(&path(DATA_NEW), options)?;
        Seal::create(directory, random_epoch()?, 1)?;
        rename(&path(DATA_NEW), &path(DATA))?;
    } else if !is_there(&path(SEAL_NEW))? {
        return Err(corrupt(&path(SEAL), "it is missing"));
    }
    rename(&path(SEAL_NEW), &path(SEAL))?;
    sync_directory(directory)
}

fn create_data(data: &Path, options: &Options) -> Result<(), StoreError> {
    let spaces = Spaces::open(data, options)?;
    let record = StoreRecord {
        commit: 1,
        ..StoreRecord::EMPTY
    };
    let created = spaces.store.insert(STORE_KEY, record.encode());
    created
        .and_then(|()| spaces.database.persist(PersistMode::SyncAll))
        .map_err(|error| fjall_error(data.display(), error))
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(file_error("renaming", from))
}

fn remove(directory: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(file_error("removing", directory)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_that_gets_an_entry_is_synced() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let store = root.join("a/b/store");
        assert_eq!(
            parents_of_missing(&store),
            [&root.join("a/b"), &root.join("a"), root]
        );
        create_directory(&store).unwrap();
        assert!(parents_of_missing(&store).is_empty());
        let missing = Path::new("this directory is not there");
        assert_eq!(parents_of_missing(missing), [Path::new(".")]);
    }
}
