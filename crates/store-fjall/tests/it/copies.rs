//! Copies of a directory that is being written.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use gumboot_store::{Batch, Level, Store, StoreError, wait};
use gumboot_store_fjall::{FjallStore, Options};
use tempfile::TempDir;

use super::{contents, copy, name, open};

/// How many batches are written at most.
const BATCHES_MAX: usize = 100_000;

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
                let mut batch = Batch::new(0);
                batch.append(&name("a"), vec![1; bytes].into());
                batch.append(&name("b"), vec![2; bytes].into());
                wait(store.commit(batch, Level::Stored)).unwrap();
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

/// How many batches a copy has, all of them whole.
fn batches(directory: &std::path::Path) -> Result<u64, StoreError> {
    let contents = contents(&open(directory)?)?;
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
