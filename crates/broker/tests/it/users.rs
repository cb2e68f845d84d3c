//! Who is let in, and what users may do, over each carrier and in each version.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use gumboot_broker::{
    Config, Kinds, PasswordHash, Pattern, Permissions, REFUSED_AFTER, UserEntry, Users,
};
use gumboot_testkit::{Over, StompPeer};

use crate::support::{TestServer, config, over_each};

const PASSCODE: &str = r"a:b\c\\";

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    let parse = |text: &&str| Pattern::parse(text, Kinds::usual()).unwrap();
    texts.iter().map(parse).collect()
}

/// Ann may read news, and write to what is hers; bob may do everything.
fn server() -> TestServer {
    let entry = |name: &str, password: &str, permissions| UserEntry {
        name: name.to_owned(),
        password: PasswordHash::new(password).unwrap(),
        roles: Vec::new(),
        permissions,
    };
    let ann = Permissions {
        read: patterns(&["/topic/news.*", "/queue/{user}"]),
        write: patterns(&["/topic/in", "/queue/{user}", "/user/bob/**"]),
        create: Vec::new(),
    };
    let entries = [
        entry("ann", PASSCODE, ann),
        entry("bob", "secret", Permissions::everything()),
    ];
    let users = Users::new(entries, &BTreeMap::new()).unwrap();
    TestServer::with(Config {
        users: Some(Arc::new(users)),
        ..config()
    })
}

fn log_in(server: &TestServer, over: Over, headers: &str) -> StompPeer {
    let mut client = server.open(over);
    client.send(format!("CONNECT\n{headers}\n\0"));
    client
}

fn ann(server: &TestServer, over: Over) -> StompPeer {
    let headers = format!("accept-version:1.2\nhost:h\nlogin:ann\npasscode:{PASSCODE}\n");
    let mut client = log_in(server, over, &headers);
    client.expect("CONNECTED");
    client
}

fn bob(server: &TestServer) -> StompPeer {
    let headers = "accept-version:1.2\nhost:h\nlogin:bob\npasscode:secret\n";
    let mut client = log_in(server, Over::Tcp, headers);
    client.expect("CONNECTED");
    client
}

#[test]
fn a_passcode_is_compared_as_it_stands_in_each_version() {
    let server = server();
    over_each(|over| {
        for version in ["1.0", "1.1", "1.2"] {
            let headers =
                format!("accept-version:{version}\nhost:h\nlogin:ann\npasscode:{PASSCODE}\n");
            let mut client = log_in(&server, over, &headers);
            let connected = client.expect("CONNECTED");
            assert_eq!(connected.header("version"), Some(version));
        }
    });
}

/// What came with the CONNECT is held until the passcode is checked, and the end of the client's direction comes before.
#[test]
fn what_was_asked_behind_a_log_in_is_answered_after_the_end() {
    let server = server();
    for over in [Over::Tcp, Over::WebSocket] {
        let mut client = server.open(over);
        client.send(
            "CONNECT\naccept-version:1.2\nhost:h\nlogin:bob\npasscode:secret\n\n\0\
             SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\0SEND\ndestination:/topic/a\n\nhi\0",
        );
        client.tcp().send_end();
        client.expect("CONNECTED");
        client.expect_message("hi");
    }
}

#[test]
fn who_does_not_know_the_passcode_is_told_late_and_closed() {
    let server = server();
    over_each(|over| {
        let start = Instant::now();
        let wrong = "the login or the passcode is wrong";
        let none = "this server has users: CONNECT needs a login and a passcode";
        let attempts = [
            ("1.2", "login:ann\npasscode:a\\cb\\\\c\\\\\\\\\n", wrong),
            ("1.1", "login:ann\npasscode:secret\n", wrong),
            ("1.2", "login:eve\npasscode:secret\n", wrong),
            ("1.0", "login:bob\n", wrong),
            ("1.2", "", none),
        ];
        let clients = attempts.map(|(version, login, detail)| {
            let headers = format!("accept-version:{version}\nhost:h\n{login}");
            let mut client = log_in(&server, over, &headers);
            // Nothing of it is looked at.
            client.publish("/topic/in", "too early");
            (client, detail)
        });
        for (mut client, detail) in clients {
            let (error, _) = client.expect_error("Login refused");
            assert_eq!(error.text(), detail);
            assert!(start.elapsed() >= REFUSED_AFTER);
        }
    });
}

#[test]
fn what_comes_behind_connect_waits_for_the_log_in() {
    let server = server();
    over_each(|over| {
        let mut client = server.open(over);
        client.send(
            "CONNECT\naccept-version:1.2\nhost:h\nlogin:bob\npasscode:secret\n\n\0\
             SUBSCRIBE\nid:1\ndestination:/topic/a\nreceipt:r\n\n\0",
        );
        client.expect("CONNECTED");
        client.expect_receipt("r");
    });
}

#[test]
fn what_is_not_permitted_is_refused_with_the_receipt() {
    let server = server();
    over_each(|over| {
        for frame in [
            "SEND\ndestination:/topic/news.a\nreceipt:r\n\nx\0",
            "SEND\ndestination:/queue/bob\nreceipt:r\n\nx\0",
            // Its own, but it would have to be made.
            "SEND\ndestination:/queue/ann\nreceipt:r\n\nx\0",
            "SEND\ndestination:/user/eve/a\nreceipt:r\n\nx\0",
            "SUBSCRIBE\nid:1\ndestination:/topic/in\nreceipt:r\n\n\0",
            "SUBSCRIBE\nid:1\ndestination:/topic/**\nreceipt:r\n\n\0",
            "SUBSCRIBE\nid:1\ndestination:/topic/news.**\nreceipt:r\n\n\0",
            "SUBSCRIBE\nid:1\ndestination:/topic/$SYS/stats\nreceipt:r\n\n\0",
            "SUBSCRIBE\nid:1\ndestination:/queue/ann\nreceipt:r\n\n\0",
        ] {
            let mut client = ann(&server, over);
            client.send(frame);
            let (error, _) = client.expect_error("Access denied");
            assert_eq!(error.header("receipt-id"), Some("r"), "{frame}");
            assert_eq!(error.text(), "this session is not permitted to do this");
        }
    });
}

#[test]
fn what_is_permitted_works() {
    let server = server();
    let mut bob = bob(&server);
    bob.subscribe("in", "/topic/in");
    bob.subscribe("own", "/user/notes");
    bob.subscribe("queue", "/queue/ann");
    over_each(|over| {
        let mut ann = ann(&server, over);
        ann.subscribe("news", "/topic/news.*");
        ann.subscribe("own", "/user/notes");
        bob.publish("/topic/news.a", "news");
        ann.expect_message("news");
        bob.publish("/user/ann/notes", "for ann");
        ann.expect_message("for ann");
        for (destination, subscription) in [
            ("/topic/in", "in"),
            ("/user/bob/notes", "own"),
            ("/queue/ann", "queue"),
        ] {
            ann.publish(destination, destination);
            let message = bob.expect_message(destination);
            assert_eq!(message.header("subscription"), Some(subscription));
        }
    });
}

#[test]
fn a_commit_asks_again_what_is_permitted() {
    let server = server();
    over_each(|over| {
        let mut bob = bob(&server);
        bob.subscribe("queue", "/queue/ann");
        let mut ann = ann(&server, over);
        ann.send("BEGIN\ntransaction:t\n\n\0");
        ann.send("SEND\ndestination:/queue/ann\ntransaction:t\n\nx\0");
        ann.send("SEND\ndestination:/topic/in\nreceipt:so-far\n\n\0");
        ann.expect_receipt("so-far");
        // With its last consumer an empty queue is gone, and ann may make none.
        bob.send("UNSUBSCRIBE\nid:queue\nreceipt:gone\n\n\0");
        bob.expect_receipt("gone");
        ann.send("COMMIT\ntransaction:t\nreceipt:r\n\n\0");
        let error = ann.expect("ERROR");
        assert_eq!(error.header("receipt-id"), Some("r"));
        assert_eq!(error.text(), "this session is not permitted to do this");
        ann.expect_end();
    });
}

#[test]
fn a_message_names_no_other_sender() {
    let server = server();
    let mut listener = bob(&server);
    listener.subscribe("1", "/topic/in");
    for name in ["user-id", "JMSXUserID"] {
        let mut client = ann(&server, Over::Tcp);
        client.send(format!("SEND\ndestination:/topic/in\n{name}:ann\n\nmine\0"));
        let message = listener.expect_message("mine");
        assert_eq!(message.header(name), Some("ann"));
        client.send(format!(
            "SEND\ndestination:/topic/in\n{name}:bob\nreceipt:r\n\nforged\0"
        ));
        let (error, _) = client.expect_error("Invalid header");
        assert_eq!(error.header("receipt-id"), Some("r"));
    }
}
