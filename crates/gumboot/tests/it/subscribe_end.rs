//! `gumboot subscribe` that ends, or loses its connection, while what it writes is not read: what is printed and
//! acknowledged then.

use std::{
    io::Read,
    process::{Child, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use gumboot_testkit::{TEXT, WAIT_MAX};

use crate::{
    piped::{Piped, finish, signal, start},
    raw_broker::RawBroker,
    raw_server::{RawPeer, RawServer},
};

/// More than fits into a pipe that nobody reads.
const LARGE_BYTES: usize = 1 << 20;

fn large() -> String {
    "x".repeat(LARGE_BYTES)
}

/// What is read behind [`expect_writing`].
fn large_and(lines: &str) -> String {
    format!("{}\n{lines}", "x".repeat(LARGE_BYTES - 1))
}

fn subscribe(arguments: &[&str]) -> Child {
    start(&[&["subscribe", "-q"], arguments].concat(), Stdio::null())
}

/// What `read` gives, which is to come.
#[track_caller]
fn soon<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(read()));
    told.recv_timeout(WAIT_MAX).expect("it is printed")
}

/// Waits until it writes [`large`], of which no more than the first octet is read.
#[track_caller]
fn expect_writing(child: &mut Child) {
    let mut stdout = child.stdout.take().unwrap();
    let (first, stdout) = soon(move || {
        let mut first = [0];
        stdout.read_exact(&mut first).unwrap();
        (first, stdout)
    });
    assert_eq!(first, *b"x");
    child.stdout = Some(stdout);
}

/// Reads what it writes, to its end.
fn read(child: Child) -> JoinHandle<Piped> {
    thread::spawn(move || finish(child))
}

#[track_caller]
fn check(piped: &Piped, status: i32, stdout: &str, stderr: &str) {
    assert_eq!((piped.status, &*piped.stderr), (Some(status), stderr));
    // It would be long to look at.
    assert!(piped.text() == stdout, "{} octets", piped.stdout.len());
}

#[test]
fn what_came_before_an_error_is_printed() {
    for (flags, status, said) in [
        (&[][..], 1, "gumboot: the server sent an ERROR: too slow\n"),
        (
            &["-n", "4"],
            1,
            "gumboot: the server sent an ERROR: too slow\n",
        ),
        (&["-n", "3"], 0, ""),
    ] {
        let server = RawBroker::new();
        let url = server.url();
        let mut child = subscribe(&[&[&*url, "/queue/a", "/queue/b"], flags].concat());
        let mut client = server.accept_subscriber(2);
        client.deliver("0", 1, &large());
        expect_writing(&mut child);
        client.deliver("1", 2, "two");
        client.deliver("0", 3, "three");
        client.send("ERROR\nmessage:too slow\n\n\0");
        // It has seen it.
        client.expect_silent_end();
        check(&finish(child), status, &large_and("two\nthree\n"), said);
    }
}

#[test]
fn who_reads_nothing_is_not_waited_for_after_a_signal() {
    let server = RawBroker::new();
    let mut child = subscribe(&[&server.url(), "/queue/a"]);
    let mut client = server.accept_subscriber(1);
    client.deliver("0", 1, &large());
    expect_writing(&mut child);
    client.send("ERROR\nmessage:too slow\n\n\0");
    client.expect_silent_end();
    signal(child.id(), "INT");
    let mut stderr = child.stderr.take().unwrap();
    let said = soon(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        said
    });
    assert_eq!(
        said,
        "gumboot: standard output is not read: what is printed may end within a message\n\
         gumboot: the server sent an ERROR: too slow\n"
    );
    assert_eq!(finish(child).status, Some(1));
}

#[test]
fn what_is_being_written_at_a_signal_is_acknowledged() {
    for (mode, name) in [("client", "INT"), ("client-individual", "TERM")] {
        let server = RawBroker::new();
        let mut child = subscribe(&[&server.url(), "/queue/a", "--ack", mode]);
        let mut client = server.accept_subscriber(1);
        client.deliver("0", 1, &large());
        expect_writing(&mut child);
        signal(child.id(), name);
        let reading = read(child);
        assert_eq!(client.expect("ACK").header("id"), Some("a1"));
        client.expect_leave();
        check(&reading.join().unwrap(), 0, &large_and(""), "");
    }
}

#[test]
fn what_came_before_a_signal_is_printed() {
    for (flags, status) in [(&[][..], 0), (&["-n", "3"], 0), (&["-n", "4"], 130)] {
        let server = RawServer::new();
        let url = server.url();
        let mut child = subscribe(&[&[&*url, "/topic/a"], flags].concat());
        let mut peer = server.accept(&["sec-websocket-protocol: v12.stomp"]);
        let next = |peer: &mut RawPeer| String::from_utf8(peer.receive().1).unwrap();
        assert!(next(&mut peer).starts_with("CONNECT\n"));
        peer.send(TEXT, "CONNECTED\nversion:1.2\n\n\0");
        assert!(next(&mut peer).starts_with("SUBSCRIBE\n"));
        peer.send(TEXT, "RECEIPT\nreceipt-id:0\n\n\0");
        for body in [&*large(), "two", "three"] {
            let head = "MESSAGE\nsubscription:0\nmessage-id:1\ndestination:/topic/a";
            peer.send(TEXT, format!("{head}\n\n{body}\0"));
        }
        peer.expect_reader();
        expect_writing(&mut child);
        signal(child.id(), "INT");
        let reading = read(child);
        assert!(next(&mut peer).starts_with("DISCONNECT\n"));
        peer.send(TEXT, "RECEIPT\nreceipt-id:1\n\n\0");
        peer.expect_close(1000, "");
        let printed = large_and("two\nthree\n");
        check(&reading.join().unwrap(), status, &printed, "");
    }
}

#[test]
fn what_could_not_be_acknowledged_does_not_count() {
    for mode in ["client", "client-individual"] {
        let server = RawBroker::new();
        let url = server.url();
        let mut child = subscribe(&[&url, "/queue/a", "--ack", mode, "-n", "2"]);
        let mut client = server.accept_subscriber(1);
        client.deliver("0", 1, &large());
        client.deliver("0", 2, "two");
        expect_writing(&mut child);
        client.end();
        let mut client = server.accept_subscriber(1);
        client.deliver("0", 3, "three");
        let reading = read(child);
        assert_eq!(client.expect("ACK").header("id"), Some("a3"));
        client.deliver("0", 4, "four");
        assert_eq!(client.expect("ACK").header("id"), Some("a4"));
        client.expect_leave();
        let said = "gumboot: the connection is lost, and being made again: the server ended the connection\n\
             gumboot: connected again\n";
        let printed = large_and("two\nthree\nfour\n");
        check(&reading.join().unwrap(), 0, &printed, said);
    }
}
