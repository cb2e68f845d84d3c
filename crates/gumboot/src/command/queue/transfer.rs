//! `gumboot queue move`: messages are sent on and acknowledged in one transaction for each portion, so that wherever it
//! ends, each message is in one of the two queues.

use std::{
    cell::Cell,
    io::{self, Write},
};

use gumboot_stomp::{AckMode, Error, Message};
use tokio::time::timeout;

use super::{
    drain::{self, Drain, Source},
    figures::{self, messages_of},
    sent_on::{ORIGIN, sent_on},
    visit::Visit,
};
use crate::command::{render, stomp::Failure};

/// The dead letters that come from queues which stay. What is sent to a topic would go to all that subscribe to it, and what
/// is sent to a temporary queue whose session is gone, nowhere.
const FROM_QUEUES: &str = "\"dead-letter-kind\" = 'queue'";

pub(super) struct Plan {
    pub(super) from: String,
    /// Without, dead letters go to where they come from.
    pub(super) to: Option<String>,
    pub(super) selector: Option<String>,
    pub(super) count: Option<u64>,
}

impl Plan {
    fn selector(&self) -> Option<String> {
        match (&self.to, &self.selector) {
            (Some(_), selector) => selector.clone(),
            (None, None) => Some(FROM_QUEUES.to_owned()),
            (None, Some(selector)) => Some(format!("({selector}) AND {FROM_QUEUES}")),
        }
    }
}

pub(super) async fn run(visit: &Visit<'_>, plan: Plan) -> Result<(), Failure> {
    if plan.to.is_none() && !visit.is_ours() && visit.server().is_some() {
        let why = "--back is for Gumboot servers: others do not say where dead letters come from";
        return Err(Failure::Other(why.to_owned()));
    }
    let figures = figures::of(visit, &plan.from).await?;
    let selector = plan.selector();
    let source = Source {
        queue: &plan.from,
        selector: selector.as_deref(),
        count: plan.count,
    };
    let moved = Cell::new(0);
    let result = async {
        let mode = AckMode::ClientIndividual;
        let mut drain = Drain::open(visit, source, mode, figures.as_ref()).await?;
        loop {
            let portion = drain.portion().await?;
            if portion.is_empty() {
                return drain::left_in(visit, &plan.from).await;
            }
            move_portion(visit, &plan, &portion).await?;
            moved.set(moved.get() + portion.len() as u64);
        }
    };
    let result = result.await;
    tell(&format!("moved {}", messages_of(moved.get())));
    result.map(|left| left.iter().for_each(|left| tell(left)))
}

/// Moves all of them, or none.
async fn move_portion(visit: &Visit<'_>, plan: &Plan, portion: &[Message]) -> Result<(), Failure> {
    let what = format!("to move {}", messages_of(portion.len() as u64));
    let filling = async {
        let transaction = visit.session.begin().await?;
        for message in portion {
            let to = plan.to.as_deref().or_else(|| message.header(ORIGIN));
            // The selector lets no other through.
            let to = to.ok_or_else(|| Error::Header(ORIGIN.to_owned()))?;
            let sent_on = sent_on(to, message.headers(), message.body().clone());
            transaction.send(sent_on).await?;
            transaction.ack(message).await?;
        }
        Ok(transaction)
    };
    let transaction = visit.in_time(&what, filling).await?;
    let unknown = "of these messages all are moved, or none";
    match timeout(visit.wait_max(), transaction.commit()).await {
        Ok(Err(error @ (Error::Unconfirmed(_) | Error::ReceiptTimedOut(_)))) => {
            Err(match Failure::of(&what, error) {
                Failure::Other(why) => Failure::Other(format!("{why}; {unknown}")),
                // That is about all of it.
                refused => refused,
            })
        }
        Ok(done) => visit.outcome(&what, done).await,
        Err(_) => {
            let seconds = visit.wait_max().as_secs_f64();
            Err(Failure::Other(format!(
                "{what}: not confirmed within {seconds} s; {unknown}"
            )))
        }
    }
}

/// Says on standard output what was done.
pub(super) fn tell(text: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(io::stdout(), "{}", render::escaped(text));
}
