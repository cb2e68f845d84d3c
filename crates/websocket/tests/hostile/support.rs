//! One connection over loopback, of this crate at one end or at both.
//!
//! Tests run on a clock of their own, which stands still while a [`Peer`] is at work, since that is a blocking task, and
//! leaps to the next deadline when nobody is.

use std::{
    future::{Future, poll_fn},
    net::TcpListener as StdListener,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use gumboot_testkit::{CLOSE, HttpResponse, MASK, TcpPeer, encode_frame, upgrade_request};
use gumboot_websocket::{
    Client, Link, LinkError, PENDING_BYTES_MAX, Proxy, Socket, TlsOptions, Transport,
    proto::{
        Config, Connection, Event,
        handshake::{accept_key, client::Agreed},
    },
    server::{Acceptance, Answer, HttpLimits, ServerTls, offer, serve_http},
    timer::now,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

/// Longer than anything here takes.
const WAIT_MAX: Duration = Duration::from_secs(90);

/// What a future gives, which must not take long.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, future).await.expect("it takes too long")
}

/// A configuration without compression.
pub(crate) fn plain() -> Config {
    Config {
        deflate: None,
        ..Config::server()
    }
}

/// Which end of a connection is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    pub(crate) const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// What this end is set up with by default.
    pub(crate) fn config(self) -> Config {
        match self {
            Self::Client => Config::client(),
            Self::Server => Config::server(),
        }
    }
}

/// The other end, which does what a test tells it to.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) tcp: TcpPeer,
    /// What it masks with, as clients do.
    mask: Option<[u8; 4]>,
}

impl Peer {
    /// A frame as it goes over the wire.
    pub(crate) fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        encode_frame(first, payload, self.mask)
    }

    pub(crate) fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = self.frame(first, payload);
        self.tcp.send(frame);
    }

    /// The next frame, which is a short one: its first byte and its payload.
    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
        let head = self.tcp.read(2);
        let is_masked = head[1] >= 0x80;
        assert_eq!(is_masked, self.mask.is_none(), "only clients mask");
        let length = head[1] & 0x7F;
        assert!(length < 126, "a short frame");
        let key = self.tcp.read(if is_masked { 4 } else { 0 });
        let mut payload = self.tcp.read(length.into());
        let masked = payload.iter_mut().zip(key.iter().cycle());
        masked.for_each(|(byte, key)| *byte ^= key);
        (head[0], payload)
    }

    /// The next frame, which is to be a Close of `code`.
    pub(crate) fn expect_close(&mut self, code: u16) {
        let (first, payload) = self.receive();
        assert_eq!(first, CLOSE, "{payload:?}");
        assert_eq!(payload[..2], code.to_be_bytes(), "{payload:?}");
    }
}

/// A connection between a socket of ours and a peer, with compression if `config` has it. The peer is at work until
/// `act` returns.
pub(crate) async fn against<T: Send + 'static>(
    role: Role,
    config: Config,
    act: impl FnOnce(Peer) -> T + Send + 'static,
) -> (Socket, JoinHandle<T>) {
    // A header without a value is none.
    let extension = match config.deflate {
        Some(_) => "sec-websocket-extensions: permessage-deflate",
        None => "sec-websocket-extensions:",
    };
    match role {
        Role::Server => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let peer = spawn_blocking(move || {
                let mut tcp = TcpPeer::connect(address);
                tcp.send(upgrade_request("/", &[extension]));
                assert_eq!(HttpResponse::read(&mut tcp).status, 101);
                let mask = Some(MASK);
                act(Peer { tcp, mask })
            });
            let (stream, _) = listener.accept().await.unwrap();
            (serve(stream, None, config).await, peer)
        }
        Role::Client => {
            let listener = StdListener::bind("127.0.0.1:0").unwrap();
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            let peer = spawn_blocking(move || {
                let mut tcp = TcpPeer::accept(&listener);
                let answer = accept(&mut tcp, extension);
                tcp.send(answer);
                act(Peer { tcp, mask: None })
            });
            let client = Client::new().proxy(Proxy::none()).config(config);
            (client.connect(&url, &[]).await.unwrap(), peer)
        }
    }
}

/// The answer to the handshake that comes next, with a header if it has a value.
pub(crate) fn accept(tcp: &mut TcpPeer, header: &str) -> String {
    let head = String::from_utf8(tcp.read_until(b"\r\n\r\n")).unwrap();
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let is_key = name.eq_ignore_ascii_case("sec-websocket-key");
        is_key.then_some(value)
    });
    let accept = accept_key(key.expect("a key").as_bytes());
    let accept = accept.to_str().unwrap();
    let header = match header.ends_with(':') {
        true => String::new(),
        false => format!("{header}\r\n"),
    };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {accept}\r\n{header}\r\n"
    )
}

/// A server's certificate, and what trusts it.
pub(crate) fn tls() -> (ServerTls, TlsOptions) {
    let names = ["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
    let server = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let trusted = TlsOptions::new().root_pem(certificate.as_bytes()).unwrap();
    (server, trusted)
}

/// A server's socket on a connection that was just accepted.
pub(crate) async fn serve(stream: TcpStream, tls: Option<ServerTls>, config: Config) -> Socket {
    let stream = match tls {
        Some(tls) => tls.accept(stream).await.unwrap(),
        None => Transport::from(stream),
    };
    let limits = HttpLimits::default();
    let upgraded = serve_http(stream, &limits, |request| {
        let offer = offer(&request).expect("a good handshake");
        Answer::WebSocket(Acceptance::new(&offer, None, &config), ())
    });
    let upgraded = upgraded.await.unwrap().expect("a WebSocket");
    let (link, ()) = upgraded.into_link(Arc::new(config));
    Socket::new(link, Agreed::default())
}

/// A server's socket and a client's, with TLS or without, and without compression.
pub(crate) async fn pair(is_tls: bool) -> (Socket, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = Client::new().proxy(Proxy::none()).config(plain());
    let (tls, client, url) = if is_tls {
        let (server, trusted) = tls();
        let url = format!("wss://localhost:{port}/");
        (Some(server), client.tls(trusted), url)
    } else {
        (None, client, format!("ws://127.0.0.1:{port}/"))
    };
    let served = async {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, tls, plain()).await
    };
    let (server, client) = soon(async { tokio::join!(served, client.connect(&url, &[])) }).await;
    (server, client.unwrap())
}

/// Drives a link until it ends, and tells why. What waits to be written is never more than the bound, and what one read
/// adds to it, which is `read_adds_max` at most.
pub(crate) async fn drive(
    mut link: Link<Transport>,
    read_adds_max: usize,
    mut on_event: impl FnMut(&mut Connection, Event<'_>),
) -> LinkError {
    poll_fn(|cx| {
        loop {
            let now = now();
            let blocked = link.is_blocked();
            let read = link.poll_read(cx, now, &mut on_event);
            let pending = link.connection().bytes_pending();
            assert!(
                pending <= PENDING_BYTES_MAX + read_adds_max,
                "{pending} bytes"
            );
            let written = link.poll_write(cx, now);
            if blocked && !link.is_blocked() {
                continue;
            }
            let timer = link.poll_timer(cx, None);
            let is_pending = read.is_pending();
            for result in [read, written, timer] {
                if let Poll::Ready(Err(error)) = result {
                    return Poll::Ready(error);
                }
            }
            if is_pending {
                return Poll::Pending;
            }
        }
    })
    .await
}
