//! `gumboot-bench`: loads on WebSocket and STOMP servers, a bare loop on a disk, and one on sockets. Each subcommand but
//! the last is one measurement and prints its figures as one line of JSON. `cargo xtask bench` starts the servers and puts
//! the figures together.
#![forbid(unsafe_code)]

mod backlog;
mod bare;
mod body;
mod calls;
mod client;
mod connection;
mod echo;
mod events;
mod fan_out;
mod floor;
mod idle;
mod latency;
mod process;
mod progress;
mod queue;
mod reply;
mod sends;
mod stomp;
mod target;
mod waits;

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
    /// Send messages to a WebSocket echo, so many on the way at any time, and check what comes back
    Echo(echo::Args),
    /// Send messages to many subscribers, one at a time or some at once
    FanOut(fan_out::Args),
    /// Fill a queue
    Fill(backlog::FillArgs),
    /// Wait until a server gives the first message of a queue, trying to connect until it does
    First(backlog::FirstArgs),
    /// Be a server that sends what it reads from one connection to all others
    Floor(floor::Args),
    /// Hold connections that wait, and see how much memory the server has for each
    Idle(idle::Args),
    /// Send at a fixed rate, and measure how long messages take to a consumer
    Latency(latency::Args),
    /// Send to a queue and consume from it, over WebSocket
    Queue(queue::Args),
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
        Command::Echo(args) => echo::run(&args),
        Command::FanOut(args) => fan_out::run(&args),
        Command::Fill(args) => runtime.block_on(backlog::fill(args)),
        Command::First(args) => runtime.block_on(backlog::first(args)),
        Command::Floor(args) => floor::run(&args).map(|never| match never {}),
        Command::Idle(args) => idle::run(&args),
        Command::Latency(args) => runtime.block_on(latency::run(args)),
        Command::Queue(args) => queue::run(&args),
        Command::Sends(args) => runtime.block_on(sends::run(args)),
    }
}
