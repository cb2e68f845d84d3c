//! Figures by row and by server, taken in several rounds: their medians, and tables of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::figures::{median, number};
use crate::context::Failure;

/// What a scenario has measured. Rows and servers are known by their places.
#[derive(Debug)]
pub(super) struct Matrix {
    rows: Vec<String>,
    servers: Vec<&'static str>,
    samples: BTreeMap<(usize, usize, &'static str), Vec<f64>>,
}

impl Matrix {
    pub(super) fn new(rows: Vec<String>, servers: Vec<&'static str>) -> Self {
        Self {
            rows,
            servers,
            samples: BTreeMap::new(),
        }
    }

    /// Adds the figures of these names that a load has printed.
    pub(super) fn add(
        &mut self,
        row: usize,
        server: usize,
        figures: &Value,
        names: &[&'static str],
    ) -> Result<(), Failure> {
        for name in names {
            let samples = self.samples.entry((row, server, name)).or_default();
            samples.push(number(figures, name)?);
        }
        Ok(())
    }

    /// The median of what was added; none of nothing.
    pub(super) fn median(&self, row: usize, server: usize, name: &'static str) -> Option<f64> {
        median(self.samples.get(&(row, server, name))?.iter().copied())
    }

    /// The medians of all these; none if there is nothing of one of them.
    pub(super) fn medians(
        &self,
        row: usize,
        server: usize,
        names: &[&'static str],
    ) -> Option<Vec<f64>> {
        let medians = names.iter().map(|name| self.median(row, server, name));
        medians.collect()
    }

    /// The place of a server of this name.
    pub(super) fn server(&self, name: &str) -> Option<usize> {
        self.servers.iter().position(|server| *server == name)
    }

    pub(super) fn rows(&self) -> &[String] {
        &self.rows
    }

    pub(super) fn servers(&self) -> &[&'static str] {
        &self.servers
    }

    /// A table with a column for each of these servers and more columns behind them; rows without any figure are left out.
    pub(super) fn table(
        &self,
        first: &str,
        servers: &[usize],
        more: &[&str],
        cell: impl Fn(usize, usize) -> Option<String>,
        more_cells: impl Fn(usize) -> Vec<String>,
    ) -> String {
        let names = servers.iter().map(|server| self.servers[*server]);
        let header: Vec<&str> = [first]
            .into_iter()
            .chain(names)
            .chain(more.iter().copied())
            .collect();
        let mut text = line(&header);
        text += &line(
            &std::iter::once("---")
                .chain(header.iter().skip(1).map(|_| "---:"))
                .collect::<Vec<_>>(),
        );
        for (row, name) in self.rows.iter().enumerate() {
            let cells: Vec<Option<String>> =
                servers.iter().map(|server| cell(row, *server)).collect();
            if cells.iter().all(Option::is_none) {
                continue;
            }
            let cells = cells
                .into_iter()
                .map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
            let cells: Vec<String> = std::iter::once(name.clone())
                .chain(cells)
                .chain(more_cells(row))
                .collect();
            text += &line(&cells.iter().map(String::as_str).collect::<Vec<_>>());
        }
        text
    }
}

fn line(cells: &[&str]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
    text
}

/// Quantiles of times in microseconds, as one cell of a table.
pub(super) fn quantiles(us: impl IntoIterator<Item = f64>) -> String {
    let shown = us.into_iter().map(|us| match us {
        // Nothing takes no time: in that measurement nothing has come back.
        0.0 => "-".to_owned(),
        us if us < 10.0 => format!("{us:.1}"),
        us => thousands(us),
    });
    shown.collect::<Vec<_>>().join(" / ")
}

/// A time in units that suit it.
pub(super) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1_000.0 => format!("{ns:.0} ns"),
        ns if ns < 100_000.0 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1_000_000.0 => format!("{:.0} µs", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

/// A whole number with its thousands apart.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.split_at(usize::from(digits.starts_with('-')));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whether an aim is met, for the last column, by two digits behind the point, which is as much as is shown.
pub(super) fn verdict(value: Option<f64>, aim: Option<f64>) -> String {
    let shown = |value: f64| (value * 100.0).round();
    match (value, aim) {
        (Some(value), Some(aim)) if shown(value) <= shown(aim) => "met".to_owned(),
        (Some(_), Some(_)) => "missed".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_the_medians_and_says_what_is_missing() {
        let rows = ["a", "b", "c"].map(str::to_owned).to_vec();
        let mut matrix = Matrix::new(rows, vec!["one", "two"]);
        for ns in [3.0, 1.0, 2.0] {
            let figures = json!({ "ns": ns, "other": 1 });
            matrix.add(0, 0, &figures, &["ns"]).expect("it is there");
        }
        matrix
            .add(2, 1, &json!({ "ns": 5_000 }), &["ns"])
            .expect("it is there");
        assert!(matrix.add(0, 0, &json!({}), &["ns"]).is_err());
        let cell = |row, server| matrix.median(row, server, "ns").map(time);
        let text = matrix.table("row", &[0, 1], &["aim"], cell, |row| vec![format!("{row}")]);
        let expected = "| row | one | two | aim |\n| --- | ---: | ---: | ---: |\n\
                        | a | 2 ns | - | 0 |\n| c | - | 5.00 µs | 2 |\n";
        assert_eq!(text, expected);
        assert_eq!(matrix.server("two"), Some(1));
        assert_eq!(matrix.medians(0, 0, &["ns", "ns"]), Some(vec![2.0, 2.0]));
        assert_eq!(matrix.medians(0, 0, &["ns", "other"]), None);
    }

    #[test]
    fn numbers_are_easy_to_read() {
        let all = [0.4, 999.0, 1_000.0, 1_234_567.0, -1_500.0].map(thousands);
        assert_eq!(all, ["0", "999", "1,000", "1,234,567", "-1,500"]);
        assert_eq!(verdict(Some(1.2), Some(1.2)), "met");
        assert_eq!(verdict(Some(1.204), Some(1.2)), "met");
        assert_eq!(verdict(Some(1.206), Some(1.2)), "missed");
        assert_eq!(
            quantiles([1.23, 12.3, 12_345.0, 0.0]),
            "1.2 / 12 / 12,345 / -"
        );
        assert_eq!(verdict(None, Some(1.2)), "");
    }
}
