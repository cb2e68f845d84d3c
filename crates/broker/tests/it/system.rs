//! `/topic/$SYS/stats`: the server's figures once a second, to whoever subscribes.

use gumboot_testkit::{Over, StompPeer};
use serde_json::Value;

use crate::support::TestServer;

const STATS: &str = "/topic/$SYS/stats";

fn next_stats(client: &mut StompPeer) -> Value {
    let message = client.expect("MESSAGE");
    assert_eq!(message.header("destination"), Some(STATS));
    assert_eq!(message.header("content-type"), Some("application/json"));
    assert!(!message.is_binary);
    serde_json::from_slice(&message.body).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn the_figures_by_their_names() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    client.subscribe("1", STATS);
    let stats = next_stats(&mut client);
    assert_eq!(
        keys(&stats),
        [
            "bytes",
            "connections",
            "destinations",
            "destinations_total",
            "messages",
            "rates",
            "server",
            "subscriptions",
            "time",
            "uptime_seconds",
        ]
    );
    assert_eq!(keys(&stats["bytes"]), ["in", "out"]);
    assert_eq!(keys(&stats["messages"]), ["in", "out"]);
    assert_eq!(
        keys(&stats["connections"]),
        ["echo", "http", "stomp_tcp", "stomp_websocket"]
    );
    assert_eq!(
        keys(&stats["rates"]),
        ["bytes_in", "bytes_out", "messages_in", "messages_out"]
    );
    let version = concat!("gumboot/", env!("CARGO_PKG_VERSION"));
    assert_eq!(stats["server"], version);
}

#[test]
fn the_figures_are_true() {
    let server = TestServer::start();
    let mut watcher = server.client(Over::WebSocket, "1.2");
    let mut other = server.client(Over::Tcp, "1.2");
    let _echo = server.echo();
    other.subscribe("a", "/topic/a");
    for _ in 0..3 {
        other.publish("/topic/a", "x");
        other.expect_message("x");
    }
    watcher.subscribe("1", STATS);
    let stats = next_stats(&mut watcher);
    let count = |name: &str| stats["connections"][name].as_u64().unwrap();
    assert_eq!(count("stomp_websocket"), 1);
    assert_eq!(count("stomp_tcp"), 1);
    assert_eq!(count("echo"), 1);
    assert_eq!(count("http"), 0);
    assert_eq!(stats["subscriptions"], 2);
    assert_eq!(stats["messages"]["in"], 3);
    assert_eq!(stats["messages"]["out"], 3);
    assert!(stats["bytes"]["in"].as_u64().unwrap() > 100, "{stats}");
    assert!(stats["bytes"]["out"].as_u64().unwrap() > 100, "{stats}");
    assert_eq!(stats["destinations_total"], 2);
    let named =
        |destination: &str| serde_json::json!({"destination": destination, "subscribers": 1});
    let expected = Value::from(vec![named(STATS), named("/topic/a")]);
    assert_eq!(stats["destinations"], expected);
}

#[test]
fn they_come_once_a_second_and_over_each_carriage() {
    let server = TestServer::start();
    let mut clients = Over::ALL.map(|over| {
        let mut client = server.client(over, "1.1");
        client.subscribe("1", STATS);
        client
    });
    // From the first figures that count all of them.
    let all = |client: &mut StompPeer| loop {
        let stats = next_stats(client);
        if stats["subscriptions"] == 3 {
            return stats;
        }
    };
    let first = clients.each_mut().map(all);
    assert_eq!(first[0], first[1]);
    assert_eq!(first[0], first[2]);
    let second = next_stats(&mut clients[0]);
    let time = |stats: &Value| stats["time"].as_u64().unwrap();
    let between = time(&second) - time(&first[0]);
    assert!((900..2_500).contains(&between), "{between} ms");
}
