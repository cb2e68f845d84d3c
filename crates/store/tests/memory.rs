//! The store in memory passes what every store passes.

use std::sync::Arc;

use gumboot_store::conformance::{Fixture, check_all, check_random};
use gumboot_store::{MemoryStore, Store};

/// Each store is another life.
#[derive(Default)]
struct Lives(u64);

impl Fixture for Lives {
    fn create(&mut self) -> Arc<dyn Store> {
        self.0 += 1;
        Arc::new(MemoryStore::new(self.0))
    }

    fn keeps(&self) -> bool {
        false
    }

    fn reopen(&mut self, _: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        None
    }
}

#[test]
fn the_memory_store_conforms() {
    check_all(&mut Lives::default());
}

#[test]
fn the_memory_store_is_like_the_model() {
    for seed in 1..=4 {
        check_random(&mut Lives::default(), seed, 100_000);
    }
}
