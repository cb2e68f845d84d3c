//! The client's side of the opening handshake (RFC 6455 §4.1): a request, and the check of the answer to it.

use std::{error, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{
        CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};

use crate::{
    deflate::{DeflateConfig, DeflateParams, InvalidParams, offer},
    handshake::{VERSION, accept_key, extensions, has_token, is_token, single},
};

/// A handshake that a client has begun.
#[derive(Debug, Clone)]
pub struct ClientHandshake {
    key: HeaderValue,
    protocols: Vec<String>,
    deflate: Option<DeflateConfig>,
}

/// What a server agreed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreed {
    /// The subprotocol that the server chose.
    pub protocol: Option<String>,
    /// The extensions in the words of the server; empty if there are none.
    pub extensions: String,
    /// The compression that was agreed on.
    pub deflate: Option<DeflateParams>,
}

/// A list of subprotocols that RFC 6455 §4.1 does not allow: not tokens, or one of them twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProtocol(pub String);

/// Why the answer of a server fails the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// `Sec-WebSocket-Accept` does not answer our key: this server does not speak WebSocket.
    Accept,
    /// `Connection` does not have the token `upgrade`.
    ConnectionHeader,
    /// `Sec-WebSocket-Extensions` is malformed, or does not answer the offer.
    ExtensionInvalid,
    /// An extension that was not offered.
    ExtensionNotOffered,
    /// Older than HTTP/1.1, which cannot switch.
    HttpVersion,
    /// A subprotocol that was not offered, or more than one.
    ProtocolNotOffered,
    /// Another status than 101: the server refuses, its reason is in the status.
    Status(StatusCode),
    /// `Upgrade` is not `websocket`.
    UpgradeHeader,
}

impl ClientHandshake {
    /// A handshake with 16 random bytes and the subprotocols to offer, the preferred one first.
    ///
    /// # Errors
    /// [`InvalidProtocol`] with the first name that is not a token or stands twice, in whatever case.
    pub fn new<S: AsRef<str>>(nonce: [u8; 16], protocols: &[S]) -> Result<Self, InvalidProtocol> {
        let protocols: Vec<String> = protocols.iter().map(|p| p.as_ref().to_owned()).collect();
        for (index, protocol) in protocols.iter().enumerate() {
            let repeated = protocols[..index]
                .iter()
                .any(|p| p.eq_ignore_ascii_case(protocol));
            if repeated || !is_token(protocol) {
                return Err(InvalidProtocol(protocol.clone()));
            }
        }
        let key = HeaderValue::try_from(STANDARD.encode(nonce)).expect("base64 is a header value");
        Ok(Self {
            key,
            protocols,
            deflate: None,
        })
    }

    /// Offers compression.
    #[must_use]
    pub fn with_deflate(mut self, config: DeflateConfig) -> Self {
        self.deflate = Some(config);
        self
    }

    /// The request for `path` (with its query) on `host` (with its port unless it is the default one).
    #[must_use]
    pub fn request(&self, host: HeaderValue, path: http::Uri) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = path;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_KEY, self.key.clone());
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        self.offer(headers);
        request
    }

    /// What is offered, in whichever version of HTTP.
    pub(super) fn offer(&self, headers: &mut HeaderMap) {
        if !self.protocols.is_empty() {
            let list = HeaderValue::try_from(self.protocols.join(", ")).expect("they are tokens");
            headers.insert(SEC_WEBSOCKET_PROTOCOL, list);
        }
        if let Some(config) = &self.deflate {
            let value = HeaderValue::try_from(offer(config)).expect("names and numbers");
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
        }
    }

    /// Checks the answer (RFC 6455 §4.1, what a client validates).
    ///
    /// # Errors
    /// The first rule that the answer breaks: the connection is to be dropped.
    pub fn verify<B>(&self, response: &Response<B>) -> Result<Agreed, HandshakeError> {
        let headers = response.headers();
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(HandshakeError::Status(response.status()));
        }
        // RFC 9110 §7.8
        if response.version() < Version::HTTP_11 {
            return Err(HandshakeError::HttpVersion);
        }
        let upgrade = single(headers, &UPGRADE).ok_or(HandshakeError::UpgradeHeader)?;
        if !upgrade.as_bytes().eq_ignore_ascii_case(b"websocket") {
            return Err(HandshakeError::UpgradeHeader);
        }
        if !has_token(headers, &CONNECTION, "upgrade") {
            return Err(HandshakeError::ConnectionHeader);
        }
        let accept = accept_key(self.key.as_bytes());
        if single(headers, &SEC_WEBSOCKET_ACCEPT) != Some(&accept) {
            return Err(HandshakeError::Accept);
        }
        self.agreed(response)
    }

    /// What the server chose of what was offered, in whichever version of HTTP.
    pub(super) fn agreed<B>(&self, response: &Response<B>) -> Result<Agreed, HandshakeError> {
        let headers = response.headers();
        let deflate = self.verify_extensions(headers)?;
        let lines = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        let protocol = self.verify_protocol(response)?;
        Ok(Agreed {
            protocol,
            extensions: lines.join(", "),
            deflate,
        })
    }

    /// What was not offered may not be accepted, and nothing twice.
    fn verify_extensions(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<DeflateParams>, HandshakeError> {
        let accepted = extensions(headers).ok_or(HandshakeError::ExtensionInvalid)?;
        let (extension, config) = match (&accepted[..], &self.deflate) {
            ([], _) => return Ok(None),
            ([extension], Some(config)) if extension.is_deflate() => (extension, config),
            _ => return Err(HandshakeError::ExtensionNotOffered),
        };
        let params = DeflateParams::verify(extension, config);
        params
            .map(Some)
            .map_err(|InvalidParams| HandshakeError::ExtensionInvalid)
    }

    fn verify_protocol<B>(&self, response: &Response<B>) -> Result<Option<String>, HandshakeError> {
        if !response.headers().contains_key(SEC_WEBSOCKET_PROTOCOL) {
            return Ok(None);
        }
        let chosen = single(response.headers(), &SEC_WEBSOCKET_PROTOCOL)
            .and_then(|value| value.to_str().ok())
            .filter(|chosen| self.protocols.iter().any(|offered| offered == chosen));
        chosen
            .map(|chosen| Some(chosen.to_owned()))
            .ok_or(HandshakeError::ProtocolNotOffered)
    }
}

impl fmt::Display for InvalidProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "subprotocol {:?} is not a token, or stands twice",
            self.0
        )
    }
}

impl error::Error for InvalidProtocol {}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("the server's `Sec-WebSocket-Accept` is not right"),
            Self::ConnectionHeader => f.write_str("the server's `Connection` is not `Upgrade`"),
            Self::ExtensionInvalid => {
                f.write_str("the server's `Sec-WebSocket-Extensions` does not answer the offer")
            }
            Self::ExtensionNotOffered => {
                f.write_str("the server chose an extension that was not offered")
            }
            Self::HttpVersion => f.write_str("the server switches from an HTTP older than 1.1"),
            Self::ProtocolNotOffered => {
                f.write_str("the server chose a subprotocol that was not offered")
            }
            Self::Status(status) => write!(f, "the server answered {status} instead of 101"),
            Self::UpgradeHeader => f.write_str("the server's `Upgrade` is not `websocket`"),
        }
    }
}

impl error::Error for HandshakeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::server::Offer;

    fn handshake(protocols: &[&str]) -> ClientHandshake {
        ClientHandshake::new(*b"the sample nonce", protocols).unwrap()
    }

    /// The answer of a good server, with headers replaced; a line without a value takes the header away.
    fn check(protocols: &[&str], changes: &[&str], expected: Result<Option<&str>, HandshakeError>) {
        let handshake = handshake(protocols);
        let request = handshake.request("h".parse().unwrap(), "/".parse().unwrap());
        let mut response = Offer::parse(&request).unwrap().accept(None, None);
        for change in changes {
            let name: http::HeaderName = change.split_once(':').unwrap().0.parse().unwrap();
            response.headers_mut().remove(name);
        }
        for change in changes {
            let (name, value) = change.split_once(':').unwrap();
            if !value.is_empty() {
                let name: http::HeaderName = name.parse().unwrap();
                response
                    .headers_mut()
                    .append(name, value.trim().parse().unwrap());
            }
        }
        let protocol = handshake.verify(&response).map(|agreed| agreed.protocol);
        assert_eq!(
            protocol,
            expected.map(|p| p.map(str::to_owned)),
            "{changes:?}"
        );
    }

    #[test]
    fn what_is_accepted() {
        check(&[], &[], Ok(None));
        check(&["a"], &[], Ok(None));
        check(&["a", "b"], &["sec-websocket-protocol: b"], Ok(Some("b")));
        check(
            &[],
            &[
                "upgrade: WebSocket",
                "connection: x",
                "connection: y, upgrade",
            ],
            Ok(None),
        );
    }

    #[test]
    fn what_fails_the_connection() {
        check(&[], &["upgrade:"], Err(HandshakeError::UpgradeHeader));
        check(
            &[],
            &["upgrade: websocket, h2c"],
            Err(HandshakeError::UpgradeHeader),
        );
        check(
            &[],
            &["connection: close"],
            Err(HandshakeError::ConnectionHeader),
        );
        check(&[], &["sec-websocket-accept:"], Err(HandshakeError::Accept));
        check(
            &[],
            &["sec-websocket-accept: xxxx"],
            Err(HandshakeError::Accept),
        );
        let extension = ["sec-websocket-extensions: permessage-deflate"];
        check(&[], &extension, Err(HandshakeError::ExtensionNotOffered));
        check(
            &[],
            &["sec-websocket-protocol: a"],
            Err(HandshakeError::ProtocolNotOffered),
        );
        let list = ["sec-websocket-protocol: a, b"];
        check(&["a", "b"], &list, Err(HandshakeError::ProtocolNotOffered));
        let twice = ["sec-websocket-protocol: a", "sec-websocket-protocol: b"];
        check(&["a", "b"], &twice, Err(HandshakeError::ProtocolNotOffered));
    }

    #[test]
    fn compression_is_offered_and_agreed_on() {
        let handshake = handshake(&[]).with_deflate(DeflateConfig::with_takeover());
        let request = handshake.request("h".parse().unwrap(), "/".parse().unwrap());
        let offered = Offer::parse(&request).unwrap();
        let params = offered.choose_deflate(&DeflateConfig::default()).unwrap();
        let agreed = handshake
            .verify(&offered.accept(None, Some(&params)))
            .unwrap();
        assert_eq!(agreed.deflate, Some(params));
        assert_eq!(agreed.extensions, params.to_string());
    }

    #[test]
    fn another_status_is_a_refusal() {
        let response = Response::builder().status(403).body(()).unwrap();
        let refused = handshake(&[]).verify(&response);
        assert_eq!(refused, Err(HandshakeError::Status(StatusCode::FORBIDDEN)));
    }

    #[test]
    fn protocols_are_tokens_each_once() {
        for (protocols, bad) in [(vec![""], ""), (vec!["a b"], "a b"), (vec!["x", "X"], "X")] {
            let refused = ClientHandshake::new([0; 16], &protocols).unwrap_err();
            assert_eq!(refused, InvalidProtocol(bad.to_owned()));
        }
    }
}
