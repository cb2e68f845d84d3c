//! Ctrl-C and SIGTERM: every client sees an orderly end, and the program is gone within 5 s.

use std::time::Duration;

use gumboot_testkit::{Over, StompPeer, TcpPeer, WebSocketPeer, close_body};

use crate::program::{Program, address};

/// The longest that the program may take to go.
const STOP_MAX: Duration = Duration::from_secs(5);

fn check_orderly_stop(signal: &str) {
    let mut program = Program::start(&["--listen", "127.0.0.1:0", "--stomp-listen", "127.0.0.1:0"]);
    let lines = program.print(6);
    let http = address(&lines[1], "console    http://", "/");
    let stomp = address(&lines[4], "stomp      ", "");
    let mut websocket = StompPeer::open(Over::WebSocket, http, stomp);
    websocket.connect("accept-version:1.2\n");
    let mut stream = StompPeer::open(Over::Tcp, http, stomp);
    stream.connect("accept-version:1.2\n");
    let mut echo = WebSocketPeer::open(http, "/echo", "");

    program.signal(signal);
    let going_away = (1001, "the server is shutting down".to_owned());
    assert_eq!(websocket.websocket().expect_close(), going_away);
    assert_eq!(echo.expect_close(), going_away);
    stream.expect_end();
    drop((websocket, echo, stream));
    assert_eq!(program.expect_end(STOP_MAX), Some(0));
    assert_eq!(program.rest(), [""; 0]);
}

#[test]
fn at_sigterm() {
    check_orderly_stop("TERM");
}

#[test]
fn at_ctrl_c() {
    check_orderly_stop("INT");
}

#[test]
fn clients_that_do_not_answer_do_not_hold_it_up() {
    let mut program = Program::start(&["--listen", "127.0.0.1:0", "--stomp-listen", "127.0.0.1:0"]);
    let lines = program.print(6);
    let http = address(&lines[1], "console    http://", "/");
    let stomp = address(&lines[4], "stomp      ", "");
    let mut echo = WebSocketPeer::open(http, "/echo", "");
    let _stream = StompPeer::open(Over::Tcp, http, stomp);
    let _nothing = TcpPeer::connect(http);
    program.signal("TERM");
    let close = echo.receive();
    assert_eq!(
        close.payload,
        close_body(1001, "the server is shutting down")
    );
    assert_eq!(program.expect_end(STOP_MAX), Some(0));
}

#[test]
fn without_clients_it_goes_at_once() {
    let mut program = Program::start(&["--listen", "127.0.0.1:0", "--stomp-listen", "off"]);
    program.print(4);
    program.signal("INT");
    assert_eq!(program.expect_end(Duration::from_secs(2)), Some(0));
}
