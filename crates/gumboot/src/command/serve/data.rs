//! `--data DIR`: the store of a server, and what it says of it when it starts.

use std::{io, path::PathBuf, sync::Arc};

use gumboot_broker::{Config, FreeSpace, Restored, Server};
use gumboot_store::StoreError;
use gumboot_store_fjall::{FjallStore, Options};
use nix::sys::statvfs::statvfs;
use tokio::task::spawn_blocking;

use crate::command::{EXIT_FAILURE, EXIT_USAGE};

/// The bytes that stay free on the disk, where nothing else is said.
pub(crate) const FREE_SPACE_MIN: u64 = 256 << 20;

/// Where messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) directory: PathBuf,
    /// The bytes that stay free on its disk; 0 if that is not looked at.
    pub(crate) free_space_min: u64,
}

/// Why a store was not opened.
#[derive(Debug)]
pub(crate) struct NotOpened {
    /// The status to exit with.
    pub(crate) status: u8,
    pub(crate) text: String,
    /// Whether another process has it open.
    pub(crate) is_locked: bool,
}

impl Data {
    /// Whether there is a store.
    pub(crate) fn is_there(&self) -> bool {
        FjallStore::is_in(&self.directory)
    }

    /// Opens the store for a server.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(crate) async fn open(self, config: &mut Config) -> Result<(), NotOpened> {
        let directory = self.directory.clone();
        let opened = spawn_blocking(move || FjallStore::open(directory, Options::default())).await;
        let failed = |status, is_locked, error: &dyn std::fmt::Display| {
            let directory = self.directory.display();
            Err(NotOpened {
                status,
                text: format!("cannot open {directory}: {error}"),
                is_locked,
            })
        };
        let store = match opened {
            Ok(Ok(store)) => store,
            Ok(Err(error)) => {
                let is_locked = matches!(error, StoreError::Locked { .. });
                return failed(status(&error), is_locked, &error);
            }
            Err(error) => return failed(EXIT_FAILURE, false, &error),
        };
        config.store = Some(Arc::new(store));
        let directory = self.directory;
        config.free_space = (self.free_space_min > 0).then(|| FreeSpace {
            bytes_min: self.free_space_min,
            ask: Arc::new(move || {
                let stat = statvfs(&directory).map_err(io::Error::from)?;
                Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
            }),
        });
        Ok(())
    }
}

/// Whether it is the user's to mend, or the machine has failed.
fn status(error: &StoreError) -> u8 {
    match error {
        StoreError::Locked { .. } | StoreError::UnknownFormat { .. } => EXIT_USAGE,
        _ => EXIT_FAILURE,
    }
}

/// What a server keeps, in one line.
pub(super) fn kept(server: &Server) -> String {
    let Some(restored) = server.restored() else {
        return "messages   in memory only, gone when the server ends; --data DIR keeps them\n"
            .to_owned();
    };
    let Restored {
        queues,
        durables,
        messages,
        retained,
        scheduled,
        histories: _,
        logged,
        is_clean,
        took,
    } = restored;
    let end = match is_clean {
        true => "",
        false => "; the server before this one did not end in order",
    };
    let counts = [
        (queues, "queue"),
        (durables, "durable subscription"),
        (messages, "message"),
        (retained, "retained message"),
        (scheduled, "delayed message"),
        (logged, "history message"),
    ];
    let counts = counts.map(|(count, what)| format!("{count} {what}{}", plural(count)));
    format!(
        "messages   restored in {} ms: {}{end}\n",
        took.as_millis(),
        counts.join(", ")
    )
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
