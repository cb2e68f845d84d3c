//! The store on disk, from outside.

mod conformance;
mod copies;
mod damage;
mod directory;
mod power;
mod space;

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use gumboot_store::{
    Batch, Committed, Level, Offset, Portion, Record, Store, StoreError, StreamInfo, StreamName,
    wait,
};
use gumboot_store_fjall::{FjallStore, Options};

fn name(name: &str) -> StreamName {
    StreamName::parse(name).expect("a name of the tests is one")
}

fn open(directory: &Path) -> Result<FjallStore, StoreError> {
    FjallStore::open(directory, Options::default())
}

fn commit(store: &FjallStore, batch: Batch) -> Committed {
    wait(store.commit(batch, Level::Stored)).expect("the batch is committed")
}

fn append(store: &FjallStore, stream: &StreamName, payload: impl Into<Bytes>) -> Offset {
    let mut batch = Batch::new(0);
    batch.append(stream, payload.into());
    commit(store, batch).offsets[0]
}

/// Everything that a store has.
type Contents = Vec<(StreamInfo, Vec<Record>)>;

fn contents(store: &FjallStore) -> Result<Contents, StoreError> {
    let mut contents = Vec::new();
    for info in wait(store.streams())? {
        let mut records: Vec<Record> = Vec::new();
        loop {
            let from = records
                .last()
                .map_or(Offset::FIRST, |last| last.offset.next());
            let more = wait(store.read(&info.name, from, Portion::ALL))?;
            if more.is_empty() {
                break;
            }
            records.extend(more);
        }
        contents.push((info, records));
    }
    Ok(contents)
}

/// Makes a directory what another one is. Files that are in both remain the same files, with other content.
fn put_back(from: &Path, to: &Path) {
    for entry in fs::read_dir(to).expect("the directory is there") {
        let path = entry.expect("it can be read").path();
        let source = from.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            put_back(&source, &path);
        } else if !source.exists() {
            fs::remove_file(&path).expect("it can be removed");
        }
    }
    copy(from, to);
}

/// The files of the log, in order.
fn logs(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("log")).expect("there is a log");
    let mut logs: Vec<_> = entries
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    logs.sort();
    logs
}

/// Copies a directory as a tool would that knows nothing of it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory is made");
    for entry in fs::read_dir(from).expect("the directory is there") {
        let path = entry.expect("it can be read").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            // A file that was replaced meanwhile is missing in the copy.
            let _ = fs::copy(&path, &target);
        }
    }
}
