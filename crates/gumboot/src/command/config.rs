//! `gumboot config`: whether a configuration file is one that a server can start with.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use super::{
    EXIT_USAGE, fail, fail_each,
    serve::{self, of_process},
};

/// What was typed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

/// What to do with it.
#[derive(Debug, Clone, clap::Subcommand)]
enum Action {
    /// Read a file as `gumboot serve` would, with the GUMBOOT_* variables, and say what is wrong
    Check {
        /// The file; by default the one that GUMBOOT_CONFIG names
        file: Option<PathBuf>,
    },
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let Action::Check { file } = &args.action;
    let named = || of_process("GUMBOOT_CONFIG").map(PathBuf::from);
    let Some(file) = file.clone().or_else(named) else {
        return fail(EXIT_USAGE, "which file? name it, or set GUMBOOT_CONFIG");
    };
    match serve::Args::of_file(file.clone()).resolve(&of_process) {
        Ok(_) => {
            // The status tells it too.
            let _ = writeln!(io::stdout(), "{}: ok", file.display());
            ExitCode::SUCCESS
        }
        Err(problems) => fail_each(EXIT_USAGE, &problems),
    }
}
