//! A STOMP client that does what a test tells it, right or wrong, over each way to carry STOMP. It shares no code with
//! what is tested: headers are kept as they stand on the wire.

use std::net::SocketAddr;

use crate::{
    tcp::TcpPeer,
    websocket::{BINARY, CLOSE, PING, TEXT, WebSocketPeer},
};

/// How frames go to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Over a plain stream.
    Tcp,
    /// What is sent at once in one WebSocket message.
    WebSocket,
    /// One WebSocket message per octet.
    WebSocketOctets,
}

impl Over {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::WebSocket, Self::WebSocketOctets];
}

/// The client's end of a STOMP connection.
#[derive(Debug)]
pub struct StompPeer {
    over: Over,
    carrier: Carrier,
}

#[derive(Debug)]
enum Carrier {
    Tcp(TcpPeer),
    WebSocket(WebSocketPeer),
}

/// A frame as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StompFrame {
    /// The command.
    pub command: String,
    /// The headers, escaped as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it came in a binary WebSocket message.
    pub is_binary: bool,
}

/// What a server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// An end of line between frames.
    Beat,
    /// A frame.
    Frame(StompFrame),
}

impl StompPeer {
    /// Connects to the server whose WebSocket is at `http` and whose plain STOMP is at `stomp`.
    ///
    /// # Panics
    /// If it does not let us.
    #[must_use]
    #[track_caller]
    pub fn open(over: Over, http: SocketAddr, stomp: SocketAddr) -> Self {
        let carrier = match over {
            Over::Tcp => Carrier::Tcp(TcpPeer::connect(stomp)),
            Over::WebSocket | Over::WebSocketOctets => {
                Carrier::WebSocket(WebSocketPeer::open(http, "/ws", "v12.stomp"))
            }
        };
        Self { over, carrier }
    }

    /// The stream below everything.
    pub fn tcp(&mut self) -> &mut TcpPeer {
        match &mut self.carrier {
            Carrier::Tcp(tcp) => tcp,
            Carrier::WebSocket(websocket) => websocket.tcp(),
        }
    }

    /// The WebSocket.
    ///
    /// # Panics
    /// Over a plain stream.
    pub fn websocket(&mut self) -> &mut WebSocketPeer {
        match &mut self.carrier {
            Carrier::WebSocket(websocket) => websocket,
            Carrier::Tcp(_) => panic!("there is no WebSocket"),
        }
    }

    /// Sends octets: text messages where they are UTF-8, else binary.
    ///
    /// # Panics
    /// If the server does not take them.
    #[track_caller]
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        let octets = octets.as_ref();
        match (&mut self.carrier, self.over) {
            (Carrier::Tcp(tcp), _) => tcp.send(octets),
            (Carrier::WebSocket(websocket), Over::WebSocketOctets) => {
                let mut wire = Vec::new();
                for octet in octets {
                    let first = if octet.is_ascii() { TEXT } else { BINARY };
                    let mask = Some(crate::websocket::MASK);
                    wire.extend(crate::websocket::encode_frame(first, &[*octet], mask));
                }
                websocket.tcp().send(wire);
            }
            (Carrier::WebSocket(websocket), _) => {
                let is_text = std::str::from_utf8(octets).is_ok();
                websocket.send(if is_text { TEXT } else { BINARY }, octets);
            }
        }
    }

    /// Sends CONNECT with `headers`, lines that each end with `\n`; gives CONNECTED.
    ///
    /// # Panics
    /// If the answer is another one.
    #[track_caller]
    pub fn connect(&mut self, headers: &str) -> StompFrame {
        self.send(format!("CONNECT\n{headers}\n\0"));
        self.expect("CONNECTED")
    }

    /// Sends SUBSCRIBE and waits until it is live.
    ///
    /// # Panics
    /// If the answer is not its receipt.
    #[track_caller]
    pub fn subscribe(&mut self, id: &str, destination: &str) {
        self.send(format!(
            "SUBSCRIBE\nid:{id}\ndestination:{destination}\nreceipt:sub-{id}\n\n\0"
        ));
        self.expect_receipt(&format!("sub-{id}"));
    }

    /// Sends SEND with a body that has no NUL.
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn publish(&mut self, destination: &str, body: &str) {
        self.send(format!("SEND\ndestination:{destination}\n\n{body}\0"));
    }

    /// The next frame or beat.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receive_any(&mut self) -> Received {
        match &mut self.carrier {
            Carrier::Tcp(tcp) => next_on_stream(tcp),
            Carrier::WebSocket(websocket) => next_message(websocket),
        }
    }

    /// The next frame.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receive(&mut self) -> StompFrame {
        loop {
            if let Received::Frame(frame) = self.receive_any() {
                return frame;
            }
        }
    }

    /// The next frame, which is to be a `command`.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn expect(&mut self, command: &str) -> StompFrame {
        let frame = self.receive();
        assert_eq!(frame.command, command, "{frame:?}");
        frame
    }

    /// The next frame, which is to be the RECEIPT of `id`, whatever level it names.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn expect_receipt(&mut self, id: &str) {
        let mut receipt = self.expect("RECEIPT");
        receipt.headers.retain(|(name, _)| name != "receipt-level");
        assert_eq!(receipt.headers, [("receipt-id".to_owned(), id.to_owned())]);
    }

    /// The next frame, which is to be a MESSAGE with this body.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn expect_message(&mut self, body: impl AsRef<[u8]>) -> StompFrame {
        let message = self.expect("MESSAGE");
        let same = message.body == body.as_ref();
        assert!(same, "{:?}", String::from_utf8_lossy(&message.body));
        message
    }

    /// The next frame, which is to be an ERROR with this `message`; behind it nothing but the orderly end of the
    /// connection, over a WebSocket with a Close. Gives the frame and the code of the Close.
    ///
    /// # Panics
    /// If anything else comes.
    #[track_caller]
    pub fn expect_error(&mut self, message: &str) -> (StompFrame, Option<u16>) {
        let error = self.expect("ERROR");
        assert_eq!(error.header("message"), Some(message), "{error:?}");
        (error, self.expect_end())
    }

    /// The orderly end of the connection, which is to come next; gives the code of the Close over a WebSocket.
    ///
    /// # Panics
    /// If anything else comes.
    #[track_caller]
    pub fn expect_end(&mut self) -> Option<u16> {
        match &mut self.carrier {
            Carrier::Tcp(tcp) => {
                tcp.expect_end();
                None
            }
            Carrier::WebSocket(websocket) => Some(websocket.expect_close().0),
        }
    }
}

impl StompFrame {
    /// The first header of this name, as it stands on the wire.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let header = headers.find(|header| header.0 == name);
        header.map(|header| header.1.as_str())
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    fn parse_head(head: &[u8]) -> Self {
        let head = std::str::from_utf8(head).expect("headers are text");
        let mut lines = head.trim_end_matches('\n').split('\n');
        let command = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            (name.to_owned(), value.to_owned())
        };
        Self {
            command,
            headers: lines.map(header).collect(),
            body: Vec::new(),
            is_binary: false,
        }
    }

    fn body_length(&self) -> Option<usize> {
        let length = self.header("content-length")?;
        Some(length.parse().expect("a length is a number"))
    }
}

#[track_caller]
fn next_on_stream(tcp: &mut TcpPeer) -> Received {
    let first = tcp.read(1);
    if first == b"\n" {
        return Received::Beat;
    }
    let head = [first, tcp.read_until(b"\n\n")].concat();
    let mut frame = StompFrame::parse_head(&head);
    let mut body = match frame.body_length() {
        Some(length) => tcp.read(length + 1),
        None => tcp.read_until(b"\0"),
    };
    assert_eq!(body.pop(), Some(0), "a frame ends with NUL");
    frame.body = body;
    Received::Frame(frame)
}

/// A server sends one frame or one beat per message.
#[track_caller]
fn next_message(websocket: &mut WebSocketPeer) -> Received {
    let message = websocket.receive();
    assert_ne!(message.first, PING, "no test is so long");
    assert_ne!(
        message.first,
        CLOSE,
        "{:?}",
        String::from_utf8_lossy(&message.payload)
    );
    if message.payload == b"\n" {
        return Received::Beat;
    }
    let mut rest = &message.payload[..];
    let end = rest.windows(2).position(|bytes| bytes == b"\n\n");
    let end = end.expect("a frame has a blank line") + 2;
    let mut frame = StompFrame::parse_head(&rest[..end]);
    rest = &rest[end..];
    assert_eq!(rest.last(), Some(&0), "a message is a whole frame");
    frame.body = rest[..rest.len() - 1].to_vec();
    let length = frame.body_length();
    assert!(length.is_none_or(|length| length == frame.body.len()));
    assert!(length.is_some() || !frame.body.contains(&0));
    assert!(matches!(message.first, TEXT | BINARY));
    frame.is_binary = message.first == BINARY;
    Received::Frame(frame)
}
