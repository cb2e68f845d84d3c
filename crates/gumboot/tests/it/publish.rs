//! `gumboot publish`: what arrives, what is confirmed, and what is said when it is not.

use std::{net::TcpListener, process::Stdio};

use gumboot_testkit::{Over, StompPeer};

use crate::{
    piped::{Piped, finish, pipe, signal, start},
    program::{Program, address},
    raw_broker::RawBroker,
    tls::{Folder, url},
};

/// A server, its URLs over WebSocket and over TCP, and a subscriber of `/topic/news`.
fn serve() -> (Program, [String; 2], StompPeer) {
    let program = Program::start(&["--listen", "127.0.0.1:0", "--stomp-listen", "127.0.0.1:0"]);
    let lines = program.print(5);
    let http = address(&lines[1], "console    http://", "/");
    let stomp = address(&lines[4], "stomp      ", "");
    let mut peer = StompPeer::open(Over::Tcp, http, stomp);
    peer.connect("accept-version:1.2\n");
    peer.subscribe("0", "/topic/news");
    let urls = [format!("ws://{http}/ws"), format!("stomp://{stomp}")];
    (program, urls, peer)
}

#[track_caller]
fn check(piped: &Piped, status: i32, stderr: &str) {
    assert_eq!(piped.stderr, stderr);
    assert_eq!(piped.status, Some(status));
    assert_eq!(piped.text(), "");
}

/// What a publisher of a line for each of `bodies` says, to which `serve` is done, and its status.
#[track_caller]
fn check_lines(
    flags: &[&str],
    lines: &str,
    serve: impl FnOnce(&RawBroker),
    status: i32,
    said: &str,
) {
    let server = RawBroker::new();
    let url = server.url();
    let arguments = [&["publish", &url, "/queue/a"], flags].concat();
    let mut child = start(&arguments, Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, lines.as_bytes()).unwrap();
    drop(stdin);
    serve(&server);
    check(&finish(child), status, said);
}

#[test]
fn a_body_goes_with_its_headers() {
    let (_program, urls, mut peer) = serve();
    for url in &urls {
        let flags = [
            "-H",
            "kind:a",
            "-H",
            "priority: 7",
            "--content-type",
            "text/plain",
        ];
        let command = ["publish", url, "/topic/news", "Hello topic!"];
        check(&pipe(&[&command[..], &flags].concat(), "not read"), 0, "");
        let message = peer.expect_message("Hello topic!");
        assert_eq!(message.header("kind"), Some("a"));
        assert_eq!(message.header("priority"), Some("7"));
        assert_eq!(message.header("content-type"), Some("text/plain"));
    }
}

#[test]
fn each_line_is_a_message_or_the_whole_is_one() {
    let (_program, urls, mut peer) = serve();
    for url in &urls {
        let command = ["publish", url, "/topic/news"];
        check(&pipe(&command, b"a\r\n\n\xff\0b\nlast"), 0, "");
        for body in [&b"a"[..], b"", b"\xff\0b", b"last"] {
            peer.expect_message(body);
        }
        check(
            &pipe(&[&command[..], &["--whole"]].concat(), b"a\r\n\xff\n"),
            0,
            "",
        );
        peer.expect_message(b"a\r\n\xff\n");
        check(&pipe(&command, ""), 0, "");
        check(&pipe(&[&command[..], &["--whole"]].concat(), ""), 0, "");
        peer.expect_message("");
    }
}

#[test]
fn many_lines_arrive_in_order() {
    let (_program, urls, mut peer) = serve();
    let lines: String = (0..5000).map(|number| format!("{number}\n")).collect();
    for (url, flags) in [(&urls[0], &[][..]), (&urls[1], &["--no-receipt"])] {
        let command = [&["publish", url, "/topic/news"], flags].concat();
        check(&pipe(&command, &lines), 0, "");
        for number in 0..5000 {
            peer.expect_message(number.to_string());
        }
    }
}

#[test]
fn over_tls_with_a_certificate_of_ones_own() {
    let folder = Folder::new("publish");
    folder.certify();
    let program = folder.start(&["serve", "--stomp-listen", "off"]);
    let url = url(&program.print(4)[2], "websocket");
    let command = ["publish", &url, "/topic/news", "hi"];
    let cert = folder.path("cert.pem");
    check(
        &pipe(&[&command[..], &["--cacert", &cert]].concat(), ""),
        0,
        "",
    );
    let refused = pipe(&command, "");
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(
        refused
            .stderr
            .starts_with("gumboot: cannot connect (server): ")
    );
    assert!(
        refused.stderr.ends_with("--insecure trusts any)\n"),
        "{refused:?}"
    );
    let insecure = pipe(&[&command[..], &["--insecure"]].concat(), "");
    assert_eq!(insecure.status, Some(0), "{insecure:?}");
    assert!(
        insecure
            .stderr
            .starts_with("gumboot: WARNING: --insecure: ")
    );
}

#[test]
fn messages_do_not_wait_for_each_other() {
    let serve = |server: &RawBroker| {
        let mut client = server.accept();
        let sent = ["a", "b", "c"].map(|body| {
            let frame = client.expect("SEND");
            assert_eq!(
                (&*frame.body, frame.header("destination")),
                (body, Some("/queue/a"))
            );
            frame
        });
        sent.iter().rev().for_each(|frame| client.confirm(frame));
        client.expect_leave();
    };
    check_lines(&[], "a\nb\nc\n", serve, 0, "");
}

#[test]
fn what_was_not_confirmed_is_repeated() {
    let serve = |server: &RawBroker| {
        let mut client = server.accept();
        client.take("SEND");
        client.expect("SEND");
        client.end();
        let mut client = server.accept();
        assert_eq!(client.take("SEND").body, "b");
        client.expect_leave();
    };
    check_lines(&[], "a\nb\n", serve, 0, "");
}

#[test]
fn a_refused_message_is_named() {
    let serve = |server: &RawBroker| {
        let mut client = server.accept();
        client.take("SEND");
        let refused = client.expect("SEND");
        let receipt = refused.header("receipt").unwrap();
        let headers = format!("receipt-id:{receipt}\nmessage:not\\x1b[2Jallowed\n");
        client.refuse(&headers.replace("\\x1b", "\x1b"), "ask\r\nsomeone\n");
    };
    let said = "gumboot: the server refused message 2: not\\u{1b}[2Jallowed\n  ask\n  someone\n\
        gumboot: confirmed before: 1\n";
    check_lines(&[], "a\nb\nc\n", serve, 1, said);
}

#[test]
fn an_error_that_names_no_message() {
    let serve = |server: &RawBroker| {
        let mut client = server.accept();
        client.expect("SEND");
        client.refuse("message:go away\n", "");
    };
    let said = "gumboot: the server sent an ERROR: go away\n";
    check_lines(&["hi"], "", serve, 1, said);
    check_lines(&["hi", "--no-receipt"], "", serve_without_receipt, 1, said);
}

fn serve_without_receipt(server: &RawBroker) {
    let mut client = server.accept();
    assert_eq!(client.expect("SEND").header("receipt"), None);
    client.expect("DISCONNECT");
    client.refuse("message:go away\n", "");
}

#[test]
fn who_is_not_let_in() {
    let serve = |server: &RawBroker| {
        let (client, connect) = server.asked();
        assert_eq!(connect.header("login"), Some("me"));
        assert_eq!(connect.header("passcode"), Some("secret:word"));
        assert_eq!(connect.header("host"), Some("shop"));
        assert_eq!(connect.header("accept-version"), Some("1.1"));
        assert_eq!(connect.header("client-id"), Some("x"));
        client.refuse("message:bad login\nversion:1.0\n", "");
    };
    let flags = ["hi", "-u", "me:secret:word", "--host", "shop"];
    let more = ["--stomp", "1.1", "--connect-header", "client-id:x"];
    let said = "gumboot: the server refused the connection: bad login\n  it speaks STOMP 1.0\n";
    check_lines(&[&flags[..], &more].concat(), "", serve, 1, said);
}

#[test]
fn nobody_is_there() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for url in [format!("ws://{port}/ws"), format!("stomp://{port}")] {
        let piped = pipe(&["publish", &url, "/topic/a", "hi"], "");
        assert_eq!(piped.status, Some(1), "{piped:?}");
        assert!(
            piped
                .stderr
                .starts_with("gumboot: cannot connect (network): "),
            "{piped:?}"
        );
        assert_eq!(piped.stderr.lines().count(), 1, "{piped:?}");
    }
}

#[test]
fn a_server_that_confirms_nothing() {
    let serve = |server: &RawBroker| {
        let mut client = server.accept();
        client.expect("SEND");
        client.expect_silent_end();
    };
    let said = "gumboot: message 1: not confirmed within 0.5 s\n";
    check_lines(&["hi", "--timeout", "0.5"], "", serve, 1, said);
}

#[test]
fn a_loss_without_receipts_is_not_made_good() {
    let serve = |server: &RawBroker| {
        let mut client = server.accept();
        client.expect("SEND");
        client.expect("DISCONNECT");
        client.end();
    };
    let said = "gumboot: the end of the session: sent, but not confirmed: the server ended the connection\n";
    check_lines(&["hi", "--no-receipt"], "", serve, 1, said);
}

#[test]
fn a_header_that_is_not_the_users_to_set() {
    let serve = |server: &RawBroker| server.accept().expect_leave();
    let said = "gumboot: the header \"receipt\" cannot be sent\n";
    check_lines(&["hi", "-H", "receipt:1"], "", serve, 2, said);
}

#[test]
fn a_signal_ends_it_in_order() {
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let server = RawBroker::new();
        let mut child = start(&["publish", &server.url(), "/queue/a"], Stdio::piped());
        let stdin = child.stdin.take().unwrap();
        let mut client = server.accept();
        std::io::Write::write_all(&mut &stdin, b"a\n").unwrap();
        client.take("SEND");
        signal(child.id(), name);
        client.expect_leave();
        check(&finish(child), status, "gumboot: confirmed before: 1\n");
        drop(stdin);
    }
}

#[test]
fn what_is_confirmed_after_a_signal_is_done() {
    for name in ["INT", "TERM"] {
        let server = RawBroker::new();
        let child = start(&["publish", &server.url(), "/queue/a", "hi"], Stdio::null());
        let mut client = server.accept();
        let sent = client.expect("SEND");
        signal(child.id(), name);
        client.confirm(&sent);
        client.expect_leave();
        check(&finish(child), 0, "");
    }
}

#[test]
fn a_refusal_after_a_signal_is_told() {
    for (names_it, said) in [
        (true, "gumboot: the server refused message 2: no\n"),
        (false, "gumboot: the server sent an ERROR: no\n"),
    ] {
        let server = RawBroker::new();
        let mut child = start(&["publish", &server.url(), "/queue/a"], Stdio::piped());
        let stdin = child.stdin.take().unwrap();
        let mut client = server.accept();
        std::io::Write::write_all(&mut &stdin, b"a\nb\n").unwrap();
        client.take("SEND");
        let refused = client.expect("SEND");
        signal(child.id(), "INT");
        let receipt = match names_it {
            true => format!("receipt-id:{}\n", refused.header("receipt").unwrap()),
            false => String::new(),
        };
        client.refuse(&format!("{receipt}message:no\n"), "");
        let said = format!("{said}gumboot: confirmed before: 1\n");
        check(&finish(child), 1, &said);
        drop(stdin);
    }
}
