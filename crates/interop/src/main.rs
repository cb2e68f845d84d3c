//! Exchanges between the WebSocket ends of Gumboot and those of others, in both directions.
//!
//! `gumboot-interop [--program PATH] COMMAND...` starts the peer that the command is, has it do every exchange of
//! `exchanges.json` with our client and our server, and with the echo of the program at `PATH`; and prints what came of
//! it. The README says how a peer is made. `cargo xtask test` runs it for each peer, and the tests of this crate run it
//! with those that are Rust.

#![forbid(unsafe_code)]

mod exchange;
mod ours;
mod peer;
mod program;
mod report;
mod suite;
#[cfg(test)]
mod tests;

use std::{io, process::ExitCode};

use crate::{
    exchange::Case,
    peer::{Ability, Peer, Program},
    program::Gumboot,
    suite::{Direction, Tally},
};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = arguments.first().is_some_and(|first| first == "--program") && arguments.len() > 1;
    let program = named.then(|| arguments.drain(..2).nth(1)).flatten();
    if arguments.is_empty() {
        eprintln!("usage: gumboot-interop [--program PATH] COMMAND...");
        return ExitCode::from(2);
    }
    match run(program.as_deref(), &arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gumboot-interop: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
async fn run(program: Option<&str>, command: &[String]) -> io::Result<bool> {
    let cases = exchange::all()?;
    let mut peer = Program::start(command).await?;
    let mut good = names_are_known(&peer, &cases);
    let name = peer.about().name.clone();
    if peer.about().can.contains(&Ability::Connect) {
        let tally = suite::run(&mut peer, Direction::ToOurs, &cases).await;
        good &= told(&format!("{name} as client of our server"), &tally);
        if let Some(path) = program {
            let program = Gumboot::start(path).await?;
            let tally = suite::run(&mut peer, Direction::ToProgram(&program.echo), &cases).await;
            good &= told(&format!("{name} as client of the program"), &tally);
        }
    }
    if peer.about().can.contains(&Ability::Serve) {
        let tally = suite::run(&mut peer, Direction::FromOurs, &cases).await;
        good &= told(&format!("our client of {name} as server"), &tally);
    }
    peer.stop().await?;
    Ok(good)
}

/// Prints a tally; says whether something was run and all of it was good.
fn told(who: &str, tally: &Tally) -> bool {
    for wrong in &tally.wrong {
        println!("WRONG  {who}: {wrong}");
    }
    println!("{who}: {tally}");
    tally.wrong.is_empty() && tally.good > 0
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
