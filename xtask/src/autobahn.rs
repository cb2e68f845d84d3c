//! The step that runs the Autobahn Testsuite, and holds its report against the committed expectation.
//!
//! The suite plays the client here (its mode "fuzzingclient") and `gumboot echo` is under test. It
//! tells for each case how the peer behaved and how it closed; both must be what the expectation says,
//! for exactly the cases that it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::context::{Context, Failure, Outcome};
use crate::process::{self, Server};
use crate::{install, program};

/// The name under which the suite reports on this program.
const AGENT: &str = "gumboot";

/// The longest that the echo server may take to listen.
const START_BOUND: Duration = Duration::from_secs(10);

/// One run of the suite.
struct Suite {
    /// Also the name of its folder below the target folder.
    name: &'static str,
    cases: &'static [&'static str],
    excluded: &'static [&'static str],
    /// The committed expectation, below the folder peers/autobahn.
    expectation: &'static str,
}

/// Everything but compression, which the server does not offer.
const SERVER: Suite = Suite {
    name: "server",
    cases: &["*"],
    excluded: &["12.*", "13.*"],
    expectation: "expect-server.json",
};

pub(crate) fn check(cx: &Context) -> Outcome {
    let program = program::build(cx)?;
    let python = install::autobahn(cx)?;
    let mut echo = Command::new(program);
    echo.args(["echo", "--listen", "127.0.0.1:0"]);
    let server = Server::start(cx, "autobahn-echo", &mut echo)?;
    let url = server.address("echo", START_BOUND)?;
    let report = SERVER.run_against(cx, &python, &url)?;
    server.stop()?;
    SERVER.judge(cx, &report)
}

impl Suite {
    /// Runs the suite as a client of `url`, and gives its report.
    fn run_against(&self, cx: &Context, python: &Path, url: &str) -> Result<Value, Failure> {
        let folder = self.folder(cx);
        let reports = folder.join("reports");
        // A report of an earlier run must not be taken for this one's.
        let _ = fs::remove_dir_all(&reports);
        let settings = json!({
            "outdir": reports,
            "options": {"failByDrop": false},
            "servers": [{"agent": AGENT, "url": url}],
            "cases": self.cases,
            "exclude-cases": self.excluded,
            "exclude-agent-cases": {},
        });
        let path = folder.join("settings.json");
        process::create(&path)?;
        fs::write(&path, settings.to_string()).map_err(|error| {
            Failure::Broken(format!("cannot write {}: {error}", path.display()))
        })?;
        let mut suite = Command::new(python);
        suite.arg(cx.root.join("peers/autobahn/loopback.py"));
        suite
            .args(["--mode", "fuzzingclient", "--spec"])
            .arg(&path)
            .current_dir(&folder);
        suite.env("PYTHONDONTWRITEBYTECODE", "1");
        process::run_logged(cx, "autobahn", &mut suite)?;
        let mut report = read_json(&reports.join("index.json"))?;
        Ok(report[AGENT].take())
    }

    /// Holds a report against the expectation.
    fn judge(&self, cx: &Context, report: &Value) -> Outcome {
        let path = cx.root.join("peers/autobahn").join(self.expectation);
        let expected = results(&read_json(&path)?);
        let seen = results(report);
        let differences = differences(&expected, &seen);
        if differences.is_empty() {
            return Ok(vec![format!("{} cases: {}", seen.len(), tally(&seen))]);
        }
        let index = self.folder(cx).join("reports/index.html");
        Err(Failure::Broken(format!(
            "{} of {} cases differ from {}; see {}\n{}",
            differences.len(),
            expected.len(),
            path.display(),
            index.display(),
            differences.join("\n")
        )))
    }

    fn folder(&self, cx: &Context) -> PathBuf {
        cx.peers().join("autobahn").join(self.name)
    }
}

/// A case's number, in an order in which 1.10 comes after 1.9.
type Case = Vec<u32>;

/// How a peer behaved, and how it closed, in the suite's words.
type Verdict = (String, String);

fn results(cases: &Value) -> BTreeMap<Case, Verdict> {
    let cases = cases.as_object().into_iter().flatten();
    cases
        .map(|(case, result)| (numbers(case), verdict(result)))
        .collect()
}

fn numbers(case: &str) -> Case {
    case.split('.')
        .map(|number| number.parse().unwrap_or(u32::MAX))
        .collect()
}

fn verdict(result: &Value) -> Verdict {
    let word = |name| result[name].as_str().unwrap_or("nothing").to_owned();
    (word("behavior"), word("behaviorClose"))
}

/// A line for each case that is not as expected, is missing, or is not known.
fn differences(expected: &BTreeMap<Case, Verdict>, seen: &BTreeMap<Case, Verdict>) -> Vec<String> {
    let wrong = expected
        .iter()
        .filter(|(case, verdict)| seen.get(*case) != Some(verdict));
    let wrong = wrong.map(|(case, verdict)| {
        format!(
            "{}: expected {}, got {}",
            name(case),
            words(Some(verdict)),
            words(seen.get(case))
        )
    });
    let unknown = seen
        .iter()
        .filter(|(case, _)| !expected.contains_key(*case));
    let unknown = unknown.map(|(case, verdict)| {
        format!("{}: not expected, got {}", name(case), words(Some(verdict)))
    });
    wrong.chain(unknown).collect()
}

fn name(case: &Case) -> String {
    let numbers: Vec<String> = case.iter().map(u32::to_string).collect();
    numbers.join(".")
}

fn words(verdict: Option<&Verdict>) -> String {
    match verdict {
        Some((behavior, close)) => format!("{behavior} (close: {close})"),
        None => "no result".to_owned(),
    }
}

/// How often the suite said each word, the most frequent first.
fn tally(seen: &BTreeMap<Case, Verdict>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (behavior, _) in seen.values() {
        *counts.entry(behavior).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let counts: Vec<String> = counts
        .iter()
        .map(|(behavior, count)| format!("{count} {behavior}"))
        .collect();
    counts.join(", ")
}

fn read_json(path: &Path) -> Result<Value, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::Broken(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(list: &[(&str, &str, &str)]) -> BTreeMap<Case, Verdict> {
        let cases = list.iter().map(|(case, behavior, close)| {
            (
                (*case).to_owned(),
                json!({"behavior": behavior, "behaviorClose": close}),
            )
        });
        results(&Value::Object(cases.collect()))
    }

    #[test]
    fn the_same_results_differ_in_nothing() {
        let expected = cases(&[("1.9", "OK", "OK"), ("1.10", "INFORMATIONAL", "OK")]);
        assert!(differences(&expected, &expected).is_empty());
    }

    #[test]
    fn each_kind_of_difference_is_named() {
        let expected = cases(&[
            ("1.9", "OK", "OK"),
            ("1.10", "OK", "OK"),
            ("2.1", "OK", "OK"),
        ]);
        let seen = cases(&[
            ("1.9", "NON-STRICT", "OK"),
            ("1.10", "OK", "FAILED"),
            ("3.1", "OK", "OK"),
        ]);
        let expected_lines = [
            "1.9: expected OK (close: OK), got NON-STRICT (close: OK)",
            "1.10: expected OK (close: OK), got OK (close: FAILED)",
            "2.1: expected OK (close: OK), got no result",
            "3.1: not expected, got OK (close: OK)",
        ];
        assert_eq!(differences(&expected, &seen), expected_lines);
    }

    #[test]
    fn the_tally_counts_each_word() {
        let seen = cases(&[
            ("1", "OK", "OK"),
            ("2", "INFORMATIONAL", "OK"),
            ("3", "OK", "OK"),
        ]);
        assert_eq!(tally(&seen), "2 OK, 1 INFORMATIONAL");
    }
}
