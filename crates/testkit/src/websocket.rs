//! A WebSocket client that does what a test tells it, right or wrong (RFC 6455 §5). It shares no code with what is
//! tested.

use std::net::SocketAddr;

use crate::{
    http::{ACCEPT, HttpResponse, upgrade_request},
    tcp::TcpPeer,
};

/// The first byte of a whole text message.
pub const TEXT: u8 = 0x81;
/// The first byte of a whole binary message.
pub const BINARY: u8 = 0x82;
/// The first byte of a Close.
pub const CLOSE: u8 = 0x88;
/// The first byte of a ping.
pub const PING: u8 = 0x89;
/// The first byte of a pong.
pub const PONG: u8 = 0x8A;

/// The client's end of a WebSocket connection.
#[derive(Debug)]
pub struct WebSocketPeer {
    tcp: TcpPeer,
    protocol: Option<String>,
}

/// A frame: its first byte (FIN, reserved bits, opcode) and its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketFrame {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    /// The payload, without a mask.
    pub payload: Vec<u8>,
}

/// A frame on the wire, masked as a client's, or not.
#[must_use]
pub fn encode_frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut wire = vec![first];
    match payload.len() {
        length @ 0..=125 => wire.push(bit | length as u8),
        length @ 126..=0xFFFF => {
            wire.push(bit | 126);
            wire.extend((length as u16).to_be_bytes());
        }
        length => {
            wire.push(bit | 127);
            wire.extend((length as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    wire.extend(mask.into_iter().flatten());
    let masked = payload.iter().zip(key.iter().cycle());
    wire.extend(masked.map(|(byte, key)| byte ^ key));
    wire
}

/// The body of a Close.
#[must_use]
pub fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// What the tests mask with.
pub const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

impl WebSocketPeer {
    /// Opens a connection at `path`, and offers `protocols`, a list as it goes into the header.
    ///
    /// # Panics
    /// If the server does not accept it.
    #[must_use]
    #[track_caller]
    pub fn open(address: SocketAddr, path: &str, protocols: &str) -> Self {
        let mut tcp = TcpPeer::connect(address);
        let protocols = format!("sec-websocket-protocol:{protocols}");
        tcp.send(upgrade_request(path, &[&protocols]));
        Self::upgraded(tcp)
    }

    /// The connection on a stream over which a good handshake was sent.
    ///
    /// # Panics
    /// If the server does not accept it.
    #[must_use]
    #[track_caller]
    pub fn upgraded(mut tcp: TcpPeer) -> Self {
        let response = HttpResponse::read(&mut tcp);
        assert_eq!(response.status, 101, "{response:?}");
        assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT));
        let protocol = response.header("sec-websocket-protocol").map(str::to_owned);
        Self { tcp, protocol }
    }

    /// The stream below.
    pub fn tcp(&mut self) -> &mut TcpPeer {
        &mut self.tcp
    }

    /// The subprotocol that the server chose.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn send(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.tcp
            .send(encode_frame(first, payload.as_ref(), Some(MASK)));
    }

    /// Sends a Close.
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn send_close(&mut self, code: u16, reason: &str) {
        self.send(CLOSE, close_body(code, reason));
    }

    /// The next frame, control frames included.
    ///
    /// # Panics
    /// If what comes is none that a server may send.
    #[track_caller]
    pub fn receive(&mut self) -> WebSocketFrame {
        let head = self.tcp.read(2);
        assert!(head[1] < 0x80, "a server does not mask");
        let length = match head[1] {
            126 => self.length::<2>(),
            127 => self.length::<8>(),
            length => length.into(),
        };
        WebSocketFrame {
            first: head[0],
            payload: self.tcp.read(length),
        }
    }

    /// The next frame, which is to be of this first byte and payload.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn expect(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let frame = self.receive();
        let payload = payload.as_ref();
        let same = frame.first == first && frame.payload == payload;
        assert!(
            same,
            "{:02x} {:?} instead of {first:02x} {:?}",
            frame.first,
            text(&frame.payload),
            text(payload)
        );
    }

    /// The server's Close, which comes next: it is answered, and the server ends the connection in order behind it.
    ///
    /// # Panics
    /// If anything else comes, before the Close or behind it.
    #[track_caller]
    pub fn expect_close(&mut self) -> (u16, String) {
        let close = self.receive();
        assert_eq!(close.first, CLOSE, "{:?}", text(&close.payload));
        self.tcp
            .try_send(encode_frame(CLOSE, &close.payload, Some(MASK)));
        self.tcp.expect_end();
        let (code, reason) = close.payload.split_at(2);
        let reason = String::from_utf8(reason.to_vec()).expect("a reason is text");
        (u16::from_be_bytes([code[0], code[1]]), reason)
    }

    #[track_caller]
    fn length<const COUNT: usize>(&mut self) -> usize {
        let bytes = self.tcp.read(COUNT);
        bytes
            .iter()
            .fold(0, |length, &byte| length << 8 | usize::from(byte))
    }
}

fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(&payload[..payload.len().min(200)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(encode_frame(TEXT, b"Hello", None), wire("81 05 | Hello"));
        assert_eq!(
            encode_frame(TEXT, b"Hello", Some(MASK)),
            wire("81 85 37 fa 21 3d 7f 9f 4d 51 58")
        );
        assert!(encode_frame(BINARY, &[0; 256], None).starts_with(&wire("82 7e 01 00 00")));
        let long = encode_frame(BINARY, &[0; 65_536], None);
        assert!(long.starts_with(&wire("82 7f 00 00 00 00 00 01 00 00 00")));
    }
}
