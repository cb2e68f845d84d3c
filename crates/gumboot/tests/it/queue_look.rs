//! `gumboot queue ls` and `peek`: what is told of queues, to whom, and that it leaves them as they are.

use std::{fs, process::Stdio};

use gumboot_testkit::{Over, StompPeer};
use serde_json::Value;

use crate::{
    piped::{Piped, finish, pipe, start},
    program::{Program, address, run},
    raw_broker::RawBroker,
    tls::Folder,
};

/// A server for queues.
pub(crate) struct Queues {
    _program: Program,
    /// Over WebSocket, and over TCP.
    pub(crate) urls: [String; 2],
    stomp: std::net::SocketAddr,
}

impl Queues {
    pub(crate) fn serve(flags: &[&str]) -> Self {
        let listen = ["--listen", "127.0.0.1:0", "--stomp-listen", "127.0.0.1:0"];
        let program = Program::start(&[&["serve"], &listen[..], flags].concat());
        let lines = program.print(5);
        let http = address(&lines[1], "console    http://", "/");
        let stomp = address(&lines[4], "stomp      ", "");
        Self {
            _program: program,
            urls: [format!("ws://{http}/ws"), format!("stomp://{stomp}")],
            stomp,
        }
    }

    /// A client that does as it is told.
    pub(crate) fn client(&self) -> StompPeer {
        let mut client = StompPeer::open(Over::Tcp, self.stomp, self.stomp);
        client.connect("accept-version:1.2\n");
        client
    }

    /// Sends a message for each body, and waits until they are there.
    #[track_caller]
    pub(crate) fn fill(&self, queue: &str, bodies: &[&str]) {
        let mut client = self.client();
        for body in bodies {
            client.publish(queue, body);
        }
        client.send("BEGIN\ntransaction:t\nreceipt:done\n\n\0");
        client.expect_receipt("done");
    }

    /// The bodies of the messages that are ready in a queue.
    #[track_caller]
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let peeked = self.run(&["peek", queue]);
        assert_eq!((peeked.status, &*peeked.stderr), (Some(0), ""));
        peeked.text().lines().map(str::to_owned).collect()
    }

    /// Runs `gumboot queue` with the server, over TCP.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Piped {
        let url = ["--url", &self.urls[1]];
        pipe(&[&["queue"], arguments, &url[..]].concat(), "")
    }
}

#[track_caller]
pub(crate) fn check(piped: &Piped, status: i32, stdout: &str, stderr: &str) {
    assert_eq!(piped.stderr, stderr);
    assert_eq!(piped.text(), stdout);
    assert_eq!(piped.status, Some(status));
}

#[test]
fn a_table_and_lines_of_json() {
    let queues = Queues::serve(&[]);
    queues.fill("/queue/jobs.a", &["1", "2", "3"]);
    queues.fill("/queue/jobs.b", &["1"]);
    queues.fill("/queue/other", &["1", "22222222222222222222222222"]);
    let mut phone = StompPeer::open(Over::Tcp, queues.stomp, queues.stomp);
    phone.connect("accept-version:1.2\nclient-id:phone\n");
    phone.send(
        "SUBSCRIBE\nid:1\ndestination:/topic/n.*\ndurable-subscription-name:news\nreceipt:r\n\n\0",
    );
    phone.expect_receipt("r");
    let names = |piped: &Piped| {
        let rows = piped.text().lines().skip(1);
        let names = rows.map(|row| row.split("  ").next().unwrap_or_default().to_owned());
        names.collect::<Vec<_>>()
    };
    let durable = "durable phone/news of /topic/n.*";
    for url in &queues.urls {
        let listed = pipe(&["queue", "ls", "--url", url], "");
        let all = ["/queue/jobs.a", "/queue/jobs.b", "/queue/other", durable];
        assert_eq!(names(&listed), all, "{listed:?}");
        assert_eq!((listed.status, &*listed.stderr), (Some(0), ""));
    }
    for (flags, wanted) in [
        (
            &["/queue/jobs.*"][..],
            &["/queue/jobs.a", "/queue/jobs.b"][..],
        ),
        (&["news"], &[durable]),
        (&["/queue/none"], &[]),
        (
            &["/queue/**", "--sort", "messages"],
            &["/queue/jobs.a", "/queue/other", "/queue/jobs.b"],
        ),
    ] {
        let listed = queues.run(&[&["ls"], flags].concat());
        assert_eq!(names(&listed), wanted, "{flags:?}");
    }
    let listed = queues.run(&["ls", "jobs", "--json", "--sort", "bytes"]);
    let values = listed.text().lines().map(serde_json::from_str);
    let values: Vec<Value> = values.map(Result::unwrap).collect();
    let named = |value: &Value| (value["name"].clone(), value["ready"].clone());
    let wanted = [
        ("/queue/jobs.a".into(), 3.into()),
        ("/queue/jobs.b".into(), 1.into()),
    ];
    assert_eq!(values.iter().map(named).collect::<Vec<_>>(), wanted);
}

#[test]
fn peek_shows_and_leaves() {
    let queues = Queues::serve(&[]);
    queues.fill("/queue/a", &["one", "two", "three"]);
    let mut client = queues.client();
    client.send("SEND\ndestination:/queue/a\npriority:9\nk:a\\nb\nreceipt:r\n\n\u{1b}first\0");
    client.expect_receipt("r");
    let all = "\u{1b}first\none\ntwo\nthree\n";
    for (flags, stdout) in [
        (&[][..], all),
        (&["--count", "2"], "\u{1b}first\none\n"),
        (&["--selector", "priority = 9"], "\u{1b}first\n"),
        (&["--selector", "x = 1"], ""),
    ] {
        let peeked = queues.run(&[&["peek", "/queue/a"], flags].concat());
        check(&peeked, 0, stdout, "");
    }
    let headers = queues.run(&["peek", "/queue/a", "--headers", "-n", "1"]);
    assert!(headers.text().contains("\nk: a\\nb\n"), "{headers:?}");
    let json = queues.run(&["peek", "/queue/a", "--json", "-n", "1"]);
    assert_eq!(json.events()[0]["headers"]["k"], "a\nb");
    // Nobody has got any of it.
    client.subscribe("1", "/queue/a");
    for body in all.lines() {
        let message = client.expect_message(body);
        assert_eq!(message.header("delivery-count"), None);
    }
    check(&queues.run(&["peek", "/queue/a"]), 0, "", "");
    check(&queues.run(&["peek", "/queue/none"]), 0, "", "");
}

#[test]
fn a_long_queue_and_a_reader_that_has_had_enough() {
    let queues = Queues::serve(&[]);
    let body = "x".repeat(10_000);
    queues.fill("/queue/a", &vec![&*body; 2_000]);
    assert_eq!(queues.bodies("/queue/a").len(), 2_000);
    let url = &queues.urls[0];
    let mut child = start(&["queue", "peek", "/queue/a", "--url", url], Stdio::null());
    drop(child.stdout.take());
    let ended = finish(child);
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
}

#[test]
fn who_may_not_read_is_told() {
    let folder = Folder::new("queue-users");
    let hashed = |name: &str| {
        let piped = pipe(&["passwd", name], "secret\n");
        piped.text().to_owned()
    };
    let file = format!(
        "{}read = [\"/queue/ann\"]\n\n{}read = [\"**\"]\nwrite = [\"**\"]\ncreate = [\"**\"]\n",
        hashed("ann"),
        hashed("bob")
    );
    fs::write(folder.path("gumboot.toml"), file).unwrap();
    let config = folder.path("gumboot.toml");
    let queues = Queues::serve(&["--config", &config]);
    let url = &queues.urls[1];
    for queue in ["/queue/ann", "/queue/bob"] {
        let sent = pipe(&["publish", url, queue, "x", "-u", "bob:secret"], "");
        assert_eq!(sent.status, Some(0), "{sent:?}");
    }
    let as_ann = |arguments: &[&str]| queues.run(&[arguments, &["-u", "ann:secret"]].concat());
    let listed = as_ann(&["ls"]);
    assert_eq!(listed.text().lines().count(), 2, "{listed:?}");
    assert!(listed.text().contains("/queue/ann"), "{listed:?}");
    check(&as_ann(&["peek", "/queue/ann"]), 0, "x\n", "");
    let denied = "Access denied\n  this session is not permitted to do this\n";
    let file = folder.path("out");
    let look = format!("gumboot: the server refused to look into /queue/bob: {denied}");
    check(&as_ann(&["peek", "/queue/bob"]), 1, "", &look);
    check(&as_ann(&["export", "/queue/bob", &file]), 1, "", &look);
    check(
        &as_ann(&["purge", "/queue/bob", "--yes"]),
        1,
        "purged 0 messages\n",
        &look,
    );
    check(
        &as_ann(&["move", "/queue/ann", "/queue/bob"]),
        1,
        "moved 0 messages\n",
        &format!("gumboot: the server refused to move 1 message: {denied}"),
    );
    check(&as_ann(&["peek", "/queue/ann"]), 0, "x\n", "");
    let nobody = queues.run(&["ls", "-u", "ann:wrong"]);
    assert_eq!(nobody.status, Some(1), "{nobody:?}");
    // Nothing is left of the file.
    let left: Vec<_> = fs::read_dir(folder.path("")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_server_of_another_kind_does_not_list_its_queues() {
    let server = RawBroker::new();
    let child = start(&["queue", "ls", "--url", &server.url()], Stdio::null());
    let (mut client, _) = server.asked();
    client.send("CONNECTED\nversion:1.2\nserver:RabbitMQ/3.10.8\n\n\0");
    client.expect_silent_end();
    let said = "gumboot: only a Gumboot server lists its queues: this one is RabbitMQ/3.10.8\n";
    check(&finish(child), 1, "", said);
}

#[test]
fn a_server_that_does_not_know_how_to_look_gives_nothing_away() {
    let server = RawBroker::new();
    let url = server.url();
    let flags = ["--url", &url, "--timeout", "0.5"];
    let command = ["queue", "peek", "/queue/a"];
    let child = start(&[&command[..], &flags].concat(), Stdio::null());
    let mut client = server.accept();
    let subscribe = client.take("SUBSCRIBE");
    assert_eq!(subscribe.header("browser"), Some("true"));
    assert_eq!(subscribe.header("ack"), Some("client"));
    client.deliver("0", 1, "hello");
    client.expect_silent_end();
    let said = "gumboot: to look into /queue/a: the server has not said within 0.5 s that this is \
                all; it may not know browser:true\n";
    check(&finish(child), 1, "hello\n", said);
}

#[test]
fn nobody_there_is_told() {
    let gone = RawBroker::new().url();
    let listed = run(&["queue", "ls", "--url", &gone]);
    let said = String::from_utf8(listed.stderr).unwrap();
    assert_eq!(listed.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("gumboot: cannot connect (network): "),
        "{said}"
    );
}
