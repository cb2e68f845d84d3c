//! A STOMP client over TCP or WebSocket for which the end of the connection is nothing special. It shares no code with
//! what is tested.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
};

use gumboot_testkit::{BINARY, MASK, TEXT, WAIT_MAX, encode_frame, upgrade_request};

use crate::server::Server;

/// A client's end of a connection on which STOMP was connected.
pub(crate) struct Wire {
    stream: TcpStream,
    is_websocket: bool,
    /// Octets that were read: of TCP, or frames of WebSocket that are not whole.
    received: Vec<u8>,
    /// Of WebSocket, what its frames held.
    unpacked: Vec<u8>,
}

/// A frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) command: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Wire {
    /// Connects, with STOMP 1.2 and these headers beside, lines that each end with `\n`.
    pub(crate) fn open(server: &Server, is_websocket: bool, headers: &str) -> io::Result<Self> {
        let address = if is_websocket {
            server.http
        } else {
            server.stomp
        };
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WAIT_MAX * 3))?;
        stream.set_write_timeout(Some(WAIT_MAX * 3))?;
        let mut wire = Self {
            stream,
            is_websocket,
            received: Vec::new(),
            unpacked: Vec::new(),
        };
        if is_websocket {
            let protocol = "sec-websocket-protocol: v12.stomp";
            let request = upgrade_request("/ws", &[protocol]);
            wire.stream.write_all(request.as_bytes())?;
            let head = loop {
                if let Some(end) = find(&wire.received, b"\r\n\r\n") {
                    break wire.received.drain(..end + 4).collect::<Vec<_>>();
                }
                wire.read()?;
            };
            assert!(head.starts_with(b"HTTP/1.1 101 "), "the upgrade is refused");
        }
        wire.send(format!("CONNECT\naccept-version:1.2\nhost:crash\n{headers}\n\0").as_bytes())?;
        let connected = wire.receive()?;
        assert_eq!(connected.command, "CONNECTED", "{connected:?}");
        Ok(wire)
    }

    /// Sends whole frames.
    pub(crate) fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        if !self.is_websocket {
            return self.stream.write_all(frames);
        }
        let is_text = std::str::from_utf8(frames).is_ok();
        let first = if is_text { TEXT } else { BINARY };
        self.stream
            .write_all(&encode_frame(first, frames, Some(MASK)))
    }

    /// The next frame, which is no ERROR.
    pub(crate) fn receive(&mut self) -> io::Result<Frame> {
        loop {
            let octets = if self.is_websocket {
                &mut self.unpacked
            } else {
                &mut self.received
            };
            if let Some(frame) = take_frame(octets) {
                assert_ne!(frame.command, "ERROR", "{frame:?}");
                return Ok(frame);
            }
            if !self.is_websocket || !self.unpack() {
                self.read()?;
            }
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    /// Takes a frame of WebSocket apart; whether there was a whole one.
    fn unpack(&mut self) -> bool {
        let octets = &self.received;
        if octets.len() < 2 {
            return false;
        }
        let (head, length) = match octets[1] {
            126 if octets.len() >= 4 => {
                (4, usize::from(u16::from_be_bytes([octets[2], octets[3]])))
            }
            127 if octets.len() >= 10 => {
                let length = octets[2..10].try_into().expect("these are eight");
                (10, u64::from_be_bytes(length) as usize)
            }
            126 | 127 => return false,
            length => (2, usize::from(length)),
        };
        if octets.len() < head + length {
            return false;
        }
        let is_data = [TEXT, BINARY].contains(&octets[0]);
        let payload: Vec<u8> = self.received.drain(..head + length).skip(head).collect();
        if is_data {
            self.unpacked.extend(payload);
        }
        true
    }
}

/// Takes a whole frame off the front, and the beats before it.
fn take_frame(octets: &mut Vec<u8>) -> Option<Frame> {
    let beats = octets.iter().take_while(|octet| **octet == b'\n').count();
    octets.drain(..beats);
    let head_end = find(octets, b"\n\n")?;
    let head = std::str::from_utf8(&octets[..head_end]).expect("headers are text");
    let mut lines = head.split('\n');
    let command = lines.next().unwrap_or_default().to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        (name.to_owned(), value.to_owned())
    };
    let mut frame = Frame {
        command,
        headers: lines.map(header).collect(),
        body: Vec::new(),
    };
    let body = head_end + 2;
    let length = match frame.header("content-length") {
        Some(length) => length.parse().expect("a length is a number"),
        None => octets[body..].iter().position(|octet| *octet == 0)?,
    };
    if octets.len() <= body + length {
        return None;
    }
    assert_eq!(octets[body + length], 0, "a frame ends with NUL");
    frame.body = octets[body..body + length].to_vec();
    octets.drain(..=body + length);
    Some(frame)
}

fn find(octets: &[u8], part: &[u8]) -> Option<usize> {
    octets.windows(part.len()).position(|window| window == part)
}
