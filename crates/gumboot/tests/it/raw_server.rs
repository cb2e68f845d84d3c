//! A WebSocket server that does what a test tells it, for a client that is a process.

use std::net::TcpListener;

use gumboot_testkit::{CLOSE, PING, PONG, TcpPeer, close_body, encode_frame};
use gumboot_websocket::proto::handshake::accept_key;

/// A server that waits for a client.
pub(crate) struct RawServer(TcpListener);

/// The server's end of a connection.
pub(crate) struct RawPeer {
    pub(crate) tcp: TcpPeer,
    /// The request, up to the empty line.
    pub(crate) head: String,
}

impl RawServer {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/chat?room=1", self.0.local_addr().unwrap())
    }

    /// The next client; its request is read, and not answered.
    #[track_caller]
    pub(crate) fn asked(&self) -> RawPeer {
        let mut tcp = TcpPeer::accept(&self.0);
        let head = String::from_utf8(tcp.read_until(b"\r\n\r\n")).unwrap();
        RawPeer { tcp, head }
    }

    /// The next client, accepted, with further header lines.
    #[track_caller]
    pub(crate) fn accept(&self, lines: &[&str]) -> RawPeer {
        let mut peer = self.asked();
        let key = peer.header("sec-websocket-key").unwrap();
        let accept = accept_key(key.as_bytes());
        let accept = accept.to_str().unwrap();
        let more: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        peer.tcp.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: {accept}\r\n{more}\r\n"
        ));
        peer
    }
}

impl RawPeer {
    /// The value of a header of the request.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn send(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.tcp.send(encode_frame(first, payload.as_ref(), None));
    }

    pub(crate) fn send_close(&mut self, code: u16, reason: &str) {
        self.send(CLOSE, close_body(code, reason));
    }

    /// The next frame's first byte, and the length and the mask of its payload, which comes next.
    #[track_caller]
    fn receive_header(&mut self) -> (u8, usize, Vec<u8>) {
        let head = self.tcp.read(2);
        let length = match head[1] & 0x7F {
            126 => {
                let length = self.tcp.read(2);
                usize::from(u16::from_be_bytes([length[0], length[1]]))
            }
            127 => {
                let length = self.tcp.read(8).try_into().unwrap();
                usize::try_from(u64::from_be_bytes(length)).unwrap()
            }
            length => length.into(),
        };
        assert!(head[1] >= 0x80, "a client masks");
        (head[0], length, self.tcp.read(4))
    }

    /// The next frame, unmasked.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
        let (first, length, mask) = self.receive_header();
        let payload = self.tcp.read(length);
        let unmasked = payload.iter().zip(mask.iter().cycle());
        (first, unmasked.map(|(byte, key)| byte ^ key).collect())
    }

    /// The next frame, which is to be of this first byte and payload.
    #[track_caller]
    pub(crate) fn expect(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let (got, bytes) = self.receive();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!((got, &bytes[..]), (first, payload.as_ref()), "{text}");
    }

    /// The next frame, which is to be of this first byte and long: its payload is not looked at, which would take long too.
    #[track_caller]
    pub(crate) fn expect_long(&mut self, first: u8, length: usize) {
        let (got, mut left, _) = self.receive_header();
        assert_eq!((got, left), (first, length));
        while left > 0 {
            left -= self.tcp.read(left.min(64 * 1024)).len();
        }
    }

    /// Waits until the client has read our answer and more.
    #[track_caller]
    pub(crate) fn expect_reader(&mut self) {
        self.send(PING, "");
        self.expect(PONG, "");
    }

    /// The client's Close, which comes next and is answered; the connection ends behind it.
    #[track_caller]
    pub(crate) fn expect_close(mut self, code: u16, reason: &str) {
        let body = close_body(code, reason);
        self.expect(CLOSE, &body);
        self.send(CLOSE, &body);
        self.tcp.send_end();
        self.tcp.expect_end();
    }

    /// Closes, and expects the same as an answer, behind the pings that were on their way.
    #[track_caller]
    pub(crate) fn close(mut self, code: u16, reason: &str) {
        self.send_close(code, reason);
        let answer = loop {
            match self.receive() {
                (PING, _) => {}
                answer => break answer,
            }
        };
        assert_eq!(answer, (CLOSE, close_body(code, reason)));
        self.tcp.send_end();
        self.tcp.expect_end();
    }
}
