//! End to end: messages sent at a fixed rate, and how long each takes to a consumer. A message counts from when it should
//! have been sent, so that a server that holds up the sender is not spared.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, time::sleep_until};

use crate::{
    Failure,
    connection::{Incoming, connect, expect, subscribe},
    progress::progress,
    target::{STAMP_DIGITS, Send, Target, number},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// How many messages per second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// How long to send
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

pub(crate) async fn run(args: Args) -> Result<Value, Failure> {
    let target = &args.target;
    if target.bytes < STAMP_DIGITS {
        return Err(format!("a message must have {STAMP_DIGITS} bytes").into());
    }
    let (mut incoming, mut consuming) = connect(target).await?;
    subscribe(&mut incoming, &mut consuming, &target.destination).await?;
    let begin = Instant::now();
    let (latencies, sent) =
        tokio::join!(consume(&args, incoming, begin), send_at_rate(&args, begin));
    sent?;
    let latencies = latencies?;
    Ok(json!({
        "rate": args.rate,
        "messages": latencies.len(),
        "us_p50": latencies.value_at_quantile(0.5),
        "us_p99": latencies.value_at_quantile(0.99),
        "us_max": latencies.max(),
    }))
}

fn count(args: &Args) -> u64 {
    u64::from(args.rate) * u64::from(args.seconds)
}

/// Sends, and asks for a receipt of each, so that the server may not take it lightly.
async fn send_at_rate(args: &Args, begin: Instant) -> Result<(), Failure> {
    let (mut incoming, mut outgoing) = connect(&args.target).await?;
    let mut send = Send::new(&args.target, true);
    let confirm = async {
        for _ in 0..count(args) {
            incoming.next(|reply| expect(reply, b"RECEIPT")).await??;
        }
        Ok::<_, Failure>(())
    };
    let produce = async {
        for index in 0..count(args) {
            let due = Duration::from_secs(1) * u32::try_from(index)? / args.rate;
            if begin + due > Instant::now() {
                sleep_until((begin + due).into()).await;
            }
            // The timer is coarse, so a message is late by that; it counts from when it is written if it is on time.
            let late = begin.elapsed().saturating_sub(due);
            let stamp = if late < TIMER_COARSE { due + late } else { due };
            send.stamp(u64::try_from(stamp.as_nanos())?);
            outgoing.write_all(send.frame(index)).await?;
        }
        Ok::<_, Failure>(())
    };
    let (confirmed, produced) = tokio::join!(confirm, produce);
    produced?;
    confirmed
}

/// How late the timer of the runtime may be.
const TIMER_COARSE: Duration = Duration::from_millis(2);

async fn consume(
    args: &Args,
    mut incoming: Incoming,
    begin: Instant,
) -> Result<Histogram<u64>, Failure> {
    let mut latencies = Histogram::new(3)?;
    let bar = progress("delivered", count(args))?;
    while latencies.len() < count(args) {
        incoming
            .next_all(|reply| {
                expect(reply, b"MESSAGE")?;
                if reply.body.len() != args.target.bytes {
                    return Err(format!("a message of another length: {}", reply.shown()).into());
                }
                let stamp = number(&reply.body[..STAMP_DIGITS]).ok_or("a body has no stamp")?;
                let taken = begin.elapsed().saturating_sub(Duration::from_nanos(stamp));
                Ok(latencies.record(u64::try_from(taken.as_micros())?)?)
            })
            .await?;
        bar.set_position(latencies.len());
    }
    bar.finish_and_clear();
    Ok(latencies)
}
