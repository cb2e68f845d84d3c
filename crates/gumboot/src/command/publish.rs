//! `gumboot publish`: messages to a destination of a STOMP server.

mod args;
mod delivery;

use std::{io, ops::ControlFlow, pin::pin, process::ExitCode, thread};

use bytes::Bytes;
use gumboot_stomp::Outgoing;
use tokio::{sync::mpsc, time::timeout};

pub(crate) use self::args::Args;
use self::{
    args::{Plan, Receipts},
    delivery::Delivery,
};
use super::{
    EXIT_USAGE, fail, render,
    signals::Signals,
    stdin::{self, Piece},
    stomp::{self, Failure, LEAVE_WAIT_MAX},
};

/// Bodies that wait for the session to take them.
const BODIES_WAITING_MAX: usize = 16;

/// A body, or why there are no more.
type Body = Result<Bytes, String>;

/// Where bodies come from.
#[derive(Debug)]
enum Source {
    Argument(Bytes),
    Stdin(Piece),
}

/// What all messages have in common.
#[derive(Debug)]
struct Template {
    destination: String,
    headers: Vec<(String, String)>,
}

impl Template {
    fn message(&self, body: Bytes) -> Outgoing {
        let message = Outgoing::new(self.destination.clone(), body);
        let headers = self.headers.iter();
        headers.fold(message, |message, (name, value)| {
            message.header(name.clone(), value.clone())
        })
    }
}

impl Source {
    /// Whether there may be several messages.
    fn has_several(&self) -> bool {
        matches!(self, Self::Stdin(Piece::Line))
    }

    /// The bodies, read on a thread of its own, which nobody waits for: a read cannot be called off.
    fn open(self) -> mpsc::Receiver<Body> {
        let (bodies, waiting) = mpsc::channel(BODIES_WAITING_MAX);
        match self {
            // There is room for one.
            Self::Argument(body) => drop(bodies.try_send(Ok(body))),
            Self::Stdin(piece) => drop(thread::spawn(move || {
                let read = stdin::read(piece, &mut io::stdin().lock(), |bytes| {
                    Ok(match bodies.blocking_send(Ok(bytes.into())) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(_) => ControlFlow::Break(()),
                    })
                });
                if let Err(why) = read {
                    // The session may be over.
                    let _ = bodies.blocking_send(Err(why));
                }
            })),
        }
        waiting
    }
}

/// Runs the command to its end.
pub(crate) fn run(args: Args) -> ExitCode {
    match args.resolve() {
        Ok(plan) => stomp::run(async |signals| publish(plan, signals).await),
        Err(error) => fail(EXIT_USAGE, &render::escaped(&error)),
    }
}

/// Publishes all there is, and waits until the server has confirmed it.
async fn publish(plan: Plan, mut signals: Signals) -> Result<(), Failure> {
    let session = plan.wanted.open(&mut signals).await?;
    let has_several = plan.source.has_several();
    let bodies = plan.source.open();
    let delivery = Delivery::new(&session, &plan.wanted, &plan.template, plan.receipts);
    let mut running = pin!(delivery.run(bodies));
    let mut failed = pin!(stomp::failed(&session, |_| {}));
    let result = tokio::select! {
        // A refusal is told best by who knows of which message it is.
        biased;
        done = &mut running => done,
        failure = &mut failed => Err(failure),
        caught = signals.recv() => {
            // What is on its way may still be confirmed.
            delivery.stop();
            tokio::select! {
                biased;
                done = timeout(LEAVE_WAIT_MAX, running) => match done {
                    Ok(Err(failure)) => Err(failure),
                    // There was no more, so all is done.
                    Ok(Ok(())) if !delivery.is_cut_short() => Ok(()),
                    Ok(Ok(())) | Err(_) => Err(Failure::Caught(caught)),
                },
                failure = &mut failed => Err(failure),
                _ = signals.recv() => Err(Failure::Caught(caught)),
            }
        }
    };
    if let Err(Failure::Usage(_)) = result {
        delivery.leave().await;
    }
    match has_several && plan.receipts == Receipts::Awaited {
        true => result.map_err(|failure| Failure::After {
            confirmed: delivery.confirmed(),
            failure: Box::new(failure),
        }),
        false => result,
    }
}
