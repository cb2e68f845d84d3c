//! `gumboot queue export`: messages that wait in a queue, in a file. That is there as a whole, or not at all.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::{
    figures::{self, Figures, messages_of},
    file::{write_first, write_last, write_message},
    look::Look,
    transfer::tell,
    visit::Visit,
};
use crate::command::stomp::Failure;

pub(super) struct Plan {
    pub(super) queue: String,
    pub(super) file: PathBuf,
    pub(super) selector: Option<String>,
    /// Whether a file that is there is replaced.
    pub(super) replaces: bool,
}

impl Plan {
    /// # Errors
    /// The file is there; or it is to be replaced, and is a link, a directory or a device.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.file.symlink_metadata() {
            Ok(_) if !self.replaces => Err(self.is_there()),
            Ok(found) if !found.is_file() => Err(format!(
                "{} is not a regular file, which alone --force replaces",
                self.file.display()
            )),
            _ => Ok(()),
        }
    }

    fn is_there(&self) -> String {
        let file = self.file.display();
        format!("{file} is there already: --force puts the new file in its place")
    }

    fn folder(&self) -> &Path {
        let folder = self.file.parent();
        let named = folder.filter(|folder| !folder.as_os_str().is_empty());
        named.unwrap_or(Path::new("."))
    }

    /// Whose fault it is that the file cannot be written.
    fn failed(&self, error: &io::Error) -> Failure {
        let why = format!("cannot write {}: {error}", self.file.display());
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotADirectory => Failure::Usage(why),
            _ => Failure::Other(why),
        }
    }

    /// Puts the file to its place once all of it is on the disk, with the permissions of the one that it replaces.
    fn keep(&self, file: NamedTempFile) -> Result<(), Failure> {
        // It may have changed since the beginning.
        self.check().map_err(Failure::Usage)?;
        if let Ok(replaced) = self.file.symlink_metadata() {
            file.as_file()
                .set_permissions(replaced.permissions())
                .map_err(|error| self.failed(&error))?;
        }
        file.as_file()
            .sync_all()
            .map_err(|error| self.failed(&error))?;
        let kept = match self.replaces {
            true => file.persist(&self.file),
            false => file.persist_noclobber(&self.file),
        };
        kept.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Failure::Usage(self.is_there()),
            _ => self.failed(&error.error),
        })?;
        File::open(self.folder())
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.failed(&error))
    }
}

pub(super) async fn run(visit: &Visit<'_>, plan: Plan) -> Result<(), Failure> {
    let temporary = NamedTempFile::new_in(plan.folder()).map_err(|error| plan.failed(&error))?;
    let mut file = BufWriter::new(temporary);
    let failed = |error| plan.failed(&error);
    write_first(&mut file, &plan.queue, visit.server()).map_err(failed)?;
    let mut look = Look::open(visit, &plan.queue, plan.selector.as_deref()).await?;
    let mut count = 0;
    loop {
        let next = tokio::select! {
            biased;
            // What is not all of it is of no use.
            () = visit.stopped() => return Ok(()),
            next = look.next() => next?,
        };
        let Some(message) = next else {
            break;
        };
        write_message(&mut file, &message).map_err(failed)?;
        count += 1;
    }
    let figures = figures::of(visit, &plan.queue).await?;
    let not_shown = figures.as_ref().and_then(Figures::not_shown);
    write_last(&mut file, count).map_err(failed)?;
    let file = file
        .into_inner()
        .map_err(|error| plan.failed(error.error()))?;
    let name = plan.file.display().to_string();
    let keeping = spawn_blocking(move || plan.keep(file));
    keeping
        .await
        .map_err(|error| Failure::Other(error.to_string()))??;
    tell(&format!("exported {} to {name}", messages_of(count)));
    not_shown.iter().for_each(|text| tell(text));
    Ok(())
}
