//! `gumboot subscribe`: the messages of destinations of a STOMP server, on standard output.

mod args;
mod feed;
pub(super) mod output;

use std::{io::ErrorKind, pin::pin, process::ExitCode};

use gumboot_stomp::{AckMode, Error, Loss, Message, Session, Subscribe};
use tokio::{sync::Notify, time::timeout};

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

/// How printing has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Printed {
    /// There were enough messages, or nobody reads them any more.
    Enough,
    /// No more were to be taken.
    Stopped,
}

/// Prints messages until there were enough of them, or someone has had enough.
async fn subscribe(plan: Plan, mut signals: Signals) -> Result<(), Failure> {
    let output = Output::new(plan.style)
        .map_err(|error| Failure::Other(format!("cannot use standard output: {error}")))?;
    let session = plan.wanted.open(&mut signals).await?;
    let mut feed = Feed::new(plan.ack);
    let result = print_until_told(&plan, &session, &mut feed, &output, &mut signals).await;
    if let Ok(()) | Err(Failure::Caught(_) | Failure::Usage(_)) = result {
        let left = leave(&plan, &session, &mut feed).await;
        stomp::closed(&session).await;
        return result.and(left);
    }
    result
}

/// Prints messages until there were enough, the session cannot go on, or a signal comes; then what is being written is
/// written to its end.
async fn print_until_told(
    plan: &Plan,
    session: &Session,
    feed: &mut Feed,
    output: &Output,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let stop = Notify::new();
    let mut printing = pin!(print_all(plan, session, feed, output, &stop));
    let told = tokio::select! {
        // A refusal is told best by who knows of which subscription it is.
        biased;
        printed = &mut printing => return printed.map(drop),
        failure = stomp::failed(session, tell_of_loss) => failure,
        caught = signals.recv() => Failure::Caught(caught),
    };
    stop.notify_one();
    let is_signal = matches!(told, Failure::Caught(_));
    let ending = async {
        match is_signal {
            true => printing.await,
            // Else a new connection would bring more.
            false => tokio::join!(printing, session.disconnect()).0,
        }
    };
    let ended = tokio::select! {
        ended = timeout(LEAVE_WAIT_MAX, ending) => ended.ok(),
        _ = signals.recv() => None,
    };
    match ended {
        Some(Ok(Printed::Enough)) => Ok(()),
        // That is how one ends that has no other end.
        Some(Ok(Printed::Stopped)) if is_signal && plan.count.is_none() => Ok(()),
        Some(Err(failure)) if is_signal => Err(failure),
        Some(_) => Err(told),
        None => {
            complain("standard output is not read: what is printed may end within a message");
            Err(told)
        }
    }
}

/// Subscribes, and prints messages until there were enough, nobody reads them any more, or `stop` is told.
async fn print_all(
    plan: &Plan,
    session: &Session,
    feed: &mut Feed,
    output: &Output,
    stop: &Notify,
) -> Result<Printed, Failure> {
    tokio::select! {
        biased;
        subscribed = subscribe_all(plan, session, feed) => subscribed?,
        () = stop.notified() => feed.stop().await,
    }
    let mut left = plan.count.unwrap_or(u64::MAX);
    while left > 0 {
        let next = tokio::select! {
            biased;
            () = stop.notified() => None,
            batch = feed.next(left, output) => Some(batch?),
        };
        let batch = match next {
            Some(Some(batch)) => batch,
            Some(None) => return Ok(Printed::Stopped),
            None => {
                feed.stop().await;
                continue;
            }
        };
        match output.write(batch.octets).await {
            // What was not acknowledged comes again.
            Ok(()) => left -= acknowledge(plan.ack, &batch.messages).await?,
            // Who has had enough, such as `head`, is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Printed::Enough),
            Err(error) => {
                let why = format!("cannot write to standard output: {error}");
                return Err(Failure::Other(why));
            }
        }
    }
    Ok(Printed::Enough)
}

/// Subscribes to each destination, one after the other.
async fn subscribe_all(plan: &Plan, session: &Session, feed: &mut Feed) -> Result<(), Failure> {
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
    Ok(())
}

/// Says that messages were consumed, once they are written; gives for how many that was said, or did not have to be.
async fn acknowledge(mode: AckMode, messages: &[(usize, Message)]) -> Result<u64, Failure> {
    if mode == AckMode::Auto {
        return Ok(messages.len() as u64);
    }
    let mut consumed = 0;
    for (index, (subscription, message)) in messages.iter().enumerate() {
        let goes_with_it = |(of, other): &&(usize, Message)| {
            mode == AckMode::Client && of == subscription && other.shares_acks_with(message)
        };
        if messages[index + 1..]
            .iter()
            .any(|later| goes_with_it(&later))
        {
            continue;
        }
        let count = 1 + messages[..index].iter().filter(goes_with_it).count() as u64;
        match message.ack().await {
            Ok(()) => consumed += count,
            Err(Error::MessageStale) if message.is_given_once() => consumed += count,
            // Any other message of a connection that is lost comes again, and how a session has ended is told by who watches it.
            Err(Error::MessageStale | Error::Ended) => {}
            Err(error) => return Err(Failure::of("an ACK", error)),
        }
    }
    Ok(consumed)
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
