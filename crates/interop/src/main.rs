//! Exchanges between the WebSocket ends of Gumboot and those of others, in both directions.
//!
//! `gumboot-interop [--program PATH] [--expect FILE] COMMAND...` starts the peer that the command is, has it do every
//! exchange of `exchanges.json` with our client and our server, and with the echo of the program at `PATH`; and prints
//! what came of it. What the peer does and leaves out must be as `FILE` has it. The README says how a peer is made. `cargo xtask test` runs it for each peer, and the tests of this crate run it
//! with those that are Rust.

#![forbid(unsafe_code)]

mod exchange;
mod expect;
mod ours;
mod peer;
mod program;
mod report;
mod suite;
#[cfg(test)]
mod tests;

use std::{fs, io, process::ExitCode};

use crate::{
    exchange::Case,
    expect::{Counts, Done},
    peer::{Ability, Peer, Program},
    program::Gumboot,
    suite::{Direction, Tally},
};

/// What was typed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    program: Option<String>,
    expect: Option<String>,
    command: Vec<String>,
}

impl Arguments {
    /// None without a command.
    fn parse(mut typed: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = Self::default();
        while let Some(argument) = typed.next() {
            match &*argument {
                "--program" => arguments.program = Some(typed.next()?),
                "--expect" => arguments.expect = Some(typed.next()?),
                _ => {
                    arguments.command.push(argument);
                    arguments.command.extend(typed);
                    return Some(arguments);
                }
            }
        }
        None
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        eprintln!("usage: gumboot-interop [--program PATH] [--expect FILE] COMMAND...");
        return ExitCode::from(2);
    };
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gumboot-interop: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
async fn run(arguments: &Arguments) -> io::Result<bool> {
    let cases = exchange::all()?;
    let expected = arguments.expect.as_deref().map(expected).transpose()?;
    let mut peer = Program::start(&arguments.command).await?;
    let program = arguments.program.as_deref();
    let good = run_with(&mut peer, program, expected.as_ref(), &cases).await?;
    peer.stop().await?;
    Ok(good)
}

/// What a file expects of a peer.
fn expected(path: &str) -> io::Result<Done> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"));
    let text = fs::read_to_string(path).map_err(named)?;
    serde_json::from_str(&text).map_err(|error| named(error.into()))
}

/// Whether all went well with this peer.
async fn run_with<P: Peer>(
    peer: &mut P,
    program: Option<&str>,
    expected: Option<&Done>,
    cases: &[Case],
) -> io::Result<bool> {
    let mut good = names_are_known(peer, cases);
    let name = peer.about().name.clone();
    let mut done = Done::default();
    let mut told = |who: String, tally: Tally| {
        good &= told(&who, &tally);
        Some::<Counts>(tally.counts)
    };
    if peer.about().can.contains(&Ability::Connect) {
        let tally = suite::run(peer, Direction::ToOurs, cases).await;
        done.connect = told(format!("{name} as client of our server"), tally);
        if let Some(path) = program {
            let program = Gumboot::start(path).await?;
            let tally = suite::run(peer, Direction::ToProgram(&program.echo), cases).await;
            done.program = told(format!("{name} as client of the program"), tally);
        }
    }
    if peer.about().can.contains(&Ability::Serve) {
        let tally = suite::run(peer, Direction::FromOurs, cases).await;
        done.serve = told(format!("our client of {name} as server"), tally);
    }
    let differences = expected.map(|expected| done.differences(expected));
    for difference in differences.iter().flatten() {
        println!("WRONG  {name}: {difference}");
        good = false;
    }
    Ok(good)
}

/// Prints a tally; says whether something was run and all of it was good.
fn told(who: &str, tally: &Tally) -> bool {
    for wrong in &tally.wrong {
        println!("WRONG  {who}: {wrong}");
    }
    println!("{who}: {tally}");
    tally.wrong.is_empty() && tally.counts.good > 0
}

/// A peer that names an exchange that there is not does not say what it means.
fn names_are_known(peer: &impl Peer, cases: &[Case]) -> bool {
    let known = |name: &&String| cases.iter().any(|case| case.exchange.name == **name);
    let cannot = &peer.about().cannot;
    let named = cannot.connect.keys().chain(cannot.serve.keys());
    let unknown: Vec<_> = named.filter(|name| !known(name)).collect();
    for name in &unknown {
        println!("WRONG  there is no exchange {name:?}");
    }
    unknown.is_empty()
}
