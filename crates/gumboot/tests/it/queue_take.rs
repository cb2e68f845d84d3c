//! `gumboot queue purge` and `move`: what they take, what they leave, and that nothing is lost or doubled on the way.

use std::{
    collections::BTreeMap,
    fs,
    process::{Child, Stdio},
};

use gumboot_testkit::StompPeer;

use crate::{
    piped::{finish, signal, start},
    queue_look::{Queues, check},
    raw_broker::{RawBroker, RawClient},
    tls::Folder,
};

/// Bodies that are told apart.
fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn texts(bodies: &[String]) -> Vec<&str> {
    bodies.iter().map(String::as_str).collect()
}

#[test]
fn purge_takes_what_waits_and_tells_what_does_not() {
    let queues = Queues::serve(&[]);
    let bodies = numbers(257);
    queues.fill("/queue/a", &texts(&bodies));
    let asked = queues.run(&["purge", "/queue/a"]);
    let said = "gumboot: there is nobody to ask whether it is meant: --yes says so\n";
    check(&asked, 2, "", said);
    let some = queues.run(&["purge", "/queue/a", "--yes", "--count", "7"]);
    let told = "purged 7 messages\n250 messages in /queue/a: 250 ready\n";
    check(&some, 0, told, "");
    assert_eq!(queues.bodies("/queue/a"), bodies[7..]);
    let mut client = queues.client();
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\ncredit:3\n\n\0");
    for body in &bodies[7..10] {
        // The purge before has given none of them to anybody.
        let message = client.expect_message(body);
        assert_eq!(message.header("delivery-count"), None);
    }
    let purged = queues.run(&["purge", "/queue/a", "-y"]);
    let told = "purged 247 messages\n3 messages in /queue/a: 3 delivered to consumers\n";
    check(&purged, 0, told, "");
    drop(client);
    check(
        &queues.run(&["purge", "/queue/none", "-y"]),
        0,
        "purged 0 messages\n",
        "",
    );
}

#[test]
fn large_bodies_leave_nothing_behind_that_was_delivered() {
    let folder = Folder::new("queue-large");
    let config = folder.path("gumboot.toml");
    // What was delivered to the tool and came back would be dead.
    let text = "[[queues]]\npattern = \"/queue/a\"\ndeliveries-max = 1\n";
    fs::write(&config, text).unwrap();
    let queues = Queues::serve(&["--config", &config]);
    let bodies: Vec<_> = (0..190).map(|number| format!("{number:060000}")).collect();
    queues.fill("/queue/a", &texts(&bodies));
    let some = queues.run(&["move", "/queue/a", "/queue/b", "--count", "150"]);
    let told = "moved 150 messages\n40 messages in /queue/a: 40 ready\n";
    check(&some, 0, told, "");
    assert!(queues.bodies("/queue/b") == bodies[..150], "order");
    let mut client = queues.client();
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\ncredit:40\n\n\0");
    for body in &bodies[150..] {
        let message = client.expect_message(body);
        assert_eq!(message.header("delivery-count"), None);
        assert_eq!(message.header("redelivered"), None);
    }
    check(
        &queues.run(&["purge", "/queue/b", "-y"]),
        0,
        "purged 150 messages\n",
        "",
    );
}

#[test]
fn a_selector_says_which() {
    let queues = Queues::serve(&[]);
    let mut client = queues.client();
    for number in 0..2_500 {
        let kind = if number % 500 == 499 { "rare" } else { "plain" };
        client.send(format!(
            "SEND\ndestination:/queue/a\nkind:{kind}\n\n{number}\0"
        ));
    }
    client.subscribe("done", "/topic/done");
    let rare = ["--selector", "kind = 'rare'"];
    let moved = queues.run(&[&["move", "/queue/a", "/queue/b"][..], &rare].concat());
    let told = "moved 5 messages\n2495 messages in /queue/a: 2495 ready\n";
    check(&moved, 0, told, "");
    assert_eq!(
        queues.bodies("/queue/b"),
        ["499", "999", "1499", "1999", "2499"]
    );
    let plain = ["--selector", "kind <> 'rare'", "--yes"];
    let purged = queues.run(&[&["purge", "/queue/a"][..], &plain].concat());
    check(&purged, 0, "purged 2495 messages\n", "");
    let wrong = queues.run(&["move", "/queue/b", "/queue/a", "--selector", "kind ="]);
    assert_eq!(wrong.status, Some(1), "{wrong:?}");
    assert!(wrong.stderr.contains("Invalid selector"), "{wrong:?}");
    assert_eq!(queues.bodies("/queue/b").len(), 5);
}

#[test]
fn move_keeps_headers_bodies_and_order() {
    let queues = Queues::serve(&[]);
    let mut client = queues.client();
    let big = "y".repeat(6 << 20);
    for body in ["1", "", "a\0b", &big, &big] {
        client.send(format!(
            "SEND\ndestination:/queue/a\npriority:7\nz:1\nesc:a\\nb\\c\ncontent-length:{}\n\n{body}\0",
            body.len()
        ));
    }
    client.send(b"SEND\ndestination:/queue/a\nreceipt:r\ncontent-length:2\n\n\xff\0\0");
    client.expect_receipt("r");
    check(
        &queues.run(&["move", "/queue/a", "/queue/b"]),
        0,
        "moved 6 messages\n",
        "",
    );
    client.subscribe("1", "/queue/b");
    for body in ["1", "", "a\0b", &big, &big] {
        let message = client.expect_message(body);
        assert_eq!(message.header("destination"), Some("/queue/b"));
        assert_eq!(message.header("priority"), Some("7"));
        assert_eq!(message.header("esc"), Some("a\\nb\\c"));
        assert_eq!(message.header("redelivered"), None);
    }
    client.expect_message(b"\xff\0");
    check(
        &queues.run(&["move", "/queue/a", "/queue/b"]),
        0,
        "moved 0 messages\n",
        "",
    );
}

#[test]
fn dead_letters_go_back_to_where_they_come_from() {
    let queues = Queues::serve(&[]);
    for queue in ["/queue/a", "/queue/b"] {
        queues.fill(queue, &[queue]);
    }
    let mut client = queues.client();
    for destination in ["/queue/a", "/queue/b", "/topic/t"] {
        client.send(format!(
            "SUBSCRIBE\nid:{destination}\ndestination:{destination}\nack:client\nreceipt:s\n\n\0"
        ));
        client.expect_receipt("s");
        if destination == "/topic/t" {
            client.publish(destination, destination);
        }
        let message = client.expect_message(destination);
        let ack = message.header("ack").unwrap();
        client.send(format!("NACK\nid:{ack}\nrequeue:false\nreceipt:dead\n\n\0"));
        client.expect_receipt("dead");
    }
    drop(client);
    queues.fill("/queue/dead-letters", &["never dead"]);
    assert_eq!(queues.bodies("/queue/dead-letters").len(), 4);
    let back = queues.run(&["move", "--back", "/queue/dead-letters"]);
    let told = "moved 2 messages\n2 messages in /queue/dead-letters: 2 ready\n";
    check(&back, 0, told, "");
    assert_eq!(
        queues.bodies("/queue/dead-letters"),
        ["/topic/t", "never dead"]
    );
    let mut client = queues.client();
    for queue in ["/queue/a", "/queue/b"] {
        client.subscribe(queue, queue);
        let message = client.expect_message(queue);
        assert_eq!(message.header("dead-letter-origin"), None);
        assert_eq!(message.header("delivery-count"), None);
    }
}

/// Has `client` refuse the next message of a destination for good.
fn bury(client: &mut StompPeer, destination: &str, body: &str) {
    client.send(format!(
        "SUBSCRIBE\nid:{destination}\ndestination:{destination}\nack:client\nreceipt:s\n\n\0"
    ));
    client.expect_receipt("s");
    client.publish(destination, body);
    let message = client.expect_message(body);
    let ack = message.header("ack").unwrap();
    client.send(format!("NACK\nid:{ack}\nrequeue:false\nreceipt:dead\n\n\0"));
    client.expect_receipt("dead");
}

#[test]
fn dead_letters_without_a_queue_to_go_back_to_stay() {
    let folder = Folder::new("queue-kinds");
    let config = folder.path("gumboot.toml");
    let text = "[destinations.prefixes]\n\"/news/\" = \"topic\"\n\"/jobs/\" = \"queue\"\n";
    fs::write(&config, text).unwrap();
    let queues = Queues::serve(&["--config", &config]);
    let mut client = queues.client();
    for destination in [
        "/temp-queue/a",
        "/temp-topic/a",
        "/topic/a",
        "/news/a",
        "/jobs/a",
    ] {
        bury(&mut client, destination, destination);
    }
    drop(client);
    let back = queues.run(&["move", "--back", "/queue/dead-letters"]);
    let told = "moved 1 message\n4 messages in /queue/dead-letters: 4 ready\n";
    check(&back, 0, told, "");
    assert_eq!(queues.bodies("/jobs/a"), ["/jobs/a"]);
}

#[test]
fn a_dead_letter_whose_time_has_passed_is_sent_without_it() {
    let server = RawBroker::new();
    let url = server.url();
    let command = [
        "queue", "move", "/queue/d", "/queue/b", "-n", "2", "--url", &url,
    ];
    let child = start(&command, Stdio::null());
    let mut client = server.accept();
    client.take("SUBSCRIBE");
    // The second is far ahead.
    for (number, expires) in [(1, "1"), (2, "99999999999999")] {
        client.send(&format!(
            "MESSAGE\nsubscription:0\nmessage-id:{number}\nack:a{number}\ndestination:/queue/d\n\
             dead-letter-origin:/queue/a\ndead-letter-kind:queue\nexpires:{expires}\n\n\0"
        ));
    }
    let mut kept = Vec::new();
    while kept.len() < 2 {
        let frame = client.expect_any();
        match &*frame.command {
            "SEND" => kept.push(frame.header("expires").map(str::to_owned)),
            "COMMIT" => client.confirm(&frame),
            _ => assert_eq!(frame.header("dead-letter-kind"), None),
        }
    }
    assert_eq!(kept, [None, Some("99999999999999".to_owned())]);
    client.expect("ACK");
    client.take("COMMIT");
    client.expect("UNSUBSCRIBE");
    client.expect_leave();
    check(&finish(child), 0, "moved 2 messages\n", "");
}

#[test]
fn what_does_not_fit_stays_where_it_is() {
    let folder = Folder::new("queue-full");
    let config = folder.path("gumboot.toml");
    let text = "[[queues]]\npattern = \"/queue/small\"\nmessages-max = 150\n";
    fs::write(&config, text).unwrap();
    let queues = Queues::serve(&["--config", &config]);
    let bodies = numbers(300);
    queues.fill("/queue/a", &texts(&bodies));
    let moved = queues.run(&["move", "/queue/a", "/queue/small"]);
    let said = "gumboot: the server refused to move 100 messages: Transaction refused\n  \
                the queue is full\n";
    check(&moved, 1, "moved 100 messages\n", said);
    assert_eq!(queues.bodies("/queue/small"), bodies[..100]);
    assert_eq!(queues.bodies("/queue/a"), bodies[100..]);
}

#[test]
fn who_is_killed_in_the_middle_has_lost_and_doubled_nothing() {
    const COUNT: usize = 10_000;
    let queues = Queues::serve(&[]);
    queues.fill("/queue/a", &texts(&numbers(COUNT)));
    let mut killed_in_between = 0;
    for round in 0..6 {
        let (from, to) = match round % 2 {
            0 => ("/queue/a", "/queue/b"),
            _ => ("/queue/b", "/queue/a"),
        };
        let before = queues.bodies(to).len();
        let url = &queues.urls[round % 2];
        let mut child = start(&["queue", "move", from, to, "--url", url], Stdio::null());
        // Once something of it has arrived, at the latest when all has.
        let is_running = |child: &mut Child| child.try_wait().unwrap().is_none();
        while is_running(&mut child) && queues.bodies(to).len() == before {}
        if is_running(&mut child) {
            signal(child.id(), "KILL");
        }
        let status = finish(child).status;
        killed_in_between += usize::from(status.is_none());
        // What it had taken comes back when the server sees that it is gone.
        let mut found = BTreeMap::<String, usize>::new();
        while found.values().sum::<usize>() < COUNT {
            found.clear();
            for queue in ["/queue/a", "/queue/b"] {
                for body in queues.bodies(queue) {
                    *found.entry(body).or_default() += 1;
                }
            }
        }
        let doubled: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
        assert_eq!((found.len(), doubled), (COUNT, vec![]));
    }
    assert!(killed_in_between > 0, "none was killed before its end");
}

/// A server of another kind, and the program that moves the message which it has given.
fn mover(server: &RawBroker) -> (Child, RawClient) {
    let url = server.url();
    let path = ["queue", "move", "/queue/a", "/queue/b"];
    let command = [&path[..], &["--count", "2", "--url", &url]].concat();
    let child = start(&command, Stdio::null());
    let (mut client, _) = server.asked();
    client.send("CONNECTED\nversion:1.2\nserver:RabbitMQ/3.10.8\n\n\0");
    let subscribe = client.take("SUBSCRIBE");
    assert_eq!(subscribe.header("ack"), Some("client-individual"));
    client.deliver("0", 1, "hello");
    (child, client)
}

/// The frames of a transaction up to its COMMIT.
fn transaction(client: &mut RawClient) -> crate::raw_broker::RawFrame {
    client.expect("BEGIN");
    let send = client.expect("SEND");
    assert_eq!(send.body, "hello");
    assert_eq!(send.header("destination"), Some("/queue/b"));
    assert_eq!(send.header("message-id"), None);
    let ack = client.expect("ACK");
    assert_eq!(ack.header("id"), Some("a1"));
    let commit = client.expect("COMMIT");
    for frame in [&send, &ack] {
        assert_eq!(frame.header("transaction"), commit.header("transaction"));
    }
    commit
}

#[test]
fn a_portion_is_a_transaction_and_silence_the_end_where_the_server_does_not_tell() {
    let server = RawBroker::new();
    let (child, mut client) = mover(&server);
    let commit = transaction(&mut client);
    client.confirm(&commit);
    client.expect("UNSUBSCRIBE");
    client.expect_leave();
    check(&finish(child), 0, "moved 1 message\n", "");
}

#[test]
fn what_arrives_later_stays_where_the_server_only_shows_what_waits() {
    let server = RawBroker::new();
    let url = server.url();
    let command = ["queue", "purge", "/queue/a", "-y", "--url", &url];
    let child = start(&command, Stdio::null());
    let (mut client, _) = server.asked();
    client.send("CONNECTED\nversion:1.2\nserver:ActiveMQ/5.18.3\n\n\0");
    let look = client.take("SUBSCRIBE");
    assert_eq!(look.header("browser"), Some("true"));
    for number in 1..=2 {
        client.deliver("0", number, "there");
    }
    client.send("MESSAGE\nsubscription:0\nmessage-id:3\ndestination:/queue/a\nbrowser:end\n\n\0");
    client.expect("UNSUBSCRIBE");
    let subscribe = client.take("SUBSCRIBE");
    assert_eq!(subscribe.header("activemq.prefetchSize"), Some("2"));
    for (number, body) in [(1, "there"), (2, "there"), (3, "later")] {
        client.deliver("1", number, body);
    }
    // In one portion or in two.
    while client.take("ACK").header("id") != Some("a2") {}
    client.expect("UNSUBSCRIBE");
    client.expect_leave();
    check(&finish(child), 0, "purged 2 messages\n", "");
}

#[test]
fn a_server_that_tells_no_number_needs_one() {
    for command in [
        &["purge", "/queue/a", "-y"][..],
        &["move", "/queue/a", "/queue/b"],
    ] {
        let server = RawBroker::new();
        let url = server.url();
        let command = [&["queue"], command, &["--url", &url]].concat();
        let child = start(&command, Stdio::null());
        let client = server.accept();
        // Nothing is subscribed to.
        client.expect_leave();
        let done = finish(child);
        let said = "gumboot: the server does not say how many messages wait in /queue/a: \
                    --count says how many to take\n";
        assert_eq!((done.status, &*done.stderr), (Some(2), said));
    }
}

#[test]
fn a_signal_waits_for_the_portion_under_way() {
    let server = RawBroker::new();
    let (child, mut client) = mover(&server);
    let commit = transaction(&mut client);
    signal(child.id(), "INT");
    client.confirm(&commit);
    client.expect("UNSUBSCRIBE");
    client.expect_leave();
    check(&finish(child), 130, "moved 1 message\n", "");
}

#[test]
fn a_commit_that_nobody_has_confirmed_is_told_as_such() {
    let server = RawBroker::new();
    let (child, mut client) = mover(&server);
    transaction(&mut client);
    client.end();
    check(
        &finish(child),
        1,
        "moved 0 messages\n",
        "gumboot: to move 1 message: sent, but not confirmed: the server ended the connection; \
         of these messages all are moved, or none\n",
    );
}
