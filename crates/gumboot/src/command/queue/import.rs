//! `gumboot queue import`: the messages of a file are sent, each with a receipt. All of the file is read before anything is
//! sent, so that one with a mistake in it is refused as a whole.

use std::{
    cell::Cell,
    collections::VecDeque,
    fs::File,
    io::{BufReader, Seek},
    path::PathBuf,
};

use gumboot_stomp::{Error, Receipt};

use super::{
    figures::messages_of,
    file::{self, Kept, Reader},
    sent_on::sent_on,
    transfer::tell,
    visit::Visit,
};
use crate::command::stomp::Failure;

/// The messages that are sent before the first of them is confirmed.
const UNCONFIRMED_MAX: usize = 1024;

/// The name of the header without which other servers forget a message when they end.
const PERSISTENT: &str = "persistent";

pub(super) struct Plan {
    path: PathBuf,
    file: BufReader<File>,
    to: Option<String>,
    from_line: u64,
}

impl Plan {
    /// Reads all of the file, and remembers nothing of it but that it is as it should be.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(path: PathBuf, to: Option<String>, from_line: u64) -> Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let file = File::open(&path).map_err(|error| wrong(&error))?;
        let is_file = file.metadata().map_err(|error| wrong(&error))?.is_file();
        if !is_file {
            return Err(wrong(&"not a file, which can be read twice"));
        }
        let mut file = BufReader::new(file);
        let mut last_line = 0;
        file::read(&mut file, |kept| {
            last_line = kept.line;
            Ok::<(), String>(())
        })
        .map_err(|why| wrong(&why))?;
        if from_line > last_line.max(1) {
            return Err(wrong(&format!(
                "the last message stands on line {last_line}"
            )));
        }
        file.rewind().map_err(|error| wrong(&error))?;
        Ok(Self {
            path,
            file,
            to,
            from_line,
        })
    }
}

/// What was sent, and is to be confirmed.
struct Sent {
    line: u64,
    receipt: Receipt,
}

/// How far it has come.
#[derive(Debug, Default)]
struct Progress {
    confirmed: Cell<u64>,
    /// The line of the last message that was confirmed, or skipped.
    line: Cell<u64>,
    /// The line of the last message that was sent, or began to be.
    sent: Cell<u64>,
}

pub(super) async fn run(visit: &Visit<'_>, plan: Plan) -> Result<(), Failure> {
    let progress = Progress::default();
    let name = plan.path.display().to_string();
    progress.line.set(plan.from_line.max(2) - 1);
    let result = send_all(visit, plan, &name, &progress).await;
    tell(&format!(
        "imported {}",
        messages_of(progress.confirmed.get())
    ));
    if result.is_ok() && !visit.is_cut_short() {
        return Ok(());
    }
    let next = progress.line.get() + 1;
    let unknown = match progress.sent.get() {
        sent if sent > next && result.is_err() => {
            format!("; those up to line {sent} may have arrived or not")
        }
        sent if sent == next && result.is_err() => {
            format!("; that of line {sent} may have arrived or not")
        }
        _ => String::new(),
    };
    tell(&format!(
        "not confirmed from line {next} on: --from-line {next} goes on there{unknown}"
    ));
    result
}

async fn send_all(
    visit: &Visit<'_>,
    plan: Plan,
    name: &str,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut reader = Reader::new(plan.file);
    let mut window = VecDeque::<Sent>::new();
    let mut has_ended = false;
    loop {
        let wrong = |why: String| Failure::Usage(format!("{name}: {why}"));
        let Some(kept) = reader.next().map_err(wrong)? else {
            break;
        };
        if kept.line < plan.from_line {
            continue;
        }
        if visit.is_stopped() {
            break;
        }
        if window.len() >= UNCONFIRMED_MAX {
            confirm(visit, name, progress, &mut window).await?;
        }
        let line = kept.line;
        progress.sent.set(line);
        match send(visit, kept, plan.to.as_deref()).await {
            Ok(receipt) => window.push_back(Sent { line, receipt }),
            // Why, one of the receipts may say.
            Err(Error::Ended) => {
                has_ended = true;
                break;
            }
            Err(error) => return Err(Failure::of(&of_line(name, line), error)),
        }
    }
    while !window.is_empty() {
        confirm(visit, name, progress, &mut window).await?;
    }
    match has_ended {
        true => visit.outcome(name, Err(Error::Ended)).await,
        false => Ok(()),
    }
}

async fn send(visit: &Visit<'_>, kept: Kept, to: Option<&str>) -> Result<Receipt, Error> {
    let headers = kept.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
    let mut message = sent_on(to.unwrap_or(&kept.destination), headers, kept.body);
    let is_said = kept.headers.iter().any(|(name, _)| name == PERSISTENT);
    if !is_said && !visit.is_ours() {
        message = message.header(PERSISTENT, "true");
    }
    visit.session.send_with_receipt(message).await
}

/// Awaits the first receipt.
async fn confirm(
    visit: &Visit<'_>,
    name: &str,
    progress: &Progress,
    window: &mut VecDeque<Sent>,
) -> Result<(), Failure> {
    let Some(sent) = window.pop_front() else {
        return Ok(());
    };
    visit
        .in_time(&of_line(name, sent.line), sent.receipt)
        .await?;
    progress.confirmed.set(progress.confirmed.get() + 1);
    progress.line.set(sent.line);
    Ok(())
}

fn of_line(name: &str, line: u64) -> String {
    format!("{name}, line {line}")
}
