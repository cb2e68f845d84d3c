//! Numbers that nobody can guess, from the system.

use gumboot_store::StoreError;

use crate::fault::io_error;

pub(crate) fn random() -> Result<u64, StoreError> {
    getrandom::u64().map_err(|error| io_error("asking for randomness", error.into()))
}
