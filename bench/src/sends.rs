//! Durable SENDs: each producer is a connection that sends a message when the one before has been confirmed.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    task::{LocalSet, spawn_local},
    time::timeout,
};

use crate::{
    Failure,
    connection::{SILENCE_MAX, connect, expect},
    progress::progress,
    target::{RECEIPT_DIGITS, Send, Target, number},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// How many producers
    #[arg(long, default_value_t = 1)]
    producers: usize,
    /// How long to measure
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How long to send before
    #[arg(long, default_value_t = 1)]
    warm_up_seconds: u64,
}

/// What all producers share.
#[derive(Debug)]
struct Load {
    target: Target,
    /// What is confirmed from then on counts.
    begin: Instant,
    end: Instant,
    confirmed: Cell<u64>,
}

pub(crate) async fn run(args: Args) -> Result<Value, Failure> {
    LocalSet::new().run_until(produce_all(args)).await
}

async fn produce_all(args: Args) -> Result<Value, Failure> {
    let mut connections = Vec::new();
    for _ in 0..args.producers {
        connections.push(connect(&args.target).await?);
    }
    let begin = Instant::now() + Duration::from_secs(args.warm_up_seconds);
    let load = Rc::new(Load {
        target: args.target,
        begin,
        end: begin + Duration::from_secs(args.seconds),
        confirmed: Cell::new(0),
    });
    let producers: Vec<_> = connections
        .into_iter()
        .map(|connection| spawn_local(produce(load.clone(), connection)))
        .collect();
    let shown = spawn_local(show(load.clone()));
    let mut waits = Histogram::<u64>::new(3)?;
    for producer in producers {
        waits.add(
            producer
                .await?
                .map_err(|failure| -> Failure { failure.into() })?,
        )?;
    }
    shown.await?;
    let seconds = args.seconds as f64;
    Ok(json!({
        "producers": args.producers,
        "sends_per_second": load.confirmed.get() as f64 / seconds,
        "receipt_us_p50": waits.value_at_quantile(0.5),
        "receipt_us_p99": waits.value_at_quantile(0.99),
    }))
}

type Connection = (crate::connection::Incoming, tokio::net::tcp::OwnedWriteHalf);

async fn produce(load: Rc<Load>, connection: Connection) -> Result<Histogram<u64>, String> {
    let produced = produce_until_the_end(&load, connection).await;
    produced.map_err(|failure| failure.to_string())
}

async fn produce_until_the_end(
    load: &Load,
    (mut incoming, mut outgoing): Connection,
) -> Result<Histogram<u64>, Failure> {
    let mut send = Send::new(&load.target, true);
    let mut waits = Histogram::new(3)?;
    for receipt in 0.. {
        let sent = Instant::now();
        if sent >= load.end {
            break;
        }
        outgoing.write_all(send.frame(receipt)).await?;
        incoming
            .next(|reply| {
                expect(reply, b"RECEIPT")?;
                let id = reply.header("receipt-id").unwrap_or_default();
                if id.len() == RECEIPT_DIGITS && number(id) == Some(receipt) {
                    Ok(())
                } else {
                    Err(Failure::from(format!(
                        "receipt {receipt}: {}",
                        reply.shown()
                    )))
                }
            })
            .await??;
        let confirmed = Instant::now();
        if confirmed >= load.begin && confirmed < load.end {
            load.confirmed.update(|count| count + 1);
            let wait = confirmed.duration_since(sent).as_micros();
            waits.record(u64::try_from(wait)?)?;
        }
    }
    Ok(waits)
}

async fn show(load: Rc<Load>) {
    let Ok(bar) = progress("confirmed", 0) else {
        return;
    };
    let left = load.end.saturating_duration_since(Instant::now());
    // The end of the time is the end of the showing.
    let _ = timeout(left.min(SILENCE_MAX), async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            bar.set_position(load.confirmed.get());
        }
    })
    .await;
    bar.finish_and_clear();
}
