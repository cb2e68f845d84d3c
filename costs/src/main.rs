//! `gumboot-costs`: what a message and an idle connection cost the program, counted and not timed, so that a busy machine
//! counts the same: instructions, allocations, system calls and readings of the clock by valgrind, memory by the kernel.
//! Each is held against its bound in `costs/bounds.toml`. The clients are those of the test kit, which share no code with
//! what is measured; they panic if an answer is not the one that is due.

#![forbid(unsafe_code)]

mod bounds;
mod callgrind;
mod cores;
mod idle;
mod messages;
mod metric;
mod payload;
mod profile;
mod report;
mod server;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{bounds::Bounds, cores::Cores, metric::Cost, report::Report};

/// Why there is no figure.
type Failure = Box<dyn std::error::Error>;

/// Counts what messages and connections cost the program, and holds it against the bounds
#[derive(Debug, Parser)]
struct Args {
    /// The program
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// The bounds
    #[arg(long, value_name = "FILE", default_value = "costs/bounds.toml")]
    bounds: PathBuf,
    /// Where profiles and logs are put
    #[arg(long, value_name = "DIR", default_value = "target/costs")]
    folder: PathBuf,
    /// Only these cases; without any, all
    cases: Vec<String>,
}

fn main() -> ExitCode {
    // Children inherit it: a huge page would count as a whole, whatever of it is used. A kernel that has none is as good.
    let _ = nix::sys::prctl::set_thp_disable(true);
    match run(&Args::parse()) {
        Ok((report, not_run)) => {
            print!("{report}");
            for case in not_run {
                println!("NOT RUN: {case}: it needs two cores, and there is one only");
            }
            ExitCode::from(u8::from(!report.is_good()))
        }
        Err(failure) => {
            eprintln!("gumboot-costs: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What was measured, and the names of the cases that this machine cannot measure.
fn run(args: &Args) -> Result<(Report, Vec<&'static str>), Failure> {
    let bounds = Bounds::read(&args.bounds)?;
    fs::create_dir_all(&args.folder)?;
    let known = || messages::names().chain(idle::names());
    if let Some(unknown) = args
        .cases
        .iter()
        .find(|case| !known().any(|name| name == *case))
    {
        let names: Vec<&str> = known().collect();
        return Err(format!("there is no case {unknown}, but {}", names.join(", ")).into());
    }
    let cores = Cores::choose()?;
    let not_run = match cores.clients {
        Some(_) => Vec::new(),
        None => messages::not_on_one_core(&args.cases)?,
    };
    cores.pin_clients()?;
    let is_named = |name: &str| args.cases.is_empty() || args.cases.iter().any(|case| case == name);
    let is_wanted = |name: &str| is_named(name) && !not_run.contains(&name);
    let mut costs: Vec<Cost> = Vec::new();
    for case in messages::CASES.iter().filter(|case| is_wanted(case.name)) {
        costs.extend(case.measure(cores.server, &args.program, &args.folder)?);
    }
    for case in idle::CASES.iter().filter(|case| is_wanted(case.name)) {
        costs.extend(case.measure(cores.server, &args.program, &args.folder)?);
    }
    Ok((Report::new(costs, &bounds, &is_wanted), not_run))
}
