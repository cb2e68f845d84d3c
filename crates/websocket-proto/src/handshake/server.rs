//! The server's side of the opening handshake (RFC 6455 §4.2): a request is accepted or refused with a clear answer.

use std::{error, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        ALLOW, CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
        UPGRADE,
    },
    uri::Authority,
};

use crate::{
    deflate::{DeflateConfig, DeflateParams, Extension},
    handshake::{
        VERSION, accept_key, extended_connect, extensions, has_token, is_token, list, single,
    },
};

/// A valid request of a client, to be answered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The answer to the key; over HTTP/2 there is none.
    pub(super) accept: Option<HeaderValue>,
    pub(super) protocols: Vec<String>,
    pub(super) extensions: Vec<Extension>,
}

/// Why a request is refused; [`Refusal::response`] is the answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The request has a body.
    Body,
    /// `Connection` does not have the token `upgrade`.
    ConnectionHeader,
    /// No `Host`, or several, or one that does not name a host.
    Host,
    /// Older than HTTP/1.1.
    HttpVersion,
    /// Over HTTP/2, another method than CONNECT.
    ExtendedMethod,
    /// `Sec-WebSocket-Extensions` is malformed.
    Extensions,
    /// `Sec-WebSocket-Key` is missing, stands twice, or is not 16 bytes in base64.
    Key,
    /// Another method than GET.
    Method,
    /// The origin of the page is not allowed here.
    Origin,
    /// `Sec-WebSocket-Protocol` is not a list of different tokens, [`PROTOCOLS_MAX`] at most.
    Protocols,
    /// The target of the request is neither a path nor a URL of `http` or `https`.
    Target,
    /// The server takes no more connections for now.
    Unavailable,
    /// `Upgrade` does not have the token `websocket`.
    UpgradeHeader,
    /// Another `Sec-WebSocket-Version` than 13.
    Version,
}

impl Offer {
    /// Checks a request.
    ///
    /// # Errors
    /// The first rule of RFC 6455 §4.2.1 that the request breaks.
    pub fn parse<B>(request: &Request<B>) -> Result<Self, Refusal> {
        let headers = request.headers();
        if request.method() != Method::GET {
            return Err(Refusal::Method);
        }
        if request.version() < Version::HTTP_11 {
            return Err(Refusal::HttpVersion);
        }
        if !is_target(request.uri()) {
            return Err(Refusal::Target);
        }
        if !single(headers, &HOST).is_some_and(is_host) {
            return Err(Refusal::Host);
        }
        if has_body(headers) {
            return Err(Refusal::Body);
        }
        check_upgrade(headers)?;
        let key = single(headers, &SEC_WEBSOCKET_KEY)
            .ok_or(Refusal::Key)?
            .as_bytes();
        if !STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16) {
            return Err(Refusal::Key);
        }
        Ok(Self {
            accept: Some(accept_key(key)),
            protocols: protocols(headers)?,
            extensions: extensions(headers).ok_or(Refusal::Extensions)?,
        })
    }

    /// The subprotocols that the client offers, the preferred one first.
    #[must_use]
    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// The first of `supported`, in the server's order, that the client offers.
    #[must_use]
    pub fn choose<'s>(&self, supported: &[&'s str]) -> Option<&'s str> {
        supported
            .iter()
            .copied()
            .find(|s| self.protocols.iter().any(|offered| offered == s))
    }

    /// The compression to agree on, if the client offers one that this server can do (RFC 7692 §7).
    #[must_use]
    pub fn choose_deflate(&self, config: &DeflateConfig) -> Option<DeflateParams> {
        DeflateParams::choose(&self.extensions, config)
    }

    /// The answer that accepts the request (RFC 6455 §4.2.2, RFC 8441 §5), with one subprotocol or none, and with the compression
    /// that was chosen.
    ///
    /// # Panics
    /// If the protocol was not offered: a server must not choose it.
    #[must_use]
    pub fn accept(&self, protocol: Option<&str>, deflate: Option<&DeflateParams>) -> Response<()> {
        let mut response = match &self.accept {
            Some(accept) => switched(accept.clone()),
            None => extended_connect::accepted(),
        };
        let headers = response.headers_mut();
        if let Some(protocol) = protocol {
            assert!(
                self.protocols.iter().any(|offered| offered == protocol),
                "not offered"
            );
            let value = HeaderValue::from_str(protocol).expect("a token is a header value");
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        if let Some(deflate) = deflate {
            let answer = deflate.written_for(&self.extensions);
            let value = HeaderValue::try_from(answer).expect("names and numbers");
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
        }
        response
    }
}

/// The answer that switches HTTP/1.1 to WebSocket, still without what was negotiated.
fn switched(accept: HeaderValue) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// RFC 6455 §4.2.1: the resource, or a URL that has it (RFC 9112 §3.2.1, §3.2.2).
fn is_target(target: &Uri) -> bool {
    match target.scheme_str() {
        None => target.authority().is_none() && target.path().starts_with('/'),
        Some(scheme) => ["http", "https"].contains(&scheme),
    }
}

/// A host, and perhaps a port (RFC 9110 §7.2).
fn is_host(value: &HeaderValue) -> bool {
    let authority = Authority::try_from(value.as_bytes());
    authority
        .is_ok_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    length.is_some_and(|length| length != "0") || headers.contains_key(TRANSFER_ENCODING)
}

fn check_upgrade(headers: &HeaderMap) -> Result<(), Refusal> {
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(Refusal::UpgradeHeader);
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Refusal::ConnectionHeader);
    }
    if single(headers, &SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
        return Err(Refusal::Version);
    }
    Ok(())
}

/// The subprotocols that a client may offer at most.
pub const PROTOCOLS_MAX: usize = 64;

/// RFC 6455 §4.1: tokens, each of them once.
pub(super) fn protocols(headers: &HeaderMap) -> Result<Vec<String>, Refusal> {
    let offered = list(headers, &SEC_WEBSOCKET_PROTOCOL).ok_or(Refusal::Protocols)?;
    if offered.len() > PROTOCOLS_MAX {
        return Err(Refusal::Protocols);
    }
    for (index, protocol) in offered.iter().enumerate() {
        if !is_token(protocol) || offered[..index].contains(protocol) {
            return Err(Refusal::Protocols);
        }
    }
    Ok(offered.into_iter().map(str::to_owned).collect())
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::ExtendedMethod | Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Version => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer, with a sentence that says what is wrong as its body.
    #[must_use]
    pub fn response(self) -> Response<String> {
        let mut response = Response::new(format!("{self}\n"));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        match self {
            Self::ExtendedMethod => {
                headers.insert(ALLOW, HeaderValue::from_static("CONNECT"));
            }
            Self::Method => {
                headers.insert(ALLOW, HeaderValue::from_static("GET"));
            }
            // RFC 6455 §4.2.2, §4.4; RFC 9110 §15.5.22
            Self::Version => {
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade, close"));
            }
            _ => {}
        }
        response
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "a WebSocket handshake has no body",
            Self::ConnectionHeader => "a WebSocket handshake needs `Connection: Upgrade`",
            Self::Host => "a request needs one `Host`",
            Self::HttpVersion => "a WebSocket handshake needs HTTP/1.1",
            Self::ExtendedMethod => "a WebSocket handshake over HTTP/2 is a CONNECT",
            Self::Extensions => "`Sec-WebSocket-Extensions` is malformed",
            Self::Key => "`Sec-WebSocket-Key` must be 16 bytes in base64, once",
            Self::Method => "a WebSocket handshake is a GET",
            Self::Origin => "pages of this origin may not connect here",
            Self::Protocols => "`Sec-WebSocket-Protocol` must list tokens, each once",
            Self::Target => "a WebSocket handshake asks for a path",
            Self::Unavailable => "no more connections are taken at the moment",
            Self::UpgradeHeader => {
                "this is a WebSocket address: a handshake needs `Upgrade: websocket`"
            }
            Self::Version => "`Sec-WebSocket-Version` must be 13",
        })
    }
}

impl error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A good request with some headers replaced; a line without a value takes the header away.
    fn request(changes: &[&str]) -> Request<()> {
        let good = [
            "host: example.com",
            "upgrade: websocket",
            "connection: keep-alive, Upgrade",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-version: 13",
        ];
        let mut request = Request::get("/ws").body(()).unwrap();
        let changed = |name: &str| changes.iter().any(|change| change.starts_with(name));
        let kept = good
            .iter()
            .filter(|line| !changed(line.split_once(':').unwrap().0));
        for line in kept.chain(changes) {
            let (name, value) = line.split_once(':').unwrap();
            if !value.is_empty() {
                let name = http::HeaderName::try_from(name).unwrap();
                request
                    .headers_mut()
                    .append(name, value.trim().parse().unwrap());
            }
        }
        request
    }

    fn check(changes: &[&str], expected: Result<(), Refusal>) {
        let parsed = Offer::parse(&request(changes)).map(drop);
        assert_eq!(parsed, expected, "{changes:?}");
    }

    #[test]
    fn what_is_accepted() {
        check(&[], Ok(()));
        check(&["upgrade: WebSocket"], Ok(()));
        check(&["connection: keep-alive", "connection: UPGRADE"], Ok(()));
        check(
            &["sec-websocket-protocol: a, b", "sec-websocket-protocol: c"],
            Ok(()),
        );
        check(&["content-length: 0"], Ok(()));
        check(&["sec-websocket-extensions: unknown; x=1"], Ok(()));
    }

    #[test]
    fn what_is_refused() {
        check(&["host:"], Err(Refusal::Host));
        check(&["host: a b"], Err(Refusal::Host));
        check(&["host: user@example.com"], Err(Refusal::Host));
        check(&["upgrade:"], Err(Refusal::UpgradeHeader));
        check(&["upgrade: h2c"], Err(Refusal::UpgradeHeader));
        check(&["connection: close"], Err(Refusal::ConnectionHeader));
        check(&["connection: upgraded"], Err(Refusal::ConnectionHeader));
        check(&["sec-websocket-version:"], Err(Refusal::Version));
        check(&["sec-websocket-version: 8"], Err(Refusal::Version));
        check(&["sec-websocket-version: 13, 8"], Err(Refusal::Version));
        check(&["sec-websocket-key:"], Err(Refusal::Key));
        check(&["sec-websocket-key: c2hvcnQ="], Err(Refusal::Key));
        check(
            &["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ"],
            Err(Refusal::Key),
        );
        let twice = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
        check(&[twice, twice], Err(Refusal::Key));
        check(&["sec-websocket-protocol: a b"], Err(Refusal::Protocols));
        check(&["sec-websocket-protocol: a, a"], Err(Refusal::Protocols));
        check(&["sec-websocket-extensions: a b"], Err(Refusal::Extensions));
        let many = |count| {
            (0..count)
                .map(|i| i.to_string())
                .collect::<Vec<_>>()
                .join(",")
        };
        check(
            &[&format!("sec-websocket-protocol: {}", many(PROTOCOLS_MAX))],
            Ok(()),
        );
        let past = format!("sec-websocket-protocol: {}", many(PROTOCOLS_MAX + 1));
        check(&[&past], Err(Refusal::Protocols));
        check(&["content-length: 3"], Err(Refusal::Body));
        check(&["transfer-encoding: chunked"], Err(Refusal::Body));
    }

    #[test]
    fn targets() {
        for (target, expected) in [
            ("/", Ok(())),
            ("/ws?room=1", Ok(())),
            ("http://example.com/ws", Ok(())),
            ("ws://example.com/ws", Err(Refusal::Target)),
            ("example.com:80", Err(Refusal::Target)),
            ("*", Err(Refusal::Target)),
        ] {
            let mut request = request(&[]);
            *request.uri_mut() = target.parse().unwrap();
            assert_eq!(Offer::parse(&request).map(drop), expected, "{target}");
        }
    }

    #[test]
    fn method_and_version_of_http() {
        let mut post = request(&[]);
        *post.method_mut() = Method::POST;
        assert_eq!(Offer::parse(&post).unwrap_err(), Refusal::Method);
        let mut old = request(&[]);
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(Offer::parse(&old).unwrap_err(), Refusal::HttpVersion);
    }

    #[test]
    fn one_protocol_is_chosen_in_the_servers_order() {
        let offer = Offer::parse(&request(&["sec-websocket-protocol: v10.stomp, v12.stomp"]));
        let offer = offer.unwrap();
        let chosen = offer.choose(&["v12.stomp", "v11.stomp", "v10.stomp"]);
        assert_eq!(chosen, Some("v12.stomp"));
        assert_eq!(offer.choose(&["mqtt"]), None);
        let response = offer.accept(chosen, None);
        assert_eq!(response.headers()["sec-websocket-protocol"], "v12.stomp");
        assert_eq!(
            response.headers()["sec-websocket-accept"],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert!(
            offer
                .accept(None, None)
                .headers()
                .get("sec-websocket-protocol")
                .is_none()
        );
    }

    #[test]
    fn compression_is_chosen_and_answered() {
        let lines = [
            "sec-websocket-extensions: x",
            "sec-websocket-extensions: permessage-deflate",
        ];
        let offer = Offer::parse(&request(&lines)).unwrap();
        let params = offer
            .choose_deflate(&DeflateConfig::with_takeover())
            .unwrap();
        let response = offer.accept(None, Some(&params));
        assert_eq!(
            response.headers()["sec-websocket-extensions"],
            "permessage-deflate"
        );
    }

    #[test]
    fn a_refusal_tells_the_version_that_would_do() {
        let response = Refusal::Version.response();
        assert_eq!(response.status(), 426);
        assert_eq!(response.headers()["sec-websocket-version"], "13");
        assert_eq!(Refusal::Method.response().headers()["allow"], "GET");
        let response = Refusal::ExtendedMethod.response();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "CONNECT");
        assert_eq!(Refusal::Origin.response().status(), 403);
    }
}
