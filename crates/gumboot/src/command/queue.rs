//! `gumboot queue`: what is in the queues of a server, looked at, taken out, sent on, written to a file and read from one.
//! All of it is asked for with STOMP, so a user does no more than the user may; the directory of a server that does not run
//! is served for that long.

mod args;
mod directory;
mod drain;
mod export;
mod figures;
mod file;
mod import;
mod list;
mod look;
mod peek;
mod purge;
mod sent_on;
mod transfer;
mod visit;

use std::process::ExitCode;

pub(crate) use self::args::Args;
use self::args::{Place, Task};
use super::{
    EXIT_USAGE, fail, render,
    signals::Signals,
    stomp::{self, Failure, Wanted},
};

/// Runs the command to its end.
pub(crate) fn run(args: Args) -> ExitCode {
    let (place, task) = match args.resolve() {
        Ok(resolved) => resolved,
        Err(error) => return fail(EXIT_USAGE, &render::escaped(&error)),
    };
    stomp::run(async |mut signals| match place {
        Place::Server(wanted) => work(&wanted, &mut signals, task).await,
        Place::Directory(directory) => {
            let served = directory.serve(async |wanted| work(wanted, &mut signals, task).await);
            served.await
        }
    })
}

async fn work(wanted: &Wanted, signals: &mut Signals, task: Task) -> Result<(), Failure> {
    visit::run(wanted, signals, async |visit| match task {
        Task::Export(plan) => export::run(visit, plan).await,
        Task::Import(plan) => import::run(visit, plan).await,
        Task::List(plan) => list::run(visit, plan).await,
        Task::Move(plan) => transfer::run(visit, plan).await,
        Task::Peek(plan) => peek::run(visit, plan).await,
        Task::Purge(plan) => purge::run(visit, plan).await,
    })
    .await
}
