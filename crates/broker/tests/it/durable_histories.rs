//! Histories of topics, across the end of a server: in order, or by a crash.

use std::{sync::Arc, time::Instant};

use gumboot_broker::{Config, Destination, HistoryPolicy, Level, RestoreError, Server, StartError};
use gumboot_testkit::{Over, StompFrame, StompPeer};
use tokio::runtime::Builder;

use crate::{
    played_store::PlayedStore,
    support::{TestServer, config},
};

/// A configuration in which topics have a history of so many messages.
fn histories(store: &PlayedStore, pattern: &str, messages_max: usize) -> Config {
    let mut config = config();
    let policy = HistoryPolicy {
        messages_max,
        ..HistoryPolicy::default()
    };
    let pattern = Destination::parse(pattern).unwrap();
    config.broker.histories = vec![(pattern, Arc::new(policy))];
    config.store = store.share();
    config
}

fn server(store: &PlayedStore) -> TestServer {
    TestServer::with(histories(store, "/topic/h.*", 3))
}

fn stop(mut server: TestServer) {
    let since = Instant::now();
    server.stop();
    server.returned_after(since);
}

fn client(server: &TestServer) -> StompPeer {
    server.client(Over::Tcp, "1.2")
}

fn send(server: &TestServer, topic: &str, headers: &str, body: &str) {
    let mut client = client(server);
    client.send(format!(
        "SEND\ndestination:{topic}\n{headers}receipt:s\n\n{body}\0"
    ));
    let receipt = client.expect("RECEIPT");
    assert_eq!(receipt.header("receipt-level"), Some("synced"));
}

/// The place of a message, or of a subscription.
fn place(frame: &StompFrame) -> (u64, String) {
    let header = |name| frame.header(name).unwrap().to_owned();
    (header("offset").parse().unwrap(), header("epoch"))
}

/// Subscribes behind a place; gives the RECEIPT.
fn resume(client: &mut StompPeer, topic: &str, (offset, epoch): &(u64, String)) -> StompFrame {
    client.send(format!(
        "SUBSCRIBE\nid:{topic}\ndestination:{topic}\nfrom-offset:{offset}\nfrom-epoch:{epoch}\n\
         receipt:r\n\n\0"
    ));
    client.expect("RECEIPT")
}

#[track_caller]
fn expect_recovered(server: &TestServer, topic: &str, from: &(u64, String), bodies: &[&str]) {
    let mut client = client(server);
    let receipt = resume(&mut client, topic, from);
    assert_eq!(receipt.header("recovered"), Some("true"), "{from:?}");
    for body in bodies {
        client.expect_message(body);
    }
}

#[track_caller]
fn expect_missed(server: &TestServer, topic: &str, from: &(u64, String)) {
    let receipt = resume(&mut client(server), topic, from);
    assert_eq!(receipt.header("recovered"), Some("false"), "{from:?}");
}

/// The place of a subscription that begins now.
fn now(server: &TestServer, topic: &str) -> (u64, String) {
    let mut client = client(server);
    client.send(format!(
        "SUBSCRIBE\nid:1\ndestination:{topic}\nreceipt:r\n\n\0"
    ));
    place(&client.expect("RECEIPT"))
}

/// Subscribes to what is sent from now on.
fn listen(client: &mut StompPeer) {
    client.send("SUBSCRIBE\nid:1\ndestination:/topic/h.a\nreceipt:r\n\n\0");
    client.expect("RECEIPT");
}

#[test]
fn after_an_end_in_order_all_goes_on() {
    let store = PlayedStore::new(Level::Synced);
    let first = server(&store);
    let start = now(&first, "/topic/h.a");
    assert_eq!(start.0, 0);
    // One that is not to be kept elsewhere is kept here.
    send(&first, "/topic/h.a", "", "1");
    send(&first, "/topic/h.a", "persistent:false\n", "2");
    send(&first, "/topic/h.b", "", "other");
    let quiet = now(&first, "/topic/h.quiet");
    let end = now(&first, "/topic/h.a");
    stop(first);
    let second = server(&store);
    expect_recovered(&second, "/topic/h.a", &start, &["1", "2"]);
    expect_recovered(&second, "/topic/h.a", &(1, end.1.clone()), &["2"]);
    send(&second, "/topic/h.a", "", "3");
    send(&second, "/topic/h.quiet", "", "4");
    expect_recovered(&second, "/topic/h.a", &end, &["3"]);
    expect_recovered(&second, "/topic/h.quiet", &quiet, &["4"]);
    assert_eq!(now(&second, "/topic/h.a").0, 3);
    // The window of three has moved past it.
    send(&second, "/topic/h.a", "", "5");
    expect_missed(&second, "/topic/h.a", &start);
    stop(second);
    let third = server(&store);
    expect_missed(&third, "/topic/h.a", &start);
    expect_recovered(&third, "/topic/h.a", &(1, end.1), &["2", "3", "5"]);
    let elsewhere = (1, "00000000000000aa".to_owned());
    expect_missed(&third, "/topic/h.a", &elsewhere);
}

#[test]
fn after_a_crash_offsets_leap() {
    let store = PlayedStore::new(Level::Synced);
    let first = server(&store);
    let quiet = now(&first, "/topic/h.quiet");
    for body in ["1", "2"] {
        send(&first, "/topic/h.a", "", body);
    }
    let mut live = client(&first);
    listen(&mut live);
    let (_, epoch) = now(&first, "/topic/h.a");
    // A live subscriber gets what the store never has.
    store.close();
    let mut sender = client(&first);
    sender.send("SEND\ndestination:/topic/h.a\nreceipt:s\n\nlost\0");
    let lost = place(&live.expect_message("lost"));
    store.expect_waiting();
    let store = store.after_crash();
    let second = server(&store);
    expect_missed(&second, "/topic/h.a", &lost);
    expect_missed(&second, "/topic/h.quiet", &quiet);
    expect_recovered(&second, "/topic/h.a", &(1, epoch.clone()), &["2"]);
    send(&second, "/topic/h.a", "", "3");
    expect_recovered(&second, "/topic/h.a", &(2, epoch.clone()), &["3"]);
    expect_missed(&second, "/topic/h.a", &lost);
    assert!(now(&second, "/topic/h.a").0 > 1 << 20);
    // An end in order, after the leap.
    let before = now(&second, "/topic/h.a");
    stop(second);
    let third = server(&store);
    expect_recovered(&third, "/topic/h.a", &before, &[]);
    expect_missed(&third, "/topic/h.a", &lost);
}

#[test]
fn offsets_that_were_never_stored_are_not_given_again() {
    let mut store = PlayedStore::new(Level::Synced);
    let mut seen = Vec::new();
    for round in 0..4 {
        let server = server(&store);
        for (at, message) in seen.iter().zip(0..) {
            expect_missed(&server, "/topic/h.a", at);
            assert!(message < round);
        }
        let mut live = client(&server);
        listen(&mut live);
        // Nothing of this start reaches the store but what it wrote when it began.
        store.close();
        let mut sender = client(&server);
        sender.send("SEND\ndestination:/topic/h.a\nreceipt:s\n\nlost\0");
        let at = place(&live.expect_message("lost"));
        assert!(!seen.contains(&at), "{at:?} comes again");
        seen.push(at);
        store.expect_waiting();
        store = store.after_crash();
    }
}

#[test]
fn the_store_has_what_the_windows_have() {
    let store = PlayedStore::new(Level::Synced);
    let first = server(&store);
    let mut reader = first.open(Over::Tcp);
    reader.connect("accept-version:1.2\nhost:h\nclient-id:r\n");
    reader
        .send("SUBSCRIBE\nid:d\ndestination:/topic/h.a\nack:client\ndurable:true\nreceipt:s\n\n\0");
    reader.expect("RECEIPT");
    let long = "x".repeat(1_000);
    send(&first, "/topic/h.a", "", &long);
    // The queue and the history have it, and its octets are there once.
    assert_eq!(store.records("shared"), 1);
    assert_eq!((store.records("queue-"), store.records("history-")), (1, 1));
    reader.expect_message(&long);
    reader.send("ACK\nid:0-1\nreceipt:k\n\n\0");
    reader.expect_receipt("k");
    assert_eq!((store.records("shared"), store.records("queue-")), (1, 0));
    stop(first);
    let second = server(&store);
    let (_, epoch) = now(&second, "/topic/h.a");
    expect_recovered(&second, "/topic/h.a", &(0, epoch.clone()), &[&long]);
    for body in ["1", "2", "3", "4"] {
        send(&second, "/topic/h.a", "persistent:false\n", body);
    }
    assert_eq!((store.records("shared"), store.records("history-")), (0, 3));
    stop(second);
    // Bounds that are tighter hold at once.
    let third = TestServer::with(histories(&store, "/topic/h.*", 2));
    let without_end = store.records("history-");
    assert_eq!(without_end, 2);
    expect_missed(&third, "/topic/h.a", &(2, epoch.clone()));
    expect_recovered(&third, "/topic/h.a", &(3, epoch), &["3", "4"]);
}

#[test]
fn a_topic_without_a_history_any_more_is_dropped() {
    let store = PlayedStore::new(Level::Synced);
    let first = server(&store);
    send(&first, "/topic/h.a", "", "1");
    let at = now(&first, "/topic/h.a");
    stop(first);
    let careful = Config {
        drops_histories: false,
        ..histories(&store, "/topic/other", 3)
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(Server::bind(careful)) {
        Err(StartError::Restore(RestoreError::History { topic })) => {
            assert_eq!(topic, "/topic/h.a");
        }
        other => panic!("{other:?}"),
    }
    let second = TestServer::with(histories(&store, "/topic/other", 3));
    assert_eq!(store.records("history-"), 0);
    expect_missed(&second, "/topic/h.a", &at);
    // Nobody knows what was sent meanwhile.
    send_unkept(&second, "/topic/h.a");
    stop(second);
    let third = server(&store);
    expect_missed(&third, "/topic/h.a", &at);
}

fn send_unkept(server: &TestServer, topic: &str) {
    let mut client = client(server);
    client.send(format!("SEND\ndestination:{topic}\nreceipt:s\n\nx\0"));
    let receipt = client.expect("RECEIPT");
    assert_eq!(receipt.header("receipt-level"), Some("received"));
}

#[test]
fn what_a_failed_store_cannot_keep_is_refused() {
    let store = PlayedStore::new(Level::Synced);
    let server = server(&store);
    store.close();
    let mut waiting = client(&server);
    waiting.send("SEND\ndestination:/topic/h.a\nreceipt:1\n\nx\0");
    store.expect_waiting();
    store.break_down();
    let (error, _) = waiting.expect_error("Not stored");
    assert_eq!(error.header("receipt-id"), Some("1"));
    for headers in ["", "persistent:false\n"] {
        let mut client = client(&server);
        client.send(format!(
            "SEND\ndestination:/topic/h.a\n{headers}receipt:2\n\nx\0"
        ));
        let (error, _) = client.expect_error("Message refused");
        assert_eq!(error.header("receipt-id"), Some("2"));
    }
    send_unkept(&server, "/topic/a");
}
