//! What the child does. Each batch of a producer appends its number to two streams and replaces the one record of a
//! third, so that a batch that is not whole can be seen. It ends when the store fails.

use std::{path::Path, thread};

use gumboot_store::{
    Batch, Level, Offset, Outcome, Portion, Record, Store, StoreError, StreamName, wait,
};
use gumboot_store_fjall::{FjallStore, Options};

use super::PRODUCERS;

pub(super) fn run(directory: &Path, bytes: usize) {
    let options = Options {
        log_bytes: 256 * 1024,
        memtable_bytes: 256 * 1024,
        ..Options::default()
    };
    let store = FjallStore::open(directory, options).expect("the store opens");
    thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let store = &store;
            scope.spawn(move || {
                let error = produce(store, producer, bytes).expect_err("it goes on until then");
                println!("error {error}");
            });
        }
    });
    let error = wait(store.commit(Batch::new(0), Level::Received)).expect_err("it has failed");
    println!("again {error}");
}

fn produce(store: &FjallStore, producer: usize, bytes: usize) -> Result<(), StoreError> {
    let streams = streams(producer);
    let [one, other, last] = &streams;
    let mut before = wait(store.read(last, Offset::FIRST, Portion::ALL))?.pop();
    let mut next = before.as_ref().map_or(0, number) + 1;
    loop {
        let mut batch = Batch::new(0);
        let payload = format!("{next:0bytes$}");
        batch.append(one, payload.clone().into());
        batch.append(other, payload.clone().into());
        batch.append(last, payload.into());
        if let Some(before) = &before {
            batch.settle(last, before.offset, Outcome::Done);
        }
        wait(store.commit(batch, level(next)))?;
        // The pipe is broken once the test has seen enough.
        println!("{producer} {next}");
        before = wait(store.read(last, Offset::FIRST, Portion::ALL))?.pop();
        next += 1;
    }
}

/// What the batch of this number is confirmed as.
pub(super) fn level(number: u64) -> Level {
    if number.is_multiple_of(2) {
        Level::Stored
    } else {
        Level::Synced
    }
}

pub(super) fn streams(producer: usize) -> [StreamName; 3] {
    ["one", "other", "last"]
        .map(|stream| StreamName::parse(&format!("{stream} of {producer}")).expect("it is a name"))
}

/// The number in a payload.
pub(super) fn number(record: &Record) -> u64 {
    let payload = str::from_utf8(&record.payload).expect("it is text");
    payload.parse().expect("it is a number")
}
