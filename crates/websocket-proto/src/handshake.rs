//! The opening handshake (RFC 6455 §4), with requests and responses as the `http` crate has them.
//!
//! A client makes its request with a [`ClientHandshake`](client::ClientHandshake) and checks the answer with it; a
//! server makes an [`Offer`](server::Offer) of the request and answers that, or with a [`Refusal`](server::Refusal).
//! What both then know goes into the `Connection` of each. [`extended_connect`] is the same over HTTP/2.
//!
//! ```
//! use std::sync::Arc;
//! use gumboot_websocket_proto::{
//!     Config, Connection, DeflatePool,
//!     handshake::{client::ClientHandshake, server::Offer},
//! };
//!
//! # let now = std::time::Instant::now();
//! let config = Config::server();
//! let deflate = config.deflate.clone().ok_or("compression is on by default")?;
//!
//! // The client asks,
//! let nonce = *b"16 random bytes!";
//! let handshake = ClientHandshake::new(nonce, &["chat"])?.with_deflate(deflate.clone());
//! let request = handshake.request("server.example".parse()?, "/chat".parse()?);
//!
//! // the server answers,
//! let response = match Offer::parse(&request) {
//!     Ok(offer) => {
//!         let agreed = offer.choose_deflate(&deflate);
//!         let response = offer.accept(offer.choose(&["chat", "superchat"]), agreed.as_ref());
//!         let mut server = Connection::server(Arc::new(config), now);
//!         if let Some(params) = &agreed {
//!             server = server.with_deflate(params, Arc::new(DeflatePool::default()));
//!         }
//!         response
//!     }
//!     Err(refusal) => refusal.response().map(drop),
//! };
//! assert_eq!(response.status(), 101);
//!
//! // and the client checks the answer.
//! let agreed = handshake.verify(&response)?;
//! assert_eq!(agreed.protocol.as_deref(), Some("chat"));
//! # assert!(agreed.deflate.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod client;
pub mod extended_connect;
pub mod server;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};
use sha1::{Digest, Sha1};

use crate::deflate::{Extension, parse_extensions};

/// The version of the protocol in `Sec-WebSocket-Version` (RFC 6455 §4.1).
pub const VERSION: &str = "13";

/// What RFC 6455 §1.3 appends to the key of a client.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The answer to a `Sec-WebSocket-Key` (RFC 6455 §4.2.2): `Sec-WebSocket-Accept`.
#[must_use]
pub fn accept_key(key: &[u8]) -> HeaderValue {
    let digest = Sha1::new()
        .chain_update(key)
        .chain_update(ACCEPT_GUID)
        .finalize();
    HeaderValue::try_from(STANDARD.encode(digest)).expect("base64 is a header value")
}

/// Whether `name` can be a subprotocol: a token of RFC 2616 §2.2, as RFC 6455 §4.1 demands.
#[must_use]
pub fn is_token(name: &str) -> bool {
    let is_separator = |byte| b"()<>@,;:\\\"/[]?={} \t".contains(&byte);
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !is_separator(byte))
}

/// The elements of a list header that may stand on several lines (RFC 9110 §5.6.1); `None` if one is not visible ASCII.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Vec<&'a str>> {
    let mut elements = Vec::new();
    for line in headers.get_all(name) {
        let line = line.to_str().ok()?;
        elements.extend(
            line.split(',')
                .map(|element| element.trim_matches([' ', '\t'])),
        );
    }
    elements.retain(|element| !element.is_empty());
    Some(elements)
}

/// Whether a list header has `token`, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    list(headers, name).is_some_and(|list| list.iter().any(|e| e.eq_ignore_ascii_case(token)))
}

/// The extensions of all lines of `Sec-WebSocket-Extensions` (RFC 6455 §9.1); `None` if one is malformed.
fn extensions(headers: &HeaderMap) -> Option<Vec<Extension>> {
    let mut extensions = Vec::new();
    for line in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        extensions.extend(parse_extensions(line.to_str().ok()?)?);
    }
    Some(extensions)
}

/// The value of a header that must stand exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        assert_eq!(
            accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn tokens() {
        assert!(is_token("v12.stomp") && is_token("!#$%&'*+-.^_`|~aZ0"));
        for bad in ["", "a b", "a,b", "a/b", "ä", "a\t", "(", "a=b"] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }
}
