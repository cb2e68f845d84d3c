//! A client of a vector: it keeps what it got and was not asked for yet.

use std::collections::{HashSet, VecDeque};

use gumboot_testkit::{CLOSE, Over, StompFrame, StompPeer, close_body};

use super::{expected::Expected, wire::Bindings};

/// How octets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Tcp,
    TcpOctets,
    WebSocket,
    WebSocketOctets,
}

impl Way {
    pub(super) const ALL: [Self; 4] = [
        Self::Tcp,
        Self::TcpOctets,
        Self::WebSocket,
        Self::WebSocketOctets,
    ];

    pub(super) fn over(self) -> Over {
        match self {
            Self::Tcp | Self::TcpOctets => Over::Tcp,
            Self::WebSocket => Over::WebSocket,
            Self::WebSocketOctets => Over::WebSocketOctets,
        }
    }
}

/// A client.
pub(super) struct Actor {
    client: StompPeer,
    way: Way,
    version: String,
    /// MESSAGEs and all other frames: the order of RECEIPTs among MESSAGEs is free (STOMP 1.2, RECEIPT).
    messages: VecDeque<StompFrame>,
    others: VecDeque<StompFrame>,
    message_ids: HashSet<String>,
    /// How often it was settled.
    settled: u32,
    is_connected: bool,
    has_ended: bool,
}

impl Actor {
    pub(super) fn new(client: StompPeer, way: Way, version: &str) -> Self {
        Self {
            client,
            way,
            version: version.to_owned(),
            messages: VecDeque::new(),
            others: VecDeque::new(),
            message_ids: HashSet::new(),
            settled: 0,
            is_connected: false,
            has_ended: false,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(super) fn connect(&mut self) {
        let connect = format!("CONNECT\naccept-version:{}\nhost:h\n\n\0", self.version);
        self.send(connect.as_bytes());
        let connected = self.client.expect("CONNECTED");
        assert_eq!(connected.header("version"), Some(&*self.version));
        self.is_connected = true;
    }

    pub(super) fn send(&mut self, octets: &[u8]) {
        if self.way != Way::TcpOctets {
            return self.client.send(octets);
        }
        for octet in octets {
            // The server may have found an error in what came before.
            self.client.tcp().try_send([*octet]);
        }
    }

    /// Sends one WebSocket message.
    pub(super) fn send_message(&mut self, first: u8, octets: &[u8]) {
        self.client.websocket().send(first, octets);
    }

    /// Gets a frame; an ERROR is followed by the end of the connection (STOMP 1.2, ERROR).
    pub(super) fn expect(&mut self, expected: &Expected, bindings: &mut Bindings) {
        let frame = if expected.is_next {
            assert!(
                self.messages.is_empty() && self.others.is_empty(),
                "something came before"
            );
            self.read()
        } else {
            self.next(expected.command == "MESSAGE")
        };
        expected.check(&frame, bindings);
        match frame.command.as_str() {
            "CONNECTED" => self.is_connected = true,
            "ERROR" => self.expect_end(None),
            _ => {}
        }
    }

    fn next(&mut self, is_message: bool) -> StompFrame {
        loop {
            let kept = if is_message {
                &mut self.messages
            } else {
                &mut self.others
            };
            if let Some(frame) = kept.pop_front() {
                return frame;
            }
            let frame = self.read();
            // What is wanted instead of an ERROR will not come.
            assert!(!is_message || frame.command != "ERROR", "{frame:?}");
            self.keep(frame);
        }
    }

    fn keep(&mut self, frame: StompFrame) {
        if frame.command == "MESSAGE" {
            self.messages.push_back(frame);
        } else {
            self.others.push_back(frame);
        }
    }

    /// Reads a frame, and looks at what holds for all.
    fn read(&mut self) -> StompFrame {
        let frame = self.client.receive();
        let length = frame.header("content-length").map(str::to_owned);
        let expected = Some(frame.body.len().to_string()).filter(|_| !frame.body.is_empty());
        assert_eq!(length, expected, "{frame:?}");
        let is_text = std::str::from_utf8(&frame.body).is_ok();
        assert!(
            self.way.over() == Over::Tcp || frame.is_binary != is_text,
            "{frame:?}"
        );
        if frame.command == "MESSAGE" {
            let id = frame
                .header("message-id")
                .expect("a MESSAGE has an id")
                .to_owned();
            assert!(
                self.message_ids.insert(id),
                "an id that was used: {frame:?}"
            );
        }
        if frame.command == "ERROR" {
            assert_eq!(
                frame.header("content-type"),
                Some("text/plain"),
                "{frame:?}"
            );
        }
        frame
    }

    /// Sees to it that all that this client has sent is done, and keeps all that there was for it.
    pub(super) fn settle(&mut self) {
        if self.has_ended || !self.is_connected {
            return;
        }
        self.settled += 1;
        let id = format!("settled-{}", self.settled);
        // What the server has for a client from elsewhere comes in the order in which it arose.
        let topic = format!("/topic/{id}.{:p}", &raw const *self);
        let wire =
            format!("SUBSCRIBE\nid:{id}\ndestination:{topic}\n\n\0SEND\ndestination:{topic}\n\n\0");
        self.client.send(wire);
        loop {
            let frame = self.read();
            if frame.header("subscription") == Some(&id) {
                break;
            }
            self.keep(frame);
        }
        self.client.send(format!("UNSUBSCRIBE\nid:{id}\n\n\0"));
    }

    pub(super) fn expect_nothing_kept(&self) {
        let frames: Vec<_> = self.messages.iter().chain(&self.others).collect();
        assert!(frames.is_empty(), "{frames:?}");
    }

    /// The server ends the connection, over a WebSocket with a Close of this code, and says nothing before.
    pub(super) fn expect_end(&mut self, code: Option<u16>) {
        self.expect_nothing_kept();
        let closed = self.client.expect_end();
        if let Some(code) = code {
            assert_eq!(closed, Some(code));
        }
        self.has_ended = true;
    }

    /// The connection is lost; the server has noticed when this returns.
    pub(super) fn drop_connection(&mut self) {
        self.client.tcp().send_end();
        self.client.tcp().read_to_end();
        self.messages.clear();
        self.others.clear();
        self.has_ended = true;
    }

    /// The client closes the connection after DISCONNECT.
    pub(super) fn leave(&mut self) {
        self.expect_nothing_kept();
        if self.way.over() == Over::Tcp {
            self.client.tcp().send_end();
        } else {
            self.client.websocket().send_close(1000, "");
            self.client.websocket().expect(CLOSE, close_body(1000, ""));
        }
        self.client.tcp().expect_end();
        self.has_ended = true;
    }
}
