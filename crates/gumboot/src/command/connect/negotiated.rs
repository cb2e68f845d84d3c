//! What was agreed on with a server: the versions, the subprotocol, the extensions, TLS, and the address.

use std::net::SocketAddr;

use gumboot_websocket::{Socket, TlsInfo, TransportKind};
use serde_json::{Value, json};

use crate::command::render::escaped;

/// The version of WebSocket (RFC 6455 §4.1), the only one that is offered.
const WEBSOCKET_VERSION: u8 = 13;

#[derive(Debug)]
pub(super) struct Negotiated {
    /// What was typed: where it redirects to is not known.
    url: String,
    way: Way,
    address: Option<SocketAddr>,
    http: &'static str,
    tls: Option<TlsInfo>,
    protocol: Option<String>,
    extensions: String,
}

/// What may be between us and the server that was typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) address_of: AddressOf,
    pub(super) follows_redirects: bool,
}

/// Whose address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressOf {
    /// The environment names a proxy, for some servers.
    Either,
    Proxy,
    Server,
}

impl AddressOf {
    fn name(self) -> &'static str {
        match self {
            Self::Either => "either",
            Self::Proxy => "proxy",
            Self::Server => "server",
        }
    }

    /// What is said behind the address.
    fn remark(self) -> &'static str {
        match self {
            Self::Either => " (the server's or a proxy's)",
            Self::Proxy => " (the proxy's)",
            Self::Server => "",
        }
    }
}

impl Negotiated {
    pub(super) fn of(url: &str, way: Way, socket: &Socket) -> Self {
        let transport = socket.transport();
        Self {
            url: without_user(url),
            way,
            address: transport.peer_addr(),
            http: match transport.kind() {
                TransportKind::Http2 => "HTTP/2",
                _ => "HTTP/1.1",
            },
            tls: transport.tls(),
            protocol: socket.protocol().map(str::to_owned),
            extensions: socket.extensions().to_owned(),
        }
    }

    /// Each with its name, in words.
    fn entries(&self) -> [(&'static str, String); 6] {
        let none = || "none".to_owned();
        let address = |address| format!("{address}{}", self.way.address_of.remark());
        let or_none = |text: &str| match text {
            "" => none(),
            text => escaped(text),
        };
        [
            ("address", self.address.map_or_else(none, address)),
            ("http", self.http.to_owned()),
            ("tls", self.tls.as_ref().map_or_else(none, tls)),
            ("websocket", format!("version {WEBSOCKET_VERSION}")),
            ("protocol", or_none(self.protocol.as_deref().unwrap_or(""))),
            ("extensions", or_none(&self.extensions)),
        ]
    }

    /// For a terminal.
    pub(super) fn lines(&self) -> String {
        let entries = self.entries().into_iter();
        let lines = entries.map(|(name, value)| format!("  {name:<10}  {value}\n"));
        format!("{}\n{}", self.connected(), lines.collect::<String>())
    }

    /// For standard error beside a pipe.
    pub(super) fn line(&self) -> String {
        let entries = self.entries().into_iter();
        let parts: Vec<String> = entries
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        format!("{}: {}", self.connected(), parts.join(", "))
    }

    fn connected(&self) -> String {
        let url = escaped(&self.url);
        match self.way.follows_redirects {
            true => format!("connected by way of {url}"),
            false => format!("connected to {url}"),
        }
    }

    /// For a script.
    pub(super) fn json(&self) -> Value {
        let tls = self.tls.as_ref().map(|tls| {
            json!({
                "version": tls.version,
                "cipher_suite": tls.cipher_suite,
                "alpn": tls.alpn,
            })
        });
        json!({
            "event": "open",
            "url": self.url,
            "address": self.address.map(|address| address.to_string()),
            "address_of": self.address.map(|_| self.way.address_of.name()),
            "http": self.http,
            "tls": tls,
            "websocket": WEBSOCKET_VERSION,
            "protocol": self.protocol,
            "extensions": self.extensions,
        })
    }
}

fn tls(tls: &TlsInfo) -> String {
    let alpn = tls
        .alpn
        .as_deref()
        .map(|alpn| format!("ALPN {}", escaped(alpn)));
    let parts = [tls.version.clone(), tls.cipher_suite.clone(), alpn];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A URL without the user and the password in it, which are nobody's business on a screen.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_user("ws://a:b@h:1/x@y"), "ws://h:1/x@y");
        assert_eq!(without_user("ws://h?a@b"), "ws://h?a@b");
        assert_eq!(without_user("wss://a@h"), "wss://h");
    }

    #[test]
    fn what_a_server_says_of_itself_is_harmless() {
        let negotiated = Negotiated {
            url: "ws://h/".to_owned(),
            way: Way {
                address_of: AddressOf::Server,
                follows_redirects: false,
            },
            address: None,
            http: "HTTP/1.1",
            tls: None,
            protocol: None,
            extensions: "a\x1b[2J".to_owned(),
        };
        assert!(!negotiated.lines().contains('\x1b'));
        assert!(!negotiated.line().contains('\x1b'));
    }
}
