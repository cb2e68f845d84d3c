//! What was measured, as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{BACKLOG, BYTES, RATE, ROUNDS, SECONDS, machine};

/// Said of a machine that had other work before anything was measured.
const BUSY: &str = "- The machine was busy with other work, so all figures are lower than they would be. The disk \
                    gives nobody more than the\n  bare loop: a ratio to it above 1 is that other work's doing, and \
                    no merit.\n";

pub(super) struct Figures {
    machine: Vec<String>,
    /// The version, if it is there.
    pub(super) rabbitmq: Option<String>,
    load_before: String,
    pub(super) load_after: String,
    /// By how many producers there are.
    pub(super) sends: BTreeMap<usize, Row>,
    pub(super) latency: Both<Vec<Latency>>,
    pub(super) backlog: Both<Option<Backlog>>,
}

/// The same of both servers.
#[derive(Default)]
pub(super) struct Both<T> {
    pub(super) gumboot: T,
    pub(super) rabbitmq: T,
}

/// What was measured with so many producers, each round.
#[derive(Default)]
pub(super) struct Row {
    pub(super) bare: Vec<f64>,
    pub(super) gumboot: Vec<Sends>,
    pub(super) rabbitmq: Vec<Sends>,
}

pub(super) struct Sends {
    pub(super) per_second: f64,
    pub(super) us_p99: f64,
}

pub(super) struct Latency {
    pub(super) us_p50: f64,
    pub(super) us_p99: f64,
}

pub(super) struct Backlog {
    pub(super) fill_seconds: f64,
    pub(super) restart_seconds: f64,
    pub(super) disk_per_byte: f64,
}

impl Figures {
    pub(super) fn new(machine: Vec<String>) -> Self {
        Self {
            machine,
            rabbitmq: None,
            load_before: machine::load(),
            load_after: String::new(),
            sends: BTreeMap::new(),
            latency: Both::default(),
            backlog: Both::default(),
        }
    }

    /// The document, whole.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(
            "# Benchmarks\n\nWritten by `cargo xtask bench durable`; run it on your own machine, \
             since what counts here is the disk.\n\n## Durable messages\n\n",
        );
        for line in &self.machine {
            let _ = writeln!(text, "- {line}");
        }
        let rabbitmq = self.rabbitmq.as_deref();
        let rabbitmq = rabbitmq.map_or("not installed".to_owned(), |version| {
            format!("{version}, as Debian has it, durable classic queues")
        });
        let _ = writeln!(text, "- RabbitMQ: {rabbitmq}.");
        let _ = writeln!(
            text,
            "- Load of the machine over 1, 5 and 15 minutes: {} before, {} after.",
            self.load_before, self.load_after
        );
        if machine::is_busy(&self.load_before) {
            text.push_str(BUSY);
        }
        text.push_str(&self.sends_text());
        text.push_str(&self.latency_text());
        text.push_str(&self.backlog_text());
        text
    }

    fn sends_text(&self) -> String {
        let mut text = format!(
            "\n### SENDs with a receipt\n\nMessages of {BYTES} bytes to a durable queue that nobody consumes, over TCP. \
             Each producer is a connection\nand sends the next message when it has the receipt of the last, which comes \
             when the disk has it. The bare loop writes\nas many messages at once as there are producers, and syncs. \
             All by turns; medians of {ROUNDS} times {SECONDS} s.\n\n\
             | producers | Gumboot/s | p99 of a receipt | RabbitMQ/s | p99 of a receipt | bare loop/s | Gumboot : RabbitMQ | Gumboot : bare loop |\n\
             | --------: | --------: | ---------------: | ---------: | ---------------: | ----------: | -----------------: | ------------------: |\n"
        );
        for (producers, row) in &self.sends {
            let per_second = |sends: &[Sends]| median(sends.iter().map(|sends| sends.per_second));
            let p99 = |sends: &[Sends]| median(sends.iter().map(|sends| sends.us_p99));
            let gumboot = per_second(&row.gumboot);
            let rabbitmq = per_second(&row.rabbitmq);
            let bare = median(row.bare.iter().copied());
            let _ = writeln!(
                text,
                "| {producers} | {} | {} | {} | {} | {} | {} | {} |",
                count(gumboot),
                wait(p99(&row.gumboot)),
                count(rabbitmq),
                wait(p99(&row.rabbitmq)),
                count(bare),
                ratio(gumboot, rabbitmq),
                ratio(gumboot, bare)
            );
        }
        text
    }

    fn latency_text(&self) -> String {
        let mut text = format!(
            "\n### From SEND to MESSAGE\n\n{RATE} messages a second, each from when it should be sent until a consumer \
             has it.\n\n\
             |          | p50 | p99 |\n| -------- | --: | --: |\n"
        );
        let both = [
            ("Gumboot", &self.latency.gumboot),
            ("RabbitMQ", &self.latency.rabbitmq),
        ];
        for (name, latency) in both {
            let p50 = median(latency.iter().map(|latency| latency.us_p50));
            let p99 = median(latency.iter().map(|latency| latency.us_p99));
            let _ = writeln!(text, "| {name} | {} | {} |", wait(p50), wait(p99));
        }
        text
    }

    fn backlog_text(&self) -> String {
        let mut text = format!(
            "\n### {BACKLOG} messages in a queue\n\nThe server is killed with SIGKILL and started again; the time is \
             from then until a consumer has the first message.\nBytes on the disk are for each byte of the bodies, \
             before the kill.\n\n\
             |          | to fill | to restart | bytes on the disk |\n\
             | -------- | ------: | ---------: | ----------------: |\n"
        );
        let both = [
            ("Gumboot", &self.backlog.gumboot),
            ("RabbitMQ", &self.backlog.rabbitmq),
        ];
        for (name, backlog) in both {
            let Some(backlog) = backlog else {
                continue;
            };
            let _ = writeln!(
                text,
                "| {name} | {:.1} s | {:.1} s | {:.2} |",
                backlog.fill_seconds, backlog.restart_seconds, backlog.disk_per_byte
            );
        }
        text
    }
}

/// None of nothing.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn count(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.0}"))
}

fn wait(us: Option<f64>) -> String {
    us.map_or("-".to_owned(), |us| format!("{:.2} ms", us / 1_000.0))
}

fn ratio(ours: Option<f64>, others: Option<f64>) -> String {
    match (ours, others) {
        (Some(ours), Some(others)) => format!("{:.2}", ours / others),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn what_was_not_measured_is_said() {
        let mut figures = Figures::new(vec![]);
        let row = figures.sends.entry(16).or_default();
        row.bare.push(4_000.0);
        row.gumboot.push(Sends {
            per_second: 3_000.0,
            us_p99: 1_500.0,
        });
        let text = figures.text();
        assert!(
            text.contains("| 16 | 3000 | 1.50 ms | - | - | 4000 | - | 0.75 |"),
            "{text}"
        );
        assert!(text.contains("RabbitMQ: not installed."));
    }
}
