//! The project's own commands, run as `cargo xtask COMMAND`.
//!
//! `cargo xtask test` is the one command that says whether the project is well: it installs what the
//! tests need and runs all of them, the same on a developer's machine and in CI. Each subject has a
//! file; [`steps`] is the table that names them in the order in which they run.

use std::process::ExitCode;

mod context;
mod folder;
mod process;
mod report;
mod steps;

mod activemq;
mod autobahn;
mod bench;
mod cargo;
mod certificate;
mod costs;
mod deny;
mod install;
mod peers;
mod program;
mod rabbitmq;
mod tidy;

const HELP: &str = "\
The project's own commands.

Usage: cargo xtask test [STEP...]       run the tests: the steps named, or all that need no naming
       cargo xtask bench [SCENARIO...]  measure: the scenarios named, or all; writes BENCHMARKS.md
             --quick                    take less time: a short form of each, which is only printed
             --servers=NAME,...         only these servers, such as raw-epoll, gumboot, bun; only printed
       cargo xtask help                 print this
";

/// The exit status of a command line that was not understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, names)) if command == "test" => test(names),
        Some((command, names)) if command == "bench" => bench(names),
        Some((command, _)) if matches!(command.as_str(), "help" | "--help" | "-h") => {
            println!("{}", help());
            ExitCode::SUCCESS
        }
        Some((command, _)) => usage(&format!("there is no command `{command}`")),
        None => usage("a command is missing"),
    }
}

fn test(names: &[String]) -> ExitCode {
    if names
        .iter()
        .any(|name| matches!(name.as_str(), "help" | "--help" | "-h"))
    {
        println!("{}", help());
        return ExitCode::SUCCESS;
    }
    match steps::select(names) {
        Ok(selected) => steps::run(&selected),
        Err(unknown) => usage(&format!("there is no step `{unknown}`")),
    }
}

fn bench(arguments: &[String]) -> ExitCode {
    match bench::Asked::parse(arguments) {
        Ok(asked) => bench::run(&asked),
        Err(problem) => usage(&problem),
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}\n\n{}", help());
    ExitCode::from(USAGE)
}

fn help() -> String {
    let steps: Vec<String> = steps::ALL
        .iter()
        .map(|step| {
            let only = if step.by_default {
                ""
            } else {
                "; only if it is named"
            };
            format!("  {:<10}{}{only}", step.name, step.about)
        })
        .collect();
    let scenarios: Vec<String> = bench::SCENARIOS
        .iter()
        .map(|scenario| format!("  {:<10}{}", scenario.name, scenario.about))
        .collect();
    format!(
        "{HELP}\nSteps, in the order in which they run:\n{}\n\nScenarios:\n{}",
        steps.join("\n"),
        scenarios.join("\n")
    )
}
