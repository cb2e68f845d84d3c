//! A disk that is full, or nearly: nothing is confirmed that is not kept, and everything else goes on.

use std::{fs, net::SocketAddr};

use gumboot_testkit::{HttpResponse, Over, StompFrame, StompPeer, TcpPeer};

use crate::{
    disk::Disk,
    program::{Program, address},
};

const ANY: &str = "127.0.0.1:0";

/// What a message has, beside what is said of it.
const BODY_BYTES: usize = 50_000;

struct Server {
    program: Program,
    http: SocketAddr,
    stomp: SocketAddr,
}

impl Server {
    /// Starts one with its store on this file system, of which so much stays free.
    fn start(disk: &Disk, free_space_min: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gumboot.toml");
        fs::write(&config, format!("free-space-min = \"{free_space_min}\"\n")).unwrap();
        let config = config.to_str().unwrap();
        let data = disk.join("data");
        let data = data.to_str().unwrap();
        let mut arguments = vec!["serve", "--config", config, "--data", data];
        arguments.extend(["--listen", ANY, "--stomp-listen", ANY]);
        let program = Program::start_on(disk, &arguments);
        let find = |start: &str| loop {
            let line = program.line();
            if line.starts_with(start) {
                return line;
            }
        };
        let http = address(&find("console "), "console    http://", "/");
        let stomp = address(&find("stomp "), "stomp      ", "");
        Self {
            program,
            http,
            stomp,
        }
    }

    fn connect(&self) -> StompPeer {
        let mut client = StompPeer::open(Over::Tcp, self.http, self.stomp);
        client.connect("accept-version:1.2\n");
        client
    }

    /// The status and the text of the health.
    fn health(&self) -> (u16, String) {
        let mut tcp = TcpPeer::connect(self.http);
        tcp.send(format!(
            "GET /health HTTP/1.1\r\nhost: {}\r\n\r\n",
            self.http
        ));
        let response = HttpResponse::read(&mut tcp);
        (response.status, response.text().to_owned())
    }
}

fn body(number: usize) -> String {
    format!("{number} {}", "x".repeat(BODY_BYTES))
}

/// Sends a message; gives the answer.
fn send(client: &mut StompPeer, number: usize, headers: &str) -> StompFrame {
    let body = body(number);
    client.send(format!(
        "SEND\ndestination:/queue/q\nreceipt:{number}\n{headers}\n{body}\0"
    ));
    let answer = client.receive();
    assert_eq!(answer.header("receipt-id"), Some(&*number.to_string()));
    answer
}

/// Sends until one is refused; gives how many were confirmed.
fn fill(server: &Server, part: &str) -> usize {
    let mut client = server.connect();
    for number in 0.. {
        let answer = send(&mut client, number, "");
        if answer.command == "ERROR" {
            assert!(answer.text().contains(part), "{answer:?}");
            return number;
        }
        assert_eq!(answer.command, "RECEIPT");
        assert_eq!(answer.header("receipt-level"), Some("synced"));
    }
    unreachable!("the numbers end")
}

/// What the server still does when it can keep nothing.
fn check_that_the_rest_goes_on(server: &Server, part: &str) {
    let (status, health) = server.health();
    assert_eq!(status, 503, "{health}");
    let mut client = server.connect();
    let answer = send(&mut client, 1, "");
    assert_eq!(answer.command, "ERROR");
    assert!(answer.text().contains(part), "{answer:?}");

    let mut subscriber = server.connect();
    subscriber.subscribe("t", "/topic/t");
    let mut client = server.connect();
    client.publish("/topic/t", "a topic");
    subscriber.expect_message("a topic");
    let answer = send(&mut client, 2, "persistent:false\n");
    assert_eq!(answer.command, "RECEIPT");
    assert_eq!(answer.header("receipt-level"), Some("received"));
    subscriber.subscribe("q", "/queue/q");
    subscriber.expect_message(body(0));
}

#[test]
fn a_full_disk_confirms_nothing_that_it_does_not_have() {
    let Some(disk) = Disk::mount(48) else { return };
    let mut server = Server::start(&disk, "off");
    let confirmed = fill(&server, "the store of the server has failed");
    assert!(confirmed > 100, "only {confirmed} were confirmed");
    server.program.expect_log("the store has failed");
    check_that_the_rest_goes_on(&server, "the store of the server has failed");
    server.program.signal("KILL");
    server.program.wait();

    disk.resize(200);
    let server = Server::start(&disk, "off");
    let mut client = server.connect();
    client.send("SUBSCRIBE\nid:0\ndestination:/queue/q\n\n\0");
    for number in 0..confirmed {
        client.expect_message(body(number));
    }
    assert_eq!(server.health().0, 200);
    assert_eq!(send(&mut server.connect(), 0, "").command, "RECEIPT");
}

#[test]
fn a_nearly_full_disk_takes_nothing_until_there_is_room() {
    let Some(disk) = Disk::mount(80) else { return };
    let mut server = Server::start(&disk, "56 MiB");
    let confirmed = fill(&server, "nearly full");
    assert!(confirmed > 100, "only {confirmed} were confirmed");
    server.program.expect_log("the disk is nearly full");
    check_that_the_rest_goes_on(&server, "nearly full");

    disk.resize(200);
    server.program.expect_log("there is room on the disk again");
    assert_eq!(server.health().0, 200);
    assert_eq!(send(&mut server.connect(), 0, "").command, "RECEIPT");
}

#[test]
fn a_disk_that_cannot_be_written_is_refused_at_the_start() {
    let Some(disk) = Disk::mount(64) else { return };
    let mut server = Server::start(&disk, "off");
    assert_eq!(send(&mut server.connect(), 0, "").command, "RECEIPT");
    server.program.signal("TERM");
    assert_eq!(server.program.wait().code(), Some(0));

    disk.protect();
    let data = disk.join("data");
    let data = data.to_str().unwrap();
    let arguments = [
        "serve",
        "--data",
        data,
        "--listen",
        ANY,
        "--stomp-listen",
        ANY,
    ];
    let mut program = Program::start_on(&disk, &arguments);
    program.expect_log(&format!("cannot open {data}: "));
    assert_eq!(program.wait().code(), Some(1));
    assert_eq!(program.rest(), [""; 0]);
}
