//! Space is given back.

use std::{fs, path::Path};

use gumboot_store::{Batch, Keep, Outcome};
use tempfile::TempDir;

use super::{commit, contents, name, open};

const RECORDS: usize = 1_280;
const RECORD_BYTES: usize = 64 * 1024;

/// Fills two streams, one to be settled and one to be trimmed, and empties them.
#[test]
fn what_is_settled_and_trimmed_leaves_the_disk() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    let (queue, topic) = (name("q"), name("t"));
    let mut settled = Batch::new(2);
    for index in 0..RECORDS / 2 {
        let mut batch = Batch::new(1);
        batch.append(&queue, vec![index as u8; RECORD_BYTES].into());
        batch.append(&topic, vec![index as u8; RECORD_BYTES].into());
        let offsets = commit(&store, batch).offsets;
        settled.settle(&queue, offsets[0], Outcome::Done);
    }
    let filled = (RECORDS * RECORD_BYTES) as u64;
    assert!(size(directory.path()) >= filled);
    settled.trim(
        &topic,
        Keep {
            since_ms: Some(2),
            ..Keep::default()
        },
    );
    settled.append(&queue, "still here".into());
    commit(&store, settled);
    store.compact().unwrap();
    let tables = size(&directory.path().join("data/keyspaces"));
    assert!(
        tables < filled / 50,
        "{tables} bytes of tables are left of {filled}"
    );
    drop(store);
    let all = size(directory.path());
    assert!(all < filled, "{all} bytes are left of {filled}");
    let contents = contents(&open(directory.path()).unwrap()).unwrap();
    let counts: Vec<_> = contents
        .iter()
        .map(|(info, _)| (info.records, info.bytes))
        .collect();
    assert_eq!(counts, [(1, 10), (0, 0)]);
}

/// Settles all but a few records, so that there is something left of every file of payloads.
#[test]
fn what_is_left_of_a_file_does_not_keep_all_of_it() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).unwrap();
    let queue = name("q");
    let mut settled = Batch::new(2);
    for index in 0..RECORDS / 2 {
        let mut batch = Batch::new(1);
        batch.append(&queue, vec![index as u8; RECORD_BYTES].into());
        let offset = commit(&store, batch).offsets[0];
        if index % 32 > 0 {
            settled.settle(&queue, offset, Outcome::Done);
        }
    }
    commit(&store, settled);
    store.compact().unwrap();
    let filled = (RECORDS / 2 * RECORD_BYTES) as u64;
    let tables = size(&directory.path().join("data/keyspaces"));
    assert!(
        tables < filled / 8,
        "{tables} bytes of tables are left of {filled}"
    );
    drop(store);
    let contents = contents(&open(directory.path()).unwrap()).unwrap();
    let records = &contents[0].1;
    assert_eq!(records.len(), RECORDS / 2 / 32);
    for (index, record) in records.iter().enumerate() {
        assert!(record.payload == vec![(index * 32) as u8; RECORD_BYTES]);
    }
}

/// How many bytes a directory has on the disk.
fn size(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::symlink_metadata(path).unwrap();
    if !metadata.is_dir() {
        return metadata.blocks() * 512;
    }
    let entries = fs::read_dir(path).unwrap();
    entries.map(|entry| size(&entry.unwrap().path())).sum()
}
