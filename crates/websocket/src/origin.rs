//! Which web pages may connect: browsers name the origin of the page (RFC 6455 §10.2), other clients do not.

use std::{error, fmt, net::IpAddr};

use gumboot_websocket_proto::handshake::server::Refusal;
use http::{
    HeaderMap, Request, Version,
    header::{HOST, ORIGIN},
    uri::Scheme,
};
use url::{Host, Url};

/// The origins that may connect: a page from the server itself, and those that were added. A request without an
/// `Origin` does not come from a page and is let in.
#[derive(Debug, Clone, Default)]
pub struct OriginPolicy {
    any: bool,
    allowed: Vec<String>,
    loopback_only: bool,
    https_only: bool,
}

/// An origin that is not one: it should look like `https://example.com` or be `null` or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOrigin(pub String);

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is not an origin such as https://example.com",
            self.0
        )
    }
}

impl error::Error for InvalidOrigin {}

impl OriginPolicy {
    /// Pages from the server itself.
    #[must_use]
    pub fn same_origin() -> Self {
        Self::default()
    }

    /// A server on loopback knows its own names: with this, `Host` must be `localhost` or a loopback address for a page
    /// to count as the server's own. A page whose name was bent to 127.0.0.1 does not.
    #[must_use]
    pub fn loopback_only(mut self) -> Self {
        self.loopback_only = true;
        self
    }

    /// A server with TLS: its own pages come by `https`. One of the same name that came without TLS could be anyone's.
    #[must_use]
    pub fn https_only(mut self) -> Self {
        self.https_only = true;
        self
    }

    /// Adds an origin, such as `https://example.com`; `*` for all, `null` for pages without one.
    ///
    /// # Errors
    /// [`InvalidOrigin`] for anything else.
    pub fn allow(mut self, origin: &str) -> Result<Self, InvalidOrigin> {
        match origin {
            "*" => self.any = true,
            "null" => self.allowed.push("null".to_owned()),
            _ => self
                .allowed
                .push(serialized(origin).ok_or(InvalidOrigin(origin.to_owned()))?),
        }
        Ok(self)
    }

    /// Whether the page that sent a request may connect.
    ///
    /// # Errors
    /// [`Refusal::Origin`] if not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        self.check_from(host, self.https_only, headers)
    }

    /// The same for a request of either version of HTTP: in HTTP/2, `:authority` is what `Host` is in HTTP/1.1 (RFC
    /// 9113 §8.3.1), and a `:scheme` of `https` has [`OriginPolicy::https_only`] hold. One of `http` says nothing: it may
    /// be that of a proxy behind its TLS.
    ///
    /// # Errors
    /// [`Refusal::Origin`] if not.
    pub fn check_request<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        if request.version() != Version::HTTP_2 {
            return self.check(request.headers());
        }
        let uri = request.uri();
        let host = uri.authority().map(|authority| authority.as_str());
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        self.check_from(host, self.https_only || is_https, request.headers())
    }

    /// Whether a page may connect to `host`, with `https_only` for this request.
    fn check_from(
        &self,
        host: Option<&str>,
        https_only: bool,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        if self.any {
            return Ok(());
        }
        let origin = origin.to_str().ok().filter(|_| origins.next().is_none());
        let origin = origin.ok_or(Refusal::Origin)?;
        if self
            .allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(origin))
        {
            return Ok(());
        }
        let own = host.is_some_and(|host| self.is_own(origin, host, https_only));
        if own { Ok(()) } else { Err(Refusal::Origin) }
    }

    /// Whether the page came from the host that it connects to.
    fn is_own(&self, origin: &str, host: &str, https_only: bool) -> bool {
        let Ok(origin) = Url::parse(origin) else {
            return false;
        };
        let Ok(target) = Url::parse(&format!("{}://{host}/", origin.scheme())) else {
            return false;
        };
        let same = origin.host().is_some() && origin.origin() == target.origin();
        let secure = !https_only || origin.scheme() == "https";
        same && secure && (!self.loopback_only || is_loopback(&target))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// An origin as browsers write it.
fn serialized(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok()?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let no_user = url.username().is_empty() && url.password().is_none();
    (bare && no_user && url.origin().is_tuple()).then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &OriginPolicy, host: &str, origin: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        headers.insert(ORIGIN, origin.parse().unwrap());
        policy.check(&headers).is_ok()
    }

    #[test]
    fn a_page_of_the_same_origin() {
        let policy = OriginPolicy::same_origin();
        assert!(check(&policy, "example.com", "http://example.com"));
        assert!(check(&policy, "example.com:443", "https://example.com"));
        assert!(check(&policy, "127.0.0.1:8080", "http://127.0.0.1:8080"));
        assert!(!check(&policy, "127.0.0.1:8080", "http://127.0.0.1:9090"));
        assert!(!check(
            &policy,
            "example.com",
            "http://example.com.evil.org"
        ));
        assert!(!check(&policy, "example.com", "null"));
        assert!(!check(&policy, "example.com", "data:"));
    }

    #[test]
    fn a_server_with_tls_has_no_pages_without() {
        let policy = OriginPolicy::same_origin().https_only();
        assert!(check(&policy, "example.com", "https://example.com"));
        assert!(!check(&policy, "example.com", "http://example.com"));
        let allowed = policy.allow("http://localhost:5173").unwrap();
        assert!(check(&allowed, "example.com", "http://localhost:5173"));
    }

    #[test]
    fn http2_names_the_host_in_its_authority() {
        let policy = OriginPolicy::same_origin();
        let check_at = |url: &str, origin: &str| {
            let request = Request::connect(url).version(Version::HTTP_2);
            let request = request.header(HOST, "evil.org").header(ORIGIN, origin);
            policy.check_request(&request.body(()).unwrap()).is_ok()
        };
        let check = |origin| check_at("https://example.com/chat", origin);
        assert!(check("https://example.com"));
        assert!(!check("http://example.com"));
        assert!(!check("https://evil.org"));
        let check = |origin| check_at("http://example.com/chat", origin);
        assert!(check("https://example.com"));
        assert!(check("http://example.com"));
        assert!(!check("http://evil.org"));
    }

    #[test]
    fn no_origin_is_no_page() {
        assert!(OriginPolicy::same_origin().check(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "a.org".parse().unwrap());
        headers.append(ORIGIN, "http://a.org".parse().unwrap());
        headers.append(ORIGIN, "http://a.org".parse().unwrap());
        assert!(OriginPolicy::same_origin().check(&headers).is_err());
    }

    #[test]
    fn a_name_bent_to_loopback_is_not_own() {
        let policy = OriginPolicy::same_origin().loopback_only();
        assert!(check(&policy, "127.0.0.1:8080", "http://127.0.0.1:8080"));
        assert!(check(&policy, "localhost:8080", "http://localhost:8080"));
        assert!(check(&policy, "[::1]:8080", "http://[::1]:8080"));
        assert!(!check(&policy, "evil.org:8080", "http://evil.org:8080"));
    }

    #[test]
    fn origins_that_were_added() {
        let policy = OriginPolicy::same_origin()
            .allow("https://app.example.com/")
            .unwrap();
        assert!(check(&policy, "h", "https://app.example.com"));
        assert!(!check(&policy, "h", "http://app.example.com"));
        assert!(check(
            &OriginPolicy::same_origin().allow("*").unwrap(),
            "h",
            "https://x.org"
        ));
        assert!(check(
            &OriginPolicy::same_origin().allow("null").unwrap(),
            "h",
            "null"
        ));
        for bad in [
            "example.com",
            "https://a.org/path",
            "data:x",
            "https://u@a.org",
            "",
        ] {
            assert!(OriginPolicy::same_origin().allow(bad).is_err(), "{bad}");
        }
    }
}
