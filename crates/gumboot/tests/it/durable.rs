//! `gumboot serve --data DIR`: what outlives the program, and what is refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gumboot_testkit::{Over, StompPeer};

use crate::program::{Program, address, run};

const ANY: &str = "127.0.0.1:0";

/// A server on a directory, and its address for STOMP over TCP.
fn serve(data: &Path) -> (Program, StompPeer, String) {
    let data = data.to_str().unwrap();
    let program = Program::start(&["--listen", ANY, "--stomp-listen", ANY, "--data", data]);
    let lines = program.print(6);
    let http = address(&lines[1], "console    http://", "/");
    let stomp = address(&lines[4], "stomp      ", "");
    let mut client = StompPeer::open(Over::Tcp, http, stomp);
    client.connect("accept-version:1.2\nhost:h\nclient-id:c\n");
    (program, client, lines[5].clone())
}

fn refused(data: &Path) -> (Option<i32>, String) {
    let data = data.to_str().unwrap();
    let output = run(&["--listen", ANY, "--stomp-listen", ANY, "--data", data]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = stderr.lines().collect();
    let [line] = lines[..] else {
        panic!("not one line: {stderr}");
    };
    (output.status.code(), line.to_owned())
}

fn send(client: &mut StompPeer, headers: &str, body: &str) {
    client.send(format!("SEND\n{headers}\nreceipt:s\n\n{body}\0"));
    let receipt = client.expect("RECEIPT");
    assert_eq!(receipt.header("receipt-level"), Some("synced"));
}

/// What a server prints of what it has, without how long that took.
#[track_caller]
fn check_restored(line: &str, expected: &str) {
    let (took, restored) = line.split_once(" ms: ").expect("it says what it has");
    assert!(took.starts_with("messages   restored in "), "{line}");
    assert_eq!(restored, expected);
}

#[test]
fn killed_and_started_again() {
    let directory = tempfile::tempdir().unwrap();
    let (mut program, mut client, line) = serve(directory.path());
    let nothing = "0 queues, 0 durable subscriptions, 0 messages, 0 retained messages, 0 delayed messages, 0 history messages";
    check_restored(&line, nothing);
    client.send("SUBSCRIBE\nid:d\ndestination:/topic/a\ndurable:true\nack:client\nreceipt:d\n\n\0");
    client.expect_receipt("d");
    let long = "x".repeat(100_000);
    for body in ["1", "2", &long] {
        send(&mut client, "destination:/queue/a", body);
    }
    send(&mut client, "destination:/topic/r\nretain:true", "kept");
    client.send("SUBSCRIBE\nid:q\ndestination:/queue/a\nack:client-individual\n\n\0");
    client.expect_message("1");
    client.expect_message("2");
    client.expect_message(&long);
    client.send("ACK\nid:1-2\nreceipt:k\n\n\0");
    client.expect_receipt("k");
    program.signal("KILL");
    program.wait();

    let (mut program, mut client, line) = serve(directory.path());
    check_restored(
        &line,
        "1 queue, 1 durable subscription, 2 messages, 1 retained message, 0 delayed messages, 0 history messages; \
         the server before this one did not end in order",
    );
    client.send("SUBSCRIBE\nid:q\ndestination:/queue/a\n\n\0");
    for body in ["1", &long] {
        let message = client.expect_message(body);
        assert_eq!(message.header("redelivered"), Some("true"));
    }
    client.send("SUBSCRIBE\nid:r\ndestination:/topic/r\n\n\0");
    client.expect_message("kept");
    client.send("DISCONNECT\nreceipt:bye\n\n\0");
    client.expect_receipt("bye");
    drop(client);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));

    let (_program, _client, line) = serve(directory.path());
    let left = "0 queues, 1 durable subscription, 0 messages, 1 retained message, 0 delayed messages, 0 history messages";
    check_restored(&line, left);
}

#[test]
fn a_second_server_on_a_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    let (_program, _client, _) = serve(directory.path());
    let expected =
        format!("gumboot: cannot open {path}: another process has the store {path} open");
    assert_eq!(refused(directory.path()), (Some(2), expected));
}

#[test]
fn a_path_that_is_no_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    let (status, line) = refused(&file);
    assert_eq!(status, Some(1));
    assert!(
        line.starts_with(&format!("gumboot: cannot open {}: ", file.display())),
        "{line}"
    );
}

#[test]
fn damage_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (mut program, mut client, _) = serve(directory.path());
    send(&mut client, "destination:/queue/a", "x");
    drop(client);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
    let seal = directory.path().join("store.seal");
    let mut octets = fs::read(&seal).unwrap();
    octets.fill(0xff);
    fs::write(&seal, octets).unwrap();
    let (status, line) = refused(directory.path());
    assert_eq!(status, Some(1), "{line}");
    assert!(line.contains("store.seal"), "{line}");
}

#[test]
fn the_configuration_names_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let file: PathBuf = directory.path().join("gumboot.toml");
    fs::write(&file, "data = \"kept\"\nfree-space-min = \"1 B\"\n").unwrap();
    let file = file.to_str().unwrap();
    let program = Program::start(&["--listen", ANY, "--stomp-listen", ANY, "--config", file]);
    let line = program.print(6).pop().unwrap();
    assert!(line.starts_with("messages   restored in "), "{line}");
    assert!(directory.path().join("kept").is_dir());
}
