//! WebSockets in servers that others wrote on hyper: a request is answered, and what becomes of its stream is a future.

use std::{
    error, fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use gumboot_websocket_proto::handshake::server::{Offer, Refusal};
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;

use super::{
    Acceptor,
    acceptor::{Accepted, head, refused},
    gate::Turn,
    offer,
};
use crate::{
    pipe::WRITE_STALL_MAX,
    socket::Socket,
    timer::{Timer, now},
    transport::Transport,
};

/// Takes a WebSocket in a service of hyper, as an [`Acceptor`] does that was not told otherwise; see
/// [`Acceptor::upgrade`].
///
/// # Errors
/// [`UpgradeError`], whose response is the answer.
pub fn upgrade<B>(
    request: &mut Request<B>,
) -> Result<(Response<Full<Bytes>>, Upgrade), UpgradeError> {
    Acceptor::new().upgrade(request)
}

/// A WebSocket to be, once its answer is on the way, for which it waits [`WRITE_STALL_MAX`] at most: the service is to
/// return the answer, and the client to take it. To drop it ends the stream.
///
/// # Errors
/// [`UpgradeFailed`].
#[derive(Debug)]
#[must_use = "the stream ends if nobody takes the socket"]
pub struct Upgrade {
    stream: OnUpgrade,
    /// Until the stream is there.
    accepted: Option<(Accepted, Version)>,
    turn: Option<Turn>,
    deadline: Instant,
    timer: Timer,
}

/// Why an answer that accepts a WebSocket did not make one. The place at the [`Gate`](super::Gate) is given back.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeFailed {
    /// The client is gone, or the server does not hand streams over: one of HTTP/1.1 must be served `with_upgrades`,
    /// one of HTTP/2 with `enable_connect_protocol`.
    Http(hyper::Error),
    /// The answer was not on the way within [`WRITE_STALL_MAX`]: the client does not take it, or the service did not
    /// return it.
    TimedOut,
}

impl fmt::Display for UpgradeFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => write!(f, "the connection was not handed over: {error}"),
            Self::TimedOut => f.write_str("the answer to the handshake did not go out in time"),
        }
    }
}

impl error::Error for UpgradeFailed {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Http(error) => Some(error),
            Self::TimedOut => None,
        }
    }
}

impl Acceptor {
    /// Takes a WebSocket in a service of hyper, over HTTP/1.1 and HTTP/2 (RFC 8441): gives the answer, which the
    /// service returns and may add headers to, and the socket to be, for a task of its own.
    ///
    /// A server that is reached by TLS, its own or a proxy's, is to say so with [`OriginPolicy::https_only`] in
    /// [`Acceptor::origins`]: a request of HTTP/1.1 does not tell, and without it a page that came by `http` under the
    /// server's name, which anyone on the way may have made, counts as the server's own.
    ///
    /// [`OriginPolicy::https_only`]: crate::OriginPolicy::https_only
    ///
    /// ```
    /// use bytes::Bytes;
    /// use gumboot_websocket::Acceptor;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use hyper::body::Incoming;
    ///
    /// fn serve(acceptor: &Acceptor, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    ///     let (response, upgrade) = match acceptor.upgrade(&mut request) {
    ///         Ok(accepted) => accepted,
    ///         Err(error) => return error.response(),
    ///     };
    ///     tokio::spawn(async move {
    ///         let mut socket = upgrade.await?;
    ///         socket.send("hello").await?;
    ///         socket.close(None).await?;
    ///         Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    ///     });
    ///     response
    /// }
    /// ```
    ///
    /// # Errors
    /// [`UpgradeError`], whose response is the answer: 400, 403, 405 or 426; 503 if the [`Gate`](super::Gate) is full or
    /// drains; 500 if the request does not come from hyper, or its stream was given away already.
    pub fn upgrade<B>(
        &self,
        request: &mut Request<B>,
    ) -> Result<(Response<Full<Bytes>>, Upgrade), UpgradeError> {
        Pending::new(request)?.answer(self)
    }
}

/// A request that keeps every rule, and has no answer yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) head: Request<()>,
    pub(crate) offer: Offer,
    stream: Option<OnUpgrade>,
}

/// Why a request does not become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpgradeError {
    refusal: Option<Refusal>,
    version: Version,
}

impl UpgradeError {
    /// Why the request is refused; `None` if the fault is the program's: the request does not come from hyper, or its
    /// stream was given away already.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// The answer to the request.
    #[must_use]
    pub fn response(self) -> Response<Full<Bytes>> {
        if let Some(refusal) = self.refusal {
            return refused(refusal, self.version);
        }
        let mut response = Response::new(Full::from(format!("{self}\n")));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refusal {
            Some(refusal) => refusal.fmt(f),
            None => f.write_str("the request has no stream to take a WebSocket on"),
        }
    }
}

impl error::Error for UpgradeError {}

impl Pending {
    /// Checks a request, and takes its stream out of it.
    pub(crate) fn new<B>(request: &mut Request<B>) -> Result<Self, UpgradeError> {
        let head = head(request);
        let offer = offer(&head).map_err(|refusal| UpgradeError {
            refusal: Some(refusal),
            version: head.version(),
        })?;
        let stream = request.extensions_mut().remove::<OnUpgrade>();
        Ok(Self {
            head,
            offer,
            stream,
        })
    }

    pub(crate) fn answer(
        self,
        acceptor: &Acceptor,
    ) -> Result<(Response<Full<Bytes>>, Upgrade), UpgradeError> {
        let version = self.head.version();
        let failed = |refusal| UpgradeError { refusal, version };
        let Some(stream) = self.stream else {
            return Err(failed(None));
        };
        let accepted = acceptor.begin().and_then(|turn| {
            let answer = acceptor.answer(&self.head, &self.offer);
            answer.map(|(response, accepted)| (turn, response, accepted))
        });
        let (turn, response, accepted) = accepted.map_err(|refusal| failed(Some(refusal)))?;
        let upgrade = Upgrade {
            stream,
            accepted: Some((accepted, version)),
            turn,
            deadline: now() + WRITE_STALL_MAX,
            timer: Timer::default(),
        };
        Ok((response.map(|()| Full::default()), upgrade))
    }
}

impl Future for Upgrade {
    type Output = Result<Socket, UpgradeFailed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let stream = match Pin::new(&mut this.stream).poll(cx) {
            Poll::Ready(stream) => stream.map_err(UpgradeFailed::Http),
            Poll::Pending if this.timer.poll(cx, this.deadline).is_ready() => {
                Err(UpgradeFailed::TimedOut)
            }
            Poll::Pending => return Poll::Pending,
        };
        // Whatever came of it, the places are not held beyond this.
        this.turn = None;
        let accepted = this.accepted.take();
        let (accepted, version) = accepted.expect("it is not polled once it was ready");
        let stream = stream?;
        let transport = match version {
            Version::HTTP_2 => Transport::http2(stream, None),
            _ => Transport::handed_over(stream),
        };
        // What came behind the request is in the stream.
        Poll::Ready(Ok(accepted.socket(transport, &[])))
    }
}
