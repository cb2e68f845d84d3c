//! fjall's manifests, checked before fjall reads them, since it trusts what they say. The manifest of a keyspace is the
//! file `vN`; N (`u64`), the XXH3 of that file (`u128`) and a zero are in the file `current` beside it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gumboot_store::StoreError;
use xxhash_rust::xxh3::xxh3_128;

use crate::{fault::file_error, seal::corrupt};

/// fjall's own keyspace and ours, by their numbers.
const KEYSPACES: u32 = 5;

/// Checks the manifests of all keyspaces, and that nothing is missing without which fjall would begin anew or delete a
/// keyspace.
pub(crate) fn check(data: &Path) -> Result<(), StoreError> {
    for name in ["version", "lock"] {
        let path = data.join(name);
        if !path
            .try_exists()
            .map_err(file_error("looking for", &path))?
        {
            return Err(corrupt(&path, "it is missing"));
        }
    }
    (0..KEYSPACES).try_for_each(|number| check_keyspace(&keyspace(data, number)))
}

fn keyspace(data: &Path, number: u32) -> PathBuf {
    data.join("keyspaces").join(number.to_string())
}

fn check_keyspace(keyspace: &Path) -> Result<(), StoreError> {
    let path = keyspace.join("current");
    let current = read(&path)?;
    let (number, rest) = current
        .split_first_chunk()
        .ok_or_else(|| corrupt(&path, "it is cut off"))?;
    let (checksum, kind) = rest
        .split_first_chunk()
        .ok_or_else(|| corrupt(&path, "it is cut off"))?;
    if kind != [0] {
        return Err(corrupt(&path, "the kind of its checksum is unknown"));
    }
    let path = keyspace.join(format!("v{}", u64::from_le_bytes(*number)));
    if xxh3_128(&read(&path)?) == u128::from_le_bytes(*checksum) {
        Ok(())
    } else {
        Err(corrupt(&path, "its checksum is wrong"))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(corrupt(path, "it is missing"))
        }
        read => read.map_err(file_error("reading", path)),
    }
}
