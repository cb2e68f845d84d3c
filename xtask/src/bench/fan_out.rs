//! The scenario of one publisher and many subscribers: what a delivery costs, beside a loop with one `send` for each and
//! beside WebSocket servers that others wrote. All servers run at the same time on one core, and are loaded by turns.

use std::fmt;

use super::figures::ratio;
use super::matrix::{Matrix, quantiles, thousands, time, verdict};
use super::peers::{Peers, Server};
use super::pinned::Pinned;
use super::plot;
use super::progress::Progress;
use super::stomp_servers::{self, Place, RABBITMQ};
use super::{Bench, Report, failed};
use crate::context::Failure;

/// How often each cell is measured with each server, by turns; what is told is the median.
const ROUNDS: usize = 3;

/// How long a measurement takes, and what goes before it.
const SECONDS: &str = "0.4";
const WARM_UP_SECONDS: &str = "0.1";

/// How long calls are counted.
const CALLS_SECONDS: &str = "0.2";

/// Past this RabbitMQ takes minutes to have so many subscribers.
const RABBITMQ_SUBSCRIBERS_MAX: u64 = 1_000;

const FLOOR: &str = "floor";
const FIGURES: &[&str] = &[
    "cpu_ns_per_delivery",
    "deliveries_per_second",
    "us_p50",
    "us_p99",
    "us_p99_9",
];
const CALLS: &[&str] = &["calls_per_delivery"];

const PEERS: [Server; 3] = [Server::Tungstenite, Server::Ws, Server::Bun];

const ABOUT: &str = "\
A publisher sends a message, or 16 at once, when all subscribers have what went before; each delivery is held against what
was sent. Gumboot and RabbitMQ send MESSAGEs of STOMP over WebSocket, the others the body alone as a WebSocket message: Bun
with its own publish and subscribe, ws and tokio-tungstenite as their documentation has a broadcast. The floor is a loop
on epoll that sends MESSAGEs, as they are on the wire, with one `send` for each subscriber and burst. Each server has one
core, the load generator another.";

/// One row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    subscribers: u64,
    bytes: u64,
    burst: u64,
    compress: bool,
}

impl Cell {
    fn all(quick: bool) -> Vec<Self> {
        let subscribers: &[u64] = if quick {
            &[1_000]
        } else {
            &[100, 1_000, 10_000]
        };
        let mut cells = Vec::new();
        for (compress, lengths) in [(false, &[128, 1_024][..]), (true, &[1_024])] {
            for &subscribers in subscribers {
                for &bytes in lengths {
                    cells.extend([1, 16].map(|burst| Self {
                        subscribers,
                        bytes,
                        burst,
                        compress,
                    }));
                }
            }
        }
        cells
    }

    /// What Gumboot is to need at most, as a multiple of the floor.
    fn aim(self) -> Option<f64> {
        match (self.compress, self.subscribers, self.bytes, self.burst) {
            (false, 1_000, _, 1) => Some(1.15),
            (false, 1_000, 128, 16) => Some(1.5),
            (false, 1_000, 1_024, 16) => Some(1.6),
            _ => None,
        }
    }

    /// Whether it is measured with a server. ws compresses for each subscriber anew, which takes seconds for each burst.
    fn suits(self, server: &str) -> bool {
        match server {
            FLOOR => !self.compress,
            RABBITMQ => !self.compress && self.subscribers <= RABBITMQ_SUBSCRIBERS_MAX,
            "tokio-tungstenite" => !self.compress,
            "ws" => !self.compress || self.subscribers * self.burst <= 16_000,
            _ => true,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match self.bytes {
            1_024 => "1 KiB".to_owned(),
            bytes => format!("{bytes} B"),
        };
        write!(
            f,
            "{} subscribers, {bytes}",
            thousands(self.subscribers as f64)
        )?;
        if self.burst > 1 {
            write!(f, ", bursts of {}", self.burst)?;
        }
        if self.compress {
            f.write_str(", compressed")?;
        }
        Ok(())
    }
}

pub(super) fn run(bench: &Bench<'_>) -> Result<Report, Failure> {
    let cells = Cell::all(bench.quick);
    let peers = Peers::prepare(bench, &PEERS);
    stomp_servers::with_rabbitmq(bench, |rabbitmq, remark| {
        let mut remarks = peers.remarks.clone();
        remarks.push(remark);
        remarks.extend(bench.cores.remark());
        let wanted = |server: &Server| peers.has(*server) && bench.is_wanted(server.name());
        let others = PEERS.into_iter().filter(wanted).map(Server::name);
        let mut servers = vec![FLOOR, Server::Gumboot.name()];
        servers.extend(others);
        servers.extend(rabbitmq.map(|_| RABBITMQ));
        let rows = cells.iter().map(ToString::to_string).collect();
        let mut fan_out = FanOut {
            bench,
            peers: &peers,
            rabbitmq,
            remarks,
            matrix: Matrix::new(rows, servers),
            progress: Progress::new(0),
        };
        fan_out.measure_all(&cells)?;
        Ok(Report {
            text: text(bench, &cells, &fan_out.matrix)?,
            remarks: fan_out.remarks,
        })
    })
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// None where system calls are counted.
    round: Option<usize>,
    row: usize,
    /// Of the server.
    place: usize,
}

struct FanOut<'a> {
    bench: &'a Bench<'a>,
    peers: &'a Peers,
    rabbitmq: Option<Place>,
    remarks: Vec<String>,
    matrix: Matrix,
    progress: Progress,
}

impl FanOut<'_> {
    fn measure_all(&mut self, cells: &[Cell]) -> Result<(), Failure> {
        let turns = self.turns(cells);
        self.progress = Progress::new(turns.len());
        for turn in turns {
            let said = match turn.round {
                Some(round) => format!("round {}", round + 1),
                None => "system calls".to_owned(),
            };
            let server = self.matrix.servers()[turn.place];
            self.progress
                .begin(&format!("{said}: {server}, {}", cells[turn.row]));
            self.measure(turn, server, cells[turn.row])?;
            self.progress.done();
        }
        Ok(())
    }

    /// All that is measured, in order. System calls are counted where there is an aim, not of what many processes do.
    fn turns(&self, cells: &[Cell]) -> Vec<Turn> {
        let rounds = if self.bench.quick { 1 } else { ROUNDS };
        let counting = if self.bench.quick { None } else { Some(None) };
        let mut turns = Vec::new();
        for round in (0..rounds).map(Some).chain(counting) {
            for (row, cell) in cells.iter().enumerate() {
                for (place, server) in self.matrix.servers().iter().enumerate() {
                    let counted = cell.aim().is_some() && *server != RABBITMQ;
                    if cell.suits(server) && (round.is_some() || counted) {
                        turns.push(Turn { round, row, place });
                    }
                }
            }
        }
        turns
    }

    /// One measurement, of a server that is new: what the subscribers of another left behind is none of its cost.
    fn measure(&mut self, turn: Turn, server: &'static str, cell: Cell) -> Result<(), Failure> {
        let figures = match (server, self.rabbitmq) {
            (RABBITMQ, Some(rabbitmq)) => self.load(turn, server, cell, rabbitmq),
            _ => self.start(server, cell).and_then(|running| {
                let figures = self.load(turn, server, cell, Place::of(&running));
                drop(running);
                figures
            }),
        };
        let names = turn.round.map_or(CALLS, |_| FIGURES);
        match figures {
            Ok(figures) => self.matrix.add(turn.row, turn.place, &figures, names),
            Err(failure) => {
                let remark = failed(server, &cell.to_string(), failure);
                self.progress.say(&remark);
                self.remarks.push(remark);
                Ok(())
            }
        }
    }

    fn start(&self, server: &str, cell: Cell) -> Result<Pinned, Failure> {
        if server == FLOOR {
            let mut floor = self.bench.cores.for_server(&self.bench.load);
            return Pinned::start(self.bench.cx, FLOOR, floor.arg("floor"), "floor");
        }
        match PEERS.into_iter().find(|peer| peer.name() == server) {
            Some(peer) => self.peers.start_broadcast(self.bench, peer, cell.compress),
            None => stomp_servers::gumboot(self.bench),
        }
    }

    fn load(
        &self,
        turn: Turn,
        server: &str,
        cell: Cell,
        place: Place,
    ) -> Result<serde_json::Value, Failure> {
        let mut load = self.bench.load("fan-out");
        place.tell(&mut load);
        load.args([
            "--protocol",
            match server {
                FLOOR => FLOOR,
                RABBITMQ | "gumboot" => "stomp",
                _ => "websocket",
            },
        ]);
        for (flag, number) in [
            ("--subscribers", cell.subscribers),
            ("--bytes", cell.bytes),
            ("--burst", cell.burst),
        ] {
            load.args([flag, &number.to_string()]);
        }
        let seconds = turn.round.map_or(CALLS_SECONDS, |_| SECONDS);
        load.args(["--seconds", seconds, "--warm-up-seconds", WARM_UP_SECONDS]);
        if turn.round.is_none() {
            load.arg("--count-calls");
        }
        if cell.compress {
            load.arg("--compress");
        }
        self.bench.measure(&mut load)
    }
}

/// The CPU time of a server as a multiple of the floor. A compressed cell has that of the same cell without compression.
fn to_floor(matrix: &Matrix, cells: &[Cell], row: usize, server: usize) -> Option<f64> {
    let plain = Cell {
        compress: false,
        ..cells[row]
    };
    let plain = cells.iter().position(|cell| *cell == plain)?;
    let floor = matrix.median(plain, matrix.server(FLOOR)?, "cpu_ns_per_delivery")?;
    Some(matrix.median(row, server, "cpu_ns_per_delivery")? / floor)
}

fn text(bench: &Bench<'_>, cells: &[Cell], matrix: &Matrix) -> Result<String, Failure> {
    let all: Vec<usize> = (0..matrix.servers().len()).collect();
    let others = &all[1..];
    let gumboot = matrix.server(Server::Gumboot.name());
    let ours = |row| to_floor(matrix, cells, row, gumboot?);
    let ratios = matrix.table(
        "",
        others,
        &["floor", "aim", ""],
        |row, server| Some(format!("{:.2}", to_floor(matrix, cells, row, server)?)),
        |row| {
            let aim = cells[row].aim();
            let floor = matrix.median(row, 0, "cpu_ns_per_delivery");
            vec![
                floor.map_or(String::new(), time),
                aim.map_or(String::new(), |aim| format!("{aim:.2}")),
                verdict(ours(row), aim),
            ]
        },
    );
    let costs = matrix.table(
        "",
        &all,
        &[],
        |row, server| matrix.median(row, server, "cpu_ns_per_delivery").map(time),
        |_| vec![],
    );
    let rates = matrix.table(
        "",
        &all,
        &["Gumboot : floor"],
        |row, server| {
            matrix
                .median(row, server, "deliveries_per_second")
                .map(thousands)
        },
        |row| {
            let rate = |server| matrix.median(row, server, "deliveries_per_second");
            vec![ratio(gumboot.and_then(rate), rate(0))]
        },
    );
    let waits = matrix.table(
        "",
        &all,
        &[],
        |row, server| matrix.medians(row, server, &FIGURES[2..]).map(quantiles),
        |_| vec![],
    );
    let calls = match bench.quick {
        true => String::new(),
        false => format!(
            "\n### System calls of the server for each delivery\n\nCounted by strace in measurements of their own, in which \
             the server is slower.\n\n{}",
            matrix.table(
                "",
                &all,
                &[],
                |row, server| matrix
                    .median(row, server, CALLS[0])
                    .map(|calls| format!("{calls:.2}")),
                |_| vec![],
            )
        ),
    };
    let picture = plot::draw(bench, "fan-out-cpu.svg", &dots(cells, matrix))?;
    let rounds = if bench.quick {
        "One round".to_owned()
    } else {
        format!("Medians of {ROUNDS} rounds")
    };
    Ok(format!(
        "{ABOUT}\n{rounds} of {SECONDS} s, all servers by turns.\n\n\
         ### CPU time of the server for each delivery, as a multiple of the floor\n\n\
         What is compressed is held against the floor without compression.\n\n{ratios}{picture}\n\
         ### CPU time of the server for each delivery\n\n{costs}\n\
         ### Deliveries per second\n\nOf one core of the server, or of the load generator where that is slower.\n\n{rates}\n\
         ### Time to a delivery\n\np50 / p99 / p99.9 in microseconds, from when the publisher sends the message or burst, of \
         all subscribers.\n\n{waits}{calls}"
    ))
}

/// The rows without compression, as a picture has them.
fn dots(cells: &[Cell], matrix: &Matrix) -> plot::Dots {
    let rows: Vec<usize> = (0..cells.len())
        .filter(|row| !cells[*row].compress)
        .collect();
    let series = matrix
        .servers()
        .iter()
        .enumerate()
        .skip(1)
        .map(|(server, name)| {
            let values = rows.iter().map(|row| to_floor(matrix, cells, *row, server));
            ((*name).to_owned(), values.collect())
        });
    plot::Dots {
        title: "CPU time of the server for each delivery, as a multiple of the floor",
        head: "",
        aims: rows.iter().map(|row| cells[*row].aim()).collect(),
        series: series.collect(),
        rows: rows.iter().map(|row| matrix.rows()[*row].clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_said_and_have_their_aims() {
        let cells = Cell::all(true);
        let said: Vec<String> = cells.iter().map(ToString::to_string).collect();
        assert_eq!(said[0], "1,000 subscribers, 128 B");
        assert_eq!(
            said[5],
            "1,000 subscribers, 1 KiB, bursts of 16, compressed"
        );
        let aims: Vec<Option<f64>> = cells.iter().map(|cell| cell.aim()).collect();
        assert_eq!(
            aims,
            [Some(1.15), Some(1.5), Some(1.15), Some(1.6), None, None]
        );
        assert_eq!(Cell::all(false).len(), 18);
    }

    #[test]
    fn compressed_is_held_against_the_plain_floor() {
        let cells = Cell::all(true);
        let rows = cells.iter().map(ToString::to_string).collect();
        let mut matrix = Matrix::new(rows, vec![FLOOR, "gumboot"]);
        for (row, server, ns) in [(3, 0, 200.0), (5, 1, 500.0), (0, 1, 9.0)] {
            let figures = json!({ "cpu_ns_per_delivery": ns });
            let added = matrix.add(row, server, &figures, &["cpu_ns_per_delivery"]);
            added.expect("it is there");
        }
        assert_eq!(to_floor(&matrix, &cells, 5, 1), Some(2.5));
        assert_eq!(to_floor(&matrix, &cells, 0, 1), None, "no floor");
    }
}
