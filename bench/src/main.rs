//! `gumboot-bench`: loads on STOMP servers over TCP, and a bare loop on a disk. Each subcommand is one measurement and
//! prints its figures as one line of JSON. `cargo xtask bench` starts the servers and puts the figures together.
#![forbid(unsafe_code)]

mod backlog;
mod bare;
mod connection;
mod latency;
mod progress;
mod reply;
mod sends;
mod target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;
use tokio::runtime::Builder;

/// What goes wrong is the server's, or the command line's; either way there are no figures.
type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
#[command(about, disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write groups of messages to a file and sync it after each
    Bare(bare::Args),
    /// Fill a queue
    Fill(backlog::FillArgs),
    /// Wait until a server gives the first message of a queue, trying to connect until it does
    First(backlog::FirstArgs),
    /// Send at a fixed rate, and measure how long messages take to a consumer
    Latency(latency::Args),
    /// Send with a receipt, each producer one message at a time
    Sends(sends::Args),
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args.command) {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("gumboot-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// One thread for all connections: it must not take the servers' cores from them.
fn run(command: Command) -> Result<Value, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    match command {
        Command::Bare(args) => bare::run(&args),
        Command::Fill(args) => runtime.block_on(backlog::fill(args)),
        Command::First(args) => runtime.block_on(backlog::first(args)),
        Command::Latency(args) => runtime.block_on(latency::run(args)),
        Command::Sends(args) => runtime.block_on(sends::run(args)),
    }
}
