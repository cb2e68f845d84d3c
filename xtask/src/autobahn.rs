//! The step that runs the Autobahn Testsuite in both roles, also over TLS, and holds what it says against the
//! committed expectations.
//!
//! As a client it tests `gumboot echo`, as a server the example `autobahn_client`. It tells for each case how the peer
//! behaved and how it closed; both must be what the expectation says, for exactly the cases that it names. Most of the
//! time goes to the suite's own work in the cases of compression, in one process on one processor. So the cases are cut
//! into shards, a process each, and several run side by side.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use serde_json::Value;

use self::judge::Verdicts;
use self::shard::{Shard, Tested};
use crate::certificate;
use crate::context::{Context, Failure, Outcome};
use crate::{install, program};

mod judge;
mod shard;

/// A role under test, with the expectation that belongs to it.
#[derive(Debug, PartialEq, Eq)]
struct Suite {
    /// That of its expectation and of its reports, too.
    name: &'static str,
    role: Role,
    tls: bool,
}

/// What the program under test is; the suite plays the other one.
#[derive(Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

const SUITES: &[Suite] = &[
    suite("server", Role::Server, false),
    suite("client", Role::Client, false),
    suite("server-tls", Role::Server, true),
    suite("client-tls", Role::Client, true),
];

const fn suite(name: &'static str, role: Role, tls: bool) -> Suite {
    Suite { name, role, tls }
}

/// The groups of the cases of compression, each a shard, those that take longest first.
const COMPRESSION: &[&str] = &[
    "13.5.*", "12.2.*", "12.3.*", "13.6.*", "13.3.*", "13.7.*", "13.2.*", "13.4.*", "12.1.*",
    "13.1.*", "12.5.*", "12.4.*",
];

/// How many shards run at a time. In one alone, now the suite waits for its peer, and now the peer for the suite.
const SHARDS_PER_PROCESSOR: usize = 2;

/// Over TLS a WebSocket is the same; these groups see all of it but large messages and compression.
const OVER_TLS: &[&str] = &["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*"];

pub(crate) fn check(cx: &Context) -> Outcome {
    let tested = Tested {
        program: program::build(cx)?,
        client: program::build_autobahn_client(cx)?,
        python: install::autobahn(cx)?,
        certificate: certificate::make(cx, &shard::folder(cx))?,
    };
    let shards = shards();
    let mut results = run_side_by_side(cx, &tested, &shards);
    let verdicts: Vec<Result<String, String>> = SUITES
        .iter()
        .map(|suite| judge(cx, suite, results.remove(suite.name).unwrap_or_default()))
        .collect();
    let failed = verdicts.iter().any(Result::is_err);
    let lines: Vec<String> = verdicts
        .into_iter()
        .map(|verdict| verdict.unwrap_or_else(|line| line))
        .collect();
    if failed {
        Err(Failure::Broken(lines.join("\n")))
    } else {
        Ok(lines)
    }
}

/// All shards, in the order in which they are started.
fn shards() -> Vec<Shard> {
    let (secure, plain): (Vec<&Suite>, Vec<&Suite>) = SUITES.iter().partition(|suite| suite.tls);
    let compression = COMPRESSION
        .iter()
        .flat_map(|group| plain.iter().map(move |suite| (*suite, group)));
    let compression = compression.map(|(suite, group)| Shard {
        suite,
        name: format!("{}-{}", suite.name, group.trim_end_matches(".*")),
        cases: std::slice::from_ref(group),
        excluded: &[],
    });
    let base = plain.iter().map(|suite| Shard {
        suite,
        name: format!("{}-base", suite.name),
        cases: &["*"],
        excluded: &["12.*", "13.*"],
    });
    let secure = secure.iter().map(|suite| Shard {
        suite,
        name: suite.name.to_owned(),
        cases: OVER_TLS,
        excluded: &[],
    });
    compression.chain(base).chain(secure).collect()
}

/// What became of the shards of each suite, by its name.
type Results = BTreeMap<&'static str, Vec<Result<Verdicts, Failure>>>;

fn run_side_by_side(cx: &Context, tested: &Tested, shards: &[Shard]) -> Results {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(shard) = shards.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((shard.suite.name, shard.run(cx, tested)));
        }
        done
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let workers = processors * SHARDS_PER_PROCESSOR;
    let mut results = Results::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            for (suite, result) in worker.join().expect("a worker does not panic") {
                results.entry(suite).or_default().push(result);
            }
        }
    });
    results
}

/// A line for a suite: the tally, or why it failed.
fn judge(
    cx: &Context,
    suite: &Suite,
    shards: Vec<Result<Verdicts, Failure>>,
) -> Result<String, String> {
    let mut seen = Verdicts::new();
    let mut failures = Vec::new();
    for shard in shards {
        match shard {
            Ok(verdicts) => seen.extend(verdicts),
            Err(Failure::Broken(reason) | Failure::Missing(reason)) => failures.push(reason),
        }
    }
    let path = expectation(&cx.root, suite);
    match read_json(&path) {
        Ok(expected) => failures.extend(judge::differences(&judge::results(&expected), &seen)),
        Err(Failure::Broken(reason) | Failure::Missing(reason)) => failures.push(reason),
    }
    let tally = format!(
        "{}: {} cases: {}",
        suite.name,
        seen.len(),
        judge::tally(&seen)
    );
    if failures.is_empty() {
        return Ok(tally);
    }
    Err(format!(
        "{tally}; expected is {}, reports are in {}\n{}",
        path.display(),
        shard::folder(cx).display(),
        failures.join("\n")
    ))
}

fn expectation(root: &Path, suite: &Suite) -> PathBuf {
    root.join(format!("peers/autobahn/expect-{}.json", suite.name))
}

fn read_json(path: &Path) -> Result<Value, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::Broken(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_case_is_expected_to_be_right_but_three_that_only_inform() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = root.expect("xtask is a folder of the work tree");
        for suite in SUITES {
            let expected = read_json(&expectation(root, suite)).expect("an expectation is JSON");
            let count = expected.as_object().map(serde_json::Map::len);
            assert_eq!(count, Some(if suite.tls { 246 } else { 517 }), "{suite:?}");
            let right = json!({"behavior": "OK", "behaviorClose": "OK"});
            let informs = json!({"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"});
            for (case, result) in expected.as_object().into_iter().flatten() {
                let only_informs = ["7.1.6", "7.13.1", "7.13.2"].contains(&case.as_str());
                let best = if only_informs { &informs } else { &right };
                assert_eq!(result, best, "{suite:?}, case {case}");
            }
        }
    }
}
