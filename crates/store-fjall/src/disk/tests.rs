//! Tests of what the threads of a store do together when something fails, step by step, without the threads.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use gumboot_store::{Outcome, StreamName};
use tempfile::TempDir;

use super::*;
use crate::{
    checkpoint::{checkpoint, take_changes},
    open,
    options::Options,
    seal::Told,
    space::Removed,
};

/// A store without threads.
struct Test {
    disk: FjallDisk,
    shared: Arc<Shared>,
    removed: Removed,
    directory: TempDir,
    _lock: File,
}

impl Test {
    fn new(log_bytes: u64) -> Self {
        let directory = TempDir::new().unwrap();
        let opened = open::open(directory.path(), &Options::default()).unwrap();
        let shared = Arc::new(opened.shared);
        Self {
            disk: FjallDisk::new(shared.clone(), opened.seal, log_bytes),
            shared,
            removed: Removed::default(),
            directory,
            _lock: opened.lock,
        }
    }

    fn append(&mut self, records: usize) -> Result<Vec<Offset>, StoreError> {
        let mut batch = Batch::new(0);
        (0..records).for_each(|_| batch.append(&queue(), Bytes::from_static(b"payload")));
        Ok(self.disk.append(vec![batch])?.concat())
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        checkpoint(&self.shared, &self.removed)
    }

    /// Does something while the log is a file of the system that fails.
    #[cfg(target_os = "linux")]
    fn with_log<T>(&mut self, path: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let file = File::options().write(true).open(path).unwrap();
        let replaced = self.shared.state().log.replace_file(Arc::new(file));
        let done = act(self);
        self.shared.state().log.replace_file(replaced);
        done
    }

    fn logs(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.directory.path().join("log")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut logs: Vec<_> = paths
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(&path).unwrap()))
            .collect();
        logs.sort();
        logs
    }

    /// Ends it as if it were killed.
    fn end(self) -> TempDir {
        self.directory
    }

    fn told(&self) -> Told {
        Seal::open(self.directory.path()).unwrap().1
    }
}

fn queue() -> StreamName {
    StreamName::parse("q").expect("a name of the tests is one")
}

/// The system tells of a failed sync once, and says that all is well if another thread asks again.
#[test]
#[cfg(target_os = "linux")]
fn what_another_thread_could_not_sync_is_not_confirmed() {
    let mut test = Test::new(u64::MAX);
    let before = test.told();
    test.append(1).unwrap();
    // It takes what is written, and cannot be synced.
    test.with_log("/dev/null", |test| test.checkpoint().unwrap_err());
    let error = test.disk.sync().unwrap_err();
    assert!(error.to_string().contains("syncing "), "{error}");
    test.disk.close().unwrap_err();
    assert_eq!(test.told(), before, "the seal says no more than before");
    test.append(1).unwrap_err();
}

#[test]
#[cfg(target_os = "linux")]
fn after_a_failed_write_fjall_gets_nothing() {
    let mut test = Test::new(u64::MAX);
    test.append(1).unwrap();
    let logs = test.logs();
    test.with_log("/dev/full", |test| test.append(1).unwrap_err());
    test.checkpoint().unwrap_err();
    assert_eq!(test.logs(), logs);
    let record = test.shared.spaces.store_record().unwrap().unwrap();
    assert_eq!(record.checkpoint, 0);
}

#[test]
fn after_a_panic_fjall_gets_nothing() {
    let mut test = Test::new(u64::MAX);
    test.append(1).unwrap();
    let logs = test.logs();
    let panicked: Result<(), _> = test.shared.change(|_| panic!("a test does"));
    assert!(panicked.unwrap_err().to_string().contains("a test does"));
    test.checkpoint().unwrap_err();
    test.disk.sync().unwrap_err();
    assert_eq!(test.logs(), logs);
}

#[test]
fn nothing_is_written_behind_a_file_that_could_not_be_ended() {
    let mut test = Test::new(u64::MAX);
    test.append(1).unwrap();
    let logs = test.logs();
    let in_the_way = test.directory.path().join("log/new");
    fs::create_dir(&in_the_way).unwrap();
    take_changes(&test.shared).map(drop).unwrap_err();
    fs::remove_dir(&in_the_way).unwrap();
    // As a writer that has found room before.
    test.append(1).unwrap_err();
    assert_eq!(test.logs(), logs);
}

/// What the first one took would be missing in fjall, and the second one would delete the log that has it.
#[test]
fn after_a_failed_checkpoint_there_is_no_other() {
    let mut test = Test::new(u64::MAX);
    test.append(1).unwrap();
    let cause = StoreError::Closed;
    test.shared.checkpoints.fail(&cause);
    let logs = test.logs();
    for _ in 0..2 {
        assert_eq!(
            test.checkpoint().unwrap_err().to_string(),
            cause.to_string()
        );
    }
    assert_eq!(test.logs(), logs);
}

/// As after a checkpoint that could not be synced: fjall has it, and the log was not deleted.
#[test]
#[cfg(unix)]
fn a_checkpoint_that_may_be_on_no_disk_is_written_anew() {
    use std::os::unix::fs::MetadataExt;

    let mut test = Test::new(u64::MAX);
    test.append(1).unwrap();
    let logs = test.logs();
    test.checkpoint().unwrap();
    test.disk.close().unwrap();
    let journal = test.directory.path().join("data/0.jnl");
    let inode = || fs::metadata(&journal).unwrap().ino();
    let before = inode();
    let directory = test.end();
    let opens = || {
        let opened = open::open(directory.path(), &Options::default()).unwrap();
        let state = opened.shared.state();
        assert_eq!(state.index.stream(&queue()).unwrap().entries().len(), 1);
    };
    opens();
    assert_eq!(inode(), before, "the log was deleted, so it was synced");
    for (path, bytes) in logs {
        fs::write(path, bytes).unwrap();
    }
    opens();
    assert_ne!(inode(), before);
}

/// A settlement is short in the log; in memory it is a change like others.
#[test]
fn many_settlements_make_a_checkpoint_due() {
    const RECORDS: usize = 1_000;
    let mut test = Test::new(100_000);
    let offsets = test.append(RECORDS).unwrap();
    test.checkpoint().unwrap();
    let mut batch = Batch::new(0);
    for offset in offsets {
        batch.settle(&queue(), offset, Outcome::Done);
    }
    assert!(!test.shared.checkpoints.is_due());
    test.disk.append(vec![batch]).unwrap();
    let log_bytes = test.shared.state().log.bytes();
    assert!(log_bytes < 50_000, "{log_bytes} bytes in the log");
    assert!(test.shared.checkpoints.is_due());
    test.checkpoint().unwrap();
    assert!(!test.shared.checkpoints.is_due());
}
