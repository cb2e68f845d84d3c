//! The scenario of queues: messages through one, from producers to consumers over WebSocket, beside RabbitMQ.

use super::figures::ratio;
use super::matrix::{Matrix, thousands, time};
use super::peers::Server;
use super::progress::Progress;
use super::stomp_servers::{self, Place, RABBITMQ};
use super::{Bench, Report};
use crate::context::Failure;

/// How often each row is measured with each server, by turns; what is told is the median.
const ROUNDS: usize = 3;

/// How long a measurement takes, and what goes before it.
const SECONDS: &str = "1";
const WARM_UP_SECONDS: &str = "0.3";

const FIGURES: &[&str] = &[
    "cpu_ns_per_message",
    "messages_per_second",
    "us_p50",
    "us_p99",
];

const ABOUT: &str = "\
Messages of 128 bytes through one queue, in memory only, over WebSocket. Each producer has so many messages under way, that
is sent and not yet consumed or, if it asks for one, without a receipt; each message has to come once. The server has one
core, the load generator another.";

/// One row of the tables.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Producers, and as many consumers.
    pairs: u64,
    receipts: bool,
    ack: &'static str,
    /// How many messages each producer has under way.
    window: u64,
}

impl Row {
    fn all() -> Vec<Self> {
        let row = |pairs, receipts, ack, window| Self {
            pairs,
            receipts,
            ack,
            window,
        };
        vec![
            row(1, false, "auto", 1),
            row(1, false, "auto", 64),
            row(1, true, "auto", 64),
            row(1, false, "client-individual", 64),
            row(10, false, "auto", 64),
            row(10, true, "auto", 64),
            row(10, false, "client-individual", 64),
        ]
    }

    fn said(self) -> String {
        let Self {
            pairs, ack, window, ..
        } = self;
        let receipts = if self.receipts {
            "receipts"
        } else {
            "no receipts"
        };
        format!("{pairs}:{pairs}, {window} under way, {receipts}, {ack}")
    }
}

pub(super) fn run(bench: &Bench<'_>) -> Result<Report, Failure> {
    let rows = Row::all();
    stomp_servers::with_rabbitmq(bench, |rabbitmq, remark| {
        let gumboot = stomp_servers::gumboot(bench)?;
        let mut servers = vec![(Server::Gumboot.name(), Place::of(&gumboot))];
        servers.extend(rabbitmq.map(|place| (RABBITMQ, place)));
        let names = servers.iter().map(|(name, _)| *name).collect();
        let mut matrix = Matrix::new(rows.iter().map(|row| row.said()).collect(), names);
        let mut remarks = vec![remark];
        remarks.extend(bench.cores.remark());
        let rounds = if bench.quick { 1 } else { ROUNDS };
        let progress = Progress::new(rounds * rows.len() * servers.len());
        for round in 0..rounds {
            for (index, row) in rows.iter().enumerate() {
                for (server, (name, place)) in servers.iter().enumerate() {
                    progress.begin(&format!("round {}: {name}, {}", round + 1, row.said()));
                    match load(
                        bench,
                        *row,
                        &format!("/queue/bench-{round}-{index}"),
                        *place,
                    ) {
                        Ok(figures) => matrix.add(index, server, &figures, FIGURES)?,
                        Err(Failure::Broken(reason)) if *name == RABBITMQ => {
                            remarks.push(format!("FAILED: {name}, {}: {reason}.", row.said()));
                        }
                        Err(failure) => return Err(failure),
                    }
                    progress.done();
                }
            }
        }
        drop(gumboot);
        Ok(Report {
            text: text(bench, &matrix),
            remarks,
        })
    })
}

fn load(
    bench: &Bench<'_>,
    row: Row,
    queue: &str,
    place: Place,
) -> Result<serde_json::Value, Failure> {
    let mut load = bench.load("queue");
    place.tell(&mut load);
    for (flag, number) in [
        ("--producers", row.pairs),
        ("--consumers", row.pairs),
        ("--window", row.window),
    ] {
        load.args([flag, &number.to_string()]);
    }
    load.args(["--destination", queue, "--ack", row.ack]);
    load.args(["--seconds", SECONDS, "--warm-up-seconds", WARM_UP_SECONDS]);
    if row.receipts {
        load.arg("--receipts");
    }
    bench.measure(&mut load)
}

fn text(bench: &Bench<'_>, matrix: &Matrix) -> String {
    let all: Vec<usize> = (0..matrix.servers().len()).collect();
    let compared = |name: &'static str| {
        move |row| {
            let [ours, theirs] = ["gumboot", RABBITMQ]
                .map(|server| matrix.median(row, matrix.server(server)?, name));
            vec![ratio(ours, theirs)]
        }
    };
    let head = "producers : consumers";
    let more = ["Gumboot : RabbitMQ"];
    let rates = matrix.table(
        head,
        &all,
        &more,
        |row, server| {
            matrix
                .median(row, server, "messages_per_second")
                .map(thousands)
        },
        compared("messages_per_second"),
    );
    let costs = matrix.table(
        head,
        &all,
        &more,
        |row, server| matrix.median(row, server, "cpu_ns_per_message").map(time),
        compared("cpu_ns_per_message"),
    );
    let waits = matrix.table(
        head,
        &all,
        &more,
        |row, server| {
            let [p50, p99] = ["us_p50", "us_p99"].map(|name| matrix.median(row, server, name));
            Some(format!("{} / {}", time(p50? * 1e3), time(p99? * 1e3)))
        },
        compared("us_p50"),
    );
    let rounds = if bench.quick {
        "One round".to_owned()
    } else {
        format!("Medians of {ROUNDS} rounds")
    };
    format!(
        "{ABOUT} {rounds} of {SECONDS} s, by turns.\n\n### Messages per second\n\n{rates}\n\
         ### CPU time of the server for each message\n\n{costs}\n\
         ### From SEND to MESSAGE\n\np50 / p99; the ratio is of p50.\n\n{waits}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart() {
        let mut said: Vec<String> = Row::all().into_iter().map(Row::said).collect();
        assert_eq!(said[2], "1:1, 64 under way, receipts, auto");
        said.dedup();
        assert_eq!(said.len(), Row::all().len());
    }
}
