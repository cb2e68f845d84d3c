//! The way to a server, step by step, each with its own wait: find it, connect, through the proxy, TLS, the handshake.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use gumboot_websocket_proto::{
    Connection,
    handshake::{
        client::{Agreed, ClientHandshake, HandshakeError},
        extended_connect::PROTOCOL,
    },
};
use http::{HeaderMap, HeaderValue, Request, Response, header::LOCATION};
use http_body_util::Empty;
use hyper::ext::Protocol;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{
    Alpn, ConnectError, ConnectWait, RedirectError, Settings, TlsKind,
    exchange::{Exchanged, exchange},
    headers::{add_user, for_another_origin},
    target::Target,
};
use crate::{
    compression,
    link::Link,
    random::{RandomKeys, random},
    socket::Socket,
    timer::now,
    transport::{
        Transport, http2,
        proxy::ProxyError,
        tcp,
        tls::{self, TlsError},
    },
};

/// A server that is asked, and what it is told.
pub(super) struct Visit {
    target: Target,
    headers: HeaderMap,
    /// Whether it is the origin that the program named.
    is_trusted: bool,
}

/// What came of a visit.
enum Outcome {
    Open(Box<Socket<Transport>>),
    /// To where the server redirects.
    Elsewhere(Option<HeaderValue>),
}

/// How a server is spoken with.
enum Way {
    Http1(Transport),
    Http2(http2::Sender, Age),
}

/// Whether a connection of HTTP/2 is known to work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    /// It was made for this visit.
    New,
    /// It stood, and the server may be about to end it.
    Standing,
}

impl Visit {
    /// The first one, to what the program named.
    pub(super) fn first(url: &str, headers: &HeaderMap) -> Result<Self, ConnectError> {
        let target = Target::parse(url).map_err(ConnectError::Url)?;
        let mut headers = headers.clone();
        add_user(&mut headers, target.user());
        Ok(Self {
            target,
            headers,
            is_trusted: true,
        })
    }

    /// The next one, to where the server redirects.
    fn next(mut self, location: Option<&HeaderValue>) -> Result<Self, RedirectError> {
        let location = location.and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| self.target.join(location).ok());
        let target = target.ok_or(RedirectError::Location)?;
        if self.target.is_tls() && !target.is_tls() {
            return Err(RedirectError::Insecure);
        }
        if target.origin() != self.target.origin() {
            self.headers = for_another_origin(&self.headers);
            self.is_trusted = false;
        }
        self.target = target;
        Ok(self)
    }

    fn tls_kind(&self, alpn: Alpn) -> TlsKind {
        TlsKind {
            is_trusted: self.is_trusted,
            alpn,
        }
    }
}

impl Settings {
    /// Visits a server, and those it redirects to.
    pub(super) async fn follow(
        &self,
        mut visit: Visit,
        protocols: &[&str],
    ) -> Result<Socket<Transport>, ConnectError> {
        let mut redirects = 0;
        loop {
            let handshake = self.handshake(protocols)?;
            let location = match self.visit(&visit, &handshake).await? {
                Outcome::Open(socket) => return Ok(*socket),
                Outcome::Elsewhere(location) => location,
            };
            if redirects == self.redirects_max {
                return Err(ConnectError::Redirect(RedirectError::TooMany));
            }
            redirects += 1;
            visit = visit
                .next(location.as_ref())
                .map_err(ConnectError::Redirect)?;
        }
    }

    /// A handshake with a nonce of its own.
    fn handshake(&self, protocols: &[&str]) -> Result<ClientHandshake, ConnectError> {
        let handshake =
            ClientHandshake::new(random(), protocols).map_err(ConnectError::Protocol)?;
        Ok(match &self.config.deflate {
            Some(deflate) => handshake.with_deflate(deflate.clone()),
            None => handshake,
        })
    }

    async fn visit(
        &self,
        visit: &Visit,
        handshake: &ClientHandshake,
    ) -> Result<Outcome, ConnectError> {
        if !self.http2 || !visit.target.is_tls() {
            let stream = self.reach(visit, Alpn::Http1).await?;
            return self.open_http1(stream, visit, handshake).await;
        }
        loop {
            let (sender, age) = match self.way(visit).await? {
                Way::Http1(stream) => return self.open_http1(stream, visit, handshake).await,
                Way::Http2(sender, age) => (sender, age),
            };
            match self.open_http2(sender, visit, handshake).await {
                // The server ended it while we asked: not our last word.
                Err(ConnectError::Http(_)) if age == Age::Standing => {
                    let slot = self.slot(visit);
                    *slot.lock().await = None;
                }
                outcome => return outcome,
            }
        }
    }

    /// The place of the connection of HTTP/2 to a server.
    fn slot(&self, visit: &Visit) -> Arc<http2::Slot> {
        let pool = &self.shared.http2;
        pool.slot((visit.target.origin(), visit.is_trusted))
    }

    /// By HTTP/2 if the server can, over the connection that there is, if there is one.
    async fn way(&self, visit: &Visit) -> Result<Way, ConnectError> {
        let place = self.slot(visit);
        let mut slot = place.lock().await;
        if let Some(sender) = http2::usable(&slot) {
            return Ok(Way::Http2(sender, Age::Standing));
        }
        let stream = self.reach(visit, Alpn::Http2).await?;
        if stream.tls().and_then(|tls| tls.alpn).as_deref() != Some("h2") {
            return Ok(Way::Http1(stream));
        }
        let begun = within(
            ConnectWait::Handshake,
            self.waits.handshake,
            http2::begin(stream),
        );
        match begun.await?.map_err(ConnectError::Http)? {
            Some(sender) => {
                *slot = Some(sender.clone());
                tokio::spawn(http2::release_idle(
                    Arc::downgrade(&place),
                    Arc::downgrade(&sender.uses),
                    self.waits.http2_idle,
                ));
                Ok(Way::Http2(sender, Age::New))
            }
            None => Ok(Way::Http1(self.reach(visit, Alpn::Http1).await?)),
        }
    }

    /// A stream to the server, with TLS if it is to be.
    pub(super) async fn reach(&self, visit: &Visit, alpn: Alpn) -> Result<Transport, ConnectError> {
        let stream = self.reach_plain(&visit.target).await?;
        if !visit.target.is_tls() {
            return Ok(stream);
        }
        let config = self.tls_config(visit.tls_kind(alpn));
        let config = config
            .map_err(TlsError::Options)
            .map_err(ConnectError::Tls)?;
        let secured = tls::connect(config, visit.target.host(), stream);
        within(ConnectWait::Tls, self.waits.tls, secured)
            .await?
            .map_err(ConnectError::Tls)
    }

    async fn reach_plain(&self, target: &Target) -> Result<Transport, ConnectError> {
        if let Some(path) = &self.unix_socket {
            let connected = UnixStream::connect(path);
            let connected = within(ConnectWait::Connect, self.waits.connect, connected);
            return Ok(connected.await?.map_err(ConnectError::Io)?.into());
        }
        let proxy = self.proxy.server(target);
        let proxy = proxy.map_err(|error| ConnectError::Proxy(ProxyError::Invalid(error)))?;
        let Some(proxy) = proxy else {
            let stream = self.dial(target.host(), target.port()).await?;
            return Ok(stream.into());
        };
        let stream = match self.dial(&proxy.host, proxy.port).await {
            Err(ConnectError::Io(error)) => {
                return Err(ConnectError::Proxy(ProxyError::Io(error)));
            }
            stream => stream?.into(),
        };
        let tunnel = proxy.tunnel(stream, target, &self.tls);
        within(ConnectWait::Proxy, self.waits.proxy, tunnel)
            .await?
            .map_err(ConnectError::Proxy)
    }

    async fn dial(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let connected = async {
            let addresses = match self.addresses.get(&host.to_ascii_lowercase()) {
                Some(known) => known.iter().map(|ip| SocketAddr::new(*ip, port)).collect(),
                None => tcp::resolve(host, port).await.map_err(ConnectError::Dns)?,
            };
            tcp::connect(&addresses).await.map_err(ConnectError::Io)
        };
        within(ConnectWait::Connect, self.waits.connect, connected).await?
    }

    /// The handshake of RFC 6455 §4.1, over a stream that leads to the server already.
    pub(super) async fn open_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        visit: &Visit,
        protocols: &[&str],
    ) -> Result<Socket<S>, ConnectError> {
        let handshake = self.handshake(protocols)?;
        let exchanged = self.ask(stream, visit, &handshake).await?;
        self.check(exchanged, &handshake)
    }

    async fn open_http1(
        &self,
        stream: Transport,
        visit: &Visit,
        handshake: &ClientHandshake,
    ) -> Result<Outcome, ConnectError> {
        let exchanged = self.ask(stream, visit, handshake).await?;
        if let Some(elsewhere) = self.elsewhere(&exchanged.response) {
            return Ok(elsewhere);
        }
        let socket = self.check(exchanged, handshake)?;
        Ok(Outcome::Open(Box::new(socket)))
    }

    /// Sends the request of a handshake, and takes the answer.
    async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        visit: &Visit,
        handshake: &ClientHandshake,
    ) -> Result<Exchanged<S>, ConnectError> {
        let target = &visit.target;
        let request = handshake.request(target.authority.clone(), target.path.clone().into());
        let exchanged = exchange(stream, add_headers(request, &visit.headers));
        let exchanged = within(ConnectWait::Handshake, self.waits.handshake, exchanged);
        exchanged.await?.map_err(ConnectError::Http)
    }

    /// The socket, if the answer is right.
    fn check<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        exchanged: Exchanged<S>,
        handshake: &ClientHandshake,
    ) -> Result<Socket<S>, ConnectError> {
        let Exchanged { response, stream } = exchanged;
        let agreed = handshake
            .verify(&response)
            .map_err(|error| ConnectError::refused(error, response.headers()))?;
        let refused = HandshakeError::Status(response.status());
        let (stream, leftover) = stream.ok_or(ConnectError::Handshake(refused))?;
        Ok(self.socket(stream, agreed, &leftover))
    }

    /// The handshake of RFC 8441 §5.
    async fn open_http2(
        &self,
        sender: http2::Sender,
        visit: &Visit,
        handshake: &ClientHandshake,
    ) -> Result<Outcome, ConnectError> {
        let uri = visit.target.http_uri().map_err(ConnectError::Url)?;
        let mut request = add_headers(handshake.request_extended(uri), &visit.headers);
        let protocol = Protocol::from_static(PROTOCOL);
        request.extensions_mut().insert(protocol);
        let below = Arc::clone(&sender.below);
        let in_use = Arc::new(sender.uses.begin());
        let answer = send(sender, request);
        let answer = within(ConnectWait::Handshake, self.waits.handshake, answer);
        let answer = answer.await?.map_err(ConnectError::Http)?;
        if let Some(elsewhere) = self.elsewhere(&answer) {
            return Ok(elsewhere);
        }
        let agreed = handshake
            .verify_extended(&answer)
            .map_err(|error| ConnectError::refused(error, answer.headers()))?;
        let stream = hyper::upgrade::on(answer)
            .await
            .map_err(ConnectError::Http)?;
        let stream = Transport::http2(stream, Some(in_use)).over(below);
        let socket = self.socket(stream, agreed, &Bytes::new());
        Ok(Outcome::Open(Box::new(socket)))
    }

    /// A redirect that is to be followed, if the answer is one.
    fn elsewhere<B>(&self, response: &Response<B>) -> Option<Outcome> {
        let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        (is_redirect && self.redirects_max > 0)
            .then(|| Outcome::Elsewhere(response.headers().get(LOCATION).cloned()))
    }

    fn socket<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        agreed: Agreed,
        leftover: &Bytes,
    ) -> Socket<S> {
        let keys = Box::new(RandomKeys::new());
        let connection = Connection::client(Arc::clone(&self.config), keys, now());
        let connection = compression::agreed(connection, agreed.deflate.as_ref());
        Socket::new(Link::new(stream, connection, leftover), agreed)
    }
}

async fn send(
    mut sender: http2::Sender,
    request: Request<()>,
) -> Result<Response<hyper::body::Incoming>, hyper::Error> {
    sender.requests.ready().await?;
    sender
        .requests
        .send_request(request.map(|()| Empty::<Bytes>::new()))
        .await
}

fn add_headers(mut request: Request<()>, headers: &HeaderMap) -> Request<()> {
    for (name, value) in headers {
        request.headers_mut().append(name.clone(), value.clone());
    }
    request
}

/// What `step` gives, unless it takes longer than `max`.
async fn within<T>(
    wait: ConnectWait,
    max: Duration,
    step: impl Future<Output = T>,
) -> Result<T, ConnectError> {
    timeout(max, step)
        .await
        .map_err(|_| ConnectError::TimedOut(wait))
}
