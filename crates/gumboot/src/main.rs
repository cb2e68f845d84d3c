//! The program `gumboot`: the server, and the tool to try and test one. A file per subcommand is in `command`.

#![forbid(unsafe_code)]

mod cli;
mod command;
mod config;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(command) => command::run(command),
        Err(exit) => exit,
    }
}
