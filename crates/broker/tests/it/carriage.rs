//! STOMP frames and what carries them: neither cares where the other is cut, and a server sends one frame per WebSocket
//! message (the clients of these tests check that on everything that they receive).

use gumboot_testkit::{BINARY, Over, PING, PONG, TEXT};

use crate::support::TestServer;

#[test]
fn several_frames_at_once() {
    let server = TestServer::start();
    for over in [Over::Tcp, Over::WebSocket] {
        let mut client = server.open(over);
        client.send(
            "\nCONNECT\naccept-version:1.2\n\n\0\n\nSUBSCRIBE\nid:1\ndestination:/topic/a\n\
             receipt:r\n\n\0SEND\ndestination:/topic/a\n\n1\0\r\n\nSEND\ndestination:/topic/a\n\n2\0\n\
             DISCONNECT\nreceipt:bye\n\n\0",
        );
        client.expect("CONNECTED");
        client.expect_receipt("r");
        // DISCONNECT ends the subscription before its messages are sent.
        client.expect_receipt("bye");
    }
}

#[test]
fn messages_of_one_read_come_in_order() {
    let server = TestServer::start();
    for over in [Over::Tcp, Over::WebSocket] {
        let mut client = server.client(over, "1.2");
        client.subscribe("1", "/topic/a");
        let frames: Vec<String> = (0..100)
            .map(|number| format!("SEND\ndestination:/topic/a\n\n{number}\0\n"))
            .collect();
        client.send(frames.concat());
        for number in 0..100 {
            client.expect_message(number.to_string());
        }
    }
}

/// A client may end its direction at once behind what it asks (`nc -N`), which often comes with the same wake-up.
#[test]
fn what_was_asked_before_the_end_is_answered() {
    const TIMES: usize = 100;

    let server = TestServer::start();
    for over in [Over::Tcp, Over::WebSocket] {
        for number in 0..TIMES {
            let mut client = server.client(over, "1.2");
            client.subscribe("1", "/topic/a");
            client.send(format!("SEND\ndestination:/topic/a\n\n{number}\0"));
            client.tcp().send_end();
            client.expect_message(number.to_string());
        }
    }
}

#[test]
fn one_frame_in_many_messages() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    client.subscribe("1", "/topic/a");
    let body = "0123456789abcdef".repeat(4096);
    let frame = format!("SEND\ndestination:/topic/a\n\n{body}\0");
    for piece in frame.as_bytes().chunks(8 * 1024) {
        client.websocket().send(TEXT, piece);
    }
    client.expect_message(&body);
}

#[test]
fn a_frame_cut_at_every_octet() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    client.subscribe("1", "/topic/a");
    let mut stream = server.client(Over::Tcp, "1.2");
    stream.subscribe("1", "/topic/b");
    let frame = |topic| format!("SEND\r\ndestination:/topic/{topic}\nx\\c:\\\\\r\n\na\0\r\n");
    for cut in 1..frame("a").len() {
        let (to_client, to_stream) = (frame("a"), frame("b"));
        client.send(&to_client[..cut]);
        stream.send(&to_stream[..cut]);
        client.send(&to_client[cut..]);
        stream.send(&to_stream[cut..]);
        for message in [client.expect_message("a"), stream.expect_message("a")] {
            assert_eq!(message.header("x\\c"), Some("\\\\"), "cut at {cut}");
        }
    }
}

#[test]
fn text_and_binary_messages_mix_even_within_a_frame() {
    let server = TestServer::start();
    let mut client = server.open(Over::WebSocket);
    let websocket = client.websocket();
    websocket.send(BINARY, "CONNECT\naccept-version:1.2\n");
    websocket.send(TEXT, "\n\0SUBSCRIBE\nid:1\n");
    websocket.send(BINARY, "destination:/topic/a\n\n\0");
    websocket.send(TEXT, "SEND\ndestination:/topic/a\n\ngr");
    websocket.send(BINARY, [0xC3]);
    websocket.send(BINARY, [0xBC]);
    websocket.send(TEXT, "n");
    websocket.send(TEXT, "");
    websocket.send(BINARY, [0]);
    client.expect("CONNECTED");
    assert!(!client.expect_message("grün").is_binary);
}

#[test]
fn fragments_and_control_frames_in_between() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    client.subscribe("1", "/topic/a");
    let websocket = client.websocket();
    websocket.send(0x01, "SEND\ndestination:");
    websocket.send(PING, "are you there");
    websocket.send(0x00, "/topic/a\n\n");
    websocket.send(0x80, "hi\0");
    websocket.expect(PONG, "are you there");
    client.expect_message("hi");
}

#[test]
fn frames_behind_the_handshake_in_one_segment() {
    use gumboot_testkit::{MASK, TcpPeer, WebSocketPeer, encode_frame, upgrade_request};

    let server = TestServer::start();
    let mut tcp = TcpPeer::connect(server.http());
    let connect = encode_frame(TEXT, b"CONNECT\naccept-version:1.2\n\n\0", Some(MASK));
    tcp.send([upgrade_request("/ws", &[]).as_bytes(), &connect].concat());
    let mut websocket = WebSocketPeer::upgraded(tcp);
    let connected = websocket.receive();
    assert!(connected.payload.starts_with(b"CONNECTED\nversion:1.2\n"));
}
