//! Whose directory it is: locks, formats, epochs.

use std::{fs, thread};

use gumboot_store::{Batch, Level, Store, StoreError, wait};
use gumboot_store_fjall::{FjallStore, Options, limits::UNSYNCED_APPENDS_MAX};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use super::{append, contents, copy, name, open};

#[test]
fn a_directory_has_one_user_at_a_time() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    let path = directory.path().display().to_string();
    assert_eq!(
        error.to_string(),
        format!("another process has the store {path} open")
    );
    drop(store);
    open(directory.path()).unwrap();
}

#[test]
fn an_unknown_format_is_refused() {
    let directory = TempDir::new().unwrap();
    drop(open(directory.path()).unwrap());
    let seal = directory.path().join("store.seal");
    let mut bytes = fs::read(&seal).unwrap();
    bytes[16] = 7;
    let checksum = xxh3_64(&bytes[..32]);
    bytes[32..40].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&seal, bytes).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::UnknownFormat {
                found: 7,
                known: 3,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("has format 7, and only format 3 is known here")
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_told() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    let error = open(&file.join("store")).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().starts_with("creating "), "{error}");
}

#[test]
fn a_creation_that_was_cut_short_is_begun_anew() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("data.new")).unwrap();
    fs::write(directory.path().join("data.new/0.jnl"), "half").unwrap();
    fs::write(directory.path().join("store.seal.new"), "half").unwrap();
    let store = open(directory.path()).unwrap();
    append(&store, &name("q"), "1");
    drop(store);
    assert_eq!(contents(&open(directory.path()).unwrap()).unwrap().len(), 1);
}

#[test]
fn a_copy_is_another_life() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory.path().join("a")).unwrap();
    let epoch = store.epoch();
    let offset = append(&store, &name("q"), "1");
    drop(store);
    copy(&directory.path().join("a"), &directory.path().join("b"));
    assert_eq!(open(&directory.path().join("a")).unwrap().epoch(), epoch);
    let restored = open(&directory.path().join("b")).unwrap();
    assert_ne!(restored.epoch(), epoch);
    assert!(append(&restored, &name("q"), "2") > offset);
    let epoch = restored.epoch();
    drop(restored);
    assert_eq!(open(&directory.path().join("b")).unwrap().epoch(), epoch);
}

#[test]
fn what_may_be_lost_costs_offsets() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory.path().join("a")).unwrap();
    let offset = append(&store, &name("q"), "1");
    copy(&directory.path().join("a"), &directory.path().join("b"));
    let crashed = open(&directory.path().join("b")).unwrap();
    assert_eq!(contents(&crashed).unwrap()[0].1[0].offset, offset);
    let next = append(&crashed, &name("q"), "2");
    assert!(
        next.0 >= offset.0 + UNSYNCED_APPENDS_MAX,
        "{next} after {offset}"
    );
}

#[test]
fn a_write_that_fails_in_the_background_ends_the_confirmations() {
    let directory = TempDir::new().unwrap();
    let options = Options {
        log_bytes: 64 * 1024,
        memtable_bytes: 64 * 1024,
        ..Options::default()
    };
    let store = FjallStore::open(directory.path(), options).unwrap();
    append(&store, &name("q"), "1");
    let keyspaces = directory.path().join("data/keyspaces");
    fs::rename(&keyspaces, directory.path().join("away")).unwrap();
    let failed = (0..10_000).find_map(|_| {
        let mut batch = Batch::new(0);
        batch.append(&name("q"), vec![0; 10_000].into());
        wait(store.commit(batch, Level::Stored)).err()
    });
    let error = failed.expect("nothing can be written to tables");
    assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
    assert!(matches!(
        wait(store.ready()),
        Err(StoreError::Poisoned { .. })
    ));
    assert!(
        wait(store.streams()).is_ok(),
        "what is known can be asked for"
    );
    drop(store);
    fs::rename(directory.path().join("away"), keyspaces).unwrap();
    let contents = contents(&open(directory.path()).unwrap()).unwrap();
    assert_eq!(contents[0].1[0].payload, "1");
}

#[test]
fn many_threads_may_write() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let stream = name(&format!("q{thread}"));
                for index in 0..50 {
                    let mut batch = Batch::new(0);
                    batch.append(&stream, index.to_string().into());
                    wait(store.commit(batch, Level::Synced)).unwrap();
                }
            });
        }
    });
    let contents = contents(&store).unwrap();
    assert_eq!(contents.len(), 8);
    for (_, records) in contents {
        let payloads = records.iter().map(|record| record.payload.clone());
        assert!(payloads.eq((0..50).map(|index| index.to_string())));
    }
}
