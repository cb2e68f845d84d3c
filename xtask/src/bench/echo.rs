//! The scenarios of echoes: what a message costs the server that sends it back, beside servers that send back bytes and
//! beside WebSocket servers that others wrote. All servers run at the same time on one core, and are loaded by turns.

mod cell;
mod results;

use std::collections::BTreeMap;
use std::process::Command;

use self::cell::{BYTES_IN_FLIGHT_MAX, Cell, size};
use self::results::{Results, Sample};
use super::figures::number;
use super::peers::{Peers, Server, Speaks};
use super::pinned::Pinned;
use super::plot;
use super::progress::Progress;
use super::{Bench, Report, failed};
use crate::certificate::{self, Certificate};
use crate::context::Failure;

/// How often each cell is measured with each server, by turns; what is told is the median.
const ROUNDS: usize = 3;

/// How long a measurement takes, and what goes before it.
const MILLISECONDS: u64 = 350;
const WARM_UP_MILLISECONDS: u64 = 100;

/// How long calls are counted.
const CALLS_MILLISECONDS: u64 = 150;

/// What every text says first.
const ABOUT: &str = "\
Each server runs on one core and the load generator on another; it keeps so many messages on the way on every connection,
and holds each echo against what was sent. Text is UTF-8 beyond ASCII. All servers by turns";

pub(super) fn run(bench: &Bench<'_>) -> Result<Report, Failure> {
    let cells = if bench.quick {
        Cell::aimed()
    } else {
        Cell::all()
    };
    let measured = measure(bench, cells, Server::PLAIN, Speaks::Plain)?;
    let about = format!(
        "{}\nLeft out is what has more than {} on the way.",
        about(bench),
        size(BYTES_IN_FLIGHT_MAX)
    );
    measured.report(bench, &about, "echo-cpu.svg")
}

pub(super) fn run_compressed(bench: &Bench<'_>) -> Result<Report, Failure> {
    let measured = measure(
        bench,
        Cell::compressed(),
        Server::COMPRESSED,
        Speaks::Compressed,
    )?;
    let about = format!(
        "{}\nMessages are JSON, compressed in both directions with permessage-deflate, as each server agrees to the offer of a\n\
         browser. The raw echoes, and so the floor, have the same messages without compression. The aim is 0.875 of what Bun\n\
         needs with one message on the way, and as much as Bun with 16.",
        about(bench)
    );
    measured.report(bench, &about, "compressed-cpu.svg")
}

pub(super) fn run_tls(bench: &Bench<'_>) -> Result<Report, Failure> {
    let certificate: Certificate = certificate::make(bench.cx, &bench.folder)?;
    let measured = measure(
        bench,
        Cell::secure(),
        Server::TLS,
        Speaks::Tls(&certificate),
    )?;
    let about = format!(
        "{}\nThe floor is a raw echo over TLS, with tokio-rustls.",
        about(bench)
    );
    measured.report(bench, &about, "tls-cpu.svg")
}

fn about(bench: &Bench<'_>) -> String {
    match rounds(bench) {
        1 => format!("{ABOUT}, {MILLISECONDS} ms each."),
        rounds => format!("{ABOUT}; medians of {rounds} times {MILLISECONDS} ms."),
    }
}

fn rounds(bench: &Bench<'_>) -> usize {
    if bench.quick { 1 } else { ROUNDS }
}

/// The tables that every echo has.
fn tables(results: &Results) -> String {
    let mut text = format!(
        "\n### CPU time of the server for each message, as it is\n\n{}\n\
         ### Messages per second\n\nOf one core of the server, or of the load generator where that is slower.\n\n{}\n\
         ### Time to the echo\n\np50 / p99 / p99.9 in microseconds, under full load; of few messages p99.9 is the longest.\n\n{}",
        results.cpu_table(),
        results.rate_table(),
        results.latency_table()
    );
    if let Some(calls) = results.calls_table() {
        text += &format!(
            "\n### System calls of the server for each message\n\nCounted by strace in measurements of their own, in which \
             the server is slower.\n\n{calls}"
        );
    }
    text
}

/// The rows with an aim, or all if none has one, as a picture has them.
fn dots(results: &Results) -> plot::Dots {
    let cells: Vec<(usize, Cell)> = results.cells().collect();
    let has_aim = |place: usize| results.aim(place).is_some();
    let any = cells.iter().any(|(place, _)| has_aim(*place));
    let rows = cells.iter().filter(|(place, _)| !any || has_aim(*place));
    let rows: Vec<(usize, Cell)> = rows.copied().collect();
    let series = results.servers_with_protocol().into_iter().map(|server| {
        let values = rows
            .iter()
            .map(|(place, _)| results.to_floor(*place, server));
        (server.name().to_owned(), values.collect())
    });
    plot::Dots {
        title: "CPU time of the server for each message, as a multiple of the floor",
        head: "connections × in flight, message",
        series: series.collect(),
        aims: rows.iter().map(|(place, _)| results.aim(*place)).collect(),
        rows: rows.iter().map(|(_, cell)| cell.to_string()).collect(),
    }
}

/// What a scenario has measured, and what went wrong.
struct Measured {
    results: Results,
    remarks: Vec<String>,
}

impl Measured {
    fn report(self, bench: &Bench<'_>, about: &str, file: &str) -> Result<Report, Failure> {
        let results = &self.results;
        let picture = plot::draw(bench, file, &dots(results))?;
        let text = format!(
            "{about}\n\n### CPU time of the server for each message, as a multiple of the floor\n\n\
             The floor is the cheaper of a raw echo on epoll and on tokio. Of the servers, the cheapest is bold.\n\n\
             {}{}{picture}{}",
            results.ratio_table(),
            results.aims(),
            tables(results)
        );
        Ok(Report {
            remarks: self.remarks,
            text,
        })
    }
}

/// Measures all cells with all servers, by turns.
fn measure(
    bench: &Bench<'_>,
    cells: Vec<Cell>,
    servers: &[Server],
    speaks: Speaks<'_>,
) -> Result<Measured, Failure> {
    let peers = Peers::prepare(bench, servers);
    let servers = servers.iter().copied().filter(|server| peers.has(*server));
    let servers: Vec<Server> = servers
        .filter(|server| bench.is_wanted(server.name()))
        .collect();
    let results = Results::new(cells, servers.clone());
    let mut echoes = Echoes {
        bench,
        speaks,
        running: BTreeMap::new(),
        results: match speaks {
            Speaks::Tls(_) => results.without_aims(),
            Speaks::Plain | Speaks::Compressed => results,
        },
        remarks: peers.remarks.clone(),
        progress: Progress::new(0),
        peers,
    };
    echoes.remarks.extend(bench.cores.remark());
    echoes.measure_all(&servers)?;
    Ok(Measured {
        results: echoes.results,
        remarks: echoes.remarks,
    })
}

/// Servers that run, and what is measured of them.
struct Echoes<'a> {
    bench: &'a Bench<'a>,
    peers: Peers,
    speaks: Speaks<'a>,
    running: BTreeMap<Server, Pinned>,
    results: Results,
    remarks: Vec<String>,
    progress: Progress,
}

impl Echoes<'_> {
    fn measure_all(&mut self, servers: &[Server]) -> Result<(), Failure> {
        let cells: Vec<(usize, Cell)> = self.results.cells().collect();
        let counted: Vec<_> = cells
            .iter()
            .filter(|(_, cell)| self.counts_calls(*cell))
            .collect();
        let turns = cells.len() * rounds(self.bench) + counted.len();
        self.progress = Progress::new(turns * servers.len());
        for round in 0..rounds(self.bench) {
            for (place, cell) in &cells {
                for server in servers {
                    self.progress
                        .begin(&format!("round {}: {}, {cell}", round + 1, server.name()));
                    if let Some(figures) = self.load(*server, *cell, false) {
                        self.results.add(*place, *server, Sample::read(&figures)?);
                    }
                    self.progress.done();
                }
            }
        }
        for (place, cell) in counted {
            for server in servers {
                self.progress
                    .begin(&format!("system calls: {}, {cell}", server.name()));
                if let Some(figures) = self.load(*server, *cell, true) {
                    let calls = number(&figures, "calls_per_message")?;
                    self.results.add_calls(*place, *server, calls);
                }
                self.progress.done();
            }
        }
        Ok(())
    }

    /// Of the great matrix only the rows with an aim; of the small ones all, of the short form none.
    fn counts_calls(&self, cell: Cell) -> bool {
        !self.bench.quick && (cell.aim().is_some() || !matches!(self.speaks, Speaks::Plain))
    }

    /// One measurement. If it fails that is said, and the server is started anew for the next.
    fn load(&mut self, server: Server, cell: Cell, count_calls: bool) -> Option<serde_json::Value> {
        match self.try_load(server, cell, count_calls) {
            Ok(figures) => Some(figures),
            Err(failure) => {
                let what = if count_calls { ", system calls" } else { "" };
                let remark = failed(server.name(), &format!("{cell}{what}"), failure);
                self.progress.say(&remark);
                self.remarks.push(remark);
                self.running.remove(&server);
                None
            }
        }
    }

    fn try_load(
        &mut self,
        server: Server,
        cell: Cell,
        count_calls: bool,
    ) -> Result<serde_json::Value, Failure> {
        if !self.running.contains_key(&server) {
            let started = self.peers.start(self.bench, server, self.speaks)?;
            self.running.insert(server, started);
        }
        let mut command = self.command(server, cell);
        let milliseconds = if count_calls {
            CALLS_MILLISECONDS
        } else {
            MILLISECONDS
        };
        command.args(["--milliseconds", &milliseconds.to_string()]);
        if count_calls {
            command.arg("--count-calls");
        }
        self.running[&server].tell(&mut command);
        self.bench.measure(&mut command)
    }

    fn command(&self, server: Server, cell: Cell) -> Command {
        let mut command = self.bench.load("echo");
        for (flag, number) in [
            ("--connections", cell.connections),
            ("--bytes", cell.bytes),
            ("--in-flight", cell.in_flight),
        ] {
            command.args([flag, &number.to_string()]);
        }
        command.args(["--kind", cell.kind]);
        command.args(["--warm-up-milliseconds", &WARM_UP_MILLISECONDS.to_string()]);
        if server.is_raw() {
            command.arg("--raw");
        }
        match self.speaks {
            Speaks::Compressed if !server.is_raw() => drop(command.arg("--compress")),
            Speaks::Plain | Speaks::Compressed => {}
            Speaks::Tls(certificate) => drop(command.arg("--tls-ca").arg(&certificate.chain)),
        }
        command
    }
}
