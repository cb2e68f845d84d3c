//! A server with named behaviours, good and bad, for the cases of the `WebSocket` object: one path for each, over TCP,
//! TLS and HTTP/2.
//!
//! What follows a good handshake is a `Socket` in the server's role, or bytes by hand.

#[path = "server/behaviour.rs"]
mod behaviour;
#[path = "server/certificate.rs"]
mod certificate;
#[path = "server/stream.rs"]
mod stream;
#[path = "server/visit.rs"]
mod visit;

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::Response;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) use self::certificate::Certificate;
use self::{
    stream::Stream,
    visit::{Visit, serve_http2},
};

/// What a WebSocket travels over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// TCP.
    Ws,
    /// TLS, with HTTP/1.1 alone.
    Wss,
    /// TLS, with HTTP/2 for those who can (RFC 8441).
    Http2,
}

impl Transport {
    pub(crate) const ALL: [Self; 3] = [Self::Ws, Self::Wss, Self::Http2];

    /// The name that it has in the cases.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Http2 => "http2",
        }
    }

    fn acceptor(self, certificate: &Certificate) -> io::Result<Option<TlsAcceptor>> {
        match self {
            Self::Ws => Ok(None),
            Self::Wss => certificate.acceptor(&["http/1.1"]).map(Some),
            Self::Http2 => certificate.acceptor(&["h2", "http/1.1"]).map(Some),
        }
    }
}

/// How many handshakes have come, good ones or not, by the version of HTTP.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    http1: AtomicUsize,
    http2: AtomicUsize,
    /// Those for paths that say nothing the server can do: a case that expects a failure must not get it by that.
    mistaken: AtomicUsize,
}

impl Handshakes {
    pub(crate) fn http1(&self) -> usize {
        self.http1.load(Ordering::SeqCst)
    }

    pub(crate) fn http2(&self) -> usize {
        self.http2.load(Ordering::SeqCst)
    }

    pub(crate) fn mistaken(&self) -> usize {
        self.mistaken.load(Ordering::SeqCst)
    }
}

/// A server on a free port of 127.0.0.1.
pub(crate) struct Server {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    pub(crate) address: SocketAddr,
    pub(crate) handshakes: Arc<Handshakes>,
}

impl Server {
    pub(crate) async fn bind(transport: Transport, certificate: &Certificate) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            acceptor: transport.acceptor(certificate)?,
            handshakes: Arc::default(),
        })
    }

    /// Serves until the runtime ends.
    pub(crate) async fn serve(self) {
        while let Ok((stream, _)) = self.listener.accept().await {
            let (acceptor, handshakes) = (self.acceptor.clone(), Arc::clone(&self.handshakes));
            // How a connection ends is what its client looks at.
            tokio::spawn(serve(stream, acceptor, handshakes));
        }
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    handshakes: Arc<Handshakes>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = match acceptor {
        None => Stream::Plain(stream),
        Some(acceptor) => Stream::Secure(Box::new(acceptor.accept(stream).await?)),
    };
    if !stream.is_http2() {
        go(Visit::read(stream).await?, handshakes).await;
        return Ok(());
    }
    serve_http2(stream, |visit| go(visit, Arc::clone(&handshakes))).await
}

/// Counts a visit and does what its path asks for.
async fn go(visit: Visit, handshakes: Arc<Handshakes>) {
    let (uri, is_handshake) = (visit.request.uri().clone(), visit.is_handshake());
    if is_handshake {
        let count = match visit.is_http2() {
            false => &handshakes.http1,
            true => &handshakes.http2,
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
    let done = match uri.path() {
        // What a browser needs besides: a page of this origin, and the counts.
        "/" if !is_handshake => visit.respond(page()).await,
        "/handshakes" => visit.respond(counts(&handshakes)).await,
        _ => behaviour::go(visit).await,
    };
    // Any other error is a client that goes, or breaks the rules.
    if let Err(error) = done
        && is_handshake
        && matches!(
            error.kind(),
            ErrorKind::InvalidData | ErrorKind::Unsupported
        )
    {
        eprintln!("{uri}: {error}");
        handshakes.mistaken.fetch_add(1, Ordering::SeqCst);
    }
}

fn page() -> Response<bytes::Bytes> {
    let page = "<!doctype html><html lang=\"en\"><title>A page of the server</title>\
                <link rel=\"icon\" href=\"data:,\">";
    let mut response = Response::new(page.into());
    let html = http::HeaderValue::from_static("text/html");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, html);
    response
}

fn counts(handshakes: &Handshakes) -> Response<bytes::Bytes> {
    let (http1, http2) = (handshakes.http1(), handshakes.http2());
    let mistaken = handshakes.mistaken();
    let json = format!("{{\"http1\": {http1}, \"http2\": {http2}, \"mistaken\": {mistaken}}}");
    Response::new(json.into())
}

/// Takes one connection, answers it well and without compression, and gives its stream.
#[allow(dead_code)] // The example does not need it.
pub(crate) async fn answered(listener: TcpListener) -> Stream {
    let (stream, _) = listener.accept().await.expect("a client connects");
    let visit = Visit::read(Stream::Plain(stream)).await;
    let visit = visit.expect("it sends a request");
    let open = behaviour::open_plain(visit, b"").await;
    open.expect("it takes the answer").stream
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
