//! What the disk can do: a loop that writes groups of messages to a file and syncs it after each.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to write; the file is removed again
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// How many messages a group has
    #[arg(long, default_value_t = 1)]
    group: usize,
    /// How long a message is
    #[arg(long, default_value_t = 256)]
    bytes: usize,
    /// How long to measure
    #[arg(long, default_value_t = 3)]
    seconds: u64,
}

pub(crate) fn run(args: &Args) -> Result<Value, Failure> {
    let mut file = File::create(&args.file)?;
    let group = vec![b'x'; args.bytes * args.group];
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < Duration::from_secs(args.seconds) {
        file.write_all(&group)?;
        file.sync_data()?;
        count += args.group;
    }
    let per_second = count as f64 / begin.elapsed().as_secs_f64();
    fs::remove_file(&args.file)?;
    Ok(json!({ "group": args.group, "messages_per_second": per_second }))
}
