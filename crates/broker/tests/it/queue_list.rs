//! `/topic/$SYS/queues`: which queues there are, for whom, and that they are only looked at.

use std::{collections::BTreeMap, sync::Arc};

use gumboot_broker::{Config, Kinds, PasswordHash, Pattern, Permissions, UserEntry, Users};
use gumboot_testkit::{Over, StompFrame, StompPeer};
use serde_json::{Value, json};

use crate::support::{TestServer, config, over_each};

const QUEUES: &str = "/topic/$SYS/queues";

/// Asks for the list; gives its messages, those with the first names first.
#[track_caller]
fn list(client: &mut StompPeer, id: &str, headers: &str) -> Vec<StompFrame> {
    client.send(format!(
        "SUBSCRIBE\nid:{id}\ndestination:{QUEUES}\nbrowser:true\nreceipt:list\n{headers}\n\0"
    ));
    client.expect_receipt("list");
    let mut messages = Vec::new();
    loop {
        let message = client.expect("MESSAGE");
        assert_eq!(message.header("subscription"), Some(id));
        assert_eq!(message.header("destination"), Some(QUEUES));
        if message.header("browser") == Some("end") {
            break;
        }
        messages.push(message);
    }
    messages.sort_by_key(|message| message.header("name").map(str::to_owned));
    messages
}

fn names(messages: &[StompFrame]) -> Vec<&str> {
    let names = messages.iter().map(|message| message.header("name"));
    names.map(|name| name.unwrap_or_default()).collect()
}

fn body(message: &StompFrame) -> Value {
    assert_eq!(message.header("content-type"), Some("application/json"));
    serde_json::from_slice(&message.body).unwrap()
}

/// Publishes, and waits until it is done.
#[track_caller]
fn send(client: &mut StompPeer, destination: &str, headers: &str, body: &str) {
    client.send(format!(
        "SEND\ndestination:{destination}\nreceipt:sent\n{headers}\n{body}\0"
    ));
    client.expect_receipt("sent");
}

#[test]
fn figures_in_headers_and_in_json() {
    over_each(|over| {
        let server = TestServer::start();
        let mut client = server.client(over, "1.2");
        for body in ["one", "two", "three"] {
            send(&mut client, "/queue/a", "", body);
        }
        send(&mut client, "/queue/a", "delay:60000\n", "later");
        let mut other = server.client(Over::Tcp, "1.2");
        other.send(
            "SUBSCRIBE\nid:1\ndestination:/temp-queue/hidden\nreceipt:r\n\n\0\
             SUBSCRIBE\nid:2\ndestination:/queue/a\nack:client\nprefetch-count:1\n\n\0",
        );
        other.expect_receipt("r");
        other.expect_message("one");
        let listed = list(&mut client, "l", "");
        assert_eq!(names(&listed), ["/queue/a"]);
        for (name, value) in [
            ("kind", "queue"),
            ("messages", "4"),
            ("ready", "2"),
            ("leased", "1"),
            ("delayed", "1"),
            ("consumers", "1"),
        ] {
            assert_eq!(listed[0].header(name), Some(value), "{name}");
        }
        let mut figures = body(&listed[0]);
        let bytes = figures["bytes"].take();
        assert_eq!(listed[0].header("bytes"), Some(&*bytes.to_string()));
        assert!(bytes.as_u64().unwrap() > 500, "{bytes}");
        let wanted = json!({
            "kind": "queue", "name": "/queue/a",
            "messages": 4, "ready": 2, "leased": 1, "delayed": 1, "bytes": null, "consumers": 1,
            "messages_max": 1_000_000, "bytes_max": 256 << 20, "overflow": "reject",
            "deliveries_max": 10, "dead_letters": "/queue/dead-letters",
        });
        assert_eq!(figures, wanted);
    });
}

#[test]
fn durable_subscriptions_say_whose_they_are() {
    let server = TestServer::start();
    let mut phone = server.open(Over::Tcp);
    phone.connect("accept-version:1.2\nclient-id:phone\n");
    phone.send(
        "SUBSCRIBE\nid:1\ndestination:/topic/n.*\ndurable-subscription-name:news\n\
         selector:x > 1\nno-local:true\nreceipt:r\n\n\0",
    );
    phone.expect_receipt("r");
    let mut client = server.client(Over::WebSocket, "1.1");
    let listed = list(&mut client, "l", "");
    assert_eq!(names(&listed), ["news"]);
    let figures = body(&listed[0]);
    assert_eq!(listed[0].header("kind"), Some("durable"));
    assert_eq!(listed[0].header("client"), Some("phone"));
    assert_eq!(listed[0].header("topic"), Some("/topic/n.*"));
    for (name, value) in [
        ("client", json!("phone")),
        ("topic", json!("/topic/n.*")),
        ("selector", json!("x > 1")),
        ("no_local", json!(true)),
        ("consumers", json!(1)),
    ] {
        assert_eq!(figures[name], value, "{name}");
    }
    assert_eq!(figures.get("overflow"), None);
}

#[test]
fn many_queues_come_in_portions_and_a_selector_holds() {
    let server = TestServer::start();
    let mut client = server.client(Over::Tcp, "1.2");
    for number in 0..1000 {
        client.publish(&format!("/queue/q{number:04}"), "x");
    }
    send(&mut client, "/queue/q0007", "", "x");
    let wanted: Vec<String> = (0..1000).map(|n| format!("/queue/q{n:04}")).collect();
    // Two lists at a time do not disturb each other.
    client.send(format!(
        "SUBSCRIBE\nid:a\ndestination:{QUEUES}\nbrowser:true\n\n\0\
         SUBSCRIBE\nid:b\ndestination:{QUEUES}\nbrowser:true\n\n\0"
    ));
    let mut lists = BTreeMap::<String, Vec<String>>::new();
    let mut ends = 0;
    while ends < 2 {
        let message = client.expect("MESSAGE");
        let id = message.header("subscription").unwrap().to_owned();
        match message.header("name") {
            Some(name) => lists.entry(id).or_default().push(name.to_owned()),
            None => ends += 1,
        }
    }
    for (id, mut names) in lists {
        names.sort();
        assert_eq!(names, wanted, "{id}");
    }
    let listed = list(&mut client, "c", "selector:messages > 1\n");
    assert_eq!(names(&listed), ["/queue/q0007"]);
}

#[test]
fn it_ends_with_an_unsubscribe_and_can_begin_again() {
    let server = TestServer::start();
    let mut client = server.client(Over::Tcp, "1.2");
    for number in 0..500 {
        client.publish(&format!("/queue/{number}"), "x");
    }
    client.send(format!(
        "SUBSCRIBE\nid:l\ndestination:{QUEUES}\nbrowser:true\n\n\0\
         UNSUBSCRIBE\nid:l\nreceipt:gone\n\n\0"
    ));
    // What was on its way may come before the RECEIPT, nothing behind it.
    while client.receive().command == "MESSAGE" {}
    for _ in 0..2 {
        assert_eq!(list(&mut client, "l", "").len(), 500);
        client.send("UNSUBSCRIBE\nid:l\nreceipt:gone\n\n\0");
        client.expect_receipt("gone");
    }
}

#[test]
fn what_is_no_look_is_refused() {
    let server = TestServer::start();
    let subscribe = format!("SUBSCRIBE\nid:1\ndestination:{QUEUES}\n");
    for (frame, detail) in [
        (
            format!("{subscribe}\n\0"),
            "/topic/$SYS/queues is there to be looked into: browser:true",
        ),
        (
            format!("{subscribe}browser:true\ndurable-subscription-name:d\n\n\0"),
            "only subscriptions to topics that last can be durable",
        ),
        (
            format!("{subscribe}browser:true\n\n\0{subscribe}browser:true\n\n\0"),
            "this session has a subscription with this id already",
        ),
    ] {
        let mut client = server.client(Over::Tcp, "1.2");
        client.send(&frame);
        let error = loop {
            let frame = client.receive();
            if frame.command != "MESSAGE" {
                break frame;
            }
        };
        assert_eq!(error.header("message"), Some("Subscription refused"));
        assert_eq!(error.text(), detail);
    }
    let mut client = server.client(Over::Tcp, "1.2");
    client.publish(QUEUES, "x");
    client.expect_error("Message refused");
}

#[test]
fn lists_count_as_subscriptions() {
    let mut config = config();
    config.broker.limits.subscriptions_per_session_max = 2;
    let server = TestServer::with(config);
    let mut client = server.client(Over::Tcp, "1.2");
    list(&mut client, "1", "");
    list(&mut client, "2", "");
    client.send(format!(
        "SUBSCRIBE\nid:3\ndestination:{QUEUES}\nbrowser:true\n\n\0"
    ));
    let (error, _) = client.expect_error("Subscription refused");
    assert_eq!(
        error.text(),
        "this session has as many subscriptions as it may have"
    );
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    let parse = |text: &&str| Pattern::parse(text, Kinds::usual()).unwrap();
    texts.iter().map(parse).collect()
}

#[test]
fn a_user_sees_what_the_user_may_read() {
    let entry = |name: &str, permissions| UserEntry {
        name: name.to_owned(),
        password: PasswordHash::new("secret").unwrap(),
        roles: Vec::new(),
        permissions,
    };
    let reading = |texts: &[&str]| Permissions {
        read: patterns(texts),
        ..Permissions::default()
    };
    let entries = [
        entry("ann", reading(&["/queue/ann", "/topic/news"])),
        entry("eve", reading(&[])),
        entry("bob", Permissions::everything()),
        entry("kim", reading(&[QUEUES, "/topic/**"])),
    ];
    let server = TestServer::with(Config {
        users: Some(Arc::new(Users::new(entries, &BTreeMap::new()).unwrap())),
        ..config()
    });
    let log_in = |name: &str| {
        let mut client = server.open(Over::Tcp);
        client.connect(&format!(
            "accept-version:1.2\nlogin:{name}\npasscode:secret\n"
        ));
        client
    };
    let mut bob = log_in("bob");
    send(&mut bob, "/queue/ann", "", "x");
    send(&mut bob, "/queue/bob", "", "x");
    for name in ["ann", "bob"] {
        let mut client = log_in(name);
        client.send(format!(
            "SUBSCRIBE\nid:1\ndestination:/topic/news\n\
             durable-subscription-name:of-{name}\nreceipt:r\n\n\0"
        ));
        client.expect_receipt("r");
    }
    for (name, seen) in [
        ("ann", &["/queue/ann", "of-ann"][..]),
        ("eve", &[]),
        ("bob", &["/queue/ann", "/queue/bob", "of-ann", "of-bob"]),
        ("kim", &["of-ann", "of-bob"]),
    ] {
        assert_eq!(names(&list(&mut log_in(name), "l", "")), seen, "{name}");
    }
}
