//! Through a proxy: which one a connection takes, if any, and how it asks to be let through.

mod http_connect;
mod socks5;

use std::{env, error, fmt, io, net::IpAddr, sync::Arc};

use http::{HeaderValue, StatusCode, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

pub use self::socks5::SocksRefusal;
use crate::{
    client::target::Target,
    transport::{
        Transport,
        tls::{self, ALPN_HTTP1, TlsError, TlsOptions},
    },
};

/// Which proxy a client takes.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let address = loopback::echo().await;
/// # let proxy = loopback::proxy().await;
/// use gumboot_websocket::{Client, Proxy};
///
/// // A login goes before the host: `http://user:password@host:port`. SOCKS5 and no proxy are `socks5` and `none`.
/// let client = Client::new().proxy(Proxy::http(&format!("http://{proxy}"))?);
/// let mut socket = client.connect(&format!("ws://{address}/"), &[]).await?;
/// socket.close(None).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Proxy(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Always(ProxyServer),
    Never,
    /// By the variables of the environment.
    Rules(Arc<Matcher>),
}

/// A proxy, and who we are to it.
#[derive(Clone)]
pub(crate) struct ProxyServer {
    scheme: Scheme,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For HTTP.
    authorization: Option<HeaderValue>,
    /// For SOCKS.
    login: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    /// TLS with the proxy itself.
    Https,
    Socks5,
}

/// A URL that does not name a proxy: it should look like `http://host:port` or `socks5://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProxy(pub String);

/// Why a proxy did not let us through.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// What the proxy said is not HTTP, or it ended the connection.
    Http(hyper::Error),
    /// The variables of the environment name a proxy of a kind that is not known here.
    Invalid(InvalidProxy),
    /// The transport failed.
    Io(io::Error),
    /// The proxy refused, with a reply of SOCKS.
    Socks(SocksRefusal),
    /// The proxy refused, with a status of HTTP: 407 if it wants another login.
    Status(StatusCode),
    /// TLS with the proxy itself failed.
    Tls(TlsError),
    /// The proxy said what the protocol does not have.
    Violation(&'static str),
}

impl Proxy {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self(Kind::Never)
    }

    /// As the variables of the environment say; see [`Proxy::from_variables`].
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_variables(|name| env::var(name).ok())
    }

    /// As variables say: `http_proxy` for `ws:`, `https_proxy` for `wss:`, `all_proxy` for both, and `no_proxy` for
    /// hosts that are connected to directly: names with what is below them, addresses, networks such as `10.0.0.0/8`,
    /// `*`. A name in lower case comes before the same in upper case; `HTTP_PROXY` is not heeded where
    /// `REQUEST_METHOD` is set, since a client of a CGI program chooses it there. Loopback is always direct.
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let is_cgi = name == "http_proxy" && variable("REQUEST_METHOD").is_some();
            variable(name)
                .or_else(|| variable(&name.to_ascii_uppercase()).filter(|_| !is_cgi))
                .unwrap_or_default()
        };
        let matcher = Matcher::builder()
            .all(either("all_proxy"))
            .http(either("http_proxy"))
            .https(either("https_proxy"))
            .no(either("no_proxy"))
            .build();
        Self(Kind::Rules(Arc::new(matcher)))
    }

    /// An HTTP proxy, asked with CONNECT (RFC 9110 §9.3.6): `http://user:password@host:port`, or `https` for TLS with
    /// the proxy itself.
    ///
    /// # Errors
    /// [`InvalidProxy`] for another URL.
    pub fn http(url: &str) -> Result<Self, InvalidProxy> {
        Self::always(url, &["http", "https"])
    }

    /// A SOCKS proxy of version 5 (RFC 1928): `socks5://user:password@host:port`. The proxy looks names up.
    ///
    /// # Errors
    /// [`InvalidProxy`] for another URL.
    pub fn socks5(url: &str) -> Result<Self, InvalidProxy> {
        Self::always(url, &["socks5", "socks5h"])
    }

    fn always(url: &str, schemes: &[&str]) -> Result<Self, InvalidProxy> {
        // What is wrong is said without the password.
        let invalid = || InvalidProxy(without_user(url));
        let parsed = Url::parse(url).map_err(|_| invalid())?;
        if !schemes.contains(&parsed.scheme()) {
            return Err(invalid());
        }
        // `url` knows the hosts of web schemes only.
        let matcher = Matcher::builder().all(url.to_owned()).build();
        let any = Uri::from_static("http://example.invalid/");
        let server = intercept(&matcher, &any).map_err(|_| invalid())?;
        server
            .map(|server| Self(Kind::Always(server)))
            .ok_or_else(invalid)
    }

    /// The proxy on the way to `target`, if there is one.
    pub(crate) fn server(&self, target: &Target) -> Result<Option<ProxyServer>, InvalidProxy> {
        match &self.0 {
            Kind::Never => Ok(None),
            Kind::Always(server) => Ok(Some(server.clone())),
            Kind::Rules(_) if is_loopback(target.host()) => Ok(None),
            Kind::Rules(matcher) => match target.http_uri() {
                Ok(uri) => intercept(matcher, &uri),
                Err(_) => Ok(None),
            },
        }
    }
}

fn intercept(matcher: &Matcher, uri: &Uri) -> Result<Option<ProxyServer>, InvalidProxy> {
    let Some(found) = matcher.intercept(uri) else {
        return Ok(None);
    };
    let invalid = || InvalidProxy(found.uri().to_string());
    let (scheme, port) = match found.uri().scheme_str() {
        Some("http") => (Scheme::Http, 80),
        Some("https") => (Scheme::Https, 443),
        Some("socks5" | "socks5h") => (Scheme::Socks5, 1080),
        _ => return Err(invalid()),
    };
    let login = found.raw_auth();
    Ok(Some(ProxyServer {
        scheme,
        host: found.uri().host().ok_or_else(invalid)?.to_owned(),
        port: found.uri().port_u16().unwrap_or(port),
        authorization: found.basic_auth().cloned(),
        login: login.map(|(user, password)| (user.to_owned(), password.to_owned())),
    }))
}

fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Ok(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Ok(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Err(_) => false,
    }
}

fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}

impl ProxyServer {
    /// Asks the proxy, which is at the other end of `stream`, to be let through to `target`.
    pub(crate) async fn tunnel(
        &self,
        stream: Transport,
        target: &Target,
        tls: &TlsOptions,
    ) -> Result<Transport, ProxyError> {
        let (host, port) = (target.host(), target.port());
        match self.scheme {
            Scheme::Http => {
                http_connect::tunnel(stream, host, port, self.authorization.as_ref()).await
            }
            Scheme::Https => {
                let config = tls.anonymous().config(&[ALPN_HTTP1]);
                let config = config.map_err(TlsError::Options).map_err(ProxyError::Tls)?;
                let stream = tls::connect(config, &self.host, stream).await;
                let stream = stream.map_err(ProxyError::Tls)?;
                http_connect::tunnel(stream, host, port, self.authorization.as_ref()).await
            }
            Scheme::Socks5 => socks5::tunnel(stream, host, port, self.login.as_ref()).await,
        }
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyServer")
            .field("scheme", &self.scheme)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not an HTTP or SOCKS5 proxy", self.0)
    }
}

impl error::Error for InvalidProxy {}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => write!(f, "the proxy does not speak HTTP: {error}"),
            Self::Invalid(error) => error.fmt(f),
            Self::Io(error) => write!(f, "the proxy cannot be reached: {error}"),
            Self::Socks(refusal) => write!(f, "the proxy refused: {refusal}"),
            Self::Status(status) => write!(f, "the proxy refused with status {status}"),
            Self::Tls(error) => write!(f, "TLS with the proxy: {error}"),
            Self::Violation(what) => write!(f, "the proxy broke its protocol: {what}"),
        }
    }
}

impl error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Http(error) => Some(error),
            Self::Invalid(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Socks(refusal) => Some(refusal),
            Self::Tls(error) => Some(error),
            Self::Status(_) | Self::Violation(_) => None,
        }
    }
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let proxy = Proxy::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let server = proxy.server(&Target::parse(url).unwrap()).unwrap();
        server.map(|server| format!("{:?} {}:{}", server.scheme, server.host, server.port))
    }

    #[test]
    fn variables_by_scheme() {
        let variables = [("http_proxy", "p:1"), ("HTTPS_PROXY", "socks5://q")];
        assert_eq!(by(&variables, "ws://h/").as_deref(), Some("Http p:1"));
        assert_eq!(by(&variables, "wss://h/").as_deref(), Some("Socks5 q:1080"));
        let all = [("ALL_PROXY", "https://r")];
        assert_eq!(by(&all, "ws://h/").as_deref(), Some("Https r:443"));
        assert_eq!(by(&[], "ws://h/"), None);
    }

    #[test]
    fn lower_case_comes_first_and_cgi_is_guarded() {
        let both = [("http_proxy", "low:1"), ("HTTP_PROXY", "up:1")];
        assert_eq!(by(&both, "ws://h/").as_deref(), Some("Http low:1"));
        let cgi = [("HTTP_PROXY", "up:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(by(&cgi, "ws://h/"), None);
    }

    #[test]
    fn what_is_direct() {
        let no = [
            ("all_proxy", "p:1"),
            ("no_proxy", "a.test, 10.0.0.0/8, [::2]"),
        ];
        for direct in [
            "a.test",
            "x.a.test",
            "10.1.2.3",
            "localhost",
            "127.0.0.1",
            "[::1]",
        ] {
            assert_eq!(by(&no, &format!("ws://{direct}/")), None, "{direct}");
        }
        for proxied in ["b.test", "xa.test", "11.0.0.1", "[::3]"] {
            assert!(by(&no, &format!("ws://{proxied}/")).is_some(), "{proxied}");
        }
    }

    #[test]
    fn urls_of_proxies() {
        assert!(Proxy::http("http://u:p@h:3128").is_ok());
        assert!(Proxy::socks5("socks5h://[::1]:1080").is_ok());
        let refused = Proxy::http("socks5://u:secret@h").unwrap_err();
        assert_eq!(refused, InvalidProxy("socks5://h".to_owned()));
        assert!(Proxy::socks5("http://h").is_err());
        assert!(Proxy::http("h:1").is_err());
        let shown = format!("{:?}", Proxy::http("http://u:secret@h").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
