//! `--data DIR`: the store of a server, and what it says of it when it starts.

use std::{io, path::PathBuf, process::ExitCode, sync::Arc};

use gumboot_broker::{Config, FreeSpace, Restored, Server};
use gumboot_store::StoreError;
use gumboot_store_fjall::{FjallStore, Options};
use nix::sys::statvfs::statvfs;
use tokio::task::spawn_blocking;

use crate::command::{EXIT_FAILURE, EXIT_USAGE, fail};

/// The bytes that stay free on the disk, where nothing else is said.
pub(crate) const FREE_SPACE_MIN: u64 = 256 << 20;

/// Where messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) directory: PathBuf,
    /// The bytes that stay free on its disk; 0 if that is not looked at.
    pub(crate) free_space_min: u64,
}

impl Data {
    /// Opens the store for a server.
    ///
    /// # Errors
    /// What to exit with; it has been said why.
    pub(crate) async fn open(self, config: &mut Config) -> Result<(), ExitCode> {
        let directory = self.directory.clone();
        let opened = spawn_blocking(move || FjallStore::open(directory, Options::default())).await;
        let failed = |status, error: &dyn std::fmt::Display| {
            let directory = self.directory.display();
            Err(fail(status, &format!("cannot open {directory}: {error}")))
        };
        let store = match opened {
            Ok(Ok(store)) => store,
            Ok(Err(error)) => return failed(status(&error), &error),
            Err(error) => return failed(EXIT_FAILURE, &error),
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
