//! What a server has of the one before it on the same store.

use std::time::{Duration, Instant};

use gumboot_broker::{Config, Level, RestoreError, Server, StartError};
use gumboot_store::{Append, Batch, Operation, StreamName};
use gumboot_testkit::{Over, StompFrame, StompPeer};
use tokio::runtime::Builder;

use crate::{
    durable_receipts::server_on,
    played_store::PlayedStore,
    support::{TestServer, config},
};

/// The next server, after this one has ended in order.
fn next(store: &PlayedStore, mut server: TestServer) -> TestServer {
    let since = Instant::now();
    server.stop();
    server.returned_after(since);
    server_on(store)
}

fn client(server: &TestServer, id: &str) -> StompPeer {
    let mut client = server.open(Over::Tcp);
    client.connect(&format!("accept-version:1.2\nhost:h\nclient-id:{id}\n"));
    client
}

fn send(client: &mut StompPeer, headers: &str, body: &str) {
    client.send(format!("SEND\n{headers}\nreceipt:s\n\n{body}\0"));
    client.expect_receipt("s");
}

fn subscribe(client: &mut StompPeer, headers: &str) {
    client.send(format!("SUBSCRIBE\n{headers}\nreceipt:s\n\n\0"));
    client.expect_receipt("s");
}

fn disconnect(mut client: StompPeer) {
    client.send("DISCONNECT\nreceipt:d\n\n\0");
    client.expect_receipt("d");
}

fn count(message: &StompFrame) -> (Option<&str>, Option<&str>) {
    (
        message.header("redelivered"),
        message.header("delivery-count"),
    )
}

#[test]
fn queues_in_their_order() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    let mut sender = client(&server, "s");
    let long = "x".repeat(5_000);
    for (headers, body) in [
        ("destination:/queue/a\nk:v:\\n", "1"),
        ("destination:/queue/a\npriority:9", "2"),
        ("destination:/queue/a\npersistent:false", "lost"),
        ("destination:/queue/a", &long),
        ("destination:/queue/b", "other"),
    ] {
        send(&mut sender, headers, body);
    }
    let server = next(&store, server);
    let mut client = client(&server, "c");
    subscribe(&mut client, "id:1\ndestination:/queue/a\nack:client");
    client.expect_message("2");
    let first = client.expect_message("1");
    assert_eq!(
        (count(&first), first.header("k")),
        ((None, None), Some("v\\c\\n"))
    );
    client.expect_message(&long);
    send(
        &mut self::client(&server, "s"),
        "destination:/queue/a",
        "new",
    );
    client.expect_message("new");
    client.send("ACK\nid:0-4\nreceipt:k\n\n\0");
    client.expect_receipt("k");
    let server = next(&store, server);
    assert_eq!(store.records("queue-"), 1);
    let mut client = self::client(&server, "c");
    subscribe(&mut client, "id:1\ndestination:/queue/a");
    subscribe(&mut client, "id:2\ndestination:/queue/b");
    client.expect_message("other");
}

#[test]
fn deliveries_are_counted_on() {
    let store = PlayedStore::new(Level::Synced);
    let mut server = server_on(&store);
    send(&mut client(&server, "s"), "destination:/queue/a", "x");
    for round in 1..=9 {
        let mut client = client(&server, "c");
        subscribe(&mut client, "id:1\ndestination:/queue/a\nack:client");
        let message = client.expect_message("x");
        if round > 1 {
            let expected = round.to_string();
            assert_eq!(count(&message), (Some("true"), Some(&*expected)));
        }
        client.send("NACK\nid:0-1\nreceipt:n\ndelay:200\n\n\0");
        client.expect_receipt("n");
        disconnect(client);
        server = next(&store, server);
    }
    // The tenth time it is dead.
    let mut client = client(&server, "c");
    subscribe(&mut client, "id:1\ndestination:/queue/a\nack:client");
    client.expect_message("x");
    client.send("NACK\nid:0-1\nreceipt:n\n\n\0");
    client.expect_receipt("n");
    let server = next(&store, server);
    let mut client = self::client(&server, "c");
    subscribe(&mut client, "id:1\ndestination:/queue/dead-letters");
    let letter = client.expect_message("x");
    assert_eq!(letter.header("dead-letter-origin"), Some("/queue/a"));
    assert_eq!(letter.header("dead-letter-deliveries"), Some("10"));
}

#[test]
fn durable_subscriptions_with_their_selectors() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    let names = ["one", "two", "three"];
    let durable = |name: &str| {
        format!(
            "id:{name}\ndestination:/topic/a\nack:client\ndurable:true\nselector:k = '{name}' OR k = 'all'"
        )
    };
    for name in names {
        let mut client = client(&server, name);
        subscribe(&mut client, &durable(name));
        disconnect(client);
    }
    let mut sender = client(&server, "s");
    let long = "y".repeat(1_000);
    send(&mut sender, "destination:/topic/a\nk:all", &long);
    send(&mut sender, "destination:/topic/a\nk:two", "2");
    send(&mut sender, "destination:/topic/a\nk:none", "0");
    // What all of them wait for is there once.
    assert_eq!((store.records("queue-"), store.records("shared")), (4, 1));
    let server = next(&store, server);
    for (place, name) in names.into_iter().enumerate() {
        let mut client = client(&server, name);
        subscribe(&mut client, &durable(name));
        client.expect_message(&long);
        if name == "two" {
            client.expect_message("2");
        }
        client.send("ACK\nid:0-1\nreceipt:k\n\n\0");
        client.expect_receipt("k");
        let left = usize::from(place < 2);
        assert_eq!(store.records("shared"), left);
        client.send(format!(
            "UNSUBSCRIBE\nid:{name}\ndurable:true\nreceipt:u\n\n\0"
        ));
        client.expect_receipt("u");
    }
    assert_eq!((store.records("queue-"), store.records("meta")), (0, 0));
    let server = next(&store, server);
    let mut sender = client(&server, "s");
    send(&mut sender, "destination:/topic/a\nk:all", "nobody");
    assert_eq!(store.records("queue-"), 0);
}

#[test]
fn a_user_has_a_durable_subscription() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    let open = |server: &TestServer| {
        let mut client = server.open(Over::Tcp);
        client.connect("accept-version:1.2\nhost:h\nlogin:ann\npasscode:p\nclient-id:c\n");
        subscribe(
            &mut client,
            "id:d\ndestination:/user/notes\nack:client\ndurable-subscription-name:d",
        );
        client
    };
    disconnect(open(&server));
    send(
        &mut client(&server, "s"),
        "destination:/user/ann/notes",
        "1",
    );
    let server = next(&store, server);
    send(
        &mut client(&server, "s"),
        "destination:/user/ann/notes",
        "2",
    );
    let mut ann = open(&server);
    ann.expect_message("1");
    ann.expect_message("2");
}

#[test]
fn retained_and_delayed_messages() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    let mut sender = client(&server, "s");
    for (headers, body) in [
        ("destination:/topic/a\nretain:true", "old"),
        ("destination:/topic/a\nretain:true", "kept"),
        ("destination:/topic/b\nretain:true", "gone"),
        ("destination:/topic/b\nretain:remove", ""),
        ("destination:/topic/c\nretain:true", "replaced"),
        (
            "destination:/topic/c\nretain:true\npersistent:false",
            "lost",
        ),
        ("destination:/topic/later\ndelay:3600000", "much later"),
        ("destination:/queue/later\ndelay:3600000", "much later"),
    ] {
        send(&mut sender, headers, body);
    }
    let server = next(&store, server);
    assert_eq!(store.records("retained"), 1);
    assert_eq!(store.records("scheduled"), 1);
    let mut client = client(&server, "c");
    for topic in ["b", "c", "later", "a"] {
        subscribe(
            &mut client,
            &format!("id:{topic}\ndestination:/topic/{topic}"),
        );
    }
    let kept = client.expect_message("kept");
    assert_eq!(kept.header("retained"), Some("true"));
    // A delay that has not passed holds still.
    subscribe(&mut client, "id:q\ndestination:/queue/later\nack:client");
    send(
        &mut self::client(&server, "s"),
        "destination:/queue/later",
        "now",
    );
    client.expect_message("now");
}

#[test]
fn delays_that_have_passed_meanwhile() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    let mut sender = client(&server, "s");
    send(&mut sender, "destination:/queue/a\ndelay:300", "second");
    send(&mut sender, "destination:/queue/a", "first");
    let server = next(&store, server);
    let mut client = client(&server, "c");
    subscribe(&mut client, "id:1\ndestination:/queue/a");
    client.expect_message("first");
    client.expect_message("second");
}

#[test]
fn a_delay_that_was_over_before_it_was_stored_is_behind_what_was_sent_before() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    let mut sender = client(&server, "s");
    store.close();
    sender.send("SEND\ndestination:/queue/other\n\nx\0");
    store.expect_waiting();
    sender.send(
        "SEND\ndestination:/queue/a\nreceipt:1\n\nfirst\0\
         SEND\ndestination:/queue/a\ndelay:1\nreceipt:2\n\nsecond\0",
    );
    // What is stored together counts as of one moment, here one after the delay.
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(20) {
        sender.send("BEGIN\ntransaction:t\n\n\0ABORT\ntransaction:t\nreceipt:m\n\n\0");
        sender.expect_receipt("m");
    }
    store.open();
    sender.expect_receipt("1");
    sender.expect_receipt("2");
    let server = next(&store, server);
    let mut client = client(&server, "c");
    subscribe(&mut client, "id:1\ndestination:/queue/a");
    client.expect_message("first");
    client.expect_message("second");
}

#[test]
fn after_a_crash_all_may_have_been_delivered() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    let mut sender = client(&server, "s");
    send(&mut sender, "destination:/queue/a", "1");
    send(&mut sender, "destination:/queue/a", "2");
    let mut taker = client(&server, "c");
    subscribe(&mut taker, "id:1\ndestination:/queue/a\nack:client");
    taker.expect_message("1");
    let store = store.after_crash();
    let server = server_on(&store);
    let mut taker = client(&server, "c");
    subscribe(&mut taker, "id:1\ndestination:/queue/a\nack:client");
    for body in ["1", "2"] {
        let message = taker.expect_message(body);
        assert_eq!(message.header("redelivered"), Some("true"));
    }
    disconnect(taker);
    // One that has ended in order knows who got what.
    let server = next(&store, server);
    let mut taker = client(&server, "c");
    subscribe(&mut taker, "id:1\ndestination:/queue/a\nack:client");
    let message = taker.expect_message("1");
    assert_eq!(count(&message), (Some("true"), Some("2")));
}

#[test]
fn doubts_outlive_an_end_in_order() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    send(&mut client(&server, "s"), "destination:/queue/a", "old");
    let store = store.after_crash();
    let server = server_on(&store);
    send(&mut client(&server, "s"), "destination:/queue/a", "new");
    let server = next(&store, next(&store, server));
    let mut taker = client(&server, "c");
    subscribe(&mut taker, "id:1\ndestination:/queue/a");
    let old = taker.expect_message("old");
    assert_eq!(count(&old), (Some("true"), Some("1")));
    let new = taker.expect_message("new");
    assert_eq!(count(&new), (None, None));
    disconnect(taker);
    // When none is left, nor is the mark: the queue is forgotten, and there is no mark but that of the end.
    let mut server = next(&store, next(&store, server));
    let since = Instant::now();
    server.stop();
    server.returned_after(since);
    assert_eq!(store.records("meta"), 1);
}

/// Why a server does not start on what a test has put into a stream.
fn refused(stream: &str, payload: &[u8]) -> RestoreError {
    let store = PlayedStore::new(Level::Synced);
    let mut batch = Batch::new(1);
    batch.push(Operation::Append(Append {
        stream: StreamName::parse(stream).unwrap(),
        payload: payload.to_vec().into(),
        deliveries: 0,
        due_ms: 0,
    }));
    store.change(batch);
    let config = Config {
        store: store.share(),
        ..config()
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(Server::bind(config)) {
        Err(StartError::Restore(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_understood_is_named() {
    for (stream, payload, expected) in [
        (
            "meta",
            &b"\x02"[..],
            "stream meta, record 1: it is written in a way that is not known here, number 2",
        ),
        ("meta", b"", "stream meta, record 1: it is cut off"),
        (
            "meta",
            b"\x01\x07",
            "stream meta, record 1: it is of an unknown kind, 7",
        ),
        (
            "retained",
            b"\x01\0",
            "stream retained, record 1: it is cut off",
        ),
        ("scheduled", b"\x09", "number 9"),
        ("shared", b"\x01", "stream shared, record 1: it is cut off"),
        (
            "queue-7",
            b"\x01",
            "nothing says what the stream queue-7 is",
        ),
        ("other", b"\x01", "nothing says what the stream other is"),
    ] {
        let error = refused(stream, payload).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
