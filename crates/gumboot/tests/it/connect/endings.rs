//! How a session ends, and the status for it.

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
    time::Duration,
};

use gumboot_testkit::{CLOSE, TEXT, close_body, encode_frame};
use serde_json::json;

use super::{finish, pipe, signal, start};
use crate::raw_server::RawServer;

/// What a client to which `serve` is done says, and its status.
#[track_caller]
fn check(flags: &[&str], serve: impl FnOnce(&RawServer), status: i32, stderr: &str) {
    let server = RawServer::new();
    let url = server.url();
    let child = start(&[flags, &["-q", "--wait", &url]].concat(), Stdio::null());
    serve(&server);
    let piped = finish(child);
    assert_eq!(piped.status, Some(status), "{piped:?}");
    assert_eq!(piped.stderr, stderr);
}

#[test]
fn a_clean_close_of_the_server() {
    let close = |server: &RawServer| server.accept(&[]).close(4001, "gone");
    check(&[], close, 0, "");
}

#[test]
fn input_that_comes_too_late() {
    let server = RawServer::new();
    let mut child = start(&["-q", &server.url()], Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut peer = server.accept(&[]);
    peer.send_close(1001, "");
    peer.expect(CLOSE, close_body(1001, ""));
    stdin.write_all(b"late\n").unwrap();
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line, "gumboot: not sent: the connection is closing\n");
    peer.tcp.send_end();
    assert_eq!(finish(child).status, Some(1));
}

#[test]
fn input_that_does_not_end_holds_nothing_up() {
    let server = RawServer::new();
    let mut child = start(&["-q", &server.url()], Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let mut peer = server.accept(&[]);
    stdin.write_all(b"first\nhalf").unwrap();
    peer.expect(TEXT, "first");
    peer.close(1000, "");
    let piped = finish(child);
    assert_eq!((piped.status, &*piped.stderr), (Some(0), ""));
    drop(stdin);
}

#[test]
fn a_reason_cannot_move_the_cursor() {
    let server = RawServer::new();
    let child = start(&["--wait", &server.url()], Stdio::null());
    server.accept(&[]).close(1000, "\x1b[2J");
    let piped = finish(child);
    assert!(
        piped
            .stderr
            .ends_with("gumboot: closed: 1000 \"\\u{1b}[2J\"\n"),
        "{piped:?}"
    );
}

#[test]
fn a_server_that_is_gone() {
    check(
        &[],
        |server| server.accept(&[]).tcp.send_end(),
        1,
        "gumboot: not closed in order (server): \
         the peer ended the connection without closing it\n",
    );
}

#[test]
fn a_server_that_breaks_the_protocol() {
    let serve = |server: &RawServer| {
        let mut peer = server.accept(&[]);
        peer.tcp.send(encode_frame(TEXT, b"x", Some([1, 2, 3, 4])));
        peer.expect(CLOSE, close_body(1002, "server frame with a mask"));
    };
    let why = "gumboot: not closed in order (server): server frame with a mask\n";
    check(&[], serve, 1, why);
}

#[test]
fn a_message_that_is_too_long_for_us() {
    let serve = |server: &RawServer| {
        let mut peer = server.accept(&[]);
        peer.send(TEXT, "four");
        let reason = "the peer sent more than frame_bytes_max allows (3)";
        peer.expect(CLOSE, close_body(1009, reason));
    };
    let why = "gumboot: not closed in order (user): \
               the peer sent more than frame_bytes_max allows (3) (--max-message-bytes allows more)\n";
    check(&["--max-message-bytes", "3"], serve, 1, why);
    let good = |server: &RawServer| {
        let mut peer = server.accept(&[]);
        peer.send(TEXT, "thr");
        peer.close(1000, "");
    };
    check(&["--max-message-bytes", "3"], good, 0, "");
}

#[test]
fn an_unclean_close_as_json() {
    let server = RawServer::new();
    let child = start(&["--json", "--wait", &server.url()], Stdio::null());
    server.accept(&[]).tcp.send_end();
    let piped = finish(child);
    let message = "not closed in order (server): the peer ended the connection without closing it";
    let error = json!({ "event": "error", "fault": "server", "status": null, "message": message });
    let close = json!({ "event": "close", "code": 1006, "reason": "", "clean": false });
    assert_eq!(piped.events()[1..], [error, close]);
    assert_eq!(piped.status, Some(1));
}

#[test]
fn what_arrives_behind_our_close_is_printed() {
    let server = RawServer::new();
    let child = start(&["-q", &server.url()], Stdio::null());
    let mut peer = server.accept(&[]);
    peer.expect(CLOSE, close_body(1000, ""));
    peer.send(TEXT, "late");
    peer.send(CLOSE, close_body(1000, ""));
    peer.tcp.send_end();
    let piped = finish(child);
    assert_eq!((piped.text(), piped.status), ("late\n", Some(0)));
}

#[test]
fn ctrl_c_closes_and_a_second_one_does_not_wait() {
    let server = RawServer::new();
    for name in ["INT", "TERM"] {
        let child = start(&["-q", "--wait", &server.url()], Stdio::null());
        let mut peer = server.accept(&[]);
        peer.expect_reader();
        signal(child.id(), name);
        peer.expect_close(1000, "");
        let piped = finish(child);
        assert_eq!((piped.status, &*piped.stderr), (Some(0), ""));
    }
    let child = start(&["-q", "--wait", &server.url()], Stdio::null());
    let mut peer = server.accept(&[]);
    peer.expect_reader();
    signal(child.id(), "INT");
    peer.expect(CLOSE, close_body(1000, ""));
    signal(child.id(), "INT");
    let piped = finish(child);
    assert_eq!(piped.status, Some(1));
    assert_eq!(piped.stderr, "gumboot: not closed in order: dropped\n");
}

#[test]
fn who_reads_no_further_ends_it_quietly() {
    let server = RawServer::new();
    let mut child = start(&["-q", "--wait", &server.url()], Stdio::null());
    let mut peer = server.accept(&[]);
    peer.send(TEXT, "one");
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "one\n");
    drop(stdout);
    peer.send(TEXT, "two");
    peer.expect_close(1000, "");
    let piped = finish(child);
    assert_eq!((piped.status, &*piped.stderr), (Some(0), ""));
}

#[test]
fn what_nobody_reads_is_not_read_from_the_server() {
    let server = RawServer::new();
    let mut child = start(&["-q", "--wait", &server.url()], Stdio::null());
    // Kept open, and not read.
    let stdout = child.stdout.take().unwrap();
    let mut peer = server.accept(&[]);
    let message = encode_frame(TEXT, &[b'x'; 1000], None);
    let wait = Duration::from_secs(1);
    let taken = peer.tcp.send_until_blocked(&message, wait, 64 << 20);
    assert!(taken > 0);
    // Ctrl-C is still heard: nothing of what waits is insisted on.
    signal(child.id(), "INT");
    signal(child.id(), "INT");
    let piped = finish(child);
    assert_eq!(piped.status, Some(1), "{piped:?}");
    drop(stdout);
}

#[test]
fn a_server_that_never_answers() {
    let server = RawServer::new();
    let piped = pipe(&["--connect-timeout", "0.2", &server.url()], "");
    assert_eq!(piped.status, Some(1), "{piped:?}");
    assert!(piped.stderr.contains("in time"), "{piped:?}");
}
