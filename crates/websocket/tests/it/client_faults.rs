//! Servers that break the protocol or vanish: what the client says to them, and to its program.

use gumboot_testkit::{BINARY, CLOSE, MASK, TEXT, close_body, encode_frame, wire};
use gumboot_websocket::{
    LinkError, connect,
    proto::{Closing, Error, PeerMisbehaved, SendError},
};

use crate::{
    raw_server::{client_close, raw_websocket},
    support::soon,
};

/// The server sends a message and then `bytes`: the message arrives, then the `fault`, and the server hears a Close of
/// `code` and nothing more.
async fn check_fault(bytes: Vec<u8>, fault: PeerMisbehaved, code: u16) {
    let server = raw_websocket(move |mut tcp| {
        tcp.send([encode_frame(TEXT, b"good", None), bytes].concat());
        client_close(&mut tcp, code);
        tcp.expect_end();
    });
    let mut socket = soon(connect(&server.url(), &[])).await.unwrap();
    let message = soon(socket.receive()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("good"));
    let failed = soon(socket.receive()).await;
    assert!(
        matches!(failed, Err(LinkError::Protocol(Error::PeerMisbehaved(got))) if got == fault),
        "{fault:?}: {failed:?}"
    );
    // It is told once.
    assert_eq!(soon(socket.receive()).await.unwrap(), None);
    assert_eq!(soon(socket.send("x")).await, Err(SendError::Closing));
    assert_eq!(socket.close_frame(), None);
    drop(socket);
    server.join();
}

#[tokio::test]
async fn frames_that_break_the_protocol() {
    let masked = encode_frame(TEXT, b"Hello", Some(MASK));
    check_fault(masked, PeerMisbehaved::MaskUnexpected, 1002).await;
    let reserved = encode_frame(0x20 | TEXT, b"x", None);
    check_fault(reserved, PeerMisbehaved::ReservedBitSet, 1002).await;
    let opcode = encode_frame(0x83, b"x", None);
    check_fault(opcode, PeerMisbehaved::OpcodeReserved(3), 1002).await;
    let continuation = encode_frame(0x80, b"x", None);
    check_fault(continuation, PeerMisbehaved::ContinuationUnexpected, 1002).await;
    let length = wire("82 7e 00 05 | Hello");
    check_fault(length, PeerMisbehaved::LengthNotMinimal, 1002).await;
    let close = encode_frame(CLOSE, &close_body(1005, ""), None);
    check_fault(close, PeerMisbehaved::CloseCodeInvalid(1005), 1002).await;
}

#[tokio::test]
async fn text_that_is_not_utf8() {
    let whole = encode_frame(TEXT, b"\xce\xba\xff", None);
    check_fault(whole, PeerMisbehaved::InvalidUtf8, 1007).await;
    // In the middle of a frame that is never finished.
    let unfinished = encode_frame(TEXT, &[&[0xFF][..], &[b'x'; 1_000]].concat(), None);
    check_fault(unfinished[..20].to_vec(), PeerMisbehaved::InvalidUtf8, 1007).await;
    let reason = encode_frame(CLOSE, b"\x03\xe8\xff", None);
    check_fault(reason, PeerMisbehaved::InvalidUtf8, 1007).await;
}

#[tokio::test]
async fn a_server_that_vanishes() {
    for sent in [vec![], encode_frame(BINARY, &[0; 100], None)[..50].to_vec()] {
        let server = raw_websocket(move |mut tcp| tcp.send(sent));
        let mut socket = soon(connect(&server.url(), &[])).await.unwrap();
        let failed = soon(socket.receive()).await;
        assert!(matches!(failed, Err(LinkError::Eof)), "{failed:?}");
        assert_eq!(soon(socket.receive()).await.unwrap(), None);
        assert_eq!(socket.closing(), Closing::Dropped);
        assert_eq!(soon(socket.send("x")).await, Err(SendError::Closing));
        server.join();
    }
}

#[tokio::test]
async fn a_server_that_vanishes_before_it_answers_a_close() {
    let server = raw_websocket(|mut tcp| {
        client_close(&mut tcp, 1000);
    });
    let mut socket = soon(connect(&server.url(), &[])).await.unwrap();
    let normal = gumboot_websocket::proto::CloseFrame::truncated(
        gumboot_websocket::proto::CloseCode::NORMAL,
        "",
    );
    let failed = soon(socket.close(Some(&normal))).await;
    assert!(matches!(failed, Err(LinkError::Eof)), "{failed:?}");
    assert_eq!(socket.closing(), Closing::Dropped);
    server.join();
}
