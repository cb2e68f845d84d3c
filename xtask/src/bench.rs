//! `cargo xtask bench durable`: durable messages of Gumboot beside those of RabbitMQ, and beside a bare loop that writes
//! and syncs the same bytes, all in one run. The loads are `gumboot-bench`; the figures go to BENCHMARKS.md.

mod figures;
mod machine;
mod servers;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::figures::{Backlog, Figures, Latency, Sends};
use self::servers::{Gumboot, Subject};
use crate::context::{Context, Failure};
use crate::folder::Folder;
use crate::{process, program, rabbitmq};

/// The longest that all of it may take.
const BOUND: Duration = Duration::from_secs(60 * 60);

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

pub(crate) fn durable() -> ExitCode {
    let measured = Context::discover().and_then(|cx| measure(&cx.within(BOUND)));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Broken(reason) | Failure::Missing(reason)) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cx: &Context) -> Result<(), Failure> {
    let bench = Bench {
        cx,
        load: program::build_bench(cx)?,
        folder: Folder::empty(cx.target.join("bench"))?,
    };
    let program = program::build(cx)?;
    let mut figures = Figures::new(machine::describe(cx)?);
    let mut gumboot = Gumboot::new(&bench.folder, program)?;
    if rabbitmq::is_installed() {
        rabbitmq::with_node(cx, |node| {
            node.listens()?;
            figures.rabbitmq = Some(node.version(cx)?);
            bench.measure(&mut figures, &mut gumboot, Some(node))
        })?;
    } else {
        bench.measure(&mut figures, &mut gumboot, None::<&mut rabbitmq::Node>)?;
    }
    figures.load_after = machine::load();
    let text = figures.text();
    print!("\n{text}");
    let path = cx.root.join("BENCHMARKS.md");
    fs::write(&path, text)
        .map_err(|error| Failure::Broken(format!("cannot write {}: {error}", path.display())))
}

/// Runs loads.
struct Bench<'a> {
    cx: &'a Context,
    load: PathBuf,
    folder: Folder,
}

impl Bench<'_> {
    fn measure(
        &self,
        figures: &mut Figures,
        gumboot: &mut dyn Subject,
        mut other: Option<&mut impl Subject>,
    ) -> Result<(), Failure> {
        gumboot.start(self.cx)?;
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
        subject.begin_anew(self.cx)?;
        let numbers = [("count", BACKLOG)];
        let filled = self.load("fill", subject, QUEUE, &numbers)?;
        thread::sleep(PAUSE);
        let disk_bytes = machine::disk_bytes(&subject.data())?;
        subject.kill();
        let begin = Instant::now();
        subject.restart(self.cx)?;
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
        let mut command = Command::new(&self.load);
        command.arg(name);
        for (flag, number) in numbers {
            command.args([format!("--{flag}"), number.to_string()]);
        }
        command
    }

    fn run(&self, command: &mut Command) -> Result<Value, Failure> {
        let text = process::capture(self.cx, command)?;
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        println!("{}: {}", arguments.join(" "), text.trim());
        serde_json::from_str(&text)
            .map_err(|error| Failure::Broken(format!("no figures: {error}: {text}")))
    }
}

fn number(figures: &Value, name: &str) -> Result<f64, Failure> {
    figures[name]
        .as_f64()
        .ok_or_else(|| Failure::Broken(format!("there is no {name} in {figures}")))
}
