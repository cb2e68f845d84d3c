//! SIGKILL at random moments.

use std::{
    collections::HashSet,
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use gumboot_store::{Level, Offset, Portion, Record, Store, StoreError, StreamName, wait};
use gumboot_store_fjall::{FjallStore, Options};
use tempfile::TempDir;

use super::{
    PRODUCERS,
    child::{level, number, streams},
};

const KILLS: u64 = 24;
const SEED: u64 = 1;

pub(super) fn killed_processes_lose_nothing() {
    println!("{KILLS} kills from seed {SEED}");
    let directory = TempDir::new().expect("a temporary directory");
    let mut confirmed = [0; PRODUCERS];
    let mut random = SEED;
    for kill in 0..KILLS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let lines = (random >> 33) % 300;
        run_and_kill(directory.path(), lines, &mut confirmed);
        if kill % 8 == 7 {
            damages_are_found(directory.path(), &confirmed);
        }
        check(directory.path(), &confirmed);
    }
    println!("confirmed: {confirmed:?}");
    assert!(confirmed.iter().all(|confirmed| *confirmed > 0));
}

/// Runs a child until it has confirmed so many batches, and kills it. Notes what it has confirmed.
fn run_and_kill(directory: &Path, lines: u64, confirmed: &mut [u64; PRODUCERS]) {
    let program = env::current_exe().expect("this program has a path");
    let mut child = Command::new(program)
        .args([Path::new("child"), directory, Path::new("1500")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let output = BufReader::new(child.stdout.take().expect("it has a pipe"));
    let mut output = output.lines().map_while(Result::ok);
    output
        .by_ref()
        .take(lines as usize)
        .for_each(|line| note(&line, confirmed));
    child.kill().expect("it can be killed");
    // What it has confirmed before it was killed is in the pipe.
    output.for_each(|line| note(&line, confirmed));
    child.wait().expect("it is gone");
}

pub(super) fn note(line: &str, confirmed: &mut [u64; PRODUCERS]) {
    let mut words = line.split(' ').map(str::parse::<u64>);
    // A line may be cut off by the kill; its number then is lower than it was.
    if let (Some(Ok(producer)), Some(Ok(number))) = (words.next(), words.next()) {
        let confirmed = &mut confirmed[producer as usize];
        *confirmed = number.max(*confirmed);
    }
}

/// Whether everything that was confirmed is there, in order, and every batch is whole.
pub(super) fn check(directory: &Path, confirmed: &[u64; PRODUCERS]) {
    let store = open(directory).expect("the store opens");
    for (producer, confirmed) in confirmed.iter().enumerate() {
        let [one, other, last] = streams(producer).map(|stream| read(&store, &stream));
        let numbers: Vec<_> = one.iter().map(number).collect();
        let count = numbers.len() as u64;
        assert!(
            numbers.iter().copied().eq(1..=count),
            "a gap at producer {producer}"
        );
        assert!(
            count >= *confirmed,
            "producer {producer}: {count} of {confirmed}"
        );
        assert!(
            other.iter().map(number).eq(numbers),
            "half a batch of producer {producer}"
        );
        let last: Vec<_> = last.iter().map(number).collect();
        let expected = (count > 0).then_some(count);
        assert_eq!(
            last,
            Vec::from_iter(expected),
            "a settlement of producer {producer}"
        );
    }
}

/// Flips bits in the log and the journals of a store that was killed, one after the other: none of it may go unseen, but
/// what was never synced may be cut off, and what the log has as well does not matter.
fn damages_are_found(directory: &Path, confirmed: &[u64; PRODUCERS]) {
    let synced = confirmed.map(last_synced);
    let before = Snapshot::take(directory);
    let mut found = HashSet::new();
    for (path, bytes) in before.files.iter().filter(|(path, _)| is_log(path)) {
        for at in [0, bytes.len() / 3, bytes.len() / 2] {
            let mut damaged = bytes.clone();
            let Some(byte) = damaged.get_mut(at) else {
                continue;
            };
            *byte ^= 4;
            fs::write(path, damaged).expect("it can be written");
            match FjallStore::open(directory, Options::default()).map(drop) {
                Ok(()) => check(directory, &synced),
                Err(StoreError::Corrupt { place, .. }) => {
                    found.insert(path.extension());
                    println!("{} damaged at {at}: found in {place}", path.display());
                }
                Err(error) => panic!("{} damaged at {at}: {error}", path.display()),
            }
            before.restore(directory);
        }
    }
    assert_eq!(
        found.len(),
        2,
        "something of both kinds is found: {found:?}"
    );
}

/// The last batch up to this one that was confirmed as synced, and not only as stored.
fn last_synced(confirmed: u64) -> u64 {
    let is_synced = |number: &u64| level(*number) == Level::Synced;
    (1..=confirmed).rfind(is_synced).unwrap_or(0)
}

fn is_log(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension == "jnl" || extension == "log")
}

/// All files of a directory, without the room in journals that is not used yet.
struct Snapshot {
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Snapshot {
    fn take(directory: &Path) -> Self {
        let mut files = Vec::new();
        for path in paths(directory) {
            let mut bytes = fs::read(&path).expect("it can be read");
            if is_log(&path) {
                let used = bytes.iter().rposition(|byte| *byte != 0);
                bytes.truncate(used.map_or(0, |last| last + 1));
            }
            files.push((path, bytes));
        }
        Self { files }
    }

    /// Files that are still there remain the same files, with other content.
    fn restore(&self, directory: &Path) {
        for path in paths(directory) {
            if self.files.iter().all(|(file, _)| *file != path) {
                fs::remove_file(path).expect("it can be removed");
            }
        }
        for (path, bytes) in &self.files {
            fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
            fs::write(path, bytes).expect("it can be written");
        }
    }
}

fn paths(directory: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            paths.extend(self::paths(&path));
        } else {
            paths.push(path);
        }
    }
    paths
}

fn open(directory: &Path) -> Result<FjallStore, StoreError> {
    FjallStore::open(directory, Options::default())
}

fn read(store: &FjallStore, stream: &StreamName) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let from = records
            .last()
            .map_or(Offset::FIRST, |last| last.offset.next());
        let more = wait(store.read(stream, from, Portion::ALL)).expect("they can be read");
        if more.is_empty() {
            return records;
        }
        records.extend(more);
    }
}
