//! What fjall and the system report, as errors of a store.

use std::{
    fmt::Display,
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use fjall::LsmError;
use gumboot_store::StoreError;

/// An error of the system.
pub(crate) fn io_error(doing: impl Display, error: io::Error) -> StoreError {
    StoreError::Io {
        doing: doing.to_string(),
        error: Arc::new(error),
    }
}

/// The same for a file.
pub(crate) fn file_error(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let doing = format!("{doing} {}", path.display());
    move |error| io_error(doing, error)
}

/// Only so does a new name outlive a loss of power, or an old one that it is gone.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let file = File::open(directory).and_then(|file| file.sync_all());
        file.map_err(file_error("syncing", directory))?;
    }
    Ok(())
}

/// An error of fjall while something was done at a place. What it does not understand of what it has written itself is
/// damage.
pub(crate) fn fjall_error(place: impl Display, error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(LsmError::Io(error)) => {
            system_error(place, error)
        }
        fjall::Error::Poisoned => {
            let error = io::Error::other("a write in the background has failed");
            io_error(place, error)
        }
        error => StoreError::Corrupt {
            place: place.to_string(),
            problem: error.to_string(),
        },
    }
}

/// A file that is not there or too short is damage; the rest is the system's fault.
fn system_error(place: impl Display, error: io::Error) -> StoreError {
    use io::ErrorKind::{InvalidData, InvalidInput, NotFound, Other, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | NotFound | Other | UnexpectedEof => StoreError::Corrupt {
            place: place.to_string(),
            problem: error.to_string(),
        },
        _ => io_error(place, error),
    }
}

/// What a panic in fjall says, which damaged files can cause.
pub(crate) fn panic_error(place: impl Display, panic: &(dyn std::any::Any + Send)) -> StoreError {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    StoreError::Corrupt {
        place: place.to_string(),
        problem: format!(
            "it cannot be read: {}",
            said.unwrap_or("no reason is known")
        ),
    }
}

/// Does something with fjall, which can panic.
pub(crate) fn guarded<T>(act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(act))
        .unwrap_or_else(|panic| Err(panic_error("the database", &*panic)))
}
