//! A client of HTTP/2 that opens more streams than the server's settings allow (RFC 9113 §5.1.2), which is said frame by
//! frame, without a library.

use std::sync::Arc;

use gumboot_testkit::TcpPeer;
use gumboot_websocket::{
    Socket, Transport,
    proto::{Config, handshake::client::Agreed},
    server::{
        Acceptance, Answer, HttpLimits, STREAMS_PER_CONNECTION_MAX, Upgraded, offer, serve_http2,
    },
};
use tokio::{net::TcpListener, task::spawn_blocking};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames (RFC 9113 §6), the flags that are needed, and the codes of errors (§7).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_HEADERS: u8 = 4;
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// `:status: 200` (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The extended CONNECT of a WebSocket (RFC 8441 §5), each header as a literal (RFC 7541 §6.2.2).
fn open(stream: u32) -> Vec<u8> {
    let headers = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/"),
        ("sec-websocket-version", "13"),
    ];
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend(text.as_bytes());
        }
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// The next frame of a stream: its type, the stream, its payload.
fn next(tcp: &mut TcpPeer) -> (u8, u32, Vec<u8>) {
    loop {
        let head = tcp.read(9);
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let payload = tcp.read(length as usize);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if stream != 0 {
            return (head[3], stream, payload);
        }
    }
}

#[track_caller]
fn expect_open(tcp: &mut TcpPeer, stream: u32) {
    let (kind, of, payload) = next(tcp);
    assert_eq!((kind, of, payload[0]), (HEADERS, stream, STATUS_200));
}

async fn keep(upgraded: Upgraded<Transport, ()>) {
    let (link, ()) = upgraded.into_link(Arc::new(Config::server()));
    let mut socket = Socket::new(link, Agreed::default());
    while let Ok(Some(_)) = socket.receive().await {}
}

#[tokio::test]
async fn one_stream_more_is_refused_until_another_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let peer = spawn_blocking(move || {
        let mut tcp = TcpPeer::connect(address);
        tcp.send(PREFACE);
        tcp.send(frame(SETTINGS, 0, 0, b""));
        let streams: Vec<u32> = (0..STREAMS_PER_CONNECTION_MAX).map(|n| 2 * n + 1).collect();
        for &stream in &streams {
            tcp.send(open(stream));
            expect_open(&mut tcp, stream);
        }
        let past = 2 * STREAMS_PER_CONNECTION_MAX + 1;
        tcp.send(open(past));
        let refused = (RST_STREAM, past, REFUSED_STREAM.to_vec());
        assert_eq!(next(&mut tcp), refused);
        tcp.send(frame(RST_STREAM, 0, streams[0], &CANCEL));
        tcp.send(open(past + 2));
        expect_open(&mut tcp, past + 2);
        // Its end is not to come before what was seen is known.
        tcp
    });
    let (stream, _) = listener.accept().await.unwrap();
    let limits = HttpLimits::default();
    let served = serve_http2(
        stream.into(),
        &limits,
        |request| {
            let offer = offer(&request).expect("a good handshake");
            Answer::WebSocket(Acceptance::new(&offer, None, &Config::server()), ())
        },
        |upgraded| drop(tokio::spawn(keep(upgraded))),
    );
    tokio::select! {
        seen = peer => drop(seen.unwrap()),
        ended = served => panic!("{ended:?}"),
    }
}
