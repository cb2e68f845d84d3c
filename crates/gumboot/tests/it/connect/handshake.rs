//! What is asked of a server, what it agrees to, and how a refusal is told.

use std::process::Stdio;

use serde_json::json;
use tokio::net::TcpSocket;

use super::{echo, finish, pipe, start};
use crate::{program::Program, raw_server::RawServer, tls::url};

#[test]
fn flags_become_headers() {
    let server = RawServer::new();
    let flags = [
        "-p",
        "v12.stomp",
        "-p",
        "chat",
        "-H",
        "Cookie: a=b",
        "-H",
        "X-One:1",
        "--origin",
        "https://example.com",
        "--user",
        "me:se:cret",
    ];
    let child = start(
        &[&flags[..], &["--wait", &server.url()]].concat(),
        Stdio::null(),
    );
    let peer = server.accept(&["sec-websocket-protocol: chat"]);
    for (name, value) in [
        ("sec-websocket-protocol", "v12.stomp, chat"),
        ("cookie", "a=b"),
        ("x-one", "1"),
        ("origin", "https://example.com"),
        ("authorization", "Basic bWU6c2U6Y3JldA=="),
    ] {
        assert_eq!(peer.header(name), Some(value), "{}", peer.head);
    }
    assert!(peer.header("sec-websocket-extensions").is_some());
    peer.close(1000, "");
    let piped = finish(child);
    assert!(
        piped.stderr.contains("protocol chat, extensions none"),
        "{piped:?}"
    );

    let flags = ["--bearer", "token", "--no-compress", "-q"];
    let child = start(
        &[&flags[..], &["--wait", &server.url()]].concat(),
        Stdio::null(),
    );
    let peer = server.accept(&[]);
    assert_eq!(peer.header("authorization"), Some("Bearer token"));
    assert_eq!(peer.header("sec-websocket-extensions"), None);
    peer.close(1000, "");
    assert_eq!(finish(child).status, Some(0));
}

/// How a client tells that it was answered with `status`.
#[track_caller]
fn check_refused(status: &str, line: &str) {
    let server = RawServer::new();
    let child = start(&["--json", &server.url()], Stdio::null());
    let mut peer = server.asked();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    peer.tcp.send(head);
    let piped = finish(child);
    assert_eq!(
        piped.stderr,
        format!("gumboot: cannot connect (server): {line}\n")
    );
    assert_eq!(piped.status, Some(1));
    let event = &piped.events()[0];
    assert_eq!(event["status"].to_string(), status[..3]);
    assert_eq!(event["fault"], "server");
}

#[test]
fn refusals() {
    check_refused(
        "403 Forbidden",
        "the server answered 403 Forbidden instead of 101 (it may want another --origin)",
    );
    check_refused(
        "401 Unauthorized",
        "the server answered 401 Unauthorized instead of 101 \
         (--user or --bearer says who you are)",
    );
    check_refused(
        "302 Found",
        "the server answered 302 Found instead of 101 (--redirects N follows it)",
    );
    check_refused(
        "500 Oops",
        "the server answered 500 Internal Server Error instead of 101",
    );
    check_refused(
        "503 Service Unavailable\r\nretry-after: 5",
        "the server answered 503 Service Unavailable, and wants to be left alone for 5s",
    );
}

#[test]
fn nobody_there() {
    // Held, so that nobody else can listen there.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("ws://{}/", held.local_addr().unwrap());
    let piped = pipe(&["--json", &url], "");
    drop(held);
    assert_eq!(piped.status, Some(1));
    assert!(
        piped
            .stderr
            .starts_with("gumboot: cannot connect (network): "),
        "{piped:?}"
    );
    let event = &piped.events()[0];
    assert_eq!(
        (&event["event"], &event["fault"]),
        (&json!("error"), &json!("network"))
    );
}

#[test]
fn redirects_are_followed_if_that_is_wanted() {
    let (_echo, target) = echo(&[]);
    let server = RawServer::new();
    let from = server.url();
    let child = start(&["--redirects", "1", &from], Stdio::null());
    let mut peer = server.asked();
    let location = target.replace("ws://", "http://");
    peer.tcp.send(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    ));
    let piped = finish(child);
    assert_eq!(piped.status, Some(0), "{piped:?}");
    let said = format!("gumboot: connected by way of {from}: address 127.0.0.1:");
    assert!(piped.stderr.starts_with(&said), "{piped:?}");
}

#[test]
fn compression_can_be_turned_off_on_each_side() {
    let extensions = |flags: &[&str], url: &str| {
        let piped = pipe(&[flags, &["--json", url]].concat(), "");
        assert_eq!(piped.status, Some(0), "{piped:?}");
        piped.events()[0]["extensions"].as_str().unwrap().to_owned()
    };
    let (_echo, with) = echo(&[]);
    assert!(extensions(&[], &with).starts_with("permessage-deflate"));
    assert_eq!(extensions(&["--no-compress"], &with), "");
    let (_echo, without) = echo(&["--no-compress"]);
    assert_eq!(extensions(&[], &without), "");
    for (flags, is_on) in [(&[][..], true), (&["--no-compress"], false)] {
        let fixed = ["serve", "--listen", "127.0.0.1:0", "--stomp-listen", "off"];
        let serve = Program::start(&[&fixed[..], flags].concat());
        let echo = url(&serve.print(4)[3], "echo");
        assert_eq!(!extensions(&[], &echo).is_empty(), is_on, "{flags:?}");
    }
}
