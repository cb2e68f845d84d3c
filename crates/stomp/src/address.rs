//! Where a server is, as a URL names it: a WebSocket, or a TCP port of STOMP's own.

use std::{error, fmt};

use percent_encoding::percent_decode_str;
use url::Url;

/// The port of STOMP over TCP where the URL names none.
const PORT: u16 = 61613;

/// The port of STOMP over TLS where the URL names none.
const TLS_PORT: u16 = 61614;

/// Where a server is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// STOMP inside WebSocket messages.
    WebSocket(String),
    /// STOMP on a stream.
    Stream(StreamAddress),
}

/// A port of STOMP's own.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StreamAddress {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// The user and the password that the URL names.
    pub(crate) user: Option<(String, String)>,
}

impl Address {
    /// Reads a URL: `ws:` and `wss:` for WebSocket, `stomp:` and `tcp:` for TCP, `stomps:`, `stomp+ssl:` and `ssl:` for
    /// TLS.
    pub(crate) fn parse(url: &str) -> Result<Self, InvalidAddress> {
        let parsed = Url::parse(url).map_err(InvalidAddress::Syntax)?;
        let tls = match parsed.scheme() {
            "ws" | "wss" => return Ok(Self::WebSocket(url.to_owned())),
            "stomp" | "tcp" => false,
            "stomps" | "stomp+ssl" | "ssl" => true,
            scheme => return Err(InvalidAddress::Scheme(scheme.to_owned())),
        };
        let host = parsed.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(InvalidAddress::Host)?.to_owned();
        let is_bare = matches!(parsed.path(), "" | "/") && parsed.query().is_none();
        if !is_bare || parsed.fragment().is_some() {
            return Err(InvalidAddress::Rest);
        }
        let decoded = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded
                .map(|text| text.into_owned())
                .map_err(|_| InvalidAddress::User)
        };
        let user = match (parsed.username(), parsed.password()) {
            ("", None) => None,
            (user, password) => Some((decoded(user)?, decoded(password.unwrap_or_default())?)),
        };
        Ok(Self::Stream(StreamAddress {
            host,
            port: parsed.port().unwrap_or(if tls { TLS_PORT } else { PORT }),
            tls,
            user,
        }))
    }
}

/// Why a URL does not name a STOMP server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidAddress {
    /// It is no URL.
    Syntax(url::ParseError),
    /// A scheme that is not known.
    Scheme(String),
    /// It names no host.
    Host,
    /// A path, a query or a fragment, where only a WebSocket has one.
    Rest,
    /// The user or the password is not UTF-8.
    User,
}

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "not a URL: {error}"),
            Self::Scheme(scheme) => write!(
                f,
                "the scheme is {scheme}:, not ws:, wss:, stomp:, tcp:, stomps:, stomp+ssl: or ssl:"
            ),
            Self::Host => f.write_str("the URL names no host"),
            Self::Rest => f.write_str("STOMP over TCP has no path, query or fragment"),
            Self::User => f.write_str("the user or the password in the URL is not UTF-8"),
        }
    }
}

impl error::Error for InvalidAddress {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Syntax(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(url: &str) -> StreamAddress {
        match Address::parse(url) {
            Ok(Address::Stream(stream)) => stream,
            _ => panic!("{url} names no stream"),
        }
    }

    fn invalid(url: &str) -> InvalidAddress {
        Address::parse(url).err().expect("the URL is invalid")
    }

    #[test]
    fn ports_by_default() {
        for (url, port, tls) in [
            ("stomp://example.com", 61613, false),
            ("tcp://example.com/", 61613, false),
            ("stomps://example.com", 61614, true),
            ("stomp+ssl://example.com", 61614, true),
            ("ssl://example.com:1234", 1234, true),
            ("stomp://[::1]:1234", 1234, false),
        ] {
            let address = stream(url);
            assert_eq!((address.port, address.tls), (port, tls), "{url}");
        }
        assert_eq!(stream("stomp://[::1]:1").host, "[::1]");
    }

    #[test]
    fn the_user_is_decoded() {
        let user = |url| stream(url).user;
        assert_eq!(user("stomp://example.com"), None);
        let both = Some(("a@b".to_owned(), "c:d".to_owned()));
        assert_eq!(user("stomp://a%40b:c%3Ad@example.com"), both);
        assert_eq!(
            user("stomp://a@example.com"),
            Some(("a".to_owned(), String::new()))
        );
    }

    #[test]
    fn what_names_no_server() {
        assert!(matches!(invalid("example.com"), InvalidAddress::Syntax(_)));
        let scheme = InvalidAddress::Scheme("http".to_owned());
        assert_eq!(invalid("http://example.com"), scheme);
        assert_eq!(invalid("stomp:///"), InvalidAddress::Host);
        for url in ["stomp://a/b", "stomp://a/?b", "stomp://a/#b"] {
            assert_eq!(invalid(url), InvalidAddress::Rest, "{url}");
        }
        assert_eq!(invalid("stomp://%ff@a"), InvalidAddress::User);
    }
}
