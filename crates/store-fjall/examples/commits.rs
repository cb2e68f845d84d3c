//! Synced appends per second, against a bare loop that writes and syncs the same bytes.
//!
//! `cargo run --release --example commits -p gumboot-store-fjall [DIRECTORY]`: the directory says which disk is meant. The
//! bare loop syncs groups as large as there are producers, which is the best that a group commit can do.
//!
//! The second table is for a server that has one batch under way, which holds all that came while the last one was
//! synced: so many appends to one stream, and as many settlements of records that a batch before it appended. In the
//! third table nothing is settled.

use std::{
    collections::VecDeque,
    env,
    error::Error,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gumboot_store::{Batch, Level, Outcome, Store, StoreError, StreamName, wait};
use gumboot_store_fjall::{FjallStore, Options};

const PAYLOAD_BYTES: usize = 256;
const RUN: Duration = Duration::from_secs(3);
/// How many batches ago that was appended which a batch settles.
const SETTLED_AFTER: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let parent = env::args_os()
        .nth(1)
        .map_or_else(env::temp_dir, PathBuf::from);
    let parent = parent.as_path();
    println!("producers  appends/s  bare loop/s  ratio");
    for producers in [1, 16, 256] {
        compare(parent, producers, |path| producing(path, producers))?;
    }
    println!("settled    appends/s  bare loop/s  ratio");
    for appends in [1, 16, 256] {
        compare(parent, appends, |path| one_under_way(path, appends, true))?;
    }
    println!("kept       appends/s  bare loop/s  ratio");
    for appends in [1, 16, 256] {
        compare(parent, appends, |path| one_under_way(path, appends, false))?;
    }
    Ok(())
}

/// Prints a line: what the store does, and the bare loop with groups of so many.
fn compare(
    parent: &Path,
    group: usize,
    ours: impl Fn(&Path) -> Result<f64, StoreError>,
) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir_in(parent)?;
    // Before and after, since disks have moods.
    let before = bare_loop(directory.path(), group)?;
    let ours = ours(&directory.path().join("store"))?;
    let bare = f64::midpoint(before, bare_loop(directory.path(), group)?);
    println!("{group:9}  {ours:9.0}  {bare:11.0}  {:5.2}", ours / bare);
    Ok(())
}

fn producing(directory: &Path, producers: usize) -> Result<f64, StoreError> {
    let store = FjallStore::open(directory, Options::default())?;
    let begin = Instant::now();
    let counts: Result<Vec<u64>, _> = thread::scope(|scope| {
        let produce = |producer| {
            let store = &store;
            scope.spawn(move || {
                let stream = StreamName::parse(&format!("/queue/{producer}"))?;
                let mut count = 0;
                while begin.elapsed() < RUN {
                    let mut batch = Batch::new(0);
                    batch.append(&stream, Bytes::from(vec![7; PAYLOAD_BYTES]));
                    wait(store.commit(batch, Level::Synced))?;
                    count += 1;
                }
                Ok::<_, StoreError>(count)
            })
        };
        let threads: Vec<_> = (0..producers).map(produce).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    });
    Ok(counts?.iter().sum::<u64>() as f64 / begin.elapsed().as_secs_f64())
}

fn one_under_way(directory: &Path, appends: usize, is_settled: bool) -> Result<f64, StoreError> {
    let store = FjallStore::open(directory, Options::default())?;
    let stream = StreamName::parse("/queue/orders")?;
    let mut unsettled = VecDeque::new();
    let mut count = 0;
    let begin = Instant::now();
    while begin.elapsed() < RUN {
        let mut batch = Batch::new(0);
        for _ in 0..appends {
            batch.append(&stream, Bytes::from(vec![7; PAYLOAD_BYTES]));
        }
        if is_settled && unsettled.len() > SETTLED_AFTER {
            for offset in unsettled.pop_front().unwrap_or_default() {
                batch.settle(&stream, offset, Outcome::Done);
            }
        }
        unsettled.push_back(wait(store.commit(batch, Level::Synced))?.offsets);
        count += appends;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

fn bare_loop(directory: &Path, group: usize) -> Result<f64, Box<dyn Error>> {
    let mut file = File::create(directory.join("bare"))?;
    let bytes = vec![7; PAYLOAD_BYTES * group];
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < RUN {
        file.write_all(&bytes)?;
        file.sync_data()?;
        count += group;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}
