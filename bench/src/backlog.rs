//! A queue filled, and how long a server takes to give the first message of it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::{
    Failure,
    connection::{connect, expect, subscribe},
    progress::progress,
    target::{Send, Target, number},
};

/// How many messages are sent before the receipt of the last is waited for.
const WINDOW: u64 = 1_000;

/// How long to wait before the next attempt to connect.
const ATTEMPT_EVERY: Duration = Duration::from_millis(5);

#[derive(Debug, clap::Args)]
pub(crate) struct FillArgs {
    #[command(flatten)]
    target: Target,
    /// How many messages
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FirstArgs {
    #[command(flatten)]
    target: Target,
    /// How long to try
    #[arg(long, default_value_t = 300)]
    seconds: u64,
}

/// Sends windows of messages, of which the last has a receipt, so that what comes before it is done too.
pub(crate) async fn fill(args: FillArgs) -> Result<Value, Failure> {
    let (mut incoming, mut outgoing) = connect(&args.target).await?;
    let mut quiet = Send::new(&args.target, false);
    let mut last = Send::new(&args.target, true);
    let bar = progress("confirmed", args.count)?;
    let begin = Instant::now();
    let mut window = Vec::new();
    for sent in 1..=args.count {
        if sent % WINDOW != 0 && sent < args.count {
            window.extend_from_slice(quiet.frame(sent));
            continue;
        }
        window.extend_from_slice(last.frame(sent));
        outgoing.write_all(&window).await?;
        window.clear();
        let id = incoming
            .next(|reply| {
                expect(reply, b"RECEIPT")?;
                Ok::<_, Failure>(reply.header("receipt-id").and_then(number))
            })
            .await??;
        if id != Some(sent) {
            return Err(format!("receipt {id:?} in place of {sent}").into());
        }
        bar.set_position(sent);
    }
    bar.finish_and_clear();
    Ok(json!({ "messages": args.count, "seconds": begin.elapsed().as_secs_f64() }))
}

pub(crate) async fn first(args: FirstArgs) -> Result<Value, Failure> {
    let begin = Instant::now();
    let end = begin + Duration::from_secs(args.seconds);
    loop {
        let failure = match first_message(&args.target).await {
            Ok(bytes) if bytes == args.target.bytes => {
                return Ok(json!({ "seconds": begin.elapsed().as_secs_f64() }));
            }
            Ok(bytes) => return Err(format!("a message of {bytes} bytes").into()),
            Err(failure) => failure,
        };
        if Instant::now() >= end {
            return Err(failure);
        }
        sleep(ATTEMPT_EVERY).await;
    }
}

/// How long the first message is.
async fn first_message(target: &Target) -> Result<usize, Failure> {
    let (mut incoming, mut outgoing) = connect(target).await?;
    subscribe(&mut incoming, &mut outgoing, &target.destination).await?;
    incoming
        .next(|reply| expect(reply, b"MESSAGE").map(|()| reply.body.len()))
        .await?
}
