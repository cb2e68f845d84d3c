//! Synced batches per second, against a bare loop that writes and syncs the same bytes.
//!
//! `cargo run --release --example commits -p gumboot-store-fjall [DIRECTORY]`: the directory says which disk is meant. The
//! bare loop syncs groups as large as there are producers, which is the best that a group commit can do.

use std::{
    env,
    error::Error,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gumboot_store::{Batch, Level, Store, StreamName, wait};
use gumboot_store_fjall::{FjallStore, Options};

const PAYLOAD_BYTES: usize = 256;
const RUN: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    let parent = env::args_os()
        .nth(1)
        .map_or_else(env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent)?;
    println!("producers  batches/s  bare loop/s  ratio");
    for producers in [1, 16, 256] {
        // Before and after, since disks have moods.
        let before = bare_loop(directory.path(), producers)?;
        let ours = store(&directory.path().join(producers.to_string()), producers)?;
        let bare = (before + bare_loop(directory.path(), producers)?) / 2.0;
        println!(
            "{producers:9}  {ours:9.0}  {bare:11.0}  {:5.2}",
            ours / bare
        );
    }
    Ok(())
}

fn store(directory: &Path, producers: usize) -> Result<f64, Box<dyn Error>> {
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
                Ok::<_, gumboot_store::StoreError>(count)
            })
        };
        let threads: Vec<_> = (0..producers).map(produce).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    });
    Ok(counts?.iter().sum::<u64>() as f64 / begin.elapsed().as_secs_f64())
}

fn bare_loop(directory: &Path, producers: usize) -> Result<f64, Box<dyn Error>> {
    let mut file = File::create(directory.join("bare"))?;
    let group = vec![7; PAYLOAD_BYTES * producers];
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < RUN {
        file.write_all(&group)?;
        file.sync_data()?;
        count += producers;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}
