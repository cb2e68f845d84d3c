//! The store on disk passes what every store passes.

use std::sync::Arc;

use gumboot_store::{
    Store,
    conformance::{Fixture, check_all, check_random},
};
use gumboot_store_fjall::{FjallStore, Options};
use tempfile::TempDir;

/// A directory for the store that is tested.
#[derive(Default)]
struct Disk(Option<TempDir>);

impl Disk {
    fn open(&self) -> Arc<dyn Store> {
        let directory = self.0.as_ref().expect("there is a directory");
        let options = Options {
            log_bytes: 64 * 1024,
            memtable_bytes: 256 * 1024,
            ..Options::default()
        };
        Arc::new(FjallStore::open(directory, options).expect("the store opens"))
    }
}

impl Fixture for Disk {
    fn create(&mut self) -> Arc<dyn Store> {
        self.0 = Some(TempDir::new().expect("a temporary directory"));
        self.open()
    }

    fn keeps(&self) -> bool {
        true
    }

    fn reopen(&mut self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        drop(store);
        Some(self.open())
    }
}

#[test]
fn the_store_on_disk_conforms() {
    check_all(&mut Disk::default());
}

#[test]
fn the_store_on_disk_is_like_the_model() {
    check_random(&mut Disk::default(), 1, 100_000);
}
