//! What becomes of everything when the store fails, and when the disk is nearly full.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use gumboot_broker::{Config, FreeSpace, Level};
use gumboot_testkit::{HttpResponse, Over, StompPeer, TcpPeer};

use crate::{
    durable_receipts::server_on,
    played_store::PlayedStore,
    support::{TestServer, config, over_each},
};

const FAILED: &str =
    "the store of the server has failed: nothing is kept until the server is started again";

/// A server whose store has failed.
fn broken() -> (PlayedStore, TestServer) {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    // What was there before.
    let mut client = server.client(Over::Tcp, "1.2");
    for body in ["one", "two", "three"] {
        client.send(format!(
            "SEND\ndestination:/queue/old\nreceipt:r\n\n{body}\0"
        ));
        client.expect_receipt("r");
    }
    store.break_down();
    client.send("SEND\ndestination:/queue/old\nreceipt:b\n\nfour\0");
    let (error, _) = client.expect_error("Not stored");
    assert_eq!(error.header("receipt-id"), Some("b"));
    (store, server)
}

/// The status of `/health`, and what it says.
fn health(server: &TestServer) -> (u16, String) {
    let http = server.http();
    let mut peer = TcpPeer::connect(http);
    peer.send(format!("GET /health HTTP/1.1\r\nhost: {http}\r\n\r\n"));
    let response = HttpResponse::read(&mut peer);
    (response.status, response.text().to_owned())
}

#[track_caller]
fn expect_refused(server: &TestServer, title: &str, detail: &str, frames: &str) {
    let mut client = server.client(Over::Tcp, "1.2");
    client.send(frames);
    let (error, _) = client.expect_error(title);
    assert_eq!(error.header("receipt-id"), Some("r"));
    assert_eq!(error.text(), detail);
}

fn expect_receipt(client: &mut StompPeer, frames: &str) {
    client.send(frames);
    client.expect_receipt("r");
}

#[test]
fn each_receipt_that_waits_becomes_an_error() {
    over_each(|over| {
        let store = PlayedStore::new(Level::Synced);
        let server = server_on(&store);
        let mut clients = [server.client(over, "1.2"), server.client(over, "1.2")];
        store.close();
        for client in &mut clients {
            client.send("SEND\ndestination:/queue/a\nreceipt:1\n\nx\0");
            store.expect_waiting();
            client.send(
                "SEND\ndestination:/queue/a\nreceipt:2\n\nx\0BEGIN\ntransaction:t\nreceipt:b\n\n\0",
            );
            client.expect_receipt("b");
        }
        store.break_down();
        for client in &mut clients {
            let error = client.expect("ERROR");
            assert_eq!(error.header("receipt-id"), Some("1"));
            assert_eq!(error.text(), FAILED);
            let (error, _) = client.expect_error("Not stored");
            assert_eq!(error.header("receipt-id"), Some("2"));
        }
        assert_eq!(store.records("queue-"), 0);
    });
}

#[test]
fn an_error_comes_behind_the_receipts_that_wait() {
    over_each(|over| {
        for breaks in [false, true] {
            let store = PlayedStore::new(Level::Synced);
            let server = server_on(&store);
            let mut client = server.client(over, "1.2");
            store.close();
            client.send(
                "SEND\ndestination:/queue/a\nreceipt:1\n\nx\0ABORT\ntransaction:none\nreceipt:2\n\n\0\
                 SEND\ndestination:/queue/a\nreceipt:3\n\nnot done\0",
            );
            store.expect_waiting();
            if breaks {
                store.break_down();
                let error = client.expect("ERROR");
                assert_eq!(error.header("receipt-id"), Some("1"));
            } else {
                store.open();
                client.expect_receipt("1");
            }
            let (error, _) = client.expect_error("Transaction refused");
            assert_eq!(error.header("receipt-id"), Some("2"));
            assert_eq!(store.records("queue-"), usize::from(!breaks));
        }
    });
}

#[test]
fn what_would_be_kept_is_refused_before_it_is_done() {
    let (_store, server) = broken();
    let refused = "Message refused";
    for send in [
        "SEND\ndestination:/queue/new\nreceipt:r\n\nx\0",
        "SEND\ndestination:/topic/a\nretain:true\nreceipt:r\n\nx\0",
        "SEND\ndestination:/topic/a\ndelay:1000\nreceipt:r\n\nx\0",
        "BEGIN\ntransaction:t\n\n\0SEND\ndestination:/queue/new\ntransaction:t\nreceipt:r\n\nx\0",
    ] {
        expect_refused(&server, refused, FAILED, send);
    }
    // Nobody gets any of it.
    let mut client = server.client(Over::Tcp, "1.2");
    client.subscribe("1", "/topic/a");
    client.publish("/topic/a", "live");
    client.expect_message("live");
}

#[test]
fn a_transaction_that_was_begun_before_is_refused_as_a_whole() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    let mut client = server.client(Over::Tcp, "1.2");
    let mut other = server.client(Over::Tcp, "1.2");
    other.subscribe("1", "/topic/a");
    expect_receipt(
        &mut client,
        "BEGIN\ntransaction:t\n\n\0SEND\ndestination:/queue/a\ntransaction:t\n\nx\0\
         SEND\ndestination:/topic/a\ntransaction:t\n\nx\0BEGIN\ntransaction:u\nreceipt:r\n\n\0",
    );
    store.break_down();
    other.send("SEND\ndestination:/queue/b\nreceipt:b\n\nx\0");
    other.expect_error("Not stored");
    let mut other = server.client(Over::Tcp, "1.2");
    other.subscribe("1", "/topic/a");
    client.send("COMMIT\ntransaction:t\nreceipt:c\n\n\0");
    let (error, _) = client.expect_error("Transaction refused");
    assert_eq!(error.header("receipt-id"), Some("c"));
    other.publish("/topic/a", "alone");
    other.expect_message("alone");
}

#[test]
fn what_is_not_kept_goes_on() {
    let (_store, server) = broken();
    let mut client = server.client(Over::WebSocket, "1.2");
    expect_receipt(
        &mut client,
        "SEND\ndestination:/queue/old\npersistent:false\nreceipt:r\n\nloose\0",
    );
    expect_receipt(&mut client, "SEND\ndestination:/topic/a\nreceipt:r\n\nx\0");
    // Consumers of what is there go on, without receipts for what is not kept.
    client.send("SUBSCRIBE\nid:1\ndestination:/queue/old\nack:client-individual\nreceipt:s\n\n\0");
    client.expect_receipt("s");
    for body in ["one", "two", "three", "four", "loose"] {
        client.expect_message(body);
    }
    client.send("ACK\nid:0-1\n\n\0ACK\nid:0-5\nreceipt:r\n\n\0");
    client.expect_receipt("r");
    client.send("ACK\nid:0-2\nreceipt:k\n\n\0");
    let (error, _) = client.expect_error("Not stored");
    assert_eq!(error.header("receipt-id"), Some("k"));
    // In memory, both were acknowledged.
    let mut client = server.client(Over::Tcp, "1.2");
    client.subscribe("1", "/queue/old");
    client.expect_message("three");
    client.expect_message("four");
}

#[test]
fn a_durable_subscription_is_not_promised_any_more() {
    let (_store, server) = broken();
    let mut client = server.open(Over::Tcp);
    client.connect("accept-version:1.2\nhost:h\nclient-id:c\n");
    client.send("SUBSCRIBE\nid:1\ndestination:/topic/a\ndurable:true\nreceipt:r\n\n\0");
    let (error, _) = client.expect_error("Not stored");
    assert_eq!(error.header("receipt-id"), Some("r"));
}

#[test]
fn health_says_so() {
    let ok = |store| (200, format!(r#"{{"status":"ok","store":"{store}"}}"#));
    assert_eq!(health(&TestServer::start()), ok("none"));
    let store = PlayedStore::new(Level::Synced);
    assert_eq!(health(&server_on(&store)), ok("ok"));
    let (_store, server) = broken();
    let degraded = r#"{"status":"degraded","store":"failed"}"#.to_owned();
    assert_eq!(health(&server), (503, degraded));
}

#[test]
fn a_writer_that_ends_before_its_time_is_a_failure() {
    let store = PlayedStore::new(Level::Synced);
    let server = server_on(&store);
    store.panic();
    let mut client = server.client(Over::Tcp, "1.2");
    client.send("SEND\ndestination:/queue/a\nreceipt:r\n\nx\0");
    let (error, _) = client.expect_error("Not stored");
    assert_eq!(error.header("receipt-id"), Some("r"));
    let send = "SEND\ndestination:/queue/a\nreceipt:r\n\nx\0";
    expect_refused(&server, "Message refused", FAILED, send);
    assert_eq!(health(&server).0, 503);
}

#[test]
fn a_server_whose_store_has_failed_ends() {
    let (_store, mut server) = broken();
    let since = std::time::Instant::now();
    server.stop();
    server.returned_after(since);
}

#[test]
fn a_disk_that_is_nearly_full_refuses_until_there_is_room() {
    let free = Arc::new(AtomicU64::new(1_000));
    let (asked, told) = std::sync::mpsc::channel();
    let store = PlayedStore::new(Level::Synced);
    let server = TestServer::with(Config {
        store: store.share(),
        free_space: Some(FreeSpace {
            bytes_min: 1_000,
            ask: {
                let free = Arc::clone(&free);
                Arc::new(move || {
                    // The test may have ended.
                    let _ = asked.send(());
                    match free.load(SeqCst) {
                        0 => Err(io::Error::other("nobody knows")),
                        bytes => Ok(bytes),
                    }
                })
            },
        }),
        ..config()
    });
    // Once it is asked again, what was said before is known.
    let set = |bytes| {
        free.store(bytes, SeqCst);
        told.try_iter().for_each(drop);
        for _ in 0..2 {
            told.recv_timeout(gumboot_testkit::WAIT_MAX).unwrap();
        }
    };
    let send = "SEND\ndestination:/queue/a\nreceipt:r\n\nx\0";
    expect_receipt(&mut server.client(Over::Tcp, "1.2"), send);
    let mut durable = server.open(Over::Tcp);
    durable.connect("accept-version:1.2\nhost:h\nclient-id:c\n");
    durable.send("SUBSCRIBE\nid:1\ndestination:/topic/a.*\ndurable:true\nreceipt:s\n\n\0");
    durable.expect_receipt("s");
    let to_durable = "SEND\ndestination:/topic/a.b\nreceipt:r\n\nlow\0";
    for unknown in [false, true] {
        set(999);
        if unknown {
            // It stays as it was.
            set(0);
        }
        let detail =
            "the disk of the server is nearly full: nothing more is kept until there is room";
        expect_refused(&server, "Message refused", detail, send);
        expect_refused(&server, "Message refused", detail, to_durable);
        let mut client = server.client(Over::Tcp, "1.2");
        for live in [
            "SEND\ndestination:/topic/a.b\npersistent:false\nreceipt:r\n\nlive\0",
            "SEND\ndestination:/topic/other\nreceipt:r\n\nx\0",
        ] {
            expect_receipt(&mut client, live);
        }
        durable.expect_message("live");
        let degraded = r#"{"status":"degraded","store":"disk nearly full"}"#.to_owned();
        assert_eq!(health(&server), (503, degraded));
        // What makes room goes on.
        let mut client = server.client(Over::Tcp, "1.2");
        client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\nreceipt:s\n\n\0");
        client.expect_receipt("s");
        client.expect_message("x");
        expect_receipt(&mut client, "ACK\nid:0-1\nreceipt:r\n\n\0");
        drop(client);
        set(1_125);
        expect_receipt(&mut server.client(Over::Tcp, "1.2"), send);
    }
    assert_eq!(store.records("queue-"), 1);
}
