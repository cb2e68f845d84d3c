//! What a loss of power leaves: all that was synced, and of the rest any part. It is played by files that are put back;
//! a process that is killed leaves all files as they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gumboot_store::{Batch, Level, Store, StoreError, wait};
use gumboot_store_fjall::FjallStore;
use tempfile::TempDir;

use super::{append, contents, copy, logs, name, open, put_back};

/// A directory for a store, and another one for what is to be put back.
struct Test {
    directory: TempDir,
}

impl Test {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        Self { directory }
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn open(&self) -> FjallStore {
        open(&self.store()).unwrap()
    }

    fn keep(&self) {
        let _ = fs::remove_dir_all(self.kept());
        copy(&self.store(), &self.kept());
    }

    fn kept(&self) -> PathBuf {
        self.directory.path().join("kept")
    }

    /// Ends the store, and leaves what was kept.
    fn put_back(&self, store: FjallStore) {
        drop(store);
        put_back(&self.kept(), &self.store());
    }

    /// Ends the store as if it were killed.
    fn kill(&self, store: FjallStore) {
        self.keep();
        self.put_back(store);
    }
}

fn payloads(store: &FjallStore) -> Vec<String> {
    let contents = contents(store).unwrap();
    let records = contents.iter().flat_map(|(_, records)| records);
    records
        .map(|record| String::from_utf8(record.payload.to_vec()).unwrap())
        .collect()
}

#[test]
fn offsets_that_were_seen_and_lost_are_not_given_again() {
    let test = Test::new();
    let store = test.open();
    let epoch = store.epoch();
    append(&store, &name("q"), "1");
    test.kill(store);
    let store = test.open();
    test.keep();
    let lost = append(&store, &name("q"), "lost");
    test.put_back(store);
    let store = test.open();
    assert_eq!(store.epoch(), epoch);
    let next = append(&store, &name("q"), "2");
    assert!(next > lost, "{next} after {lost}");
    assert_eq!(payloads(&store), ["1", "2"]);
}

/// What the process before has written and not synced, the system may have given up to write, without telling again.
#[test]
#[cfg(unix)]
fn what_may_be_on_no_disk_is_written_anew() {
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let test = Test::new();
    let store = test.open();
    append(&store, &name("q"), "1");
    test.kill(store);
    let logs_before = logs(&test.store());
    let path = logs_before.last().unwrap();
    let (before, bytes) = (inode(path), fs::read(path).unwrap());
    let store = test.open();
    assert_eq!(logs(&test.store()), logs_before);
    let anew = inode(path);
    assert_ne!(anew, before);
    assert!(fs::read(path).unwrap().starts_with(&bytes));
    assert_eq!(payloads(&store), ["1"]);
    drop(store);
    drop(test.open());
    assert_eq!(inode(path), anew, "it was closed in order");
}

/// The end of a store does not wait for the file to be deleted that the database has whole.
#[test]
fn an_end_before_files_of_the_log_are_deleted_loses_nothing() {
    let test = Test::new();
    let store = test.open();
    append(&store, &name("q"), "1");
    test.keep();
    store.compact().unwrap();
    drop(store);
    copy(&test.kept().join("log"), &test.store().join("log"));
    assert_eq!(logs(&test.store()).len(), 2);
    let store = test.open();
    store.compact().unwrap();
    assert_eq!(logs(&test.store()).len(), 1);
    append(&store, &name("q"), "2");
    test.kill(store);
    assert_eq!(payloads(&test.open()), ["1", "2"]);
}

/// A store whose seal is as old as its first record, with a bit flipped in the middle of the log.
fn damaged_with_an_old_seal(test: &Test, level: Level) -> Result<FjallStore, StoreError> {
    let store = test.open();
    let seal = test.store().join("store.seal");
    let mut sealed = Vec::new();
    for index in 0..16 {
        let mut batch = Batch::new(0);
        batch.append(&name("q"), index.to_string().into());
        let level = if index == 0 { Level::Synced } else { level };
        wait(store.commit(batch, level)).unwrap();
        if index == 0 {
            sealed = fs::read(&seal).unwrap();
        }
    }
    drop(store);
    fs::write(seal, sealed).unwrap();
    let log = logs(&test.store()).pop().unwrap();
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(log, bytes).unwrap();
    open(&test.store())
}

#[test]
fn damage_to_what_was_synced_is_found_without_the_seal() {
    let test = Test::new();
    let error = damaged_with_an_old_seal(&test, Level::Synced).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    let log = logs(&test.store()).pop().unwrap().display().to_string();
    assert!(error.to_string().contains(&log), "{error}");
}

#[test]
fn what_was_never_synced_is_cut_off_where_it_is_not_whole() {
    let test = Test::new();
    let store = damaged_with_an_old_seal(&test, Level::Stored).unwrap();
    let left = payloads(&store);
    assert!((5..12).contains(&left.len()), "{left:?}");
    append(&store, &name("q"), "last");
    drop(store);
    let expected = left.iter().map(String::as_str).chain(["last"]);
    assert!(payloads(&test.open()).iter().eq(expected));
}
