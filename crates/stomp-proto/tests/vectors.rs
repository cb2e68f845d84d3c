//! Runs the exchanges in `vectors/` against a server's session: whole, byte by byte, and in two at
//! every octet.
//!
//! In a vector `␊` is a line feed, `␍` a carriage return, `^@` a NUL. `version` puts a CONNECT of
//! that version before it, `>` is what the client sends, `<` what the session makes of it and `!`
//! the error that ends it. A SEND is shown as the MESSAGE that its receivers get, any other request
//! as it is written anew, then its RECEIPT. `UPDATE_EXPECT=1` writes the outcomes.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use expect_test::expect_file;

use gumboot_stomp_proto::{
    Error, Input, ServerOptions, ServerSession, Version,
    command::{Connect, ConnectOptions, Receipt, Request, Tail, encode_head},
    server::{Accept, Event},
};
use gumboot_testkit::Splits;

#[test]
fn body() {
    check("body");
}

#[test]
fn commands() {
    check("commands");
}

#[test]
fn connect() {
    check("connect");
}

#[test]
fn escapes() {
    check("escapes");
}

#[test]
fn framing() {
    check("framing");
}

#[test]
fn heart_beat() {
    check("heart_beat");
}

/// Runs a file and compares it with the same file, its outcomes written anew.
fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/{name}.txt"));
    let text = std::fs::read_to_string(&path).expect("the vectors are in the repository");
    let cases: Vec<_> = text.trim_end().split("\n\n").map(run_case).collect();
    expect_file![path].assert_eq(&(cases.join("\n\n") + "\n"));
}

fn run_case(case: &str) -> String {
    let is_outcome = |line: &&str| line.starts_with("< ") || line.starts_with("! ");
    let given: Vec<_> = case.lines().filter(|line| !is_outcome(line)).collect();
    let sent = given.iter().filter_map(|line| line.strip_prefix("> "));
    let wire: Vec<u8> = sent.flat_map(octets).collect();
    let version = given.iter().find_map(|line| line.strip_prefix("version "));
    let mut lines: Vec<_> = given.iter().map(ToString::to_string).collect();
    if !wire.is_empty() {
        lines.extend(run_at_every_split(version, &wire));
    }
    lines.join("\n")
}

fn run_at_every_split(version: Option<&str>, wire: &[u8]) -> Vec<String> {
    let mut ways = Splits::all(wire).map(|pieces| (run(version, &pieces), pieces));
    let (whole, _) = ways.next().expect("the first way is whole");
    for (outcome, pieces) in ways {
        let pieces: Vec<_> = pieces.iter().map(|piece| notation(piece)).collect();
        assert_eq!(outcome, whole, "cut as {pieces:?}");
    }
    whole
}

fn run(version: Option<&str>, pieces: &[&[u8]]) -> Vec<String> {
    let now = start();
    let mut session = ServerSession::new(now, Arc::new(ServerOptions::default()));
    let mut outcome = Vec::new();
    if let Some(version) = version {
        let connect = format!("CONNECT\naccept-version:{version}\n\n\0");
        feed(&mut session, connect.as_bytes(), &mut outcome).expect("the CONNECT is valid");
        outcome.clear();
    }
    for piece in pieces {
        if let Err(error) = feed(&mut session, piece, &mut outcome) {
            let receipt = error.receipt_id().map(|id| format!(" receipt-id {id:?}"));
            outcome.push(format!(
                "! {:?}{}",
                error.kind(),
                receipt.unwrap_or_default()
            ));
        }
    }
    outcome
}

fn feed(session: &mut ServerSession, piece: &[u8], outcome: &mut Vec<String>) -> Result<(), Error> {
    let mut input = Input::new(piece);
    while let Some(event) = session.handle_input(start(), &mut input)? {
        let frames = answer(session, &event);
        outcome.extend(frames.iter().map(|frame| format!("< {}", notation(frame))));
    }
    assert!(input.is_empty(), "everything is used or thrown away");
    Ok(())
}

/// What the session makes of a request.
fn answer(session: &mut ServerSession, event: &Event<'_>) -> Vec<Vec<u8>> {
    let version = session.version().expect("a CONNECT came first");
    let mut out = Vec::new();
    match &event.request {
        Request::Abort(step) => step.encode_abort(&mut out, version),
        Request::Ack(ack) => ack.encode_ack(&mut out, version),
        Request::Begin(step) => step.encode_begin(&mut out, version),
        Request::Commit(step) => step.encode_commit(&mut out, version),
        Request::Connect(connect) => {
            session.accept(start(), &Accept::default(), &mut out);
            return vec![write_connect(connect), out];
        }
        Request::Disconnect(disconnect) => disconnect.encode(&mut out, version),
        Request::Nack(ack) => ack.encode_nack(&mut out, version, &[]),
        Request::Send(_) => {
            encode_head(&mut out, version, Some("s"), "m", None, &[]);
            out.extend_from_slice(&Tail::from_send(&event.frame).bytes(version));
        }
        Request::Subscribe(subscribe) => subscribe.encode(&mut out, version, &[]),
        Request::Unsubscribe(unsubscribe) => unsubscribe.encode(&mut out, version),
    }
    let receipt = event.request.receipt().map(|id| write_receipt(id, version));
    std::iter::once(out).chain(receipt).collect()
}

fn write_connect(connect: &Connect<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let options = ConnectOptions {
        versions: &[connect.version],
        host: connect.host.as_deref().unwrap_or("(none)"),
        login: connect.login.as_deref(),
        passcode: connect.passcode.as_deref(),
        heart_beat: connect.heart_beat,
        ..ConnectOptions::default()
    };
    options.encode(&mut out);
    out
}

fn write_receipt(id: &str, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    Receipt {
        receipt_id: id.into(),
    }
    .encode(&mut out, version);
    out
}

fn octets(notation: &str) -> Vec<u8> {
    let text = notation
        .replace('␊', "\n")
        .replace('␍', "\r")
        .replace("^@", "\0");
    // `^FF` stands for the octet that no UTF-8 has.
    text.split("^FF")
        .map(str::as_bytes)
        .collect::<Vec<_>>()
        .join(&0xFF)
}

fn notation(octets: &[u8]) -> String {
    let parts = octets
        .split(|&octet| octet == 0xFF)
        .map(String::from_utf8_lossy);
    let text = parts.collect::<Vec<_>>().join("^FF");
    text.replace('\n', "␊")
        .replace('\r', "␍")
        .replace('\0', "^@")
}

/// Some moment; the vectors have no time.
#[allow(
    clippy::disallowed_methods,
    reason = "a moment to start from has no other source"
)]
fn start() -> Instant {
    Instant::now() + Duration::from_secs(1)
}
