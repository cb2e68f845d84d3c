//! What `docs/stomp.md` says is what the code reads: each header, value and error stands there, and no other. The tests
//! and vectors that `docs/comparison.md` names are there.

use std::{collections::BTreeSet, fs, path::Path};

const REFERENCE: &str = include_str!("../../../../docs/stomp.md");

const COMPARISON: &str = include_str!("../../../../docs/comparison.md");

/// What reads or writes headers.
const HEADERS: [&str; 17] = [
    SEND_HEADERS,
    SUBSCRIBE_HEADERS,
    HISTORY_HEADERS,
    include_str!("../../src/publication.rs"),
    LISTING,
    include_str!("../../src/subprotocol/stomp/login.rs"),
    include_str!("../../src/subprotocol/stomp/outbox.rs"),
    include_str!("../../src/subprotocol/stomp/requests.rs"),
    include_str!("../../../stomp-proto/src/command/ack.rs"),
    include_str!("../../../stomp-proto/src/command/connect.rs"),
    include_str!("../../../stomp-proto/src/command/error.rs"),
    include_str!("../../../stomp-proto/src/command/message.rs"),
    include_str!("../../../stomp-proto/src/command/message/tail.rs"),
    include_str!("../../../stomp-proto/src/command/send.rs"),
    include_str!("../../../stomp-proto/src/command/subscribe.rs"),
    include_str!("../../../stomp-proto/src/encode.rs"),
    include_str!("../../../stomp-proto/src/server.rs"),
];
const LISTING: &str = include_str!("../../src/subprotocol/stomp/listing.rs");
const SEND_HEADERS: &str = include_str!("../../src/subprotocol/stomp/send_headers.rs");
const SUBSCRIBE_HEADERS: &str = include_str!("../../src/subprotocol/stomp/subscribe_headers.rs");
const HISTORY_HEADERS: &str = include_str!("../../src/subprotocol/stomp/history_headers.rs");

/// What stands before such words.
const CALLS: [&str; 4] = [
    "Refused::by_broker(",
    "Refused::new(",
    "Self::new(",
    "const NOT_STORED: &str =",
];

/// What says in a few words why there is an ERROR.
const TITLES: [&str; 8] = [
    include_str!("../../src/subprotocol/stomp.rs"),
    LISTING,
    include_str!("../../src/subprotocol/stomp/login.rs"),
    include_str!("../../src/subprotocol/stomp/receipts.rs"),
    include_str!("../../src/subprotocol/stomp/refused.rs"),
    include_str!("../../src/subprotocol/stomp/requests.rs"),
    SUBSCRIBE_HEADERS,
    include_str!("../../../stomp-proto/src/error.rs"),
];

/// The texts in double quotes of a source, without its tests and comments.
fn texts(source: &'static str) -> BTreeSet<&'static str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//"));
    lines
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect()
}

fn all_texts(sources: &[&'static str]) -> BTreeSet<&'static str> {
    sources.iter().flat_map(|source| texts(source)).collect()
}

/// What stands in backticks in the first column of the tables under this heading.
fn named(heading: &str) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let mut table = None;
    for line in REFERENCE.lines() {
        let cell = line.strip_prefix('|').and_then(|row| row.split('|').next());
        let Some(cell) = cell.map(str::trim) else {
            table = None;
            continue;
        };
        if *table.get_or_insert(cell) == heading && cell != heading {
            names.extend(cell.split('`').skip(1).step_by(2));
        }
    }
    names
}

fn is_word(text: &str) -> bool {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    !text.is_empty() && text.chars().all(is_part)
}

#[test]
fn each_header_that_is_read_is_documented() {
    for text in all_texts(&[SEND_HEADERS, SUBSCRIBE_HEADERS, HISTORY_HEADERS]) {
        let is_documented = REFERENCE.contains(&format!("`{text}`"));
        assert!(!is_word(text) || is_documented, "{text} is missing");
    }
}

#[test]
fn each_documented_header_is_one() {
    let read = all_texts(&HEADERS);
    let named = named("header");
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        assert!(read.contains(name), "nothing reads or writes {name}");
    }
}

#[test]
fn each_error_is_documented_and_no_other() {
    let said = all_texts(&TITLES);
    let named = named("`message`");
    for title in &named {
        assert!(said.contains(title), "no error is called {title}");
    }
    // Those of the protocol stand in one place.
    let source = TITLES[7];
    let start = source.find("fn title").expect("there are titles");
    let end = source.find("impl fmt::Display").expect("there is more");
    let mut titles = texts(&source[start..end]);
    let refused = TITLES[..7].iter().flat_map(|source| {
        let behind = CALLS.iter().flat_map(|call| source.split(call).skip(1));
        behind.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
    });
    titles.extend(refused);
    assert!(titles.len() > 25, "{titles:?}");
    for title in titles {
        assert!(named.contains(title), "{title} is missing");
    }
}

#[test]
fn each_test_that_is_named_beside_other_servers_is_there() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut count = 0;
    for (before, behind) in COMPARISON
        .match_indices("` in [")
        .map(|(at, mark)| (&COMPARISON[..at], &COMPARISON[at + mark.len()..]))
    {
        let name = before.rsplit('`').next().expect("a name begins");
        let path = behind.split("](").nth(1).and_then(|s| s.split(')').next());
        let path = docs.join(path.expect("a link follows"));
        let source = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let is_there = [format!("fn {name}("), format!("== {name} (")]
            .iter()
            .any(|beginning| source.contains(beginning));
        assert!(is_there, "{name} in {path:?}");
        count += 1;
    }
    assert!(count > 20, "{count}");
}
