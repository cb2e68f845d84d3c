//! What a server says to an opening handshake, the same for every way in: which subprotocol, which origins, how many.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use gumboot_websocket_proto::{
    Config,
    handshake::{
        client::Agreed,
        server::{Offer, Refusal},
    },
};
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::ext::Protocol;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Acceptance, HttpLimits,
    gate::{Gate, Seat, Turn},
    http2::without_connection,
    socket_over,
};
use crate::{origin::OriginPolicy, socket::Socket};

/// How a server takes WebSockets, for streams of one's own ([`Acceptor::accept`]) and for servers on hyper
/// ([`Acceptor::upgrade`]); with the feature `axum` also for those. One value is for all connections.
///
/// By default pages of the server's own origin may connect, and programs; no subprotocol is chosen, and compression is
/// agreed on with who offers it.
#[derive(Clone, Default)]
pub struct Acceptor {
    protocols: Protocols,
    pub(super) origins: OriginPolicy,
    config: Option<Arc<Config>>,
    pub(super) http: HttpLimits,
    gate: Option<Gate>,
}

/// How a subprotocol is chosen.
#[derive(Clone, Default)]
enum Protocols {
    #[default]
    None,
    /// The first of these that was offered.
    Preferred(Arc<[String]>),
    By(Arc<ChooseProtocol>),
}

/// What holds for all connections that nothing else was said for.
static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(Config::server()));

type ChooseProtocol = dyn Fn(&Request<()>, &[String]) -> Option<String> + Send + Sync;

impl Acceptor {
    /// With what suits a server on the open internet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The subprotocols of the server, the preferred one first: the first that a client offers is chosen. A client that
    /// offers none of them gets none, and may end the connection for it.
    #[must_use]
    pub fn protocols<P>(mut self, protocols: P) -> Self
    where
        P: IntoIterator<Item: Into<String>>,
    {
        let protocols = protocols.into_iter().map(Into::into).collect();
        self.protocols = Protocols::Preferred(protocols);
        self
    }

    /// Chooses the subprotocol by the head of the request and what the client offers, the preferred one first. What it
    /// did not offer is not chosen.
    #[must_use]
    pub fn choose_protocol<F>(mut self, choose: F) -> Self
    where
        F: Fn(&Request<()>, &[String]) -> Option<String> + Send + Sync + 'static,
    {
        self.protocols = Protocols::By(Arc::new(choose));
        self
    }

    /// Which web pages may connect. Default: those of the server's own origin.
    #[must_use]
    pub fn origins(mut self, origins: OriginPolicy) -> Self {
        self.origins = origins;
        self
    }

    /// Limits, timing and compression of the connections. Default: [`Config::server`].
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// What [`Acceptor::accept`] takes of a client before it has upgraded. Servers of others have settings of their own.
    #[must_use]
    pub fn http_limits(mut self, limits: HttpLimits) -> Self {
        self.http = limits;
        self
    }

    /// Lets in as many as `gate` does, and ends them when it drains. Default: no gate.
    #[must_use]
    pub fn gate(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Counts a handshake from here on, if there is a gate.
    pub(crate) fn begin(&self) -> Result<Option<Turn>, Refusal> {
        self.gate.as_ref().map(Gate::try_begin).transpose()
    }

    /// The subprotocol for a request, one of those that it offers.
    pub(super) fn choose(&self, head: &Request<()>, offer: &Offer) -> Option<String> {
        let offered = offer.protocols();
        let chosen = match &self.protocols {
            Protocols::None => None,
            Protocols::Preferred(ours) => ours.iter().find(|ours| offered.contains(ours)).cloned(),
            Protocols::By(choose) => choose(head, offered),
        };
        chosen.filter(|chosen| offered.contains(chosen))
    }

    /// Accepts an offer with one of its subprotocols or none, if there is a place left.
    pub(super) fn agree(
        &self,
        offer: &Offer,
        protocol: Option<&str>,
    ) -> Result<(Response<()>, Accepted), Refusal> {
        let seat = self.gate.as_ref().map(Gate::try_sit).transpose()?;
        let config = self.config.as_ref().unwrap_or(&CONFIG);
        let config = Arc::clone(config);
        let Acceptance { response, agreed } = Acceptance::new(offer, protocol, &config);
        let accepted = Accepted {
            agreed,
            config,
            seat,
        };
        Ok((response, accepted))
    }

    /// Answers a handshake that was found valid.
    pub(crate) fn answer(
        &self,
        head: &Request<()>,
        offer: &Offer,
    ) -> Result<(Response<()>, Accepted), Refusal> {
        self.origins.check_request(head)?;
        self.agree(offer, self.choose(head, offer).as_deref())
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("protocols", &self.protocols)
            .field("origins", &self.origins)
            .field("config", &self.config)
            .field("http", &self.http)
            .field("gate", &self.gate)
            .finish()
    }
}

impl fmt::Debug for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Preferred(protocols) => f.debug_list().entries(&**protocols).finish(),
            Self::By(_) => f.write_str("By(..)"),
        }
    }
}

/// A handshake that is accepted, and what becomes of its stream.
#[derive(Debug)]
pub(crate) struct Accepted {
    agreed: Agreed,
    config: Arc<Config>,
    seat: Option<Seat>,
}

impl Accepted {
    /// The socket over the stream; `leftover` is what came behind the request.
    pub(crate) fn socket<S>(self, io: S, leftover: &[u8]) -> Socket<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let socket = socket_over(io, leftover, self.agreed, self.config);
        match self.seat {
            Some(seat) => socket.with_seat(seat),
            None => socket,
        }
    }
}

/// The head of a request, with what of its extensions belongs to the protocol.
pub(crate) fn head<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    if let Some(protocol) = request.extensions().get::<Protocol>() {
        head.extensions_mut().insert(protocol.clone());
    }
    head
}

/// The answer that refuses a request of `version`.
pub(crate) fn refused(refusal: Refusal, version: Version) -> Response<Full<Bytes>> {
    let response = refusal.response().map(Full::from);
    if version == Version::HTTP_2 {
        return without_connection(response);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(protocols: &str) -> Request<()> {
        let request = Request::get("/chat?v=2")
            .header("host", "example.com")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", protocols);
        request.body(()).unwrap()
    }

    fn chosen(acceptor: &Acceptor, protocols: &str) -> Option<String> {
        let head = request(protocols);
        acceptor.choose(&head, &Offer::parse(&head).unwrap())
    }

    #[test]
    fn a_subprotocol_in_the_servers_order() {
        let acceptor = Acceptor::new().protocols(["b", "a"]);
        assert_eq!(chosen(&acceptor, "a, b"), Some("b".to_owned()));
        assert_eq!(chosen(&acceptor, "x, a"), Some("a".to_owned()));
        assert_eq!(chosen(&acceptor, "x"), None);
        assert_eq!(chosen(&Acceptor::new(), "x"), None);
    }

    #[test]
    fn a_subprotocol_by_the_request() {
        let acceptor = Acceptor::new().choose_protocol(|head, offered| match head.uri().query() {
            Some("v=2") => offered.last().cloned(),
            _ => None,
        });
        assert_eq!(chosen(&acceptor, "a, b"), Some("b".to_owned()));
    }

    #[test]
    fn what_was_not_offered_is_not_chosen() {
        let acceptor = Acceptor::new().choose_protocol(|_, _| Some("mine".to_owned()));
        assert_eq!(chosen(&acceptor, "a"), None);
        assert_eq!(chosen(&acceptor, "mine"), Some("mine".to_owned()));
    }
}
