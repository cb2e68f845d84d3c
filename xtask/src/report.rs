//! The table at the end of a run, and the line under it.

use std::process::ExitCode;
use std::time::Duration;

use crate::context::{Failure, Outcome, in_ci};

/// What became of one step.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) duration: Duration,
    pub(crate) outcome: Outcome,
}

impl Entry {
    /// The step's result in a word or two.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.outcome {
            Ok(_) => "ok",
            Err(Failure::Broken(_)) => "FAILED",
            Err(Failure::Missing(_)) => "NOT RUN",
        }
    }

    /// What there is to say about the result.
    pub(crate) fn remarks(&self) -> Vec<&str> {
        match &self.outcome {
            Ok(notes) => notes.iter().map(String::as_str).collect(),
            Err(Failure::Broken(reason) | Failure::Missing(reason)) => vec![reason],
        }
    }
}

/// Prints the table and the closing line; what was not run fails the run in CI. Steps of the names `left_out` run only
/// if they are named, and were not: that is said, and fails nothing.
pub(crate) fn close(entries: &[Entry], left_out: &[&str]) -> ExitCode {
    println!("\n{:<12}{:<10}{:>9}", "step", "result", "time");
    for entry in entries {
        let seconds = format!("{:.1} s", entry.duration.as_secs_f64());
        println!("{:<12}{:<10}{seconds:>9}", entry.name, entry.verdict());
        for remark in entry.remarks() {
            println!("            {}", remark.replace('\n', "\n            "));
        }
    }
    let count = |verdict| {
        entries
            .iter()
            .filter(|entry| entry.verdict() == verdict)
            .count()
    };
    let (passed, failed, missing) = (count("ok"), count("FAILED"), count("NOT RUN"));
    println!();
    if missing > 0 {
        let names = entries.iter().filter(|entry| entry.verdict() == "NOT RUN");
        let names: Vec<&str> = names.map(|entry| entry.name).collect();
        println!("NOT RUN on this machine: {}", names.join(", "));
    }
    for name in left_out {
        println!("NOT RUN, for it was not named: {name}. Run it with: cargo xtask test {name}");
    }
    let failed = if in_ci() { failed + missing } else { failed };
    let skipped = if in_ci() { 0 } else { missing };
    println!("{}", closing_line(passed, failed, skipped));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn closing_line(passed: usize, failed: usize, skipped: usize) -> String {
    let tail = if skipped > 0 {
        format!(", {skipped} skipped")
    } else {
        String::new()
    };
    format!("steps: {passed} passed, {failed} failed{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_names_what_was_skipped_only_if_something_was() {
        assert_eq!(closing_line(12, 0, 0), "steps: 12 passed, 0 failed");
        assert_eq!(
            closing_line(10, 1, 1),
            "steps: 10 passed, 1 failed, 1 skipped"
        );
    }
}
