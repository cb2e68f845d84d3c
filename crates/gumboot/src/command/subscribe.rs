//! `gumboot subscribe`: the messages of destinations of a STOMP server, on standard output.

mod args;
mod feed;
mod output;

use std::{io::ErrorKind, process::ExitCode};

use gumboot_stomp::{AckMode, Error, Loss, Message, Session, Subscribe};
use tokio::time::timeout;

pub(crate) use self::args::Args;
use self::{args::Plan, feed::Feed, output::Output};
use super::{
    EXIT_USAGE, fail, render,
    say::complain,
    signals::Signals,
    stomp::{self, Failure, LEAVE_WAIT_MAX},
};

/// Runs the command to its end.
pub(crate) fn run(args: Args) -> ExitCode {
    match args.resolve() {
        Ok(plan) => stomp::run(async |signals| subscribe(plan, signals).await),
        Err(error) => fail(EXIT_USAGE, &render::escaped(&error)),
    }
}

/// Prints messages until there were enough of them, or someone has had enough.
async fn subscribe(plan: Plan, mut signals: Signals) -> Result<(), Failure> {
    let output = Output::new(plan.style)
        .map_err(|error| Failure::Other(format!("cannot use standard output: {error}")))?;
    let session = plan.wanted.open(&mut signals).await?;
    let mut feed = Feed::default();
    let result = tokio::select! {
        // A refusal is told best by who knows of which subscription it is.
        biased;
        done = print_all(&plan, &session, &mut feed, &output) => done,
        failure = stomp::failed(&session, tell_of_loss) => Err(failure),
        caught = signals.recv() => match plan.count {
            // That is how one ends that has no other end.
            None => Ok(()),
            Some(_) => Err(Failure::Caught(caught)),
        },
    };
    if let Ok(()) | Err(Failure::Caught(_) | Failure::Usage(_)) = result {
        let left = leave(&plan, &session, &mut feed).await;
        stomp::closed(&session).await;
        return result.and(left);
    }
    result
}

/// Subscribes, and prints messages until there were enough, or nobody reads them any more.
async fn print_all(
    plan: &Plan,
    session: &Session,
    feed: &mut Feed,
    output: &Output,
) -> Result<(), Failure> {
    for destination in &plan.destinations {
        let what = format!("the subscription to {destination}");
        let headers = plan.headers.iter();
        let subscribe = headers.fold(
            Subscribe::to(destination).ack(plan.ack),
            |subscribe, (name, value)| subscribe.header(name.clone(), value.clone()),
        );
        let subscribing = timeout(plan.wanted.wait_max, session.subscribe(subscribe));
        let subscribed = subscribing
            .await
            .map_err(|_| plan.wanted.late(&what, session))?
            .map_err(|error| Failure::of(&what, error))?;
        feed.add(destination, subscribed);
        if !plan.is_quiet {
            complain(&render::escaped(&format!("subscribed to {destination}")));
        }
    }
    let mut left = plan.count.unwrap_or(u64::MAX);
    while left > 0 {
        let batch = feed.next(left, output).await?;
        left -= batch.messages.len() as u64;
        match output.write(batch.octets).await {
            Ok(()) => acknowledge(plan.ack, &batch.messages).await?,
            // Who has had enough, such as `head`, is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                let why = format!("cannot write to standard output: {error}");
                return Err(Failure::Other(why));
            }
        }
    }
    Ok(())
}

/// Says that messages were consumed, once they are written.
async fn acknowledge(mode: AckMode, messages: &[(usize, Message)]) -> Result<(), Failure> {
    for (index, (subscription, message)) in messages.iter().enumerate() {
        let stands_for_it = |(later, _): &(usize, Message)| later == subscription;
        let is_due = match mode {
            AckMode::Auto => false,
            AckMode::Client => !messages[index + 1..].iter().any(stands_for_it),
            AckMode::ClientIndividual => true,
        };
        if !is_due {
            continue;
        }
        match message.ack().await {
            // A message of a connection that is lost comes again, and how a session has ended is told by who watches it.
            Ok(()) | Err(Error::MessageStale | Error::Ended) => {}
            Err(error) => return Err(Failure::of("an ACK", error)),
        }
    }
    Ok(())
}

/// Ends the session in order: what comes meanwhile is the server's to deliver again, if it was to be acknowledged.
async fn leave(plan: &Plan, session: &Session, feed: &mut Feed) -> Result<(), Failure> {
    let what = "the end of the session";
    let disconnecting = async {
        tokio::select! {
            left = session.disconnect() => left,
            // What nobody takes would be in the way of the RECEIPT.
            never = feed.discard() => match never {},
        }
    };
    let left = match timeout(LEAVE_WAIT_MAX, disconnecting).await {
        Ok(left) => left.map_err(Failure::at_end),
        Err(_) => Err(Failure::Other(format!(
            "{what}: the server does not confirm it"
        ))),
    };
    match plan.ack {
        // All was done that was to be done.
        AckMode::Auto => Ok(()),
        AckMode::Client | AckMode::ClientIndividual => left,
    }
}

/// Says that the connection is lost, or is there again.
fn tell_of_loss(loss: Option<&Loss>) {
    match loss {
        Some(loss) => complain(&render::escaped(&format!(
            "the connection is lost, and being made again: {loss}"
        ))),
        None => complain("connected again"),
    }
}
