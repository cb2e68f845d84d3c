//! `gumboot connect` at a terminal: a pseudo-terminal of the test, and what is to be seen on its screen.

mod screen;

use gumboot_testkit::{BINARY, CLOSE, PING, PONG, TEXT, close_body};

use self::screen::{StateFolder, Terminal};
use crate::raw_server::{RawPeer, RawServer};

/// A terminal with a session, and the server's end of it.
fn open(state: &StateFolder, flags: &[&str]) -> (Terminal, RawPeer) {
    let server = RawServer::new();
    let url = server.url();
    let terminal = Terminal::start(&[flags, &[&url]].concat(), state);
    let peer = server.accept(&[]);
    terminal.expect_line("type a message, or /help");
    terminal.expect_line(">");
    (terminal, peer)
}

#[test]
fn what_was_negotiated_messages_and_a_close() {
    let state = StateFolder::new("talk");
    let (mut terminal, mut peer) = open(&state, &[]);
    for line in [
        "http        HTTP/1.1",
        "tls         none",
        "websocket   version 13",
        "protocol    none",
        "extensions  none",
    ] {
        terminal.expect(line);
    }
    terminal.type_keys("hello\r");
    peer.expect(TEXT, "hello");
    peer.send(TEXT, "two\nlines");
    terminal.expect(" < two");
    terminal.expect("| lines");
    peer.send(BINARY, b"\x00A\xff");
    terminal.expect(" < binary, 3 bytes");
    terminal.expect("| 00000000  00 41 ff");
    terminal.type_keys("/binary 00 FF\r");
    peer.expect(BINARY, [0, 255]);
    terminal.type_keys("//slash\r");
    peer.expect(TEXT, "/slash");
    terminal.type_keys("/nonsense\r");
    terminal.expect("* there is no such command; /help lists them");
    terminal.type_keys("/help\r");
    terminal.expect("/textfile PATH");
    terminal.type_keys("/close 4000 bye\r");
    peer.expect_close(4000, "bye");
    assert_eq!(terminal.wait(), Some(0));
    terminal.expect("* closed: 4000 \"bye\"");
}

#[test]
fn a_ping_is_measured() {
    let state = StateFolder::new("ping");
    let (mut terminal, mut peer) = open(&state, &[]);
    terminal.type_keys("/ping hi\r");
    peer.expect(PING, "hi");
    peer.send(PONG, "hi");
    terminal.expect("* pong after ");
    peer.close(1000, "");
    assert_eq!(terminal.wait(), Some(0));
}

#[test]
fn a_message_that_arrives_leaves_a_half_typed_line_whole() {
    let state = StateFolder::new("half");
    let (mut terminal, mut peer) = open(&state, &[]);
    terminal.type_keys("half");
    terminal.expect_line("> half");
    peer.send(TEXT, "incoming");
    terminal.expect(" < incoming");
    terminal.expect_last_line("> half");
    terminal.type_keys(" done\r");
    peer.expect(TEXT, "half done");
    peer.close(1000, "");
    assert_eq!(terminal.wait(), Some(0));
}

#[test]
fn escape_sequences_of_a_peer_are_harmless() {
    let state = StateFolder::new("escape");
    let (mut terminal, mut peer) = open(&state, &[]);
    peer.send(TEXT, "\x1b[2J\x1b]0;owned\x07\u{9b}1mend");
    terminal.expect(r"\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}1mend");
    peer.close(1000, "\x1b[31m");
    assert_eq!(terminal.wait(), Some(0));
    terminal.expect(r#"* closed: 1000 "\u{1b}[31m""#);
    let bytes = terminal.bytes();
    for harm in ["\x1b[2J", "\x1b]0", "\x1b[31m", "\x07", "\u{9b}"] {
        assert!(!bytes.contains(harm), "{harm:?} in {bytes:?}");
    }
}

#[test]
fn lines_of_before_come_back_also_in_the_next_session() {
    let state = StateFolder::new("history");
    let (mut terminal, mut peer) = open(&state, &[]);
    for line in ["first", "second"] {
        terminal.type_keys(&format!("{line}\r"));
        peer.expect(TEXT, line);
    }
    terminal.type_keys(" secret\r");
    peer.expect(TEXT, " secret");
    // The arrow up, twice.
    terminal.type_keys("\x1b[A\x1b[A");
    terminal.expect_last_line("> first");
    terminal.type_keys("\r");
    peer.expect(TEXT, "first");
    peer.close(1000, "");
    assert_eq!(terminal.wait(), Some(0));

    let (mut terminal, mut peer) = open(&state, &[]);
    terminal.type_keys("\x1b[A\x1b[A");
    terminal.expect_last_line("> second");
    terminal.type_keys("\r");
    peer.expect(TEXT, "second");
    peer.close(1000, "");
    assert_eq!(terminal.wait(), Some(0));
    assert!(!state.history().contains("secret"));
}

#[test]
fn without_a_place_for_the_history_that_is_said_once() {
    let (mut terminal, mut peer) = open(&StateFolder::none(), &[]);
    for line in ["first", "second"] {
        terminal.type_keys(&format!("{line}\r"));
        peer.expect(TEXT, line);
    }
    peer.close(1000, "");
    assert_eq!(terminal.wait(), Some(0));
    assert_eq!(
        terminal
            .bytes()
            .matches("what is typed is not kept")
            .count(),
        1
    );
}

#[test]
fn all_that_came_is_seen_when_the_server_closes_in_the_middle_of_a_line() {
    let state = StateFolder::new("burst");
    let (mut terminal, mut peer) = open(&state, &[]);
    terminal.type_keys("unsent");
    terminal.expect_line("> unsent");
    for number in 0..200 {
        peer.send(TEXT, format!("message {number}."));
    }
    peer.close(4001, "gone");
    assert_eq!(terminal.wait(), Some(0));
    terminal.expect("* closed: 4001 \"gone\"");
    let bytes = terminal.bytes();
    for number in 0..200 {
        let message = format!("< message {number}.");
        assert_eq!(bytes.matches(&message).count(), 1, "{message}");
    }
    // The terminal is left without bracketed paste.
    let (on, off) = (bytes.rfind("\x1b[?2004h"), bytes.rfind("\x1b[?2004l"));
    assert!(on < off, "{bytes:?}");
}

#[test]
fn ctrl_c_and_ctrl_d_close_and_a_second_ctrl_c_does_not_wait() {
    for key in ["\x03", "\x04"] {
        let state = StateFolder::new("keys");
        let (mut terminal, peer) = open(&state, &[]);
        terminal.type_keys(key);
        peer.expect_close(1000, "");
        assert_eq!(terminal.wait(), Some(0));
    }
    let state = StateFolder::new("twice");
    let (mut terminal, mut peer) = open(&state, &[]);
    terminal.type_keys("\x03");
    peer.expect(CLOSE, close_body(1000, ""));
    terminal.type_keys("\x03");
    assert_eq!(terminal.wait(), Some(1));
    terminal.expect("* not closed in order: dropped");
}

/// The bytes of an upload that no buffer on the way takes.
const UPLOAD_BYTES: usize = 16 << 20;

/// Types for an upload.
fn upload(state: &StateFolder, terminal: &mut Terminal) {
    let path = state.file("upload", &vec![b'u'; UPLOAD_BYTES]);
    terminal.type_line(&format!("/file {path}"));
}

#[test]
fn ctrl_c_is_heard_while_the_server_reads_nothing() {
    let state = StateFolder::new("stuck");
    let (mut terminal, peer) = open(&state, &[]);
    upload(&state, &mut terminal);
    // More than wait for the server.
    for number in 0..17 {
        terminal.type_line(&format!("line {number}"));
    }
    terminal.expect("* not sent: the server does not take what was sent before");
    terminal.type_keys("x");
    terminal.expect_last_line("> x");
    terminal.type_keys("\x03");
    terminal.expect_last_line(">");
    terminal.type_keys("\x03");
    assert_eq!(terminal.wait(), Some(1));
    terminal.expect("* not closed in order: dropped");
    drop(peer);
}

#[test]
fn what_was_typed_before_a_close_goes_before_it() {
    let state = StateFolder::new("order");
    let (mut terminal, mut peer) = open(&state, &[]);
    upload(&state, &mut terminal);
    terminal.type_line("last");
    terminal.type_line("/close 4000 bye");
    peer.expect_long(BINARY, UPLOAD_BYTES);
    peer.expect(TEXT, "last");
    peer.expect_close(4000, "bye");
    assert_eq!(terminal.wait(), Some(0));
}

#[test]
fn a_warning_for_insecure_is_seen() {
    let state = StateFolder::new("warning");
    let (mut terminal, peer) = open(&state, &["--insecure"]);
    terminal.expect("WARNING: --insecure");
    peer.close(1000, "");
    assert_eq!(terminal.wait(), Some(0));
}
