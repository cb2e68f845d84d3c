//! How a store on disk is set up.

/// What may be chosen when a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many bytes of what was read are kept in memory. Default 32 MiB.
    pub cache_bytes: u64,
    /// After how many bytes of the log what is left of them goes to the database, or after as many changes of
    /// [`CHANGE_BYTES`](crate::limits::CHANGE_BYTES) each. Up to four times as many are read when the store is opened.
    /// Payloads among them are in memory too, as long as they are not settled. Default 32 MiB.
    pub log_bytes: u64,
    /// How many bytes of what the database was given are kept in memory per part of the store, of which there are four,
    /// before they go to a table. It is for a store that is created; later the store keeps what it was created with.
    /// Default 16 MiB.
    pub memtable_bytes: u64,
    /// How many threads write tables and compact them in the background; 0 counts as 1. Default 2.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 32 * 1024 * 1024,
            log_bytes: 32 * 1024 * 1024,
            memtable_bytes: 16 * 1024 * 1024,
            threads: 2,
        }
    }
}
