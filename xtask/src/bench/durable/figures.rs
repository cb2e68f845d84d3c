//! What was measured, as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::Report;
use super::super::figures::{count, median, ratio};
use super::{BACKLOG, BYTES, RATE, ROUNDS, SECONDS};

#[derive(Default)]
pub(super) struct Figures {
    /// The version, if it is there.
    pub(super) rabbitmq: Option<String>,
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
    pub(super) fn report(&self) -> Report {
        let rabbitmq = self.rabbitmq.as_deref();
        let rabbitmq = rabbitmq.map_or("not installed".to_owned(), |version| {
            format!("{version}, as Debian has it, durable classic queues")
        });
        Report {
            remarks: vec![
                format!("RabbitMQ: {rabbitmq}."),
                "What counts here is the disk, which gives nobody more than the bare loop."
                    .to_owned(),
            ],
            text: [self.sends_text(), self.latency_text(), self.backlog_text()].concat(),
        }
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

fn wait(us: Option<f64>) -> String {
    us.map_or("-".to_owned(), |us| format!("{:.2} ms", us / 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_said() {
        let mut figures = Figures::default();
        let row = figures.sends.entry(16).or_default();
        row.bare.push(4_000.0);
        row.gumboot.push(Sends {
            per_second: 3_000.0,
            us_p99: 1_500.0,
        });
        let report = figures.report();
        let row = "| 16 | 3000 | 1.50 ms | - | - | 4000 | - | 0.75 |";
        assert!(report.text.contains(row), "{}", report.text);
        assert_eq!(report.remarks[0], "RabbitMQ: not installed.");
    }
}
