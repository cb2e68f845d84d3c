//! Copies of a directory that is being written.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use gumboot_store::{Batch, Level, Store, StoreError, wait};
use gumboot_store_fjall::{FjallStore, Options};
use tempfile::TempDir;

use super::{append, contents, copy, logs, name, open};

/// How many batches are written at most.
const BATCHES_MAX: usize = 100_000;

fn batch(bytes: usize) -> Batch {
    let mut batch = Batch::new(0);
    batch.append(&name("a"), vec![1; bytes].into());
    batch.append(&name("b"), vec![2; bytes].into());
    batch
}

/// Copies a store while it is written. Gives what became of each copy: how many batches were confirmed before it was
/// begun, and how many it has.
fn copies(options: Options, rounds: usize, bytes: usize) -> Vec<(u64, Result<u64, StoreError>)> {
    let directory = TempDir::new().unwrap();
    let store = FjallStore::open(directory.path().join("store"), options).unwrap();
    let confirmed = AtomicU64::new(0);
    let is_done = AtomicBool::new(false);
    let mut copies = Vec::new();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..BATCHES_MAX {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                wait(store.commit(batch(bytes), Level::Stored)).unwrap();
                confirmed.fetch_add(1, Ordering::Release);
            }
        });
        for round in 0..rounds {
            let before = confirmed.load(Ordering::Acquire);
            // The next copy begins when something new is there.
            while confirmed.load(Ordering::Acquire) < before + 20 && !writer.is_finished() {
                thread::yield_now();
            }
            let before = confirmed.load(Ordering::Acquire);
            let target = directory.path().join(round.to_string());
            copy(&directory.path().join("store"), &target);
            copies.push((before, batches(&target)));
        }
        is_done.store(true, Ordering::Relaxed);
    });
    copies
}

/// How many batches a copy has, all of them whole. It takes another one, and has all when it is opened again.
fn batches(directory: &Path) -> Result<u64, StoreError> {
    let store = open(directory)?;
    let before = whole_batches(&store)?;
    wait(store.commit(batch(1), Level::Stored))?;
    drop(store);
    let store = open(directory).expect("a copy that was opened once is whole");
    let after = whole_batches(&store).expect("all of it can be read");
    assert_eq!(after, before + 1);
    Ok(before)
}

fn whole_batches(store: &FjallStore) -> Result<u64, StoreError> {
    let contents = contents(store)?;
    let counts: Vec<_> = contents.iter().map(|(_, records)| records.len()).collect();
    let count = counts.first().copied().unwrap_or(0);
    assert!(
        counts.iter().all(|other| *other == count),
        "not whole: {counts:?}"
    );
    assert!(count == 0 || counts.len() == 2);
    Ok(count as u64)
}

#[test]
fn a_copy_taken_while_the_store_is_written_opens() {
    // All that is written stays in the log: no file is replaced meanwhile.
    let options = Options {
        log_bytes: 512 * 1024 * 1024,
        memtable_bytes: 512 * 1024 * 1024,
        ..Options::default()
    };
    for (before, copied) in copies(options, 8, 100) {
        let copied = copied.expect("the copy opens");
        assert!(
            copied >= before,
            "{copied} batches of {before} confirmed before"
        );
    }
}

#[test]
fn a_copy_that_lacks_something_is_refused() {
    let options = Options {
        log_bytes: 64 * 1024,
        memtable_bytes: 64 * 1024,
        ..Options::default()
    };
    for (before, copied) in copies(options, 12, 3_000) {
        println!("{before} batches confirmed before, {copied:?} in the copy");
        match copied {
            Ok(copied) => assert!(copied >= before, "{copied} batches of {before}"),
            Err(error) => assert!(matches!(error, StoreError::Corrupt { .. }), "{error}"),
        }
    }
}

/// The log was copied first, and then the database, which had got more of a log that was not there yet.
#[test]
fn a_copy_with_a_log_that_is_older_than_its_data_is_refused() {
    let directory = TempDir::new().unwrap();
    let [original, before, copied] =
        ["a", "before", "copy"].map(|name| directory.path().join(name));
    let store = open(&original).unwrap();
    append(&store, &name("q"), "1");
    copy(&original, &before);
    append(&store, &name("q"), "2");
    store.compact().unwrap();
    append(&store, &name("q"), "3");
    copy(&original, &copied);
    fs::remove_dir_all(copied.join("log")).unwrap();
    let error = open(&copied).unwrap_err().to_string();
    assert!(error.contains("its files are missing"), "{error}");
    copy(&before.join("log"), &copied.join("log"));
    let error = open(&copied).unwrap_err().to_string();
    let log = logs(&copied).pop().unwrap().display().to_string();
    assert!(error.contains(&log), "{error}");
    assert!(error.contains("but the database has group"), "{error}");
}
