//! WebSockets on plain streams: the request is read, checked and answered over HTTP/1.1, and the stream is a [`Socket`].

mod error;
mod exchange;

use std::time::Duration;

use bytes::Bytes;
use gumboot_websocket_proto::handshake::server::{Offer, Refusal};
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{
        CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING, UPGRADE,
    },
};
use http_body_util::Full;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::timeout,
};

pub use self::error::AcceptError;
use self::exchange::Exchange;
use super::{Acceptor, ServerTls, acceptor::refused, end, gate::Turn, offer};
use crate::{socket::Socket, transport::Transport};

/// How long one handshake too many has to begin, and then to take its answer.
const REFUSAL_WAIT_MAX: Duration = Duration::from_secs(1);

/// Takes a WebSocket on a stream, as an [`Acceptor`] does that was not told otherwise: from pages of the server's own
/// origin and from programs, without a subprotocol.
///
/// ```no_run
/// use std::time::Duration;
/// use tokio::net::TcpListener;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// loop {
///     let Ok((stream, _)) = listener.accept().await else {
///         // Such as too many open files: it passes.
///         tokio::time::sleep(Duration::from_millis(100)).await;
///         continue;
///     };
///     tokio::spawn(async move {
///         let mut socket = gumboot_websocket::accept(stream).await?;
///         while let Some(message) = socket.receive().await? {
///             // A failure is told by the next `receive`, and after a Close what is under way still comes.
///             let _ = socket.send(message).await;
///         }
///         Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
///     });
/// }
/// # }
/// ```
///
/// # Errors
/// [`AcceptError`]; the client has been told if it could be.
pub async fn accept<S>(stream: S) -> Result<Socket<S>, AcceptError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Acceptor::new().accept(stream).await
}

/// A request for a WebSocket that keeps every rule, and waits for an answer. To drop it ends the stream.
#[derive(Debug)]
pub struct Handshake<S> {
    acceptor: Acceptor,
    exchange: Exchange<S>,
    head: Request<()>,
    offer: Offer,
    protocol: Option<String>,
    headers: HeaderMap,
    _turn: Option<Turn>,
}

impl Acceptor {
    /// Takes a WebSocket on a stream. What is not a good request for one is answered: 400, 403, 405 or 426, 408 or 431
    /// past the [`HttpLimits`](super::HttpLimits), 503 if the [`Gate`](super::Gate) is full or drains.
    ///
    /// # Errors
    /// [`AcceptError`]; the client has been told if it could be.
    pub async fn accept<S>(&self, stream: S) -> Result<Socket<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.handshake(stream).await?.accept().await
    }

    /// The same with TLS first, without HTTP/2. A page is the server's own if it came by `https`.
    ///
    /// # Errors
    /// As [`Acceptor::accept`], and [`AcceptError::Tls`]. Before TLS, a client that is refused is not told.
    pub async fn accept_tls(
        &self,
        tls: &ServerTls,
        stream: impl Into<Transport>,
    ) -> Result<Socket, AcceptError> {
        self.handshake_tls(tls, stream).await?.accept().await
    }

    /// Reads and checks a request; what it is answered depends on the program. The wait for its head is bounded by
    /// [`HttpLimits`](super::HttpLimits), the program's wait is not.
    ///
    /// ```no_run
    /// # use gumboot_websocket::{AcceptError, Acceptor, Socket};
    /// use http::Response;
    ///
    /// # async fn example(stream: tokio::net::TcpStream) -> Result<Option<Socket<tokio::net::TcpStream>>, AcceptError> {
    /// let mut handshake = Acceptor::new().handshake(stream).await?;
    /// if handshake.request().uri().path() != "/chat" {
    ///     let nothing = Response::builder().status(404).body("there is nothing here\n");
    ///     handshake.refuse(nothing.expect("a status is a response")).await?;
    ///     return Ok(None);
    /// }
    /// handshake.headers_mut().insert("set-cookie", "seen=1".parse().expect("a header"));
    /// let socket = handshake.accept().await?;
    /// # Ok(Some(socket))
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Acceptor::accept`].
    pub async fn handshake<S>(&self, stream: S) -> Result<Handshake<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.begin() {
            Ok(turn) => self.read(stream, turn).await,
            Err(refusal) => {
                refuse_unread(stream, refusal).await;
                Err(AcceptError::Refused(refusal))
            }
        }
    }

    /// The same with TLS first, without HTTP/2. A page is the server's own if it came by `https`.
    ///
    /// # Errors
    /// As [`Acceptor::accept_tls`].
    pub async fn handshake_tls(
        &self,
        tls: &ServerTls,
        stream: impl Into<Transport>,
    ) -> Result<Handshake<Transport>, AcceptError> {
        let turn = self.begin()?;
        let accepted = tls.accept_http1(stream).await;
        let stream = accepted.map_err(AcceptError::Tls)?;
        let mut acceptor = self.clone();
        acceptor.origins = acceptor.origins.https_only();
        acceptor.read(stream, turn).await
    }

    async fn read<S>(&self, stream: S, turn: Option<Turn>) -> Result<Handshake<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (exchange, head) = Exchange::read(stream, &self.http).await?;
        let checked = offer(&head).and_then(|offer| {
            self.origins.check_request(&head)?;
            Ok(offer)
        });
        let offer = match checked {
            Ok(offer) => offer,
            Err(refusal) => {
                return Err(exchange
                    .refuse(refused(refusal, head.version()), refusal)
                    .await);
            }
        };
        Ok(Handshake {
            acceptor: self.clone(),
            exchange,
            protocol: self.choose(&head, &offer),
            head,
            offer,
            headers: HeaderMap::new(),
            _turn: turn,
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Handshake<S> {
    /// The head of the request: its path, query and headers.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.head
    }

    /// The subprotocols that the client offers, the preferred one first.
    #[must_use]
    pub fn offered(&self) -> &[String] {
        self.offer.protocols()
    }

    /// The subprotocol that is chosen.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Chooses another subprotocol, or none. What the client did not offer is not chosen.
    pub fn choose_protocol(&mut self, protocol: Option<&str>) {
        let offered = protocol.filter(|chosen| self.offered().iter().any(|one| one == chosen));
        self.protocol = offered.map(str::to_owned);
    }

    /// Headers for the answer that accepts. Those of the handshake itself cannot be set.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Accepts the WebSocket.
    ///
    /// # Errors
    /// [`AcceptError`]: the [`Gate`](super::Gate) is full or drains, or the stream failed.
    pub async fn accept(self) -> Result<Socket<S>, AcceptError> {
        let agreed = self.acceptor.agree(&self.offer, self.protocol.as_deref());
        let (mut response, accepted) = match agreed {
            Ok(agreed) => agreed,
            Err(refusal) => {
                let response = refused(refusal, self.head.version());
                return Err(self.exchange.refuse(response, refusal).await);
            }
        };
        let mut headers = without_handshake(self.headers);
        headers.extend(std::mem::take(response.headers_mut()));
        *response.headers_mut() = headers;
        let (io, leftover) = self.exchange.switch(response).await?;
        Ok(accepted.socket(io, &leftover))
    }

    /// Answers with a response of the program's own, and ends the stream.
    ///
    /// # Errors
    /// [`AcceptError`]: the stream failed.
    ///
    /// # Panics
    /// If the status of the response is informational (1xx): that refuses nothing.
    pub async fn refuse<B: Into<Bytes>>(self, response: Response<B>) -> Result<(), AcceptError> {
        let status = response.status();
        assert!(!status.is_informational(), "{status} refuses nothing");
        let mut response = response.map(|body| Full::new(body.into()));
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        self.exchange.respond(response).await
    }
}

/// A program's headers without those that the handshake has or that would give its answer a body.
fn without_handshake(mut headers: HeaderMap) -> HeaderMap {
    for name in [
        CONNECTION,
        CONTENT_LENGTH,
        SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_PROTOCOL,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
    headers
}

/// Refuses a request without hyper, and without a look at it: for one handshake too many, that would be too much.
async fn refuse_unread<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, refusal: Refusal) {
    // An answer that comes before its request is none to some clients.
    let asked = timeout(REFUSAL_WAIT_MAX, stream.read(&mut [0; 64])).await;
    if let Ok(Ok(1..)) = asked {
        // Whether it is taken is the client's business.
        let _ = timeout(REFUSAL_WAIT_MAX, end(stream, &written(refusal))).await;
    }
}

/// A refusal as it goes over the wire.
fn written(refusal: Refusal) -> Vec<u8> {
    let (head, text) = refusal.response().into_parts();
    let (status, length) = (head.status, text.len());
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}")
        .into_bytes()
}
