//! The steps of `cargo xtask test`: their names, their order and their bounds.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::context::{Context, Failure, Outcome};
use crate::report::{self, Entry};
use crate::{activemq, autobahn, cargo, costs, deny, peers, rabbitmq, tidy};

/// One step of the test command.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The longest that the step may take, installing included.
    bound_minutes: u64,
    /// Whether it runs when no step is named.
    pub(crate) by_default: bool,
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
        "costs",
        "what a message and a connection cost, held against bounds",
        10,
        costs::check,
    ),
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
    step_to_be_named(
        "rabbitmq",
        "the Rust client of STOMP with RabbitMQ",
        20,
        rabbitmq::check,
    ),
    step_to_be_named(
        "activemq",
        "the Rust client of STOMP with ActiveMQ",
        20,
        activemq::check,
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
        by_default: true,
        run,
    }
}

const fn step_to_be_named(
    name: &'static str,
    about: &'static str,
    bound_minutes: u64,
    run: fn(&Context) -> Outcome,
) -> Step {
    Step {
        by_default: false,
        ..step(name, about, bound_minutes, run)
    }
}

/// The steps of these names in their own order; if none is named, all that need no naming.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Step>, &String> {
    let known = |name: &String| ALL.iter().any(|step| step.name == name.as_str());
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(unknown);
    }
    let wanted = |step: &&Step| match names.is_empty() {
        true => step.by_default,
        false => names.iter().any(|name| name == step.name),
    };
    Ok(ALL.iter().filter(wanted).collect())
}

/// Runs the steps one after the other, also after a failure, and prints what became of each.
/// What must be named and was not is said at the end.
pub(crate) fn run(selected: &[&'static Step]) -> ExitCode {
    let cx = match Context::discover() {
        Ok(cx) => cx,
        Err(Failure::Broken(reason) | Failure::Missing(reason)) => {
            eprintln!("xtask: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let entries: Vec<Entry> = selected.iter().map(|step| run_one(&cx, step)).collect();
    report::close(&entries, &left_out(selected))
}

/// The steps that were not named when all others ran; who named some knows what was left out.
fn left_out(selected: &[&'static Step]) -> Vec<&'static str> {
    let is_selected = |step: &Step| selected.iter().any(|other| other.name == step.name);
    let left_out = ALL.iter().filter(|step| !is_selected(step));
    if left_out.clone().any(|step| step.by_default) {
        return Vec::new();
    }
    left_out.map(|step| step.name).collect()
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
    fn all_steps_run_by_default_but_those_to_be_named() {
        let all = names(&[]).expect("nothing is unknown");
        assert_eq!(all.len(), ALL.len() - 2);
        assert!(!all.contains(&"rabbitmq"));
        assert_eq!(names(&["rabbitmq"]), Ok(vec!["rabbitmq"]));
    }

    #[test]
    fn a_run_of_all_says_what_was_not_named() {
        let all = select(&[]).expect("nothing is unknown");
        assert_eq!(left_out(&all), ["rabbitmq", "activemq"]);
        assert!(left_out(&all[1..]).is_empty());
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
