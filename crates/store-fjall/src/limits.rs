//! Every bound of the store on disk, by name. Those of all stores are in `gumboot_store::limits`.

/// Payloads longer than this, in bytes, are kept in files of their own kind, which compaction does not copy.
pub const INLINE_BYTES_MAX: u32 = 1_024;

/// About how long a file of such payloads is, in bytes. One of which half is settled is written anew.
pub const BODY_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// How many batches may wait to be written.
pub const BATCHES_WAITING_MAX: usize = 16_384;

/// How many bytes of payload may wait to be written; a single batch may have more.
pub const BYTES_WAITING_MAX: usize = 64 * 1024 * 1024;

/// How many operations are written at once, all in one piece; a single batch may have more.
pub const GROUP_OPERATIONS_MAX: usize = 16_384;

/// How many calls of `read`, `lease` and `streams` may wait.
pub const READS_WAITING_MAX: usize = 1_024;

/// How many records may be appended and not synced. So many offsets are left out after a crash, since nobody knows
/// which of them were given out.
pub const UNSYNCED_APPENDS_MAX: u64 = 131_072;

/// Space is given back when so many bytes of payload were removed, and at least as many as are left.
pub const REMOVED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Space is given back when so many records were removed, and at least as many as are left, so that a start does not
/// have to step over more.
pub const REMOVED_RECORDS_MAX: u64 = 500_000;

/// How many bytes of journals are kept at most before what they hold is written to tables, which bounds how much a start
/// reads again.
pub const JOURNAL_BYTES_MAX: u64 = 192 * 1024 * 1024;

/// As how many bytes of the log a change counts that fjall does not have, if it has fewer there: about what it takes in
/// memory.
pub const CHANGE_BYTES: u64 = 256;

/// How many times the bytes of the log that make a checkpoint due there may be before who writes waits for it.
pub const LOG_FACTOR_MAX: u64 = 2;
