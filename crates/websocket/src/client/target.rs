//! Where a client goes: a URL as WebSocket means it (RFC 6455 §3), taken apart.

use std::{error, fmt};

use http::{HeaderValue, Uri, uri::PathAndQuery};
use url::{Position, Url};

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It has a fragment, which means nothing here.
    Fragment,
    /// It does not name a host.
    Host,
    /// Another scheme than `ws`, `wss`, `http` or `https`.
    Scheme,
    /// It is not a URL.
    Syntax,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fragment => "a WebSocket URL has no fragment",
            Self::Host => "the URL does not name a host",
            Self::Scheme => "the URL's scheme is neither ws nor wss",
            Self::Syntax => "this is not a URL",
        })
    }
}

impl error::Error for InvalidUrl {}

/// A server, and the resource on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
    /// `Host`, or the authority.
    pub(crate) authority: HeaderValue,
    pub(crate) path: PathAndQuery,
}

/// What two URLs of one server have in common (RFC 6454 §4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Target {
    /// Takes a URL; `http` is another way to write `ws`, and `https` to write `wss`.
    pub(crate) fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(url).map_err(|_| InvalidUrl::Syntax)?;
        if url.fragment().is_some() {
            return Err(InvalidUrl::Fragment);
        }
        Self::new(url)
    }

    /// The server's `Location`, relative to this; its fragment says nothing to a client.
    pub(crate) fn join(&self, location: &str) -> Result<Self, InvalidUrl> {
        let mut url = self.url.join(location).map_err(|_| InvalidUrl::Syntax)?;
        url.set_fragment(None);
        Self::new(url)
    }

    fn new(mut url: Url) -> Result<Self, InvalidUrl> {
        let scheme = match url.scheme() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(InvalidUrl::Scheme),
        };
        url.set_scheme(scheme).map_err(|()| InvalidUrl::Scheme)?;
        let host = url.host_str().ok_or(InvalidUrl::Host)?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let authority = HeaderValue::try_from(authority).map_err(|_| InvalidUrl::Host)?;
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let path = PathAndQuery::try_from(path).map_err(|_| InvalidUrl::Syntax)?;
        Ok(Self {
            url,
            authority,
            path,
        })
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// The name or address, an address of IPv6 in brackets.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        let default = if self.is_tls() { 443 } else { 80 };
        self.url.port().unwrap_or(default)
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin {
            is_tls: self.is_tls(),
            host: self.host().to_owned(),
            port: self.port(),
        }
    }

    /// The URL with the scheme of HTTP, as proxies and HTTP/2 name it.
    pub(crate) fn http_uri(&self) -> Result<Uri, InvalidUrl> {
        Uri::builder()
            .scheme(if self.is_tls() { "https" } else { "http" })
            .authority(self.authority.as_bytes())
            .path_and_query(self.path.clone())
            .build()
            .map_err(|_| InvalidUrl::Syntax)
    }

    /// The user and the password in the URL, as they were meant.
    pub(crate) fn user(&self) -> Option<(String, String)> {
        let decoded = |text| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let (user, password) = (self.url.username(), self.url.password());
        (!user.is_empty() || password.is_some())
            .then(|| (decoded(user), decoded(password.unwrap_or_default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<String, InvalidUrl> {
        Target::parse(url).map(|target| target.url.to_string())
    }

    #[test]
    fn urls() {
        assert_eq!(parse("ws://h/a?b").unwrap(), "ws://h/a?b");
        assert_eq!(parse("HTTP://h").unwrap(), "ws://h/");
        assert_eq!(parse("https://h:443/").unwrap(), "wss://h/");
        assert_eq!(parse("ws://h/#"), Err(InvalidUrl::Fragment));
        assert_eq!(parse("ftp://h/"), Err(InvalidUrl::Scheme));
        assert_eq!(parse("/echo"), Err(InvalidUrl::Syntax));
        assert_eq!(parse("ws://"), Err(InvalidUrl::Syntax));
    }

    #[test]
    fn host_port_and_path() {
        let target = Target::parse("wss://u%40x:p%3A@h:8443/x?y=1").unwrap();
        assert_eq!(target.authority, "h:8443");
        assert_eq!(target.path, "/x?y=1");
        assert_eq!(target.http_uri().unwrap(), "https://h:8443/x?y=1");
        assert_eq!(target.user(), Some(("u@x".to_owned(), "p:".to_owned())));
        let target = Target::parse("wss://[::1]").unwrap();
        assert_eq!((target.host(), target.port()), ("[::1]", 443));
        assert_eq!(target.user(), None);
    }

    #[test]
    fn a_location_is_relative() {
        let target = Target::parse("ws://h:1/a/b?c").unwrap();
        let joined = |location| target.join(location).map(|t| t.url.to_string());
        assert_eq!(joined("d").unwrap(), "ws://h:1/a/d");
        assert_eq!(joined("/d#e").unwrap(), "ws://h:1/d");
        assert_eq!(joined("//g/").unwrap(), "ws://g/");
        assert_eq!(joined("https://g/").unwrap(), "wss://g/");
        assert_eq!(joined("mailto:x"), Err(InvalidUrl::Scheme));
        assert_ne!(target.origin(), target.join("//h/").unwrap().origin());
    }
}
