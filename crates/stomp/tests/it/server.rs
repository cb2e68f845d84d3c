//! A server over TCP that a test plays: it reads frames, and writes what the test says.

use std::time::Duration;

use gumboot_stomp::{Backoff, Client, Session};
use gumboot_stomp_proto::{Decoded, Decoder, Frame, Input, Limits, Version};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// What never happens takes no longer than this to fail.
const SOON: Duration = Duration::from_secs(20);

/// Waits for what must happen.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.expect("it happens in time")
}

pub(crate) struct Server(TcpListener);

/// The server's end of one connection.
pub(crate) struct Peer {
    stream: TcpStream,
    decoder: Decoder,
    received: Vec<u8>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("stomp://{}", self.0.local_addr().unwrap())
    }

    pub(crate) fn client(&self) -> Client {
        // Tests need not wait long.
        let at_once = Backoff::new().first_max(Duration::from_millis(1));
        Client::new(&self.url()).unwrap().reconnect(at_once)
    }

    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = soon(self.0.accept()).await.unwrap();
        Peer {
            stream,
            decoder: Decoder::new(Limits::default()),
            received: Vec::new(),
        }
    }

    /// Accepts a connection, and takes the client in.
    pub(crate) async fn take_in(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.expect("CONNECT").await;
        peer.decoder.set_version(Version::V1_2);
        peer.send("CONNECTED\nversion:1.2\n\n\0").await;
        peer
    }

    /// A session of `client`, and the server's end of it.
    pub(crate) async fn session(&self, client: &Client) -> (Session, Peer) {
        let (session, peer) = tokio::join!(client.connect(), self.take_in());
        (session.unwrap(), peer)
    }
}

impl Peer {
    pub(crate) async fn send(&mut self, octets: &str) {
        self.stream.write_all(octets.as_bytes()).await.unwrap();
    }

    /// The next frame, which must be of this command.
    #[track_caller]
    pub(crate) fn expect(&mut self, command: &str) -> impl Future<Output = Frame<'static>> {
        let at = std::panic::Location::caller();
        async move {
            let frame = self.next().await;
            let frame = frame.unwrap_or_else(|| panic!("{at}: the end, not {command}"));
            assert_eq!(frame.command().as_str(), command, "{at}: {frame:?}");
            frame
        }
    }

    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame<'static>> {
        loop {
            let mut input = Input::new(&self.received);
            let decoded = self
                .decoder
                .decode(&mut input)
                .expect("the client is right");
            let frame = match decoded {
                Some(Decoded::Frame(frame)) => Some(frame.into_owned()),
                Some(Decoded::HeartBeat) | None => None,
            };
            let rest = input.rest().to_vec();
            let is_done = rest.is_empty();
            self.received = rest;
            if frame.is_some() {
                return frame;
            }
            if is_done {
                let mut buffer = [0; 4096];
                let count = soon(self.stream.read(&mut buffer)).await.ok()?;
                if count == 0 {
                    return None;
                }
                self.received.extend_from_slice(&buffer[..count]);
            }
        }
    }

    /// Waits for an end of line between frames.
    pub(crate) async fn beat(&mut self) {
        let mut octet = [0];
        soon(self.stream.read_exact(&mut octet)).await.unwrap();
        assert_eq!(octet, *b"\n");
    }

    /// Confirms a frame.
    pub(crate) async fn confirm(&mut self, frame: &Frame<'_>) {
        let receipt = frame.header("receipt").expect("a receipt is asked for");
        self.send(&format!("RECEIPT\nreceipt-id:{receipt}\n\n\0"))
            .await;
    }

    /// Takes a frame of this command, and confirms it.
    #[track_caller]
    pub(crate) fn take(&mut self, command: &str) -> impl Future<Output = Frame<'static>> {
        let at = std::panic::Location::caller();
        async move {
            let frame = self.next().await;
            let frame = frame.unwrap_or_else(|| panic!("{at}: the end, not {command}"));
            assert_eq!(frame.command().as_str(), command, "{at}: {frame:?}");
            self.confirm(&frame).await;
            frame
        }
    }

    /// Sends a message to a subscription.
    pub(crate) async fn deliver(&mut self, subscription: &str, number: u32, body: &str) {
        self.send(&format!(
            "MESSAGE\nsubscription:{subscription}\nmessage-id:{number}\nack:a{number}\ndestination:/queue/a\n\n{body}\0"
        ))
        .await;
    }
}
