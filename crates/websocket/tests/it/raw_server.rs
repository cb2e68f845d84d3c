//! A server for one client that does what a test tells it, right or wrong. It runs in a thread, so that the client's
//! task runs beside it.

use std::{net::TcpListener, thread};

use gumboot_testkit::{TcpPeer, WebSocketFrame, close_body};
use gumboot_websocket::proto::handshake::accept_key;

/// A server that will serve one client.
pub(crate) struct RawServer<T> {
    address: String,
    thread: thread::JoinHandle<T>,
}

/// The head of a handshake, as the client sent it.
pub(crate) struct RequestHead(pub(crate) String);

/// Takes one connection and the head of its request, and gives them to `serve`.
pub(crate) fn raw_server<T: Send + 'static>(
    serve: impl FnOnce(TcpPeer, RequestHead) -> T + Send + 'static,
) -> RawServer<T> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let mut tcp = TcpPeer::accept(&listener);
        let head = String::from_utf8(tcp.read_until(b"\r\n\r\n")).unwrap();
        serve(tcp, RequestHead(head))
    });
    RawServer { address, thread }
}

/// As [`raw_server`], for a client whose handshake is accepted.
pub(crate) fn raw_websocket<T: Send + 'static>(
    serve: impl FnOnce(TcpPeer) -> T + Send + 'static,
) -> RawServer<T> {
    raw_server(|mut tcp, head| {
        tcp.send(head.accepted(&[]));
        serve(tcp)
    })
}

impl<T> RawServer<T> {
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/chat?room=1", self.address)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What the server has seen; a failure in it is one of the test.
    pub(crate) fn join(self) -> T {
        self.thread.join().expect("the server sees what it expects")
    }
}

impl RequestHead {
    /// The value of a header that stands there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.0.lines().filter_map(|line| {
            let (header, value) = line.split_once(": ")?;
            header.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next();
        assert_eq!(values.next(), None, "several {name}");
        value
    }

    /// The head of a good answer with `changes` made to it: header lines that take the place of those of their names;
    /// without a value, they take them away.
    pub(crate) fn accepted(&self, changes: &[&str]) -> String {
        let key = self.header("sec-websocket-key").unwrap();
        let accept = accept_key(key.as_bytes());
        let accept = format!("sec-websocket-accept: {}", accept.to_str().unwrap());
        let good = ["upgrade: websocket", "connection: Upgrade", &accept];
        let name = |line: &str| line.split_once(':').map(|(name, _)| name.to_owned());
        let is_kept = |line: &&&str| !changes.iter().any(|change| name(change) == name(line));
        let lines = good.iter().filter(is_kept).chain(changes);
        let lines = lines.filter(|line| !line.ends_with(':'));
        let lines: Vec<String> = lines.map(|line| format!("{line}\r\n")).collect();
        format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n", lines.concat())
    }
}

/// The next frame of a client, which has less than 126 bytes and is masked.
pub(crate) fn client_frame(tcp: &mut TcpPeer) -> WebSocketFrame {
    let head = tcp.read(2);
    assert!(head[1] >= 0x80, "a client masks");
    let length = head[1] - 0x80;
    assert!(length < 126, "a short frame");
    let key = tcp.read(4);
    let payload = tcp.read(length.into());
    WebSocketFrame {
        first: head[0],
        payload: payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key)
            .collect(),
    }
}

/// The next frame of a client, which is to be a Close of `code`; gives its reason.
pub(crate) fn client_close(tcp: &mut TcpPeer, code: u16) -> String {
    let frame = client_frame(tcp);
    assert_eq!(frame.first, gumboot_testkit::CLOSE);
    assert!(
        frame.payload.starts_with(&close_body(code, "")),
        "{frame:?}"
    );
    String::from_utf8(frame.payload[2..].to_vec()).unwrap()
}
