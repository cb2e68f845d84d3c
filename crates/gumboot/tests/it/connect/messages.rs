//! Lines become messages and messages become lines.

use std::{io::Write, process::Stdio};

use base64::{Engine, engine::general_purpose::STANDARD};
use gumboot_testkit::{BINARY, PING, PONG, TEXT};
use serde_json::json;

use super::{echo, finish, pipe, start};
use crate::raw_server::RawServer;

#[test]
fn a_line_is_a_message_each_way() {
    let (_echo, url) = echo(&[]);
    let piped = pipe(&[&url], "hello\r\ngrüße\n\nlast");
    assert_eq!(piped.text(), "hello\ngrüße\n\nlast\n");
    assert_eq!(piped.status, Some(0), "{piped:?}");
    let lines: Vec<&str> = piped.stderr.lines().collect();
    assert!(lines[0].starts_with(&format!("gumboot: connected to {url}: address 127.0.0.1:")));
    assert!(lines[0].contains("http HTTP/1.1, tls none, websocket version 13, protocol none"));
    assert!(lines[0].contains("permessage-deflate"), "{}", lines[0]);
    assert_eq!(lines[1..], ["gumboot: closed: 1000"]);
}

#[test]
fn many_lines_arrive_in_order_and_whole() {
    let (_echo, url) = echo(&[]);
    let lines: String = (0..20_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    let piped = pipe(&["-q", &url], &lines);
    assert!(piped.text() == lines, "what comes out is what went in");
    assert_eq!((piped.status, &*piped.stderr), (Some(0), ""));
}

#[test]
fn binary_raw_and_in_digits() {
    let server = RawServer::new();
    let url = server.url();
    for (flags, input, sent) in [
        (&["--binary"][..], &b"\xff\x00\n"[..], &b"\xff\x00"[..]),
        (&["--binary", "--whole"], b"\xff\n\r\n", b"\xff\n\r\n"),
        (&["--hex"], b"FF 00\n", b"\xff\x00"),
    ] {
        let child = std::thread::spawn({
            let arguments: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            let (url, input) = (url.clone(), input.to_vec());
            move || {
                let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                arguments.extend(["-q", "--no-compress", &url]);
                pipe(&arguments, input)
            }
        });
        let mut peer = server.accept(&[]);
        peer.expect(BINARY, sent);
        peer.send(BINARY, [1, 0xfe]);
        peer.send(TEXT, "text");
        peer.expect_close(1000, "");
        let piped = child.join().unwrap();
        let wanted: &[u8] = match flags[0] {
            "--hex" => b"01fe\ntext\n",
            _ => b"\x01\xfetext\n",
        };
        assert_eq!(piped.stdout, wanted, "{flags:?}");
        assert_eq!((piped.status, &*piped.stderr), (Some(0), ""));
    }
}

#[test]
fn every_event_as_json() {
    let (_echo, url) = echo(&["--no-compress"]);
    let input = concat!(
        r#"{"event":"message","type":"text","data":"a\nb"}"#,
        "\n",
        r#"{"event":"message","type":"binary","data":"AP8="}"#,
        "\n",
        r#"{"event":"ping","data":"aGk="}"#,
        "\n",
        r#"{"event":"close","code":4000,"reason":"bye"}"#,
        "\n",
    );
    let piped = pipe(&["--json", "--json-input", &url], input);
    let open = json!({
        "event": "open", "http": "HTTP/1.1", "tls": null, "websocket": 13, "protocol": null,
        "extensions": "", "address_of": "server",
    });
    let wanted = [
        open,
        json!({ "event": "message", "type": "text", "data": "a\nb" }),
        json!({ "event": "message", "type": "binary", "data": "AP8=" }),
        json!({ "event": "pong", "data": "aGk=" }),
        json!({ "event": "close", "code": 4000, "reason": "bye", "clean": true }),
    ];
    assert_eq!(piped.events(), wanted);
    assert!(piped.text().contains("\"round_trip_ms\":"));
    assert_eq!((piped.status, &*piped.stderr), (Some(0), ""));
}

#[test]
fn pings_of_the_server_are_answered_and_told() {
    let server = RawServer::new();
    let url = server.url();
    let child = start(&["--json", "--wait", &url], Stdio::null());
    let mut peer = server.accept(&[]);
    peer.send(PING, "are you there");
    peer.expect(PONG, "are you there");
    peer.close(1000, "");
    let piped = finish(child);
    let ping = json!({ "event": "ping", "data": "YXJlIHlvdSB0aGVyZQ==" });
    assert_eq!(piped.events()[1], ping);
    assert_eq!(piped.status, Some(0));
}

#[test]
fn a_ping_without_data_is_told_from_those_of_the_connection() {
    let server = RawServer::new();
    let mut child = start(&["--json", "--json-input", &server.url()], Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let mut peer = server.accept(&[]);
    stdin
        .write_all(b"{\"event\":\"ping\"}\n{\"event\":\"ping\"}\n")
        .unwrap();
    peer.expect(PING, "ping 1");
    peer.expect(PING, "ping 2");
    // As if it answered one of the connection's own.
    peer.send(PONG, "");
    peer.send(PONG, "ping 1");
    peer.send(PONG, "ping 2");
    peer.close(1000, "");
    let piped = finish(child);
    let measured: Vec<bool> = piped.text().lines().collect::<Vec<_>>()[1..4]
        .iter()
        .map(|line| !line.contains("\"round_trip_ms\":null"))
        .collect();
    assert_eq!(measured, [false, true, true], "{piped:?}");
    assert_eq!(piped.events()[2]["data"], "cGluZyAx");
    assert_eq!(piped.status, Some(0));
}

#[test]
fn a_silent_server_is_pinged() {
    let server = RawServer::new();
    let url = server.url();
    let child = start(
        &["-P", "--wait", "--ping-interval", "0.05", &url],
        Stdio::null(),
    );
    let mut peer = server.accept(&[]);
    peer.expect(PING, "");
    peer.send(PONG, "");
    peer.close(1000, "");
    let piped = finish(child);
    assert!(piped.stderr.contains("gumboot: pong after "), "{piped:?}");
}

#[test]
fn the_time_of_each_message() {
    let (_echo, url) = echo(&[]);
    let piped = pipe(&["-q", "--timestamps", &url], "hello\n");
    let (time, message) = piped.text().split_once(' ').unwrap();
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!((&*shape, message), ("00:00:00.000", "hello\n"));
}

#[test]
fn input_that_makes_no_message_is_said_with_its_line() {
    let (_echo, url) = echo(&[]);
    for (flags, input, why) in [
        (
            &["-q"][..],
            &b"good\n\xff\nunsent\n"[..],
            "line 2: not UTF-8 (--binary sends any bytes)",
        ),
        (
            &["-q", "--hex"],
            b"00\n0\n",
            "line 2: an odd number of hexadecimal digits",
        ),
        (
            &["-q", "--json-input"],
            b"{}\n",
            "line 1: \"event\" is not one of",
        ),
    ] {
        let piped = pipe(&[flags, &[&url]].concat(), input);
        assert_eq!(piped.status, Some(2), "{piped:?}");
        assert!(
            piped
                .stderr
                .starts_with(&format!("gumboot: standard input, {why}")),
            "{piped:?}"
        );
        assert!(!piped.text().contains("unsent"));
    }
    for (bytes, status, stderr) in [
        (125, 0, ""),
        (
            126,
            2,
            "gumboot: not sent: a ping carries at most 125 bytes\n",
        ),
    ] {
        let data = STANDARD.encode(vec![b'x'; bytes]);
        let ping = format!("{{\"event\":\"ping\",\"data\":\"{data}\"}}\n");
        let piped = pipe(&["-q", "--json-input", &url], ping);
        assert_eq!((piped.status, &*piped.stderr), (Some(status), stderr));
    }
}
