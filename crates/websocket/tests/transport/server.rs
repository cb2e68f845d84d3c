//! An echo server of this crate's parts, with TLS or without, that tells how it was asked.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gumboot_websocket::{
    Client, LinkError, Proxy, Socket, Transport,
    proto::{Config, handshake::client::Agreed},
    server::{Acceptance, Answer, HttpLimits, ServerTls, Upgraded, offer, serve_http, serve_http2},
};
use http::{Request, Response, Version};
use http_body_util::Full;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::mpsc,
    time::timeout,
};

/// Longer than anything here takes.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// What a test waits for, within a bound.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, future).await.expect("it took too long")
}

/// A client that the environment of the test does not change.
pub(crate) fn client() -> Client {
    Client::new().proxy(Proxy::none())
}

/// A server that runs until the test ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The requests, as they come.
    pub(crate) requests: mpsc::UnboundedReceiver<Request<()>>,
    connections: Arc<AtomicUsize>,
    /// Told at the end of each connection of HTTP/2.
    ended: mpsc::UnboundedReceiver<()>,
}

/// What a server does with each connection.
#[derive(Clone)]
struct Service {
    tls: Option<ServerTls>,
    /// Where a request for `/away` is sent.
    away: String,
    tell: mpsc::UnboundedSender<Request<()>>,
    connections: Arc<AtomicUsize>,
    limits: HttpLimits,
    tell_end: mpsc::UnboundedSender<()>,
}

impl Server {
    pub(crate) async fn plain() -> Self {
        Self::start(None, "", HttpLimits::default()).await
    }

    pub(crate) async fn secure(tls: ServerTls) -> Self {
        Self::start(Some(tls), "", HttpLimits::default()).await
    }

    /// One that ends connections on which nothing is done soon, though not before a busy machine does it.
    pub(crate) async fn impatient(tls: ServerTls) -> Self {
        let limits = HttpLimits {
            head_wait_max: Duration::from_millis(500),
            ..HttpLimits::default()
        };
        Self::start(Some(tls), "", limits).await
    }

    /// One that leaves it to its clients to end what is not used.
    pub(crate) async fn patient(tls: ServerTls) -> Self {
        let limits = HttpLimits {
            head_wait_max: Duration::from_secs(3_600),
            ..HttpLimits::default()
        };
        Self::start(Some(tls), "", limits).await
    }

    pub(crate) async fn redirecting(tls: Option<ServerTls>, away: &str) -> Self {
        Self::start(tls, away, HttpLimits::default()).await
    }

    async fn start(tls: Option<ServerTls>, away: &str, limits: HttpLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut service, server) = Self::new(tls, away, address);
        service.limits = limits;
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(service.clone().serve(stream.into()));
            }
        });
        server
    }

    pub(crate) fn unix(listener: UnixListener) -> Self {
        let (service, server) = Self::new(None, "", SocketAddr::from(([127, 0, 0, 1], 0)));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(service.clone().serve(stream.into()));
            }
        });
        server
    }

    fn new(tls: Option<ServerTls>, away: &str, address: SocketAddr) -> (Service, Self) {
        let (tell, requests) = mpsc::unbounded_channel();
        let (tell_end, ended) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let service = Service {
            tls,
            away: away.to_owned(),
            tell,
            connections: Arc::clone(&connections),
            limits: HttpLimits::default(),
            tell_end,
        };
        let server = Self {
            address,
            requests,
            connections,
            ended,
        };
        (service, server)
    }

    /// A URL of it.
    pub(crate) fn url(&self, scheme: &str, host: &str, path: &str) -> String {
        format!("{scheme}://{host}:{}{path}", self.address.port())
    }

    pub(crate) fn ws(&self, path: &str) -> String {
        self.url("ws", "127.0.0.1", path)
    }

    pub(crate) fn wss(&self, path: &str) -> String {
        self.url("wss", "localhost", path)
    }

    /// The next request.
    pub(crate) async fn request(&mut self) -> Request<()> {
        soon(self.requests.recv()).await.unwrap()
    }

    /// Waits for the end of a connection of HTTP/2.
    pub(crate) async fn end(&mut self) {
        soon(self.ended.recv()).await.unwrap();
    }

    /// The connections that have come.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Service {
    async fn serve(self, stream: Transport) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let stream = match &self.tls {
            None => stream,
            // How it fails is what the client tests.
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => stream,
                Err(_) => return,
            },
        };
        let limits = self.limits.clone();
        let answer = |request: Request<_>| self.answer(&request);
        let is_http2 = stream.tls().and_then(|tls| tls.alpn).as_deref() == Some("h2");
        if is_http2 {
            let spawn = |upgraded| drop(tokio::spawn(echo(upgraded)));
            let _ = serve_http2(stream, &limits, answer, spawn).await;
            let _ = self.tell_end.send(());
        } else if let Ok(Some(upgraded)) = serve_http(stream, &limits, answer).await {
            let _ = echo(upgraded).await;
        }
    }

    fn answer<B>(&self, request: &Request<B>) -> Answer<()> {
        let mut heard = Request::new(());
        *heard.headers_mut() = request.headers().clone();
        *heard.uri_mut() = request.uri().clone();
        *heard.version_mut() = request.version();
        let _ = self.tell.send(heard);
        match request.uri().path() {
            "/away" => Answer::Http(away(&self.away)),
            "/no" => Answer::Http(status(403)),
            _ => match offer(request) {
                Ok(offer) => {
                    let protocol = offer.protocols().first().map(String::as_str);
                    Answer::WebSocket(Acceptance::new(&offer, protocol, &Config::server()), ())
                }
                Err(refusal) => Answer::Http(refusal.response().map(Full::from)),
            },
        }
    }
}

fn status(status: u16) -> Response<Full<bytes::Bytes>> {
    let response = Response::builder().status(status);
    response.body(Full::default()).unwrap()
}

fn away(location: &str) -> Response<Full<bytes::Bytes>> {
    let response = Response::builder().status(307);
    let response = response.header("location", location);
    response.body(Full::default()).unwrap()
}

async fn echo<S>(upgraded: Upgraded<S, ()>) -> Result<(), LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (link, ()) = upgraded.into_link(Arc::new(Config::server()));
    let mut socket = Socket::new(link, Agreed::default());
    while let Some(message) = socket.receive().await? {
        // A failure is told by the next `receive`.
        let _ = socket.send(message).await;
    }
    Ok(())
}

/// Sends a message and gets it back.
pub(crate) async fn expect_echo(socket: &mut Socket, text: &str) {
    socket.send(text).await.unwrap();
    let message = soon(socket.receive()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some(text));
}

/// The version of HTTP of a request.
pub(crate) fn is_http2(request: &Request<()>) -> bool {
    request.version() == Version::HTTP_2
}
