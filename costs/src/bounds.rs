//! The file of bounds: a table per case, in it a line per metric with the bound and what was last measured.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

use crate::{Failure, metric::Metric};

/// A line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bound {
    /// The most that it may cost.
    pub(crate) bound: f64,
    /// What it cost when the bound was set.
    pub(crate) measured: f64,
}

/// All bounds, by case and metric.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Bounds(pub(crate) BTreeMap<String, BTreeMap<Metric, Bound>>);

impl Bounds {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let bounds: Self = toml::from_str(text)?;
        for (case, metric, line) in bounds.lines() {
            // Not a number is above nothing, so it would be no bound.
            if !(line.measured >= 0.0 && line.bound >= line.measured && line.bound.is_finite()) {
                let metric = metric.name();
                return Err(
                    format!("{case}.{metric}: the bound is below what was measured").into(),
                );
            }
        }
        Ok(bounds)
    }

    /// What is bound, in the order of the names.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, Metric, Bound)> {
        self.0.iter().flat_map(|(case, lines)| {
            lines
                .iter()
                .map(|(metric, line)| (case.as_str(), *metric, *line))
        })
    }

    pub(crate) fn get(&self, case: &str, metric: Metric) -> Option<Bound> {
        self.0.get(case)?.get(&metric).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_bound_and_what_was_measured() {
        let text = "[echo]\ninstructions = { bound = 1600, measured = 1_500.5 }\nallocations = { bound = 0, measured = 0 }";
        let bounds = Bounds::parse(text).expect("it is well formed");
        let bound = bounds.get("echo", Metric::Instructions);
        assert_eq!(
            bound,
            Some(Bound {
                bound: 1600.0,
                measured: 1500.5
            })
        );
        assert_eq!(bounds.lines().count(), 2);
        assert_eq!(bounds.get("echo", Metric::SystemCalls), None);
        assert_eq!(bounds.get("stomp", Metric::Instructions), None);
    }

    #[test]
    fn a_file_that_binds_nothing_is_refused() {
        for line in [
            "instruction = { bound = 2, measured = 1 }",
            "instructions = { bound = 2 }",
            "instructions = { bound = 2, measured = 1, margin = 1 }",
            "instructions = { bound = 1, measured = 2 }",
            "instructions = { bound = nan, measured = 1 }",
            "instructions = { bound = inf, measured = 1 }",
            "instructions = { bound = 1, measured = -1 }",
        ] {
            assert!(Bounds::parse(&format!("[echo]\n{line}")).is_err(), "{line}");
        }
    }
}
