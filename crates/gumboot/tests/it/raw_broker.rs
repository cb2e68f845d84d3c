//! A STOMP server over TCP that does what a test tells it, for a client that is a process.

use std::net::TcpListener;

use gumboot_testkit::TcpPeer;

/// A server that waits for a client.
pub(crate) struct RawBroker(TcpListener);

/// The server's end of a connection.
pub(crate) struct RawClient(TcpPeer);

/// A frame of the client, without NUL in its body; headers as they stand on the wire.
#[derive(Debug)]
pub(crate) struct RawFrame {
    pub(crate) command: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl RawBroker {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("stomp://{}", self.0.local_addr().unwrap())
    }

    /// The next client, and its CONNECT, which is not answered.
    #[track_caller]
    pub(crate) fn asked(&self) -> (RawClient, RawFrame) {
        let mut client = RawClient(TcpPeer::accept(&self.0));
        let connect = client.expect("CONNECT");
        (client, connect)
    }

    /// The next client, let in.
    #[track_caller]
    pub(crate) fn accept(&self) -> RawClient {
        let (mut client, _) = self.asked();
        client.send("CONNECTED\nversion:1.2\n\n\0");
        client
    }

    /// The next client, let in, whose subscriptions to so many destinations are confirmed.
    #[track_caller]
    pub(crate) fn accept_subscriber(&self, subscriptions: usize) -> RawClient {
        let mut client = self.accept();
        for _ in 0..subscriptions {
            client.take("SUBSCRIBE");
        }
        client
    }
}

impl RawClient {
    pub(crate) fn send(&mut self, octets: &str) {
        self.0.send(octets);
    }

    /// The next frame, which is to be of this command.
    #[track_caller]
    pub(crate) fn expect(&mut self, command: &str) -> RawFrame {
        let frame = self.expect_any();
        assert_eq!(frame.command, command, "{frame:?}");
        frame
    }

    /// The next frame.
    #[track_caller]
    pub(crate) fn expect_any(&mut self) -> RawFrame {
        let octets = self.0.read_until(b"\0");
        let text = String::from_utf8(octets).unwrap();
        let text = text.trim_start_matches('\n').trim_end_matches('\0');
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        RawFrame {
            command: lines.next().unwrap().to_owned(),
            headers: lines
                .map(|line| line.split_once(':').unwrap())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn confirm(&mut self, frame: &RawFrame) {
        let receipt = frame.header("receipt").unwrap();
        self.send(&format!("RECEIPT\nreceipt-id:{receipt}\n\n\0"));
    }

    /// As [`RawClient::expect`], and confirms it.
    #[track_caller]
    pub(crate) fn take(&mut self, command: &str) -> RawFrame {
        let frame = self.expect(command);
        self.confirm(&frame);
        frame
    }

    /// A message of `/queue/a` for a subscription.
    pub(crate) fn deliver(&mut self, subscription: &str, number: u32, body: &str) {
        self.send(&format!(
            "MESSAGE\nsubscription:{subscription}\nmessage-id:{number}\nack:a{number}\n\
             destination:/queue/a\n\n{body}\0"
        ));
    }

    /// The client's DISCONNECT, which comes next and is confirmed, and the end of its connection behind it.
    #[track_caller]
    pub(crate) fn expect_leave(mut self) {
        self.take("DISCONNECT");
        self.0.expect_end();
    }

    /// Waits for the end of the connection, behind whatever comes.
    #[track_caller]
    pub(crate) fn expect_silent_end(&mut self) {
        self.0.read_to_end();
    }

    /// Refuses, and ends the connection.
    pub(crate) fn refuse(mut self, headers: &str, body: &str) {
        self.send(&format!("ERROR\n{headers}\n{body}\0"));
        self.0.send_end();
    }

    /// Ends the connection without a word.
    pub(crate) fn end(mut self) {
        self.0.send_end();
    }
}

impl RawFrame {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.0 == name);
        found.map(|(_, value)| value.as_str())
    }
}
