//! Runs the cases of `cases.json` with the object, over each transport.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    sync::Arc,
};

use gumboot_websocket::{Client, TlsOptions};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{
    script::{Case, Place},
    server::{Certificate, Server, Transport},
    support::soon,
};

const CASES: &str = include_str!("cases.json");

/// How many cases run at a time.
const AT_A_TIME: usize = 16;

#[tokio::test]
async fn every_case_makes_its_log_over_tcp() {
    let handshakes = run(Transport::Ws).await;
    assert_eq!(handshakes.http2, 0);
    assert!(handshakes.http1 >= handshakes.open);
}

#[tokio::test]
async fn every_case_makes_its_log_over_tls() {
    let handshakes = run(Transport::Wss).await;
    assert_eq!(handshakes.http2, 0);
    assert!(handshakes.http1 >= handshakes.open);
}

#[tokio::test]
async fn every_case_makes_its_log_over_http2() {
    let handshakes = run(Transport::Http2).await;
    assert_eq!(handshakes.http1, 0);
    assert!(handshakes.http2 >= handshakes.open);
}

/// What a browser does otherwise has its reason, and so has what is left out; no name stands twice.
#[test]
fn what_is_special_is_explained() {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let mut names = BTreeSet::new();
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        assert!(names.insert(name), "{name} stands twice");
        assert_eq!(
            case["chromium"].is_array(),
            case["why"].is_string(),
            "{name}"
        );
        assert_ne!(case["chromium"], case["log"], "{name}");
        assert_eq!(
            case["transports"].is_array(),
            case["reason"].is_string(),
            "{name}"
        );
        for transport in case["transports"].as_array().into_iter().flatten() {
            let known = Transport::ALL.map(Transport::name);
            assert!(known.contains(&transport.as_str().unwrap()), "{name}");
        }
    }
}

/// How often a handshake came to the server, by the version of HTTP, and how many connections were open.
struct Handshakes {
    http1: usize,
    http2: usize,
    open: usize,
}

async fn run(transport: Transport) -> Handshakes {
    let certificate = Certificate::new();
    let server = Server::bind(transport, &certificate).await.unwrap();
    let handshakes = Arc::clone(&server.handshakes);
    let roots = TlsOptions::new().root_pem(certificate.root_pem().as_bytes());
    let client = Client::new().tls(roots.unwrap());
    let place = Place {
        transport,
        server: server.address.to_string(),
        client: match transport {
            Transport::Ws | Transport::Wss => client,
            Transport::Http2 => client.http2(),
        },
    };
    tokio::spawn(server.serve());
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let cases = cases_of(&cases, &place);
    let open = |case: &&Arc<Case>| case.log.iter().any(|line| line == "open 1");
    let open = cases.iter().filter(open).count();
    let wrong = wrong(cases).await;
    assert!(
        wrong.is_empty(),
        "{}: {} wrong; expected, and seen:\n{}",
        transport.name(),
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(
        handshakes.mistaken(),
        0,
        "the server could not do what a path says"
    );
    Handshakes {
        http1: handshakes.http1(),
        http2: handshakes.http2(),
        open,
    }
}

/// The cases that make sense over a transport; how many, and why others do not, is told.
fn cases_of(cases: &Value, place: &Place) -> Vec<Arc<Case>> {
    let transport = place.transport;
    let mut left_out = BTreeMap::<_, usize>::new();
    let mut chosen = Vec::new();
    for case in cases.as_array().unwrap() {
        match Case::why_not(case, transport) {
            None => chosen.push(Arc::new(Case::parse(case, place))),
            Some(reason) => *left_out.entry(reason).or_default() += 1,
        }
    }
    let mut told = format!("{}: {} cases run\n", transport.name(), chosen.len());
    for (reason, count) in left_out {
        told += &format!("{}: {count} left out: {reason}\n", transport.name());
    }
    // Past the test runner, which shows only what failed.
    io::stderr().write_all(told.as_bytes()).unwrap();
    chosen
}

/// Runs them, some at a time, and gives those whose log is another one.
async fn wrong(cases: Vec<Arc<Case>>) -> Vec<String> {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let begin = |case: Arc<Case>| {
        let places = Arc::clone(&places);
        let run = Arc::clone(&case).run();
        let run = async move {
            let _place = places.acquire_owned().await;
            soon(run).await
        };
        (case, tokio::spawn(run))
    };
    let running: Vec<_> = cases.into_iter().map(begin).collect();
    let mut wrong = Vec::new();
    for (case, log) in running {
        let log = log.await.unwrap_or_else(|error| vec![error.to_string()]);
        if log != case.log {
            wrong.push(format!("{}:\n  {:?}\n  {log:?}", case.name, case.log));
        }
    }
    wrong
}
