//! The `WebSocket` object against a server with named behaviours, good and bad: the cases of `cases.json`, and what only
//! a Rust program can see of it.

#[path = "web_socket/handles.rs"]
mod handles;
#[path = "web_socket/hello.rs"]
mod hello;
#[path = "web_socket/listeners.rs"]
mod listeners;
#[path = "web_socket/pressure.rs"]
mod pressure;
#[path = "web_socket/script.rs"]
mod script;
#[path = "web_socket/server.rs"]
mod server;
#[path = "web_socket/support.rs"]
mod support;

use std::sync::Arc;

use serde_json::Value;

use crate::{
    script::Case,
    support::{soon, test_server},
};

/// How many cases run at a time.
const AT_A_TIME: usize = 16;

#[tokio::test]
async fn every_case_makes_its_log() {
    let server = test_server().await;
    let cases: Value = serde_json::from_str(include_str!("web_socket/cases.json")).unwrap();
    let cases = cases.as_array().unwrap().iter();
    let cases: Vec<_> = cases
        .map(|case| Arc::new(Case::parse(case, &server)))
        .collect();
    let mut wrong = Vec::new();
    for some in cases.chunks(AT_A_TIME) {
        let run = |case: &Arc<Case>| tokio::spawn(soon(Arc::clone(case).run()));
        let running: Vec<_> = some.iter().map(run).collect();
        for (case, log) in some.iter().zip(running) {
            let log = log.await.unwrap_or_else(|error| vec![error.to_string()]);
            if log != case.log {
                wrong.push(format!("{}:\n  {:?}\n  {log:?}", case.name, case.log));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "expected, and seen:\n{}",
        wrong.join("\n")
    );
}
