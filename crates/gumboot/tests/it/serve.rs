//! `gumboot serve`, and `gumboot` alone: the addresses that are printed are those that serve.

use gumboot_testkit::{
    HttpResponse, Over, StompPeer, TEXT, TcpPeer, WebSocketPeer, upgrade_request,
};

use crate::program::{Program, address};

const ANY: &str = "127.0.0.1:0";

#[test]
fn it_prints_where_everything_is() {
    for arguments in [
        &["--listen", ANY, "--stomp-listen", ANY][..],
        &["serve", "--listen", ANY, "--stomp-listen", ANY],
    ] {
        let program = Program::start(arguments);
        let lines = program.print(5);
        let http = address(&lines[1], "console    http://", "/");
        let stomp = address(&lines[4], "stomp      ", "");
        assert_ne!(http.port(), 0);
        assert_ne!(stomp.port(), 0);
        assert_ne!(http, stomp);
        let expected = [
            concat!("gumboot ", env!("CARGO_PKG_VERSION")).to_owned(),
            format!("console    http://{http}/"),
            format!("websocket  ws://{http}/ws  (v12.stomp, v11.stomp, v10.stomp)"),
            format!("echo       ws://{http}/echo"),
            format!("stomp      {stomp}"),
        ];
        assert_eq!(lines, expected);
    }
}

#[test]
fn what_it_prints_is_true() {
    let program = Program::start(&["--listen", ANY, "--stomp-listen", ANY]);
    let lines = program.print(5);
    let http = address(&lines[1], "console    http://", "/");
    let stomp = address(&lines[4], "stomp      ", "");

    let mut browser = TcpPeer::connect(http);
    browser.send(format!("GET / HTTP/1.1\r\nhost: {http}\r\n\r\n"));
    let console = HttpResponse::read(&mut browser);
    assert_eq!(console.status, 200);
    assert!(
        console.text().starts_with("<!doctype html>"),
        "{}",
        console.text()
    );

    let mut echo = WebSocketPeer::open(http, "/echo", "");
    echo.send(TEXT, "hello");
    echo.expect(TEXT, "hello");

    for offered in ["v12.stomp", "v11.stomp", "v10.stomp"] {
        let websocket = WebSocketPeer::open(http, "/ws", offered);
        assert_eq!(websocket.protocol(), Some(offered));
    }
    let mut websocket = StompPeer::open(Over::WebSocket, http, stomp);
    websocket.connect("accept-version:1.2\n");
    websocket.subscribe("1", "/topic/a");
    let mut stream = StompPeer::open(Over::Tcp, http, stomp);
    stream.connect("accept-version:1.2\n");
    stream.publish("/topic/a", "hello");
    websocket.expect_message("hello");
}

#[test]
fn stomp_over_tcp_can_be_off() {
    let program = Program::start(&["--listen", ANY, "--stomp-listen", "off"]);
    let lines = program.print(5);
    address(&lines[3], "echo       ws://", "/echo");
    assert!(
        lines[4].starts_with("messages   in memory only"),
        "{lines:?}"
    );
    program.signal("TERM");
    // No line more.
    let mut program = program;
    assert_eq!(program.wait().code(), Some(0));
    assert_eq!(program.rest(), [""; 0]);
}

#[test]
fn a_server_on_all_addresses_prints_one_that_can_be_used() {
    let all = ["--listen", "0.0.0.0:0", "--stomp-listen", "off"];
    let program = Program::start(&[&all[..], &["--allow-anonymous"]].concat());
    let lines = program.print(4);
    let http = address(&lines[3], "echo       ws://", "/echo");
    assert!(http.ip().is_loopback(), "{http}");
    let mut echo = WebSocketPeer::open(http, "/echo", "");
    echo.send(TEXT, "hello");
    echo.expect(TEXT, "hello");
}

#[test]
fn origins_can_be_allowed() {
    let arguments = ["--listen", ANY, "--stomp-listen", "off"];
    let allowed = ["--allow-origin", "https://app.example"];
    for (allow, status) in [(&allowed[..], 101), (&[], 403)] {
        let program = Program::start(&[&arguments[..], allow].concat());
        let http = address(&program.print(4)[3], "echo       ws://", "/echo");
        let mut tcp = TcpPeer::connect(http);
        tcp.send(upgrade_request("/ws", &["origin: https://app.example"]));
        assert_eq!(HttpResponse::read(&mut tcp).status, status);
    }
}
