//! What a RECEIPT waits for where there is a store, and what it says.

use gumboot_broker::{Config, Destination, Durability, Level};
use gumboot_testkit::{Over, StompFrame, StompPeer};

use crate::{
    played_store::PlayedStore,
    support::{TestServer, config, over_each},
};

pub(crate) fn server_on(store: &PlayedStore) -> TestServer {
    TestServer::with(Config {
        store: store.share(),
        ..config()
    })
}

fn played() -> (PlayedStore, TestServer) {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    store.take_batches();
    (store, server)
}

/// The next RECEIPT is for this one and names this level.
#[track_caller]
fn expect_receipt(client: &mut StompPeer, id: &str, level: Option<&str>) {
    let receipt = client.expect("RECEIPT");
    assert_eq!(receipt.header("receipt-id"), Some(id), "{receipt:?}");
    assert_eq!(receipt.header("receipt-level"), level, "{receipt:?}");
}

/// All that the client had sent before is done, and this is the next that it gets.
#[track_caller]
fn expect_next(client: &mut StompPeer, marker: &str) {
    client.send(format!(
        "BEGIN\ntransaction:{marker}\nreceipt:{marker}\n\n\0"
    ));
    expect_receipt(client, marker, Some("received"));
}

#[test]
fn none_before_the_store_has_it() {
    over_each(|over| {
        let (store, server) = played();
        let mut client = server.client(over, "1.2");
        store.close();
        client.send("SEND\ndestination:/queue/a\nreceipt:1\n\none\0");
        store.expect_waiting();
        client.send("SEND\ndestination:/queue/a\nreceipt:2\n\ntwo\0");
        expect_next(&mut client, "m");
        store.open();
        expect_receipt(&mut client, "1", Some("synced"));
        expect_receipt(&mut client, "2", Some("synced"));
    });
}

fn transaction(sends: usize, destination: &str) -> String {
    let mut frames = String::from("BEGIN\ntransaction:t\n\n\0");
    for _ in 0..sends {
        frames += &format!("SEND\ndestination:{destination}\ntransaction:t\n\nx\0");
    }
    frames + "COMMIT\ntransaction:t\nreceipt:c\n\n\0"
}

#[test]
fn a_transaction_is_kept_at_once() {
    let (store, server) = played();
    let mut client = server.client(Over::Tcp, "1.2");
    client.send(transaction(10_000, "/queue/a"));
    expect_receipt(&mut client, "c", Some("synced"));
    assert_eq!(store.take_batches(), [(10_001, Level::Synced)]);
}

#[test]
fn a_transaction_that_cannot_be_kept_at_once_is_refused() {
    let (store, server) = played();
    for id in 0..4 {
        let mut client = server.open(Over::Tcp);
        client.connect(&format!("accept-version:1.2\nhost:h\nclient-id:{id}\n"));
        client.send("SUBSCRIBE\nid:1\ndestination:/topic/a\ndurable:true\nreceipt:s\n\n\0");
        expect_receipt(&mut client, "s", Some("synced"));
    }
    let mut client = server.client(Over::Tcp, "1.2");
    client.send(transaction(10_000, "/topic/a"));
    let (error, _) = client.expect_error("Transaction refused");
    assert_eq!(error.header("receipt-id"), Some("c"));
    assert_eq!(store.records("queue-"), 0);
    let mut client = server.client(Over::Tcp, "1.2");
    client.send(transaction(1_000, "/topic/a"));
    expect_receipt(&mut client, "c", Some("synced"));
    assert_eq!(store.records("queue-"), 4_000);
}

#[test]
fn a_durable_subscription_goes_in_one_step() {
    let (store, server) = played();
    let mut client = server.open(Over::Tcp);
    client.connect("accept-version:1.2\nhost:h\nclient-id:c\n");
    client.send("SUBSCRIBE\nid:1\ndestination:/topic/a\nack:client\ndurable:true\nreceipt:s\n\n\0");
    expect_receipt(&mut client, "s", Some("synced"));
    client.send("DISCONNECT\nreceipt:d\n\n\0");
    expect_receipt(&mut client, "d", Some("synced"));
    let mut sender = server.client(Over::Tcp, "1.2");
    sender.send(transaction(100, "/topic/a"));
    expect_receipt(&mut sender, "c", Some("synced"));
    store.take_batches();
    let mut client = server.open(Over::Tcp);
    client.connect("accept-version:1.2\nhost:h\nclient-id:c\n");
    client.send("UNSUBSCRIBE\nid:1\ndurable:true\nreceipt:u\n\n\0");
    expect_receipt(&mut client, "u", Some("synced"));
    // Its record, and the stream.
    assert_eq!(store.take_batches(), [(2, Level::Synced)]);
    assert_eq!(store.records("queue-"), 0);
}

#[test]
fn what_nobody_asked_for_is_not_synced() {
    let (store, server) = played();
    let mut client = server.client(Over::Tcp, "1.2");
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nreceipt:s\n\n\0");
    expect_receipt(&mut client, "s", Some("synced"));
    store.take_batches();
    let mut sender = server.client(Over::Tcp, "1.2");
    store.close();
    sender.send("SEND\ndestination:/queue/b\n\nx\0");
    store.expect_waiting();
    // Stored, and settled when it is sent.
    sender.send("SEND\ndestination:/queue/a\nreceipt-level:stored\nreceipt:1\n\nx\0");
    client.expect_message("x");
    expect_next(&mut client, "m");
    store.open();
    expect_receipt(&mut sender, "1", Some("stored"));
    let levels = store.take_batches();
    assert!(
        levels.iter().all(|batch| batch.1 == Level::Stored),
        "{levels:?}"
    );
}

#[test]
fn it_names_the_level_that_is_reached() {
    for (level_max, expected) in [
        (Level::Synced, ["received", "stored", "synced", "synced"]),
        (Level::Stored, ["received", "stored", "stored", "stored"]),
        (Level::Received, ["received"; 4]),
    ] {
        let store = PlayedStore::new(level_max);
        let server = server_on(&store);
        let mut client = server.client(Over::Tcp, "1.1");
        let asked = [
            "receipt-level:received\n",
            "receipt-level:stored\n",
            "receipt-level:synced\n",
            "",
        ];
        for (asked, expected) in asked.into_iter().zip(expected) {
            client.send(format!(
                "SEND\ndestination:/queue/a\nreceipt:r\n{asked}\nx\0"
            ));
            expect_receipt(&mut client, "r", Some(expected));
        }
    }
}

#[test]
fn without_a_store_it_names_one_only_if_it_was_asked_to() {
    let server = TestServer::start();
    let mut client = server.client(Over::Tcp, "1.2");
    client.send("SEND\ndestination:/queue/a\nreceipt:1\n\nx\0");
    expect_receipt(&mut client, "1", None);
    client.send("SEND\ndestination:/queue/a\nreceipt:2\nreceipt-level:synced\n\nx\0");
    expect_receipt(&mut client, "2", Some("received"));
    client.send("DISCONNECT\nreceipt:3\nreceipt-level:synced\n\n\0");
    expect_receipt(&mut client, "3", Some("received"));
}

#[test]
fn another_level_is_refused() {
    for server in [TestServer::start(), played().1] {
        for level in ["", "Synced", "replicated", "1"] {
            let mut client = server.client(Over::Tcp, "1.2");
            client.send(format!(
                "SEND\ndestination:/queue/a\nreceipt:7\nreceipt-level:{level}\n\nx\0"
            ));
            let (error, _) = client.expect_error("Invalid header");
            assert_eq!(error.header("receipt-id"), Some("7"));
            assert_eq!(
                error.text(),
                "the header receipt-level is received, stored or synced"
            );
        }
    }
}

#[test]
fn the_header_is_not_passed_on() {
    let (_store, server) = played();
    let mut client = server.client(Over::Tcp, "1.2");
    client.subscribe("1", "/queue/a");
    client.send("SEND\ndestination:/queue/a\nreceipt-level:stored\n\nx\0");
    assert_eq!(client.expect_message("x").header("receipt-level"), None);
}

#[test]
fn what_nobody_waits_for_is_stored_without_a_sync() {
    let (store, server) = played();
    let mut client = server.client(Over::Tcp, "1.2");
    store.close();
    client.send("SEND\ndestination:/queue/a\n\none\0");
    store.expect_waiting();
    // These come together, and the strongest counts.
    client.send(
        "SEND\ndestination:/queue/a\n\ntwo\0SEND\ndestination:/queue/a\nreceipt:r\n\nthree\0",
    );
    expect_next(&mut client, "m");
    store.open();
    expect_receipt(&mut client, "r", Some("synced"));
    assert_eq!(
        store.take_batches(),
        [(2, Level::Stored), (2, Level::Synced)]
    );
}

#[test]
fn what_is_not_kept_waits_for_nothing() {
    let (store, server) = played();
    let mut client = server.client(Over::Tcp, "1.2");
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\nreceipt:s\n\n\0");
    expect_receipt(&mut client, "s", Some("synced"));
    store.close();
    client.send("SEND\ndestination:/queue/a\nreceipt:1\npersistent:false\n\nx\0");
    expect_receipt(&mut client, "1", Some("received"));
    client.expect_message("x");
    client.send("ACK\nid:0-1\nreceipt:2\n\n\0");
    expect_receipt(&mut client, "2", Some("received"));
    client.send("SEND\ndestination:/topic/t\nreceipt:3\n\nx\0");
    expect_receipt(&mut client, "3", Some("received"));
    client.send("SEND\ndestination:/temp-queue/t\nreceipt:4\n\nx\0");
    expect_receipt(&mut client, "4", Some("received"));
    assert_eq!(store.records("queue-"), 0);
}

#[test]
fn that_of_an_ack_waits_too() {
    let (store, server) = played();
    let mut client = server.client(Over::Tcp, "1.2");
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client-individual\nreceipt:s\n\n\0");
    expect_receipt(&mut client, "s", Some("synced"));
    let mut sender = server.client(Over::Tcp, "1.2");
    for id in ["1", "2"] {
        sender.send(format!("SEND\ndestination:/queue/a\nreceipt:{id}\n\nx\0"));
        expect_receipt(&mut sender, id, Some("synced"));
        client.expect_message("x");
    }
    assert_eq!(store.records("queue-"), 2);
    store.close();
    client.send("ACK\nid:0-1\nreceipt:a\n\n\0NACK\nid:0-2\nreceipt:n\nrequeue:false\nreceipt-level:stored\n\n\0");
    store.expect_waiting();
    expect_next(&mut client, "m");
    store.open();
    expect_receipt(&mut client, "a", Some("synced"));
    let nacked = client.expect("RECEIPT");
    assert_eq!(nacked.header("receipt-id"), Some("n"));
    // Its letter is there in its place.
    assert_eq!(store.records("queue-"), 1);
}

#[test]
fn a_transaction_is_one_batch_and_its_receipts_come_together() {
    let (store, server) = played();
    let mut client = server.client(Over::WebSocket, "1.2");
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\nreceipt:s\n\n\0");
    expect_receipt(&mut client, "s", Some("synced"));
    let mut sender = server.client(Over::Tcp, "1.2");
    sender.send("SEND\ndestination:/queue/a\nreceipt:x\n\nx\0");
    expect_receipt(&mut sender, "x", Some("synced"));
    client.expect_message("x");
    client.send("BEGIN\ntransaction:t\nreceipt:b\n\n\0");
    expect_receipt(&mut client, "b", Some("received"));
    store.take_batches();
    for receipt in ["1", "2"] {
        let queue = format!("/queue/{receipt}");
        client.send(format!(
            "SEND\ndestination:{queue}\ntransaction:t\nreceipt:{receipt}\n\ny\0"
        ));
    }
    client.send("ACK\nid:0-1\ntransaction:t\nreceipt:a\n\n\0");
    expect_receipt(&mut client, "a", Some("received"));
    assert_eq!(store.take_batches(), []);
    store.close();
    client.send("COMMIT\ntransaction:t\n\n\0");
    store.expect_waiting();
    expect_next(&mut client, "m");
    store.open();
    expect_receipt(&mut client, "1", Some("synced"));
    expect_receipt(&mut client, "2", Some("synced"));
    // Two queues, a message in each, and the ACK; at the level that the SENDs wait for.
    assert_eq!(store.take_batches(), [(5, Level::Synced)]);
}

#[test]
fn that_of_disconnect_is_the_last_and_waits_for_all() {
    over_each(|over| {
        let (store, server) = played();
        let mut client = server.client(over, "1.2");
        store.close();
        client.send("SEND\ndestination:/queue/a\nreceipt:1\n\nx\0SEND\ndestination:/queue/a\n\ny\0DISCONNECT\nreceipt:2\n\n\0");
        store.expect_waiting();
        store.open();
        expect_receipt(&mut client, "1", Some("synced"));
        expect_receipt(&mut client, "2", Some("synced"));
        client.expect_end();
        assert_eq!(store.records("queue-"), 2);
    });
}

#[test]
fn those_that_wait_come_before_the_end_of_the_server() {
    over_each(|over| {
        let (store, mut server) = played();
        let mut client = server.client(over, "1.2");
        let mut other = server.client(over, "1.2");
        store.close();
        client.send("SEND\ndestination:/queue/a\nreceipt:1\n\nx\0");
        store.expect_waiting();
        server.stop();
        // By now everyone has been told.
        other.expect_end();
        store.open();
        expect_receipt(&mut client, "1", Some("synced"));
        client.expect_end();
    });
}

#[test]
fn that_of_disconnect_syncs_what_was_only_stored() {
    let (store, server) = played();
    let mut client = server.client(Over::Tcp, "1.2");
    client.send("SEND\ndestination:/queue/a\nreceipt:1\nreceipt-level:stored\n\nx\0");
    expect_receipt(&mut client, "1", Some("stored"));
    client.send("DISCONNECT\nreceipt:2\n\n\0");
    expect_receipt(&mut client, "2", Some("synced"));
    assert_eq!(
        store.take_batches(),
        [(2, Level::Stored), (0, Level::Synced)]
    );
}

#[test]
fn messages_come_behind_the_receipt_of_their_subscribe() {
    let (store, server) = played();
    let mut sender = server.client(Over::Tcp, "1.2");
    let mut client = server.client(Over::Tcp, "1.2");
    store.close();
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/new\nreceipt:s\n\n\0");
    store.expect_waiting();
    sender.send("SEND\ndestination:/queue/new\npersistent:false\nreceipt:1\n\nx\0");
    expect_receipt(&mut sender, "1", Some("received"));
    store.open();
    expect_receipt(&mut client, "s", Some("synced"));
    client.expect_message("x");
}

#[test]
fn the_configuration_sets_the_levels() {
    let store = PlayedStore::new(Level::Synced);
    let mut config = config();
    config.store = store.share();
    let durability = |receipt_level, persistent| Durability {
        receipt_level,
        persistent,
    };
    let pattern = |name| Destination::parse(name).unwrap();
    config.durability.patterns = vec![
        (pattern("/topic/fast.**"), durability(Level::Stored, true)),
        (pattern("/queue/fast.**"), durability(Level::Stored, true)),
        (pattern("/queue/loose.**"), durability(Level::Synced, false)),
    ];
    let server = TestServer::with(config);
    let mut client = server.client(Over::Tcp, "1.2");
    for (name, headers, expected) in [
        ("fast.a", "", "stored"),
        ("fast.a", "receipt-level:synced\n", "synced"),
        ("loose.a", "", "synced"),
        ("loose.a", "", "received"),
        ("loose.a", "persistent:true\n", "synced"),
        ("other", "", "synced"),
    ] {
        client.send(format!(
            "SEND\ndestination:/queue/{name}\nreceipt:r\n{headers}\nx\0"
        ));
        // The first of `loose.a` makes the queue, which is kept.
        expect_receipt(&mut client, "r", Some(expected));
    }
    assert_eq!(store.records("queue-"), 4);
    for (topic, expected) in [("fast.a", "stored"), ("slow.a", "synced")] {
        client.send(format!(
            "SEND\ndestination:/topic/{topic}\nretain:true\nreceipt:r\n\nx\0"
        ));
        expect_receipt(&mut client, "r", Some(expected));
    }
}

#[test]
fn past_the_bound_nothing_is_read() {
    let (store, server) = played();
    let mut client = server.client(Over::Tcp, "1.2");
    store.close();
    let many = 2_000;
    let mut sent = String::new();
    for number in 0..many {
        sent += &format!(
            "SEND\ndestination:/queue/a\nreceipt:{number}\n\n{}\0",
            "x".repeat(200)
        );
    }
    client.send(&sent);
    store.expect_waiting();
    let mut other = server.client(Over::Tcp, "1.2");
    other.subscribe("1", "/topic/after");
    client.send("SEND\ndestination:/topic/after\n\nread\0");
    other.publish("/topic/after", "first");
    // What is behind so many receipts is not looked at, though the server does all else.
    other.expect_message("first");
    store.open();
    for number in 0..many {
        let receipt: StompFrame = client.expect("RECEIPT");
        assert_eq!(receipt.header("receipt-id"), Some(&*number.to_string()));
    }
    other.expect_message("read");
}
