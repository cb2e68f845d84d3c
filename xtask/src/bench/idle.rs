//! The scenario of connections that wait: how much memory of the server's process each has.

use std::collections::BTreeSet;

use super::figures::number;
use super::matrix::{thousands, time, verdict};
use super::peers::{Peers, Server, Speaks};
use super::pinned::Pinned;
use super::progress::Progress;
use super::stomp_servers::{self, Place, RABBITMQ};
use super::{Bench, Report, failed, plot};
use crate::certificate;
use crate::context::Failure;

/// How many connections; RabbitMQ takes fewer, since each costs it so much more.
const CONNECTIONS: u64 = 10_000;
const CONNECTIONS_QUICK: u64 = 2_000;
const CONNECTIONS_RABBITMQ: u64 = 1_000;

const PLAIN: &[Server] = &[
    Server::FramesEpoll,
    Server::FramesTokio,
    Server::Gumboot,
    Server::Tungstenite,
    Server::Fastwebsockets,
    Server::TokioWebsockets,
    Server::Yawc,
    Server::Ws,
    Server::Bun,
];
const COMPRESSED: &[Server] = &[Server::Gumboot, Server::Yawc, Server::Ws, Server::Bun];
const TLS: &[Server] = &[
    Server::FramesTokio,
    Server::Gumboot,
    Server::Tungstenite,
    Server::Ws,
    Server::Bun,
];

const ABOUT: &str = "\
Bytes of the server's process for each connection, as its share of memory (PSS) has grown: when all are connected and
nothing has been sent, and after a message of 256 bytes on each. 100 connections come before, each with a message, and stay.
Nothing of what the kernel keeps for sockets is in it. The servers `frames` are floors: WebSocket by hand, with nothing kept
for a connection but its socket. One run each, since these figures do not depend on what else the machine does; only the
server's CPU time for each connection that opens does, one at a time, from TCP to the handshake and what STOMP needs behind it.
Compression is as each server agrees to the offer of a browser. STOMP is over WebSocket, logged in, with heart-beats agreed
and one subscription: all to one topic, or each to one of its own.";

/// What is measured of one server.
#[derive(Debug)]
struct Row {
    what: &'static str,
    server: &'static str,
    connections: u64,
    connected: f64,
    after_message: f64,
    /// To open one, in nanoseconds.
    opening: f64,
}

impl Row {
    /// What Gumboot is to need at most, connected and after a message.
    fn aim(&self) -> Option<(f64, f64)> {
        let is_ours = self.server == Server::Gumboot.name();
        match self.what {
            "plain" if is_ours => Some((1_200.0, 1_200.0)),
            "compressed" if is_ours => Some((1_300.0, 1_300.0)),
            "TLS" if is_ours => Some((11_500.0, 11_500.0)),
            "STOMP" if is_ours => Some((2_500.0, 3_000.0)),
            _ => None,
        }
    }

    fn text(&self) -> String {
        let aim = self.aim();
        let shown = aim.map_or(String::new(), |(connected, after)| {
            if connected == after {
                thousands(connected)
            } else {
                format!("{} / {}", thousands(connected), thousands(after))
            }
        });
        let met = [
            verdict(Some(self.connected), aim.map(|aim| aim.0)),
            verdict(Some(self.after_message), aim.map(|aim| aim.1)),
        ];
        let met = if met[0] == "met" { &met[1] } else { &met[0] };
        format!(
            "| {} | {} | {} | {} | {} | {shown} | {met} | {} |\n",
            self.what,
            self.server,
            thousands(self.connections as f64),
            thousands(self.connected),
            thousands(self.after_message),
            time(self.opening)
        )
    }
}

pub(super) fn run(bench: &Bench<'_>) -> Result<Report, Failure> {
    let peers = Peers::prepare(bench, PLAIN);
    let mut idle = Idle {
        bench,
        remarks: peers.remarks.clone(),
        progress: Progress::new(PLAIN.len() + COMPRESSED.len() + TLS.len() + 3),
        rows: Vec::new(),
    };
    let certificate = certificate::make(bench.cx, &bench.folder)?;
    let certificate_path = certificate.chain.display().to_string();
    let kinds = [
        ("plain", PLAIN, Speaks::Plain, vec![]),
        (
            "compressed",
            COMPRESSED,
            Speaks::Compressed,
            vec!["--compress"],
        ),
        (
            "TLS",
            TLS,
            Speaks::Tls(&certificate),
            vec!["--tls", &certificate_path],
        ),
    ];
    for (what, servers, speaks, arguments) in kinds {
        for server in servers.iter().filter(|server| peers.has(**server)) {
            let arguments = [&["--protocol", "echo"], &arguments[..]].concat();
            idle.row(what, server.name(), &arguments, |bench| {
                peers.start(bench, *server, speaks)
            });
        }
    }
    for (what, protocol) in [("STOMP", "stomp"), ("STOMP, own topics", "stomp-own")] {
        let name = Server::Gumboot.name();
        idle.row(
            what,
            name,
            &["--protocol", protocol],
            stomp_servers::gumboot,
        );
    }
    stomp_servers::with_rabbitmq(bench, |place, remark| {
        idle.remarks.push(remark);
        if let Some(place) = place {
            idle.of_rabbitmq(place);
        }
        Ok(())
    })?;
    let picture = plot::draw(bench, "idle-bytes.svg", &dots(&idle.rows))?;
    Ok(Report {
        text: text(&idle.rows, &picture),
        remarks: idle.remarks,
    })
}

fn text(rows: &[Row], picture: &str) -> String {
    let rows: Vec<String> = rows.iter().map(Row::text).collect();
    format!(
        "{ABOUT}\n\n| what | server | connections | connected | after a message | aim | | CPU to open |\n\
         | --- | --- | ---: | ---: | ---: | ---: | --- | ---: |\n{}{picture}",
        rows.concat()
    )
}

/// Memory after a message, with a row for each kind of connection, as a picture has it.
fn dots(rows: &[Row]) -> plot::Dots {
    let kinds = once_each(rows.iter().map(|row| row.what));
    let ours = Server::Gumboot.name();
    let mut servers = once_each(rows.iter().map(|row| row.server));
    servers.sort_by_key(|server| *server != ours);
    let find = |what: &str, server: &str| {
        let mut found = rows.iter();
        found.find(|row| row.what == what && row.server == server)
    };
    let series = servers.iter().map(|server| {
        let bytes = kinds
            .iter()
            .map(|what| Some(find(what, server)?.after_message));
        ((*server).to_owned(), bytes.collect())
    });
    plot::Dots {
        head: "",
        title: "Bytes of the server's process for each idle connection, after a message",
        series: series.collect(),
        aims: kinds
            .iter()
            .map(|what| Some(find(what, ours)?.aim()?.1))
            .collect(),
        rows: kinds.iter().map(|what| (*what).to_owned()).collect(),
    }
}

/// Names in their order, each where it is first.
fn once_each(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut known = BTreeSet::new();
    names.filter(|name| known.insert(*name)).collect()
}

struct Idle<'a> {
    bench: &'a Bench<'a>,
    remarks: Vec<String>,
    progress: Progress,
    rows: Vec<Row>,
}

impl Idle<'_> {
    /// Starts a server for one measurement, since memory that was freed is used again.
    fn row(
        &mut self,
        what: &'static str,
        server: &'static str,
        arguments: &[&str],
        start: impl FnOnce(&Bench<'_>) -> Result<Pinned, Failure>,
    ) {
        if !self.bench.is_wanted(server) {
            return;
        }
        let connections = if self.bench.quick {
            CONNECTIONS_QUICK
        } else {
            CONNECTIONS
        };
        self.progress.begin(&format!("{what}: {server}"));
        let measured = start(self.bench).and_then(|running| {
            let row = self.measure(what, server, connections, arguments, Place::of(&running));
            drop(running);
            row
        });
        self.keep(what, server, measured);
    }

    fn of_rabbitmq(&mut self, place: Place) {
        let arguments = ["--protocol", "stomp"];
        let measured = self.measure("STOMP", RABBITMQ, CONNECTIONS_RABBITMQ, &arguments, place);
        self.keep("STOMP", RABBITMQ, measured);
    }

    fn keep(&mut self, what: &str, server: &str, row: Result<Row, Failure>) {
        self.progress.done();
        match row {
            Ok(row) => self.rows.push(row),
            Err(failure) => {
                let remark = failed(server, what, failure);
                self.progress.say(&remark);
                self.remarks.push(remark);
            }
        }
    }

    fn measure(
        &self,
        what: &'static str,
        server: &'static str,
        connections: u64,
        arguments: &[&str],
        place: Place,
    ) -> Result<Row, Failure> {
        let mut load = self.bench.load("idle");
        place.tell(load.args(arguments));
        load.args(["--connections", &connections.to_string()]);
        let figures = self.bench.measure(&mut load)?;
        Ok(Row {
            what,
            server,
            connections,
            connected: number(&figures, "bytes_connected")?,
            after_message: number(&figures, "bytes_after_message")?,
            opening: number(&figures, "cpu_ns_to_open")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(what: &'static str, server: &'static str, bytes: (f64, f64)) -> String {
        let row = Row {
            what,
            server,
            connections: 10_000,
            connected: bytes.0,
            after_message: bytes.1,
            opening: 50_000.0,
        };
        row.text()
    }

    #[test]
    fn a_picture_has_each_kind_and_server_once() {
        let row = |what, server, after_message| Row {
            what,
            server,
            connections: 10_000,
            connected: 1.0,
            opening: 1.0,
            after_message,
        };
        let rows = [
            row("plain", "ws", 8_000.0),
            row("plain", "gumboot", 1_100.0),
            row("TLS", "gumboot", 9_000.0),
            row("plain", "bun", 2_000.0),
        ];
        let dots = dots(&rows);
        assert_eq!(dots.rows, ["plain", "TLS"]);
        assert_eq!(dots.aims, [Some(1_200.0), Some(11_500.0)]);
        let expected = [
            ("gumboot".to_owned(), vec![Some(1_100.0), Some(9_000.0)]),
            ("ws".to_owned(), vec![Some(8_000.0), None]),
            ("bun".to_owned(), vec![Some(2_000.0), None]),
        ];
        assert_eq!(dots.series, expected);
    }

    #[test]
    fn a_row_says_whether_the_aim_is_met() {
        let met = row("STOMP", "gumboot", (2_400.0, 2_999.6));
        assert_eq!(
            met,
            "| STOMP | gumboot | 10,000 | 2,400 | 3,000 | 2,500 / 3,000 | met | 50.00 µs |\n"
        );
        assert!(
            row("plain", "gumboot", (1_100.0, 1_201.0))
                .ends_with("| 1,200 | missed | 50.00 µs |\n")
        );
        assert!(
            row("plain", "gumboot", (1_201.0, 1_100.0))
                .ends_with("| 1,200 | missed | 50.00 µs |\n")
        );
        assert!(row("plain", "ws", (1.0, 1.0)).ends_with("|  |  | 50.00 µs |\n"));
    }
}
