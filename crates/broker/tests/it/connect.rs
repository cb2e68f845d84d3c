//! CONNECT and STOMP: versions, what CONNECTED says, and what opens no session (STOMP 1.2, Connecting).

use gumboot_stomp_proto::ServerOptions;
use gumboot_testkit::Over;

use crate::support::{TestServer, config, headers, over_each};

/// Sends `wire` over each carriage of a fresh connection; CONNECTED is to name `version`.
#[track_caller]
fn check_connected(server: &TestServer, wire: &str, version: &str) {
    over_each(|over| {
        let mut client = server.open(over);
        client.send(wire);
        let connected = client.expect("CONNECTED");
        assert_eq!(connected.header("version"), Some(version), "{wire:?}");
        assert!(connected.body.is_empty());
    });
}

/// Sends `wire` as above; the answer is to be an ERROR of this `message`, and the end.
#[track_caller]
fn check_refused(server: &TestServer, wire: &str, message: &str) {
    over_each(|over| {
        let mut client = server.open(over);
        client.send(wire);
        let (error, code) = client.expect_error(message);
        assert_eq!(error.header("content-type"), Some("text/plain"));
        assert_eq!(code, (over != Over::Tcp).then_some(1002));
    });
}

#[test]
fn the_highest_common_version_is_agreed_on() {
    let server = TestServer::start();
    for (list, version) in [
        ("1.2", "1.2"),
        ("1.1", "1.1"),
        ("1.0", "1.0"),
        ("1.0,1.1,2.0", "1.1"),
        ("1.2,1.1,1.0", "1.2"),
        (" 1.1 , 1.2", "1.2"),
    ] {
        let wire = format!("CONNECT\naccept-version:{list}\nhost:/\n\n\0");
        check_connected(&server, &wire, version);
    }
    check_connected(&server, "CONNECT\n\n\0", "1.0");
}

#[test]
fn no_common_version_is_told_with_those_there_are() {
    let server = TestServer::start();
    for list in ["3.0", "1.10"] {
        let mut client = server.open(Over::WebSocket);
        client.send(format!("CONNECT\naccept-version:{list}\n\n\0"));
        let (error, code) = client.expect_error("Version not supported");
        assert_eq!(error.header("version"), Some("1.0,1.1,1.2"));
        assert_eq!(code, Some(1002));
    }
    check_refused(
        &server,
        "CONNECT\naccept-version:3.0\n\n\0",
        "Version not supported",
    );
}

#[test]
fn every_spelling_of_the_first_frame() {
    let server = TestServer::start();
    check_connected(&server, "STOMP\naccept-version:1.2\nhost:h\n\n\0", "1.2");
    let with_cr = "CONNECT\r\naccept-version:1.2\r\nhost:h\r\n\r\n\0";
    check_connected(&server, with_cr, "1.2");
    let after_lines = "\n\n\r\nCONNECT\naccept-version:1.1\n\n\0";
    check_connected(&server, after_lines, "1.1");
    // Not escaped, though 1.2 has no escape `\x`.
    let passcode = "CONNECT\naccept-version:1.2\npasscode:a:b\\c\\x\n\n\0";
    check_connected(&server, passcode, "1.2");
    let receipt = "CONNECT\naccept-version:1.2\nreceipt:r\n\n\0";
    check_connected(&server, receipt, "1.2");
}

#[test]
fn connected_tells_version_heart_beat_session_and_server() {
    let server = TestServer::start();
    for (version, heart_beat) in [("1.0", "0,0"), ("1.1", "1000,1000"), ("1.2", "1000,1000")] {
        let mut client = server.open(Over::Tcp);
        let connected = client.connect(&format!("accept-version:{version}\n"));
        let session = connected.header("session").unwrap().to_owned();
        assert!(session.starts_with("session-"), "{session}");
        let expected = headers(&[
            ("version", version),
            ("heart-beat", heart_beat),
            ("session", &session),
            ("server", concat!("gumboot/", env!("CARGO_PKG_VERSION"))),
        ]);
        assert_eq!(connected.headers, expected);
    }
}

#[test]
fn two_sessions_have_two_names() {
    let server = TestServer::start();
    let session = |client: &mut gumboot_testkit::StompPeer| {
        let connected = client.connect("accept-version:1.2\n");
        connected.header("session").unwrap().to_owned()
    };
    let mut first = server.open(Over::Tcp);
    let mut second = server.open(Over::WebSocket);
    assert_ne!(session(&mut first), session(&mut second));
}

#[test]
fn what_opens_no_session() {
    let server = TestServer::start();
    for (wire, message) in [
        ("SEND\ndestination:/topic/a\n\nx\0", "Not connected"),
        ("connect\naccept-version:1.2\n\n\0", "Unknown command"),
        ("CONNECTED\nversion:1.2\n\n\0", "Not connected"),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:10\n\n\0",
            "Invalid header",
        ),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:a,b\n\n\0",
            "Invalid header",
        ),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:-1,0\n\n\0",
            "Invalid header",
        ),
        ("CONNECT\nno colon\n\n\0", "Malformed header"),
        ("CONNECT\ncontent-length:2\n\nhi\0", "Body not allowed"),
    ] {
        check_refused(&server, wire, message);
    }
}

#[test]
fn a_session_opens_once() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.send("CONNECT\naccept-version:1.2\n\n\0");
        client.expect_error("Already connected");
    });
}

#[test]
fn before_the_log_in_frames_are_small() {
    let server = TestServer::start();
    let limit = ServerOptions::default()
        .limits_before_login
        .header_bytes_max as usize;
    let connect = |line_bytes: usize| {
        let value = "x".repeat(line_bytes - "login:".len());
        format!("CONNECT\nlogin:{value}\n\n\0")
    };
    for over in [Over::Tcp, Over::WebSocket] {
        let mut client = server.open(over);
        client.send(connect(limit));
        client.expect("CONNECTED");
        let mut client = server.open(over);
        client.send(connect(limit + 1));
        client.expect_error("Frame too big");
    }
}

#[test]
fn who_does_not_log_in_is_told_and_dropped() {
    let mut config = config();
    config.stomp.limits_before_login.login_ms_max = 300;
    let server = TestServer::with(config);
    let mut silent = Over::ALL.map(|over| server.open(over));
    // Ends of line are no log-in.
    let mut idle = Over::ALL.map(|over| {
        let mut client = server.open(over);
        client.send("\n\n");
        client
    });
    for client in silent.iter_mut().chain(&mut idle) {
        client.expect_error("Login timed out");
    }
}

#[test]
fn the_servers_name_can_be_hidden() {
    let mut config = config();
    config.hide_server = true;
    let server = TestServer::with(config);
    let mut client = server.open(Over::Tcp);
    let connected = client.connect("accept-version:1.2\n");
    assert_eq!(connected.header("server"), None);
}
