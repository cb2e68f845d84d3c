//! `gumboot echo`: an echo on every path, and nothing else.

use gumboot_testkit::{BINARY, TEXT, WebSocketPeer};

use crate::program::{Program, address};

#[test]
fn it_echoes_on_every_path_text_as_text_and_binary_as_binary() {
    for threads in [&["--threads", "1"][..], &[]] {
        let arguments = [&["echo", "--listen", "127.0.0.1:0"][..], threads].concat();
        let program = Program::start(&arguments);
        let listens = address(&program.line(), "echo       ws://", "/");
        for path in ["/", "/echo", "/ws", "/any/path?and=query"] {
            let mut websocket = WebSocketPeer::open(listens, path, "");
            websocket.send(TEXT, "grüße");
            websocket.expect(TEXT, "grüße");
            websocket.send(BINARY, [0, 0xFF, 0xFE]);
            websocket.expect(BINARY, [0, 0xFF, 0xFE]);
            websocket.send(TEXT, "");
            websocket.expect(TEXT, "");
            websocket.send_close(1000, "");
            assert_eq!(websocket.expect_close(), (1000, String::new()));
        }
    }
}

#[test]
fn it_prints_one_line_and_stops_like_serve() {
    let mut program = Program::start(&["echo", "--listen", "127.0.0.1:0"]);
    let listens = address(&program.line(), "echo       ws://", "/");
    let mut websocket = WebSocketPeer::open(listens, "/", "");
    program.signal("TERM");
    let going_away = (1001, "the server is shutting down".to_owned());
    assert_eq!(websocket.expect_close(), going_away);
    drop(websocket);
    assert_eq!(program.wait().code(), Some(0));
    assert_eq!(program.rest(), [""; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_variable_of_the_runtime_says_how_many_threads_serve_unless_a_flag_does() {
    const VARIABLE: &str = "TOKIO_WORKER_THREADS";
    // Beside those that serve one waits for signals, unless it serves itself.
    for (variable, flag, expected) in [
        ("5", &[][..], 6),
        ("1", &[], 1),
        ("5", &["--threads", "3"], 4),
        ("none", &["--threads", "1"], 1),
    ] {
        let arguments = [&["echo", "--listen", "127.0.0.1:0"][..], flag].concat();
        let program = Program::start_told((VARIABLE, variable), &arguments);
        program.line();
        assert_eq!(program.threads(), expected, "{variable}, {flag:?}");
    }
    let mut program = Program::start_told((VARIABLE, "none"), &["echo"]);
    assert_eq!(program.wait().code(), Some(2));
}
