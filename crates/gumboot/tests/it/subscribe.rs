//! `gumboot subscribe`: what is printed, acknowledged and said, and how it ends.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

use gumboot_testkit::{TEXT, WAIT_MAX};
use serde_json::json;

use crate::{
    piped::{finish, pipe, signal, start},
    program::Program,
    raw_broker::RawBroker,
    raw_server::{RawPeer, RawServer},
    tls::url,
};

/// A subscriber whose output is read line by line.
struct Subscriber {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// The lines of a stream, as they come.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            // The test may have ended.
            let _ = tell.send(line.unwrap());
        }
    });
    lines
}

#[track_caller]
fn next_line(lines: &Receiver<String>) -> String {
    lines.recv_timeout(WAIT_MAX).expect("it prints a line")
}

impl Subscriber {
    fn start(arguments: &[&str]) -> Self {
        let mut child = start(&[&["subscribe"], arguments].concat(), Stdio::null());
        Self {
            stdout: lines(child.stdout.take().unwrap()),
            stderr: lines(child.stderr.take().unwrap()),
            child,
        }
    }

    #[track_caller]
    fn expect_said(&self, line: &str) {
        assert_eq!(next_line(&self.stderr), format!("gumboot: {line}"));
    }

    #[track_caller]
    fn expect_line(&self, line: &str) {
        assert_eq!(next_line(&self.stdout), line);
    }

    /// Its status at the end; nothing more is to be printed.
    #[track_caller]
    fn finish(self) -> Option<i32> {
        let status = finish(self.child).status;
        for rest in [self.stdout, self.stderr] {
            assert_eq!(rest.iter().collect::<Vec<_>>(), [""; 0]);
        }
        status
    }
}

/// A server, and its URLs over WebSocket and over TCP.
fn serve() -> (Program, [String; 2]) {
    let program = Program::start(&["--listen", "127.0.0.1:0", "--stomp-listen", "127.0.0.1:0"]);
    let lines = program.print(5);
    let stomp = format!("stomp://{}", url(&lines[4], "stomp"));
    (program, [url(&lines[2], "websocket"), stomp])
}

#[track_caller]
fn publish(url: &str, destination: &str, body: &str) {
    let flags = ["--content-type", "text/plain"];
    let command = ["publish", url, destination, "--whole"];
    let piped = pipe(&[&command[..], &flags].concat(), body);
    assert_eq!(piped.status, Some(0), "{piped:?}");
}

#[test]
fn messages_of_several_destinations() {
    let (_program, urls) = serve();
    for (from, to) in [(0, 1), (1, 0)] {
        let subscriber = Subscriber::start(&[&urls[to], "/topic/a", "/topic/b", "--count", "3"]);
        subscriber.expect_said("subscribed to /topic/a");
        subscriber.expect_said("subscribed to /topic/b");
        for (destination, body) in [
            ("/topic/b", "one"),
            ("/topic/a", "two\x1b[0m"),
            ("/topic/b", ""),
        ] {
            publish(&urls[from], destination, body);
            subscriber.expect_line(body);
        }
        assert_eq!(subscriber.finish(), Some(0));
    }
}

#[test]
fn lines_of_json() {
    let (_program, [url, _]) = serve();
    let subscriber = Subscriber::start(&["-q", &url, "/topic/$SYS/stats", "--json", "-n", "1"]);
    let line = next_line(&subscriber.stdout);
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["event"], "message");
    assert_eq!(event["destination"], "/topic/$SYS/stats");
    assert_eq!(event["subscription"], "/topic/$SYS/stats");
    assert_eq!(event["message_id"], event["headers"]["message-id"]);
    assert_eq!(event["type"], "text");
    assert!(event["time"].as_str().unwrap().ends_with('Z'), "{event}");
    let stats: serde_json::Value = serde_json::from_str(event["data"].as_str().unwrap()).unwrap();
    assert!(stats.is_object(), "{event}");
    assert_eq!(subscriber.finish(), Some(0));
}

#[test]
fn headers_before_bodies() {
    let (_program, [url, _]) = serve();
    let subscriber = Subscriber::start(&[&url, "/topic/a", "--headers", "--count", "1"]);
    subscriber.expect_said("subscribed to /topic/a");
    publish(&url, "/topic/a", "hi");
    let mut headers = Vec::new();
    loop {
        match next_line(&subscriber.stdout) {
            line if line.is_empty() => break,
            line => headers.push(line),
        }
    }
    for header in ["destination: /topic/a", "content-type: text/plain"] {
        assert!(headers.iter().any(|line| line == header), "{headers:?}");
    }
    subscriber.expect_line("hi");
    assert_eq!(subscriber.finish(), Some(0));
}

#[test]
fn what_is_not_acknowledged_stays_in_the_queue() {
    let (_program, urls) = serve();
    for (url, version, mode) in [
        (&urls[0], "1.2", "client"),
        (&urls[1], "1.1", "client-individual"),
        (&urls[1], "1.0", "client"),
    ] {
        let piped = pipe(&["publish", url, "/queue/jobs"], "1\n2\n3\n");
        assert_eq!(piped.status, Some(0), "{piped:?}");
        for (count, lines) in [("2", "1\n2\n"), ("1", "3\n")] {
            let flags = ["-q", "--ack", mode, "--stomp", version, "-n", count];
            let piped = pipe(
                &[&["subscribe", url, "/queue/jobs"], &flags[..]].concat(),
                "",
            );
            assert_eq!(piped.status, Some(0), "{piped:?}");
            assert_eq!((piped.text(), &*piped.stderr), (lines, ""));
        }
    }
}

/// Three messages of two subscriptions, and the ACKs that are to come for them once they are printed.
#[track_caller]
fn check_ack(mode: &str, acks: [&[&str]; 2]) {
    let server = RawBroker::new();
    let url = server.url();
    let flags = ["--ack", mode, "-H", "prefetch-count: 5", "-n", "3"];
    let arguments = [&[&*url, "/queue/a", "/queue/b"], &flags[..]].concat();
    let subscriber = Subscriber::start(&arguments);
    let mut client = server.accept();
    for destination in ["/queue/a", "/queue/b"] {
        let subscribe = client.take("SUBSCRIBE");
        assert_eq!(subscribe.header("destination"), Some(destination));
        assert_eq!(subscribe.header("ack"), Some(mode));
        assert_eq!(subscribe.header("prefetch-count"), Some("5"));
        subscriber.expect_said(&format!("subscribed to {destination}"));
    }
    // All at once, so that they are taken together.
    let message = |subscription, number, body| {
        format!(
            "MESSAGE\nsubscription:{subscription}\nmessage-id:{number}\nack:a{number}\n\
             destination:/queue/x\n\n{body}\0"
        )
    };
    client.send(&(message(0, 1, "one") + &message(0, 2, "two")));
    subscriber.expect_line("one");
    subscriber.expect_line("two");
    for id in acks[0] {
        assert_eq!(client.expect("ACK").header("id"), Some(*id));
    }
    client.send(&message(1, 3, "three"));
    subscriber.expect_line("three");
    for id in acks[1] {
        assert_eq!(client.expect("ACK").header("id"), Some(*id));
    }
    client.expect_leave();
    assert_eq!(subscriber.finish(), Some(0));
}

#[test]
fn what_is_written_is_acknowledged() {
    check_ack("auto", [&[], &[]]);
    check_ack("client", [&["a2"], &["a3"]]);
    check_ack("client-individual", [&["a1", "a2"], &["a3"]]);
}

#[test]
fn acknowledgements_that_are_not_confirmed() {
    let server = RawBroker::new();
    let url = server.url();
    let subscriber = Subscriber::start(&["-q", &url, "/queue/a", "--ack", "client", "-n", "1"]);
    let mut client = server.accept_subscriber(1);
    client.deliver("0", 1, "hi");
    subscriber.expect_line("hi");
    client.expect("ACK");
    client.expect("DISCONNECT");
    client.refuse("message:no such message\n", "");
    subscriber.expect_said("the server sent an ERROR: no such message");
    assert_eq!(subscriber.finish(), Some(1));
}

#[test]
fn a_refused_subscription() {
    for (names_it, said) in [
        (
            true,
            "the server refused the subscription to /queue/a: not yours",
        ),
        (false, "the server sent an ERROR: not yours"),
    ] {
        let server = RawBroker::new();
        let subscriber = Subscriber::start(&[&server.url(), "/queue/a"]);
        let mut client = server.accept();
        let subscribe = client.expect("SUBSCRIBE");
        let receipt = subscribe.header("receipt").unwrap();
        let id = match names_it {
            true => format!("receipt-id:{receipt}\n"),
            false => String::new(),
        };
        client.refuse(&format!("{id}message:not yours\n"), "");
        subscriber.expect_said(said);
        assert_eq!(subscriber.finish(), Some(1));
    }
}

#[test]
fn an_error_ends_it() {
    let server = RawBroker::new();
    let subscriber = Subscriber::start(&["-q", &server.url(), "/queue/a"]);
    let client = server.accept_subscriber(1);
    client.refuse("message:too slow\n", "");
    subscriber.expect_said("the server sent an ERROR: too slow");
    assert_eq!(subscriber.finish(), Some(1));
}

#[test]
fn a_lost_connection_is_made_again() {
    let server = RawBroker::new();
    let subscriber = Subscriber::start(&["-q", &server.url(), "/queue/a", "-n", "1"]);
    server.accept_subscriber(1).end();
    subscriber.expect_said(
        "the connection is lost, and being made again: the server ended the connection",
    );
    let mut client = server.accept_subscriber(1);
    subscriber.expect_said("connected again");
    client.deliver("0", 1, "hi");
    subscriber.expect_line("hi");
    client.expect_leave();
    assert_eq!(subscriber.finish(), Some(0));
}

#[test]
fn a_signal_ends_it_in_order() {
    for (flags, name, status) in [
        (&[][..], "INT", 0),
        (&[], "TERM", 0),
        (&["-n", "2"], "INT", 130),
        (&["-n", "2"], "TERM", 143),
    ] {
        let server = RawBroker::new();
        let url = server.url();
        let arguments = [&["-q", &url, "/queue/a", "--ack", "client"], flags].concat();
        let subscriber = Subscriber::start(&arguments);
        let mut client = server.accept_subscriber(1);
        client.deliver("0", 1, "hi");
        subscriber.expect_line("hi");
        client.expect("ACK");
        signal(subscriber.child.id(), name);
        client.expect_leave();
        assert_eq!(subscriber.finish(), Some(status), "{name}");
    }
}

#[test]
fn who_has_had_enough_is_no_failure() {
    let server = RawBroker::new();
    let url = server.url();
    let mut child = start(
        &["subscribe", "-q", &url, "/queue/a", "--ack", "client"],
        Stdio::null(),
    );
    drop(child.stdout.take());
    let mut client = server.accept_subscriber(1);
    client.deliver("0", 1, "nobody reads it");
    // It is not acknowledged.
    client.expect_leave();
    let piped = finish(child);
    assert_eq!((piped.status, &*piped.stderr), (Some(0), ""));
}

#[test]
fn its_websocket_is_closed_in_order() {
    let server = RawServer::new();
    let subscriber = Subscriber::start(&[&server.url(), "/topic/a"]);
    let mut peer = server.accept(&["sec-websocket-protocol: v12.stomp"]);
    let next = |peer: &mut RawPeer| String::from_utf8(peer.receive().1).unwrap();
    assert!(next(&mut peer).starts_with("CONNECT\n"));
    peer.send(TEXT, "CONNECTED\nversion:1.2\n\n\0");
    assert!(next(&mut peer).starts_with("SUBSCRIBE\n"));
    peer.send(TEXT, "RECEIPT\nreceipt-id:0\n\n\0");
    subscriber.expect_said("subscribed to /topic/a");
    signal(subscriber.child.id(), "INT");
    assert!(next(&mut peer).starts_with("DISCONNECT\n"));
    peer.send(TEXT, "RECEIPT\nreceipt-id:1\n\n\0");
    peer.expect_close(1000, "");
    assert_eq!(subscriber.finish(), Some(0));
}

#[test]
fn json_has_bytes_in_base64() {
    let (_program, [url, _]) = serve();
    let subscriber = Subscriber::start(&[&url, "/topic/a", "--json", "-n", "1"]);
    subscriber.expect_said("subscribed to /topic/a");
    let piped = pipe(&["publish", &url, "/topic/a", "--whole"], b"\xff\0");
    assert_eq!(piped.status, Some(0), "{piped:?}");
    let line = next_line(&subscriber.stdout);
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&event["type"], &event["data"]),
        (&json!("binary"), &json!("/wA="))
    );
    assert_eq!(subscriber.finish(), Some(0));
}
