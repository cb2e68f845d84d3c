//! Durable messages of Gumboot beside those of RabbitMQ, and beside a bare loop that writes and syncs the same bytes, all
//! in one run.

mod figures;
mod servers;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::figures::{Backlog, Figures, Latency, Sends};
use self::servers::{Gumboot, Subject};
use super::figures::number;
use super::{Bench, Report, machine};
use crate::context::Failure;
use crate::folder::Folder;
use crate::{process, rabbitmq};

/// How often each figure is taken, by turns; what is told is the median.
const ROUNDS: usize = 3;
const PRODUCERS: [usize; 3] = [1, 16, 256];
const SECONDS: u64 = 3;
const BYTES: u64 = 256;
const RATE: u64 = 1_000;
const RATE_SECONDS: u64 = 10;
const BACKLOG: u64 = 1_000_000;

/// How long a server is left alone after a load, so that what it does afterwards is not taken for the next.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) fn run(bench: &Bench<'_>) -> Result<Report, Failure> {
    let cx = bench.cx;
    let folder = Folder::empty(bench.folder.clone())?;
    let mut figures = Figures::default();
    let mut gumboot = Gumboot::new(&folder, bench.gumboot.clone())?;
    let durable = Durable {
        bench,
        folder: &folder,
    };
    if rabbitmq::is_installed() {
        rabbitmq::with_node(cx, |node| {
            node.listens()?;
            figures.rabbitmq = Some(node.version(cx)?);
            durable.measure(&mut figures, &mut gumboot, Some(node))
        })?;
    } else {
        durable.measure(&mut figures, &mut gumboot, None::<&mut rabbitmq::Node>)?;
    }
    Ok(figures.report())
}

/// Runs loads.
struct Durable<'a> {
    bench: &'a Bench<'a>,
    folder: &'a Folder,
}

impl Durable<'_> {
    fn measure(
        &self,
        figures: &mut Figures,
        gumboot: &mut dyn Subject,
        mut other: Option<&mut impl Subject>,
    ) -> Result<(), Failure> {
        gumboot.start(self.bench.cx)?;
        for round in 0..ROUNDS {
            for producers in PRODUCERS {
                let queue = format!("/queue/sends-{round}-{producers}");
                let row = figures.sends.entry(producers).or_default();
                row.bare.push(self.bare(producers)?);
                row.gumboot.push(self.sends(gumboot, producers, &queue)?);
                if let Some(other) = &mut other {
                    row.rabbitmq.push(self.sends(*other, producers, &queue)?);
                }
            }
        }
        for _ in 0..ROUNDS {
            figures.latency.gumboot.push(self.latency(gumboot)?);
            if let Some(other) = &mut other {
                figures.latency.rabbitmq.push(self.latency(*other)?);
            }
        }
        figures.backlog.gumboot = Some(self.backlog(gumboot)?);
        if let Some(other) = &mut other {
            figures.backlog.rabbitmq = Some(self.backlog(*other)?);
        }
        gumboot.kill();
        Ok(())
    }

    fn bare(&self, group: usize) -> Result<f64, Failure> {
        let file = self.folder.path().join("bare");
        let mut command = self.command("bare", &[("group", group as u64), ("seconds", SECONDS)]);
        let figures = self.run(command.arg("--file").arg(file))?;
        number(&figures, "messages_per_second")
    }

    fn sends(
        &self,
        subject: &mut dyn Subject,
        producers: usize,
        queue: &str,
    ) -> Result<Sends, Failure> {
        let numbers = [("producers", producers as u64), ("seconds", SECONDS)];
        let figures = self.load("sends", subject, queue, &numbers)?;
        thread::sleep(PAUSE);
        Ok(Sends {
            per_second: number(&figures, "sends_per_second")?,
            us_p99: number(&figures, "receipt_us_p99")?,
        })
    }

    fn latency(&self, subject: &mut dyn Subject) -> Result<Latency, Failure> {
        let numbers = [("rate", RATE), ("seconds", RATE_SECONDS)];
        let figures = self.load("latency", subject, "/queue/latency", &numbers)?;
        Ok(Latency {
            us_p50: number(&figures, "us_p50")?,
            us_p99: number(&figures, "us_p99")?,
        })
    }

    /// Fills a queue of a server that has nothing else, ends the server as a crash would, and starts it again.
    fn backlog(&self, subject: &mut dyn Subject) -> Result<Backlog, Failure> {
        const QUEUE: &str = "/queue/backlog";
        subject.begin_anew(self.bench.cx)?;
        let numbers = [("count", BACKLOG)];
        let filled = self.load("fill", subject, QUEUE, &numbers)?;
        thread::sleep(PAUSE);
        let disk_bytes = machine::disk_bytes(&subject.data())?;
        subject.kill();
        let begin = Instant::now();
        subject.restart(self.bench.cx)?;
        self.load("first", subject, QUEUE, &[])?;
        Ok(Backlog {
            fill_seconds: number(&filled, "seconds")?,
            restart_seconds: begin.elapsed().as_secs_f64(),
            disk_per_byte: disk_bytes as f64 / (BACKLOG * BYTES) as f64,
        })
    }

    fn load(
        &self,
        name: &str,
        subject: &dyn Subject,
        queue: &str,
        numbers: &[(&str, u64)],
    ) -> Result<Value, Failure> {
        let mut command = self.command(name, numbers);
        command.args(["--server", &format!("127.0.0.1:{}", subject.port())]);
        self.run(command.args(["--destination", queue]))
    }

    fn command(&self, name: &str, numbers: &[(&str, u64)]) -> Command {
        let mut command = Command::new(&self.bench.load);
        command.arg(name);
        for (flag, number) in numbers {
            command.args([format!("--{flag}"), number.to_string()]);
        }
        command
    }

    fn run(&self, command: &mut Command) -> Result<Value, Failure> {
        let figures = self.bench.measure(command)?;
        println!("{}: {figures}", process::shown(command));
        Ok(figures)
    }
}
