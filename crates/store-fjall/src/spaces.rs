//! The keyspaces in fjall's database.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

use bytes::Bytes;
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode, Readable, Snapshot,
};
use gumboot_store::{Offset, StoreError, ledger::Entry};

use crate::{
    fault::{fjall_error, panic_error},
    layout::{Kept, Place, STORE_KEY, Space, StoreRecord, body_checksum, record_key},
    limits::{BODY_FILE_BYTES, INLINE_BYTES_MAX, JOURNAL_BYTES_MAX},
    options::Options,
};

/// How many full memtables of a keyspace may wait to be written before more comes. fjall waits from 4 on; its threads
/// and a compaction may each add one meanwhile.
const SEALED_MAX: usize = 2;

/// How many tables of a keyspace may wait to be merged before more comes. fjall waits from 30 on.
const TABLES_UNMERGED_MAX: usize = 28;

/// How often it is looked whether there is room. fjall does not tell.
const ROOM_LOOK: Duration = Duration::from_millis(1);

/// The database, and its keyspaces.
pub(crate) struct Spaces {
    pub(crate) database: Database,
    pub(crate) bodies: Keyspace,
    pub(crate) index: Keyspace,
    pub(crate) store: Keyspace,
    pub(crate) streams: Keyspace,
}

impl fmt::Debug for Spaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spaces")
    }
}

impl Spaces {
    /// Opens the database, or creates it.
    pub(crate) fn open(data: &Path, options: &Options) -> Result<Self, StoreError> {
        // Damaged files can make fjall panic.
        let opened = catch_unwind(AssertUnwindSafe(|| open(data, options)));
        match opened {
            Ok(opened) => opened.map_err(|error| fjall_error(data.display(), error)),
            Err(panic) => Err(panic_error(data.display(), &*panic)),
        }
    }

    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        // The second one syncs nothing. It tells whether another thread had a fault of the same file meanwhile, of which
        // the system tells only once.
        self.database
            .persist(PersistMode::SyncData)
            .and_then(|()| self.database.persist(PersistMode::Buffer))
            .map_err(|error| fjall_error("syncing the journal", error))
    }

    /// Waits until fjall's threads have caught up. fjall would wait by itself, but for ever if one of them has failed.
    pub(crate) fn wait_for_room(&self) -> Result<(), StoreError> {
        for keyspace in self.all() {
            while keyspace.sealed_memtable_count() >= SEALED_MAX
                || keyspace.l0_table_count() >= TABLES_UNMERGED_MAX
            {
                // Fails if one of them has failed.
                self.database
                    .persist(PersistMode::Buffer)
                    .map_err(|error| fjall_error("writing tables", error))?;
                thread::sleep(ROOM_LOOK);
            }
        }
        Ok(())
    }

    pub(crate) fn store_record(&self) -> Result<Option<StoreRecord>, StoreError> {
        let value = self.store.get(STORE_KEY);
        let value = value.map_err(|error| fjall_error(Place(Space::Store, STORE_KEY), error))?;
        value.map(|value| StoreRecord::decode(&value)).transpose()
    }

    pub(crate) fn all(&self) -> [&Keyspace; 4] {
        [&self.bodies, &self.index, &self.store, &self.streams]
    }
}

/// The payload of a record, if it is the one that was written.
pub(crate) fn body(
    snapshot: &Snapshot,
    bodies: &Keyspace,
    id: u64,
    offset: Offset,
    entry: &Entry<Kept>,
) -> Result<Bytes, StoreError> {
    let key = record_key(id, offset);
    let place = Place(Space::Bodies, &key);
    let body = snapshot.get(bodies, key);
    let body = body.map_err(|error| fjall_error(place, error))?;
    let body = Bytes::from(body.ok_or_else(|| place.corrupt("the payload is missing"))?);
    if body.len() == entry.bytes && body_checksum(id, offset, &body) == entry.kept.body {
        Ok(body)
    } else {
        Err(place.corrupt("the checksum is wrong"))
    }
}

fn open(data: &Path, options: &Options) -> fjall::Result<Spaces> {
    let database = Database::builder(data)
        .cache_size(options.cache_bytes)
        .max_journaling_size(JOURNAL_BYTES_MAX)
        .worker_threads(options.threads.max(1))
        .open()?;
    let small = || KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes);
    let large = || {
        let separation = KvSeparationOptions::default()
            .separation_threshold(INLINE_BYTES_MAX + 1)
            .file_target_size(BODY_FILE_BYTES)
            .staleness_threshold(0.5)
            .age_cutoff(1.0);
        small().with_kv_separation(Some(separation))
    };
    Ok(Spaces {
        bodies: database.keyspace(Space::Bodies.name(), large)?,
        index: database.keyspace(Space::Index.name(), small)?,
        store: database.keyspace(Space::Store.name(), small)?,
        streams: database.keyspace(Space::Streams.name(), small)?,
        database,
    })
}
