//! What was measured of each server in each cell, and the tables of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::figures::{median, number};
use super::super::matrix::{quantiles, thousands, time, verdict};
use super::super::peers::Server;
use super::cell::{Aim, Cell, size};
use crate::context::Failure;

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    cpu_ns: f64,
    per_second: f64,
    /// The time to the echo, p50, p99 and p99.9.
    us: [f64; 3],
}

impl Sample {
    pub(super) fn read(figures: &serde_json::Value) -> Result<Self, Failure> {
        Ok(Self {
            cpu_ns: number(figures, "cpu_ns_per_message")?,
            per_second: number(figures, "messages_per_second")?,
            us: [
                number(figures, "us_p50")?,
                number(figures, "us_p99")?,
                number(figures, "us_p99_9")?,
            ],
        })
    }
}

/// All measurements of a scenario.
#[derive(Debug)]
pub(super) struct Results {
    cells: Vec<Cell>,
    servers: Vec<Server>,
    /// By the place of the cell.
    samples: BTreeMap<(usize, Server), Vec<Sample>>,
    calls: BTreeMap<(usize, Server), f64>,
    /// Whether cells have the aims that are named for them.
    has_aims: bool,
}

impl Results {
    pub(super) fn new(cells: Vec<Cell>, servers: Vec<Server>) -> Self {
        Self {
            cells,
            servers,
            samples: BTreeMap::new(),
            calls: BTreeMap::new(),
            has_aims: true,
        }
    }

    /// The same cells where the aims are not meant.
    pub(super) fn without_aims(self) -> Self {
        Self {
            has_aims: false,
            ..self
        }
    }

    pub(super) fn add(&mut self, cell: usize, server: Server, sample: Sample) {
        self.samples.entry((cell, server)).or_default().push(sample);
    }

    pub(super) fn add_calls(&mut self, cell: usize, server: Server, calls_per_message: f64) {
        self.calls.insert((cell, server), calls_per_message);
    }

    /// The cells in which these are measured, with their places.
    pub(super) fn cells(&self) -> impl Iterator<Item = (usize, Cell)> + use<'_> {
        self.cells.iter().copied().enumerate()
    }

    fn median(&self, cell: usize, server: Server, read: impl Fn(&Sample) -> f64) -> Option<f64> {
        let samples = self.samples.get(&(cell, server))?;
        median(samples.iter().map(read))
    }

    pub(super) fn cpu_ns(&self, cell: usize, server: Server) -> Option<f64> {
        self.median(cell, server, |sample| sample.cpu_ns)
    }

    pub(super) fn per_second(&self, cell: usize, server: Server) -> Option<f64> {
        self.median(cell, server, |sample| sample.per_second)
    }

    /// The cheaper of the servers without a protocol.
    pub(super) fn floor_ns(&self, cell: usize) -> Option<f64> {
        let raw = self.servers.iter().filter(|server| server.is_raw());
        raw.filter_map(|server| self.cpu_ns(cell, *server))
            .min_by(f64::total_cmp)
    }

    /// The CPU time of a server as a multiple of the floor.
    pub(super) fn to_floor(&self, cell: usize, server: Server) -> Option<f64> {
        Some(self.cpu_ns(cell, server)? / self.floor_ns(cell)?)
    }

    /// What Gumboot is to need at most, as a multiple of the floor.
    pub(super) fn aim(&self, cell: usize) -> Option<f64> {
        match self.cells[cell].aim().filter(|_| self.has_aims)? {
            Aim::OfFloor(aim) => Some(aim),
            Aim::OfBun(part) => Some(part * self.to_floor(cell, Server::Bun)?),
        }
    }

    /// CPU time as a multiple of the floor, with the aim of each row if some have one.
    pub(super) fn ratio_table(&self) -> String {
        let servers: Vec<Server> = self.servers_with_protocol();
        let has_aims = self.cells().any(|(place, _)| self.aim(place).is_some());
        let mut header = vec!["floor".to_owned()];
        header.extend(servers.iter().map(|server| server.name().to_owned()));
        if has_aims {
            header.extend(["aim".to_owned(), String::new()]);
        }
        self.table(&header, |place| {
            let ratios: Vec<_> = servers
                .iter()
                .map(|server| self.to_floor(place, *server))
                .collect();
            let least = ratios.iter().flatten().copied().min_by(f64::total_cmp);
            let mut row = vec![self.floor_ns(place).map_or("-".to_owned(), time)];
            row.extend(ratios.iter().map(|ratio| match *ratio {
                Some(ratio) if Some(ratio) == least => format!("**{ratio:.2}**"),
                Some(ratio) => format!("{ratio:.2}"),
                None => "-".to_owned(),
            }));
            if has_aims {
                let aim = self.aim(place).filter(|_| least.is_some());
                row.push(aim.map_or(String::new(), |aim| format!("{aim:.2}")));
                row.push(verdict(self.to_floor(place, Server::Gumboot), aim));
            }
            row
        })
    }

    /// CPU time as it is.
    pub(super) fn cpu_table(&self) -> String {
        self.by_server(|place, server| self.cpu_ns(place, server).map(time))
    }

    pub(super) fn rate_table(&self) -> String {
        self.by_server(|place, server| self.per_second(place, server).map(thousands))
    }

    pub(super) fn latency_table(&self) -> String {
        self.by_server(|place, server| {
            let us = [0, 1, 2].map(|index| self.median(place, server, |sample| sample.us[index]));
            let us: Option<Vec<f64>> = us.into_iter().collect();
            us.map(quantiles)
        })
    }

    /// None if none were counted.
    pub(super) fn calls_table(&self) -> Option<String> {
        let table = self.by_server(|place, server| {
            let calls = self.calls.get(&(place, server))?;
            Some(format!("{calls:.2}"))
        });
        (!self.calls.is_empty()).then_some(table)
    }

    /// How many aims there are, how many of them Gumboot meets, and the rows where it does not, a line each; nothing if
    /// there are no aims.
    pub(super) fn aims(&self) -> String {
        let rows: Vec<(Cell, f64, f64)> = self
            .cells()
            .filter_map(|(place, cell)| {
                let ratio = self.to_floor(place, Server::Gumboot)?;
                Some((cell, ratio, self.aim(place)?))
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        let missed: Vec<String> = rows
            .iter()
            .filter(|(_, ratio, aim)| verdict(Some(*ratio), Some(*aim)) == "missed")
            .map(|(cell, ratio, aim)| format!("- {cell}: {ratio:.2} with an aim of {aim:.2}\n"))
            .collect();
        let met = rows.len() - missed.len();
        match missed.is_empty() {
            true => format!("\nGumboot meets all {met} aims.\n"),
            false => format!(
                "\nGumboot meets {met} of {} aims. It misses:\n\n{}",
                rows.len(),
                missed.concat()
            ),
        }
    }

    pub(super) fn servers_with_protocol(&self) -> Vec<Server> {
        let servers = self.servers.iter().copied();
        servers.filter(|server| !server.is_raw()).collect()
    }

    fn by_server(&self, value: impl Fn(usize, Server) -> Option<String>) -> String {
        let header: Vec<String> = self
            .servers
            .iter()
            .map(|server| server.name().to_owned())
            .collect();
        self.table(&header, |place| {
            let values = self.servers.iter().map(|server| value(place, *server));
            values
                .map(|value| value.unwrap_or_else(|| "-".to_owned()))
                .collect()
        })
    }

    fn table(&self, header: &[String], row: impl Fn(usize) -> Vec<String>) -> String {
        let columns = header.join(" | ");
        let mut text = format!(
            "| connections | size | kind | in flight | {columns} |\n| --: | --: | --- | --: |{}\n",
            " --: |".repeat(header.len())
        );
        for (place, cell) in self.cells() {
            let values = row(place);
            // A row of which nothing was measured says nothing.
            if values
                .iter()
                .all(|value| matches!(value.as_str(), "-" | ""))
            {
                continue;
            }
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                cell.connections,
                size(cell.bytes),
                cell.kind,
                cell.in_flight,
                values.join(" | ")
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu_ns: f64) -> Sample {
        Sample {
            cpu_ns,
            per_second: 1e9 / cpu_ns,
            us: [1.0, 20.0, 300.0],
        }
    }

    fn results() -> Results {
        let servers = vec![
            Server::RawEpoll,
            Server::RawTokio,
            Server::Gumboot,
            Server::Bun,
        ];
        let mut results = Results::new(Cell::aimed()[..2].to_vec(), servers);
        for (server, all) in [
            (Server::RawEpoll, [2_000.0, 9_000.0, 1_000.0]),
            (Server::RawTokio, [3_000.0; 3]),
            (Server::Gumboot, [2_100.0, 1_900.0, 2_500.0]),
        ] {
            all.into_iter()
                .for_each(|cpu_ns| results.add(0, server, sample(cpu_ns)));
        }
        results
    }

    #[test]
    fn ratios_are_of_medians_to_the_cheaper_floor() {
        let results = results();
        assert_eq!(results.floor_ns(0), Some(2_000.0));
        assert_eq!(results.to_floor(0, Server::Gumboot), Some(1.05));
        assert_eq!(results.to_floor(0, Server::Bun), None);
        assert_eq!(results.to_floor(1, Server::Gumboot), None);
        let row = "| 1 | 32 B | binary | 1 | 2.00 µs | **1.05** | - | 1.03 | missed |\n";
        assert!(
            results.ratio_table().ends_with(row),
            "{}",
            results.ratio_table()
        );
        assert_eq!(
            results.aims(),
            "\nGumboot meets 0 of 1 aims. It misses:\n\n- 1 × 1, 32 B binary: 1.05 with an aim of 1.03\n"
        );
    }

    #[test]
    fn an_aim_may_be_what_another_server_needs() {
        let servers = vec![Server::RawEpoll, Server::Gumboot, Server::Bun];
        let mut results = Results::new(Cell::compressed(), servers);
        for (server, cpu_ns) in [
            (Server::RawEpoll, 5_000.0),
            (Server::Gumboot, 20_000.0),
            (Server::Bun, 24_000.0),
        ] {
            results.add(0, server, sample(cpu_ns));
        }
        assert_eq!(results.aim(0), Some(4.2));
        assert_eq!(results.aim(1), None, "Bun was not measured");
        let row = "| 5.00 µs | **4.00** | 4.80 | 4.20 | met |\n";
        assert!(results.ratio_table().ends_with(row));
        assert_eq!(results.aims(), "\nGumboot meets all 1 aims.\n");
        let secure = Results::new(Cell::secure(), vec![Server::Bun]).without_aims();
        assert!(!secure.ratio_table().contains("aim"));
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        let mut results = results();
        assert_eq!(results.calls_table(), None);
        results.add_calls(1, Server::Gumboot, 2.0);
        let table = results.calls_table().expect("there are some");
        assert!(
            table.ends_with("| 50 | 32 B | binary | 1 | - | - | 2.00 | - |\n"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 3);
    }

    #[test]
    fn latencies_are_told_with_their_tail() {
        let table = results().latency_table();
        assert!(
            table.ends_with("| 1.0 / 20 / 300 | 1.0 / 20 / 300 | 1.0 / 20 / 300 | - |\n"),
            "{table}"
        );
    }
}
