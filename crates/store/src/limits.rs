//! Every bound of a store, by name.

/// How long the name of a stream may be, in bytes.
pub const STREAM_NAME_BYTES_MAX: usize = 2_048;

/// How many operations a batch may have.
pub const BATCH_OPERATIONS_MAX: usize = 65_536;

/// How many bytes all payloads of a batch may have together.
pub const BATCH_BYTES_MAX: usize = 128 * 1024 * 1024;

/// How many records one call of `read` or `lease` gives at most, whatever was asked for.
pub const PORTION_RECORDS_MAX: usize = 16_384;

/// After how many bytes of payload one call of `read` or `lease` gives no more, whatever was asked for.
pub const PORTION_BYTES_MAX: usize = 64 * 1024 * 1024;
