//! The opening handshake over HTTP/2 (RFC 8441): an extended CONNECT opens a stream, and the stream is the connection.
//!
//! There is no key and nothing to switch: the stream has nothing of HTTP/1.1 on it. Subprotocols and extensions are
//! negotiated by the same headers as ever. The pseudo-header `:protocol` is not in the types of the `http` crate; the
//! driver, which knows it, passes it on.

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE},
};

use crate::handshake::{
    VERSION,
    client::{Agreed, ClientHandshake, HandshakeError},
    extensions,
    server::{Offer, Refusal, protocols},
    single,
};

/// The value of `:protocol` (RFC 8441 §5).
pub const PROTOCOL: &str = "websocket";

impl Offer {
    /// Checks an extended CONNECT whose pseudo-header `:protocol` is `protocol`.
    ///
    /// # Errors
    /// The first rule of RFC 8441 §5 and RFC 6455 §4.2.1 that the request breaks.
    pub fn parse_extended<B>(
        request: &Request<B>,
        protocol: Option<&str>,
    ) -> Result<Self, Refusal> {
        let headers = request.headers();
        if request.version() != Version::HTTP_2 {
            return Err(Refusal::HttpVersion);
        }
        if request.method() != Method::CONNECT {
            return Err(Refusal::ExtendedMethod);
        }
        if protocol != Some(PROTOCOL) {
            return Err(Refusal::UpgradeHeader);
        }
        // RFC 8441 §4: they are there, unlike in a plain CONNECT.
        if request.uri().authority().is_none() || request.uri().path().is_empty() {
            return Err(Refusal::Host);
        }
        // RFC 9113 §8.2.2
        if has_connection_headers(headers) {
            return Err(Refusal::ConnectionHeader);
        }
        if single(headers, &SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
            return Err(Refusal::Version);
        }
        Ok(Self {
            accept: None,
            protocols: protocols(headers)?,
            extensions: extensions(headers).ok_or(Refusal::Extensions)?,
        })
    }
}

impl ClientHandshake {
    /// The extended CONNECT for `uri`, which has the scheme `https` (or `http`), the authority, path and query. The
    /// driver adds [`PROTOCOL`] as `:protocol`.
    #[must_use]
    pub fn request_extended(&self, uri: Uri) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        self.offer(headers);
        request
    }

    /// Checks the answer to an extended CONNECT: any status of success will do, and there is no key to look for
    /// (RFC 8441 §5).
    ///
    /// # Errors
    /// The first rule that the answer breaks: the stream is to be reset.
    pub fn verify_extended<B>(&self, response: &Response<B>) -> Result<Agreed, HandshakeError> {
        if !response.status().is_success() {
            return Err(HandshakeError::Status(response.status()));
        }
        let headers = response.headers();
        if has_connection_headers(headers) {
            return Err(HandshakeError::ConnectionHeader);
        }
        if headers.contains_key(SEC_WEBSOCKET_ACCEPT) {
            return Err(HandshakeError::Accept);
        }
        self.agreed(response)
    }
}

/// The answer that accepts an extended CONNECT, still without what was negotiated.
pub(super) fn accepted() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::OK;
    response
}

fn has_connection_headers(headers: &HeaderMap) -> bool {
    [CONNECTION, UPGRADE, TRANSFER_ENCODING]
        .iter()
        .any(|name| headers.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeflateConfig;

    fn handshake() -> ClientHandshake {
        ClientHandshake::new([0; 16], &["a", "b"]).unwrap()
    }

    fn request() -> Request<()> {
        handshake().request_extended(Uri::from_static("https://h:1/x?y"))
    }

    #[test]
    fn a_client_and_a_server_agree() {
        let handshake = handshake().with_deflate(DeflateConfig::default());
        let request = handshake.request_extended(Uri::from_static("https://h/x"));
        assert!(!request.headers().contains_key("sec-websocket-key"));
        let offer = Offer::parse_extended(&request, Some("websocket")).unwrap();
        let deflate = offer.choose_deflate(&DeflateConfig::default());
        let response = offer.accept(Some("b"), deflate.as_ref());
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("upgrade"));
        assert!(!response.headers().contains_key("connection"));
        let agreed = handshake.verify_extended(&response).unwrap();
        assert_eq!(agreed.protocol.as_deref(), Some("b"));
        assert_eq!(agreed.deflate, deflate);
    }

    #[test]
    fn what_a_server_refuses() {
        let check = |change: &dyn Fn(&mut Request<()>), protocol, expected| {
            let mut request = request();
            change(&mut request);
            let parsed = Offer::parse_extended(&request, protocol).map(drop);
            assert_eq!(parsed, Err(expected));
        };
        let websocket = Some(PROTOCOL);
        check(&|_| (), None, Refusal::UpgradeHeader);
        check(&|_| (), Some("connect-udp"), Refusal::UpgradeHeader);
        check(
            &|r| *r.method_mut() = Method::GET,
            websocket,
            Refusal::ExtendedMethod,
        );
        let old = |r: &mut Request<()>| *r.version_mut() = Version::HTTP_11;
        check(&old, websocket, Refusal::HttpVersion);
        let bare = |r: &mut Request<()>| *r.uri_mut() = Uri::from_static("/x");
        check(&bare, websocket, Refusal::Host);
        let insert = |name: &'static str, value: &'static str| {
            move |r: &mut Request<()>| {
                let value = HeaderValue::from_static(value);
                r.headers_mut().insert(name, value);
            }
        };
        let upgrade = insert("upgrade", "websocket");
        check(&upgrade, websocket, Refusal::ConnectionHeader);
        let version = insert("sec-websocket-version", "8");
        check(&version, websocket, Refusal::Version);
        let protocols = insert("sec-websocket-protocol", "a, a");
        check(&protocols, websocket, Refusal::Protocols);
        let extensions = insert("sec-websocket-extensions", "a b");
        check(&extensions, websocket, Refusal::Extensions);
    }

    #[test]
    fn what_a_client_refuses() {
        let check = |status: u16, header: Option<(&'static str, &'static str)>, expected| {
            let mut response = Response::builder().status(status);
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            let verified = handshake().verify_extended(&response.body(()).unwrap());
            assert_eq!(verified.map(drop), expected);
        };
        check(200, None, Ok(()));
        check(201, Some(("sec-websocket-protocol", "a")), Ok(()));
        let status = |code| HandshakeError::Status(StatusCode::from_u16(code).unwrap());
        check(403, None, Err(status(403)));
        check(101, None, Err(status(101)));
        let upgrade = Some(("upgrade", "websocket"));
        check(200, upgrade, Err(HandshakeError::ConnectionHeader));
        let accept = Some(("sec-websocket-accept", "x"));
        check(200, accept, Err(HandshakeError::Accept));
        let other = Some(("sec-websocket-protocol", "c"));
        check(200, other, Err(HandshakeError::ProtocolNotOffered));
        let extension = Some(("sec-websocket-extensions", "x"));
        check(200, extension, Err(HandshakeError::ExtensionNotOffered));
    }
}
