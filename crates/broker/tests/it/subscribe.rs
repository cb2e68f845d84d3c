//! SUBSCRIBE and UNSUBSCRIBE: when a subscription begins and ends, and what its names are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use gumboot_testkit::{Over, StompPeer};

use crate::support::{TestServer, over_each};

/// Publishes to `/topic/a` without a pause until it is told to stop.
fn publish_until(stop: &AtomicBool, sender: &mut StompPeer) {
    while !stop.load(Ordering::SeqCst) {
        sender.send("SEND\ndestination:/topic/a\nreceipt:r\n\nx\0");
        sender.expect_receipt("r");
    }
}

#[test]
fn the_receipt_of_a_subscription_comes_first_and_that_of_its_end_last() {
    let server = TestServer::start();
    let stop = Arc::new(AtomicBool::new(false));
    let publisher = thread::spawn({
        let stop = Arc::clone(&stop);
        let mut sender = server.client(Over::Tcp, "1.2");
        move || publish_until(&stop, &mut sender)
    });
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        for round in 0..20 {
            // Any MESSAGE before it would fail this.
            client.subscribe(&round.to_string(), "/topic/a");
            client.expect_message("x");
            client.send(format!("UNSUBSCRIBE\nid:{round}\nreceipt:end\n\n\0"));
            while client.receive().command == "MESSAGE" {}
        }
    });
    stop.store(true, Ordering::SeqCst);
    publisher.join().unwrap();
}

#[test]
fn a_subscription_that_has_ended_gets_nothing() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("1", "/topic/a");
        client.subscribe("2", "/topic/b");
        client.send("UNSUBSCRIBE\nid:1\nreceipt:end\n\n\0");
        client.expect_receipt("end");
        client.publish("/topic/a", "a");
        client.publish("/topic/b", "b");
        let message = client.expect_message("b");
        assert_eq!(message.header("subscription"), Some("2"));
        // Its id may be used again.
        client.subscribe("1", "/topic/a");
        client.publish("/topic/a", "again");
        client.expect_message("again");
    });
}

#[test]
fn an_id_that_is_in_use_is_an_error() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("1", "/topic/a");
        client.send("SUBSCRIBE\nid:1\ndestination:/topic/b\nreceipt:r\n\n\0");
        let (error, code) = client.expect_error("Subscription refused");
        assert_eq!(error.header("receipt-id"), Some("r"));
        assert_eq!(
            error.text(),
            "this session has a subscription with this id already"
        );
        assert_eq!(code, (over != Over::Tcp).then_some(1008));
    });
}

#[test]
fn ids_are_the_sessions_own() {
    let server = TestServer::start();
    let mut first = server.client(Over::Tcp, "1.2");
    let mut second = server.client(Over::WebSocket, "1.2");
    first.subscribe("1", "/topic/a");
    second.subscribe("1", "/topic/b");
    first.publish("/topic/b", "b");
    first.publish("/topic/a", "a");
    first.expect_message("a");
    second.expect_message("b");
}

#[test]
fn an_id_with_colons_stays_what_it_was() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.send("SUBSCRIBE\nid:a\\cb\\\\\ndestination:/topic/a\\cb\nack:auto\n\n\0");
        client.publish("/topic/a\\cb", "x");
        let message = client.expect_message("x");
        assert_eq!(message.header("subscription"), Some("a\\cb\\\\"));
        assert_eq!(message.header("destination"), Some("/topic/a\\cb"));
        client.send("UNSUBSCRIBE\nid:a\\cb\\\\\nreceipt:end\n\n\0");
        client.expect_receipt("end");
    });
}

#[test]
fn in_version_1_0_a_subscription_needs_no_id() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.0");
        client.send("SUBSCRIBE\ndestination: /topic/a\nreceipt: r\n\n\0");
        client.expect_receipt("r");
        client.publish(" /topic/a", "x");
        let message = client.expect_message("x");
        assert_eq!(message.header("destination"), Some("/topic/a"));
        assert_eq!(message.header("subscription"), None);
        client.send("UNSUBSCRIBE\ndestination:/topic/a\nreceipt:end\n\n\0");
        client.expect_receipt("end");
        client.send("SEND\ndestination:/topic/a\nreceipt:sent\n\nx\0");
        client.expect_receipt("sent");
    });
}

#[test]
fn subscriptions_at_the_limit_and_one_past() {
    let mut config = crate::support::config();
    config.broker.limits.subscriptions_per_session_max = 3;
    let server = TestServer::with(config);
    let mut client = server.client(Over::WebSocket, "1.2");
    for id in ["1", "2", "3"] {
        client.subscribe(id, "/topic/a");
    }
    client.send("SUBSCRIBE\nid:4\ndestination:/topic/a\nreceipt:r\n\n\0");
    let (error, _) = client.expect_error("Subscription refused");
    assert_eq!(
        error.text(),
        "this session has as many subscriptions as it may have"
    );
}
