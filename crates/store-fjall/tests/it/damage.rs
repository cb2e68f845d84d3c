//! Every file of a store damaged at several places: either everything is there as it was, or there is an error.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gumboot_store::{Batch, Outcome, StoreError};
use gumboot_store_fjall::{FjallStore, Options};
use tempfile::TempDir;

use super::{Contents, append, commit, contents, copy, name, open};

/// At how many places of each file a bit is flipped.
const FLIPS: usize = 12;

#[test]
fn damage_is_found() {
    let directory = TempDir::new().unwrap();
    let original = directory.path().join("original");
    let expected = fill(&original);
    let files = files(&original);
    let kinds = [
        "0.jnl",
        "log/",
        "store.seal",
        "data/version",
        "/tables/",
        "/blobs/",
        "/current",
    ];
    for kind in kinds {
        let has_kind = files
            .iter()
            .any(|file| file.to_string_lossy().contains(kind));
        assert!(has_kind, "no {kind} among {files:?}");
    }
    let mut found = 0;
    let mut harmless = 0;
    for file in &files {
        let length = fs::metadata(original.join(file)).unwrap().len();
        for damage in damages(length) {
            let damaged = directory.path().join("damaged");
            copy(&original, &damaged);
            damage.inflict(&damaged.join(file));
            match open(&damaged).and_then(|store| contents(&store)) {
                Ok(contents) => {
                    harmless += 1;
                    assert!(
                        contents == expected,
                        "{damage:?} of {} is not found",
                        file.display()
                    );
                }
                Err(StoreError::Corrupt { place, .. }) => {
                    found += 1;
                    assert!(!place.is_empty());
                }
                Err(StoreError::UnknownFormat { .. }) => found += 1,
                Err(error) => panic!("{damage:?} of {}: {error}", file.display()),
            }
            fs::remove_dir_all(&damaged).unwrap();
        }
    }
    println!(
        "{} files, {found} damages found, {harmless} without consequences",
        files.len()
    );
    assert!(found > harmless, "most of it is found");
}

#[test]
fn a_damaged_journal_is_named_and_left_alone() {
    a_damaged_file_is_named_and_left_alone(Path::new("data/0.jnl"));
}

#[test]
fn a_damaged_log_is_named_and_left_alone() {
    let directory = TempDir::new().unwrap();
    fill(directory.path());
    let files = files(directory.path());
    let logs: Vec<_> = files
        .iter()
        .filter(|file| file.starts_with("log"))
        .collect();
    assert_eq!(logs.len(), 1, "{files:?}");
    a_damaged_file_is_named_and_left_alone(logs[0]);
}

fn a_damaged_file_is_named_and_left_alone(file: &Path) {
    let directory = TempDir::new().unwrap();
    fill(directory.path());
    let path = directory.path().join(file);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        let error = open(directory.path()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        let name = file.display().to_string();
        assert!(error.to_string().contains(&name), "{error}");
        assert!(fs::read(&path).unwrap() == bytes, "it is as it was");
    }
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip(u64),
    Cut(u64),
    Delete,
}

impl Damage {
    fn inflict(self, file: &Path) {
        match self {
            Self::Flip(at) => {
                let mut bytes = fs::read(file).unwrap();
                let at = usize::try_from(at).unwrap();
                bytes[at] ^= 1 << (at % 8);
                fs::write(file, bytes).unwrap();
            }
            Self::Cut(length) => {
                let file = fs::OpenOptions::new().write(true).open(file).unwrap();
                file.set_len(length).unwrap();
            }
            Self::Delete => fs::remove_file(file).unwrap(),
        }
    }
}

fn damages(length: u64) -> Vec<Damage> {
    let mut damages = vec![Damage::Delete];
    if length > 0 {
        let places = (0..FLIPS as u64).map(|place| place * (length - 1) / (FLIPS as u64 - 1));
        damages.extend(places.map(Damage::Flip));
        damages.extend([0, length / 3, length - 1].map(Damage::Cut));
    }
    damages
}

/// A store with tables, files of payloads, a journal and a log; gives what it has.
fn fill(directory: &Path) -> Contents {
    let options = Options {
        memtable_bytes: 64 * 1024,
        ..Options::default()
    };
    let store = FjallStore::open(directory, options).unwrap();
    let (queue, topic) = (name("/queue/orders"), name("/topic/news"));
    let mut offsets = Vec::new();
    for index in 0..200_usize {
        offsets.push(append(&store, &queue, format!("order {index}")));
        append(&store, &topic, vec![index as u8; index * 20]);
    }
    let mut batch = Batch::new(1);
    for (index, offset) in offsets.iter().enumerate() {
        match index % 3 {
            0 => batch.settle(&queue, *offset, Outcome::Done),
            1 => {
                let due_ms = index as u64;
                batch.settle(
                    &queue,
                    *offset,
                    Outcome::Again {
                        due_ms,
                        deliveries: 1,
                    },
                );
            }
            _ => {}
        }
    }
    commit(&store, batch);
    store.compact().unwrap();
    for index in 0..50 {
        append(&store, &queue, format!("later {index}"));
    }
    drop(store);
    // Opened again, the journal is no longer than what is in it.
    let store = open(directory).unwrap();
    append(&store, &queue, "last");
    contents(&store).unwrap()
}

/// All files, relative to the directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}
