//! `gumboot queue purge`: messages are taken out of a queue, and forgotten.

use std::{
    cell::Cell,
    io::{self, IsTerminal, Write},
};

use gumboot_stomp::AckMode;
use tokio::task::spawn_blocking;

use super::{
    drain::{self, Drain, Source},
    figures::{self, messages_of},
    transfer::tell,
    visit::Visit,
};
use crate::command::{render, stomp::Failure};

pub(super) struct Plan {
    pub(super) queue: String,
    pub(super) selector: Option<String>,
    pub(super) count: Option<u64>,
    /// Whether it is clear already that it is meant.
    pub(super) is_meant: bool,
}

pub(super) async fn run(visit: &Visit<'_>, plan: Plan) -> Result<(), Failure> {
    let figures = figures::of(visit, &plan.queue).await?;
    if !plan.is_meant && figures.as_ref().is_none_or(|figures| figures.ready > 0) {
        let which = match (&figures, &plan.selector, plan.count) {
            (Some(figures), None, None) => messages_of(figures.ready),
            (_, None, None) => "all messages".to_owned(),
            (_, Some(_), None) => "the messages that are selected".to_owned(),
            (_, _, Some(count)) => format!("up to {}", messages_of(count)),
        };
        if !is_meant(visit, &format!("forget {which} of {}?", plan.queue)).await? {
            return Ok(());
        }
    }
    let source = Source {
        queue: &plan.queue,
        selector: plan.selector.as_deref(),
        count: plan.count,
    };
    let purged = Cell::new(0);
    let result = async {
        let mut drain = Drain::open(visit, source, AckMode::Client, figures.as_ref()).await?;
        loop {
            let portion = drain.portion().await?;
            let Some(last) = portion.last() else {
                return drain::left_in(visit, &plan.queue).await;
            };
            // It stands for all before it.
            let what = "an ACK";
            let receipt = visit.in_time(what, last.ack_with_receipt()).await?;
            visit.in_time(what, receipt).await?;
            purged.set(purged.get() + portion.len() as u64);
        }
    };
    let result = result.await;
    tell(&format!("purged {}", messages_of(purged.get())));
    result.map(|left| left.iter().for_each(|left| tell(left)))
}

/// Asks, on a terminal.
async fn is_meant(visit: &Visit<'_>, question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        let why = "there is nobody to ask whether it is meant: --yes says so".to_owned();
        return Err(Failure::Usage(why));
    }
    let _ = write!(io::stderr(), "{} [y/N] ", render::escaped(question));
    let asking = spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    });
    tokio::select! {
        biased;
        () = visit.stopped() => Ok(false),
        answer = asking => {
            let answer = answer.unwrap_or_else(|error| Err(io::Error::other(error)));
            let answer = answer.map_err(|error| {
                Failure::Other(format!("cannot read the answer: {error}"))
            })?;
            Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
        }
    }
}
