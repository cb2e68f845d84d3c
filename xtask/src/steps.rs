//! The steps of `cargo xtask test`: their names, their order and their bounds.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::context::{Context, Failure, Outcome};
use crate::report::{self, Entry};
use crate::{autobahn, cargo, deny, peers, tidy};

/// One step of the test command.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The longest that the step may take, installing included.
    bound_minutes: u64,
    run: fn(&Context) -> Outcome,
}

/// Every step, cheap ones first.
pub(crate) const ALL: &[Step] = &[
    step("fmt", "the code is formatted", 2, cargo::fmt),
    step("clippy", "the lints are silent", 15, cargo::clippy),
    step(
        "doc",
        "the documentation builds without warnings",
        15,
        cargo::doc,
    ),
    step(
        "unit",
        "unit and integration tests of every crate",
        30,
        cargo::unit,
    ),
    step(
        "tidy",
        "the project's own rules: opening lines, dependencies, links",
        2,
        tidy::check,
    ),
    step(
        "deny",
        "licences, duplicates and sources of dependencies (cargo-deny)",
        20,
        deny::check,
    ),
    step("build", "the program, as users build it", 15, cargo::build),
    step(
        "autobahn",
        "the Autobahn Testsuite, all cases, in both roles",
        30,
        autobahn::check,
    ),
    step(
        "node",
        "npm's ws and @stomp/stompjs in Node.js",
        10,
        peers::node,
    ),
    step(
        "python",
        "stomp.py over TCP, and websockets",
        10,
        peers::python,
    ),
    step(
        "browser",
        "WebSocket, stompjs and the console in Chromium",
        15,
        peers::browser,
    ),
];

const fn step(
    name: &'static str,
    about: &'static str,
    bound_minutes: u64,
    run: fn(&Context) -> Outcome,
) -> Step {
    Step {
        name,
        about,
        bound_minutes,
        run,
    }
}

/// The steps of these names in their own order; all of them if none is named.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Step>, &String> {
    let known = |name: &String| ALL.iter().any(|step| step.name == name.as_str());
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(unknown);
    }
    let wanted = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(ALL.iter().filter(wanted).collect())
}

/// Runs the steps one after the other, also after a failure, and prints what became of each.
pub(crate) fn run(selected: &[&'static Step]) -> ExitCode {
    let cx = match Context::discover() {
        Ok(cx) => cx,
        Err(Failure::Broken(reason) | Failure::Missing(reason)) => {
            eprintln!("xtask: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let entries: Vec<Entry> = selected.iter().map(|step| run_one(&cx, step)).collect();
    report::close(&entries)
}

fn run_one(cx: &Context, step: &'static Step) -> Entry {
    println!("\n=== {}: {}", step.name, step.about);
    let start = Instant::now();
    let outcome = (step.run)(&cx.within(Duration::from_secs(step.bound_minutes * 60)));
    let entry = Entry {
        name: step.name,
        duration: start.elapsed(),
        outcome,
    };
    println!(
        "=== {}: {} ({:.1} s)",
        step.name,
        entry.verdict(),
        entry.duration.as_secs_f64()
    );
    for remark in entry.remarks() {
        println!("    {remark}");
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Result<Vec<&'static str>, String> {
        let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
        let selected = select(&asked).map_err(Clone::clone)?;
        Ok(selected.iter().map(|step| step.name).collect())
    }

    #[test]
    fn all_steps_run_by_default() {
        assert_eq!(names(&[]).map(|all| all.len()), Ok(ALL.len()));
    }

    #[test]
    fn named_steps_run_in_the_order_of_the_table() {
        assert_eq!(names(&["node", "fmt"]), Ok(vec!["fmt", "node"]));
    }

    #[test]
    fn an_unknown_step_is_named() {
        assert_eq!(names(&["fmt", "nodes"]), Err("nodes".to_owned()));
    }
}
