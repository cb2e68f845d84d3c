//! The scenario of queues: messages through one, from producers to consumers over WebSocket, beside RabbitMQ.

use super::figures::ratio;
use super::matrix::{Matrix, quantiles, thousands, time};
use super::peers::Server;
use super::progress::Progress;
use super::stomp_servers::{self, Place, RABBITMQ};
use super::{Bench, Report, failed, plot};
use crate::context::Failure;

/// How often each row is measured with each server, by turns; what is told is the median.
const ROUNDS: usize = 3;

/// How long a measurement takes, and what goes before it.
const SECONDS: &str = "1";
const WARM_UP_SECONDS: &str = "0.3";

/// How long calls are counted.
const CALLS_SECONDS: &str = "0.3";

const FIGURES: &[&str] = &[
    "cpu_ns_per_message",
    "messages_per_second",
    "us_p50",
    "us_p99",
    "us_p99_9",
];
const CALLS: &[&str] = &["calls_per_message"];

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
        let progress = Progress::new(rounds * rows.len() * servers.len() + rows.len());
        // In the last turn system calls are counted, of Gumboot only: RabbitMQ is many processes.
        for round in 0..=rounds {
            let (counts, names) = match round == rounds {
                true => (true, CALLS),
                false => (false, FIGURES),
            };
            for (index, row) in rows.iter().enumerate() {
                for (server, (name, place)) in servers.iter().enumerate() {
                    if counts && *name == RABBITMQ {
                        continue;
                    }
                    progress.begin(&format!("round {}: {name}, {}", round + 1, row.said()));
                    let queue = format!("/queue/bench-{round}-{index}");
                    match load(bench, *row, &queue, *place, counts) {
                        Ok(figures) => matrix.add(index, server, &figures, names)?,
                        Err(failure) => {
                            let remark = failed(name, &row.said(), failure);
                            progress.say(&remark);
                            remarks.push(remark);
                        }
                    }
                    progress.done();
                }
            }
        }
        drop(gumboot);
        Ok(Report {
            text: text(bench, &matrix)?,
            remarks,
        })
    })
}

fn load(
    bench: &Bench<'_>,
    row: Row,
    queue: &str,
    place: Place,
    count_calls: bool,
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
    let seconds = if count_calls { CALLS_SECONDS } else { SECONDS };
    load.args(["--seconds", seconds, "--warm-up-seconds", WARM_UP_SECONDS]);
    if count_calls {
        load.arg("--count-calls");
    }
    if row.receipts {
        load.arg("--receipts");
    }
    bench.measure(&mut load)
}

fn text(bench: &Bench<'_>, matrix: &Matrix) -> Result<String, Failure> {
    let all: Vec<usize> = (0..matrix.servers().len()).collect();
    let of = |row, server: &str, name| matrix.median(row, matrix.server(server)?, name);
    let head = "producers : consumers";
    let more = ["RabbitMQ : Gumboot"];
    let compared = |name: &'static str| {
        move |row| vec![ratio(of(row, RABBITMQ, name), of(row, "gumboot", name))]
    };
    let rates = matrix.table(
        head,
        &all,
        &["Gumboot : RabbitMQ"],
        |row, server| {
            matrix
                .median(row, server, "messages_per_second")
                .map(thousands)
        },
        |row| {
            let rate = |server| of(row, server, "messages_per_second");
            vec![ratio(rate("gumboot"), rate(RABBITMQ))]
        },
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
        |row, server| matrix.medians(row, server, &FIGURES[2..]).map(quantiles),
        compared("us_p50"),
    );
    let calls = matrix.table(
        head,
        &[0],
        &[],
        |row, server| {
            let calls = matrix.median(row, server, CALLS[0])?;
            Some(format!("{calls:.2}"))
        },
        |_| vec![],
    );
    let picture = plot::draw(bench, "queue-rate.svg", &dots(matrix))?;
    let rounds = if bench.quick {
        "One round".to_owned()
    } else {
        format!("Medians of {ROUNDS} rounds")
    };
    Ok(format!(
        "{ABOUT} {rounds} of {SECONDS} s, by turns.\n\n### Messages per second\n\n{rates}{picture}\n\
         ### CPU time of the server for each message\n\n{costs}\n\
         ### From SEND to MESSAGE\n\np50 / p99 / p99.9 in microseconds, under full load; the ratio is of p50.\n\n{waits}\n\
         ### System calls of the server for each message\n\nCounted by strace in measurements of their own, in which the \
         server is slower.\n\n{calls}"
    ))
}

/// The rates, as a picture has them.
fn dots(matrix: &Matrix) -> plot::Dots {
    let rows = matrix.rows().to_vec();
    let series = matrix.servers().iter().enumerate().map(|(server, name)| {
        let rates = (0..rows.len()).map(|row| matrix.median(row, server, "messages_per_second"));
        ((*name).to_owned(), rates.collect())
    });
    plot::Dots {
        title: "Messages per second through one queue",
        head: "producers : consumers",
        series: series.collect(),
        aims: Vec::new(),
        rows,
    }
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
