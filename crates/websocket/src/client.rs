//! The client's side: a URL becomes a connected [`Socket`], by way of proxies, TLS and whichever version of HTTP.

mod error;
pub(crate) mod exchange;
pub(crate) mod headers;
mod open;
pub(crate) mod target;
mod temporary;

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gumboot_websocket_proto::Config;
use http::{HeaderMap, header::AUTHORIZATION};
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

pub use self::{
    error::{ConnectError, ConnectWait, RedirectError},
    headers::InvalidHeader,
    target::InvalidUrl,
};
use self::{
    headers::{add_cookie, basic, bearer, header},
    open::Visit,
};
use crate::{
    socket::Socket,
    transport::{
        Transport,
        http2::Pool,
        proxy::Proxy,
        tls::{ALPN_HTTP1, ALPN_HTTP2, InvalidTls, TlsOptions},
    },
};

/// From the call of [`connect`] to the end of the opening handshake; [`Client::total_wait_max`] sets another.
pub const CONNECT_WAIT_MAX: Duration = Duration::from_secs(30);

/// A connection of HTTP/2 on which no WebSocket was for so long is ended; [`Client::http2_idle_max`] sets another.
pub const HTTP2_IDLE_MAX: Duration = Duration::from_secs(60);

/// How WebSockets are opened: a set of choices that many connections share. Clones are cheap.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let address = loopback::echo().await;
/// use gumboot_websocket::Client;
///
/// let client = Client::new()
///     .header("user-agent", "example/1.0")?
///     .header("origin", "https://page.example")?
///     .cookie("session", "31d4d96e407aad42")?
///     .basic_auth("Aladdin", "open sesame")?; // or bearer_auth("mF_9.B5f-4.1JqM")
/// let mut socket = client.connect(&format!("ws://{address}/chat"), &["v12.stomp"]).await?;
/// assert_eq!(socket.protocol(), Some("v12.stomp"));
/// socket.close(None).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Settings>);

/// What a client was told.
#[derive(Clone)]
struct Settings {
    config: Arc<Config>,
    headers: HeaderMap,
    tls: TlsOptions,
    proxy: Proxy,
    waits: Waits,
    http2: bool,
    unix_socket: Option<PathBuf>,
    redirects_max: u32,
    addresses: HashMap<String, Vec<IpAddr>>,
    shared: Arc<Shared>,
}

/// How long is waited for what.
#[derive(Clone, Copy)]
struct Waits {
    connect: Duration,
    handshake: Duration,
    http2_idle: Duration,
    proxy: Duration,
    tls: Duration,
    total: Duration,
}

/// What the connections of a client have in common.
#[derive(Default)]
struct Shared {
    tls: Mutex<HashMap<TlsKind, Arc<ClientConfig>>>,
    http2: Pool,
}

/// Which TLS: for one's own server or for one it sent us to, and what is spoken over it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct TlsKind {
    is_trusted: bool,
    alpn: Alpn,
}

/// What is offered by ALPN (RFC 7301).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Alpn {
    Http1,
    /// HTTP/2, or else HTTP/1.1.
    Http2,
    /// Nothing: a protocol that has no name there.
    None,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            handshake: Duration::from_secs(15),
            http2_idle: HTTP2_IDLE_MAX,
            proxy: Duration::from_secs(15),
            tls: Duration::from_secs(15),
            total: CONNECT_WAIT_MAX,
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client that trusts the roots of the system, takes the proxy that the environment names, follows no redirect,
    /// speaks HTTP/1.1 and offers compression.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            config: Arc::new(Config::client()),
            headers: HeaderMap::new(),
            tls: TlsOptions::new(),
            proxy: Proxy::from_env(),
            waits: Waits::default(),
            http2: false,
            unix_socket: None,
            redirects_max: 0,
            addresses: HashMap::new(),
            shared: Arc::default(),
        }))
    }

    /// Sends a header with the handshake, beside those of the same name.
    ///
    /// # Errors
    /// [`InvalidHeader`] if it is none, or one that the handshake itself sets.
    pub fn header(self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        let (name, value) = header(name, value)?;
        Ok(self.with(|settings| {
            settings.headers.append(name, value);
        }))
    }

    /// Says who the user is, by `Basic` (RFC 7617). It takes precedence over a user in the URL.
    ///
    /// # Errors
    /// [`InvalidHeader::Character`] if the name of the user has a colon.
    pub fn basic_auth(self, user: &str, password: &str) -> Result<Self, InvalidHeader> {
        let value = basic(user, password)?;
        Ok(self.with(|settings| drop(settings.headers.insert(AUTHORIZATION, value))))
    }

    /// Says who the user is, by `Bearer` (RFC 6750).
    ///
    /// # Errors
    /// [`InvalidHeader::Character`] if the token is not one.
    pub fn bearer_auth(self, token: &str) -> Result<Self, InvalidHeader> {
        let value = bearer(token)?;
        Ok(self.with(|settings| drop(settings.headers.insert(AUTHORIZATION, value))))
    }

    /// Sends a cookie (RFC 6265 §4.2), beside others.
    ///
    /// # Errors
    /// [`InvalidHeader::Character`] if its name or its value would not arrive as it is.
    pub fn cookie(self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        let mut headers = self.0.headers.clone();
        add_cookie(&mut headers, name, value)?;
        Ok(self.with(|settings| settings.headers = headers))
    }

    /// Which servers are trusted with `wss:`, and what is presented to them.
    #[must_use]
    pub fn tls(self, options: TlsOptions) -> Self {
        self.with(|settings| settings.tls = options)
    }

    /// Which proxy is taken. By default, the one that the environment names.
    #[must_use]
    pub fn proxy(self, proxy: Proxy) -> Self {
        self.with(|settings| settings.proxy = proxy)
    }

    /// The limits, waits and compression of the connections.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let address = loopback::echo().await;
    /// use std::time::Duration;
    /// use gumboot_websocket::{Client, proto::{Config, DeflateConfig}};
    ///
    /// let mut config = Config::client();
    /// config.limits.message_bytes_max = 1024 * 1024; // a longer message ends the connection with 1009
    /// config.timing.ping_interval = Some(Duration::from_secs(15)); // a silent server is asked whether it is there
    /// config.timing.pong_wait_max = Duration::from_secs(5);
    /// config.timing.idle_max = Some(Duration::from_secs(600));
    /// // A window of 4 KiB that starts anew with each message: less memory, and longer messages. `None` is for no compression.
    /// config.deflate = Some(DeflateConfig {
    ///     own_takeover: false,
    ///     own_window_bits_max: 12,
    ///     ..DeflateConfig::with_takeover()
    /// });
    /// let client = Client::new().config(config).handshake_wait_max(Duration::from_secs(5));
    /// let mut socket = client.connect(&format!("ws://{address}/"), &[]).await?;
    /// socket.close(None).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        self.with(|settings| settings.config = Arc::new(config))
    }

    /// Speaks HTTP/2 (RFC 8441) with servers of `wss:` that can: all WebSockets to one server then share one
    /// connection, which stands as long as one of them does, and for some time after. With others, HTTP/1.1.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let certificates = loopback::Certificates::new();
    /// # let host = loopback::secure_echo(&certificates).await;
    /// # let root = certificates.root();
    /// use gumboot_websocket::{Client, TlsOptions, TransportKind};
    ///
    /// let roots = TlsOptions::new().root_pem(root.as_bytes())?;
    /// let client = Client::new().tls(roots).http2();
    /// let mut first = client.connect(&format!("wss://{host}/first"), &[]).await?;
    /// let mut second = client.connect(&format!("wss://{host}/second"), &[]).await?; // no new connection
    /// assert_eq!(first.transport().kind(), TransportKind::Http2);
    /// first.close(None).await?;
    /// second.send("still here").await?;
    /// # assert_eq!(second.receive().await?.unwrap().as_text(), Some("still here"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn http2(self) -> Self {
        self.with(|settings| settings.http2 = true)
    }

    /// Connects to a Unix socket in place of the host of the URL, which is still what the server is told, and past any
    /// proxy.
    #[must_use]
    pub fn unix_socket(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        self.with(|settings| settings.unix_socket = Some(path))
    }

    /// Follows up to `max` redirects; by default none, as browsers do for WebSocket. Another origin is not told what
    /// was given for the first: no header but `Origin` and `User-Agent`, no cookie, no login, no client certificate.
    /// From TLS to a connection without, none is followed.
    #[must_use]
    pub fn follow_redirects(self, max: u32) -> Self {
        self.with(|settings| settings.redirects_max = max)
    }

    /// Takes these addresses for a host, and asks no resolver.
    #[must_use]
    pub fn resolve(self, host: &str, addresses: &[IpAddr]) -> Self {
        let (host, addresses) = (host.to_ascii_lowercase(), addresses.to_vec());
        self.with(|settings| drop(settings.addresses.insert(host, addresses)))
    }

    /// How long a host, or a proxy, may take to be found and to answer. Default 15 s.
    #[must_use]
    pub fn connect_wait_max(self, max: Duration) -> Self {
        self.with(|settings| settings.waits.connect = max)
    }

    /// How long a proxy may take to let us through. Default 15 s.
    #[must_use]
    pub fn proxy_wait_max(self, max: Duration) -> Self {
        self.with(|settings| settings.waits.proxy = max)
    }

    /// How long the handshake of TLS may take. Default 15 s.
    #[must_use]
    pub fn tls_wait_max(self, max: Duration) -> Self {
        self.with(|settings| settings.waits.tls = max)
    }

    /// How long a server may take to answer the opening handshake. Default 15 s.
    #[must_use]
    pub fn handshake_wait_max(self, max: Duration) -> Self {
        self.with(|settings| settings.waits.handshake = max)
    }

    /// How long a connection of HTTP/2 is kept for WebSockets to come while there is none on it. Default
    /// [`HTTP2_IDLE_MAX`].
    #[must_use]
    pub fn http2_idle_max(self, max: Duration) -> Self {
        self.with(|settings| settings.waits.http2_idle = max)
    }

    /// How long all of it together may take. Default [`CONNECT_WAIT_MAX`].
    #[must_use]
    pub fn total_wait_max(self, max: Duration) -> Self {
        self.with(|settings| settings.waits.total = max)
    }

    /// Connects to `url` and offers `protocols`, the preferred one first. A user and a password in the URL are sent
    /// as `Basic`.
    ///
    /// # Errors
    /// [`ConnectError`] says what failed, and whose fault it is.
    pub async fn connect(
        &self,
        url: &str,
        protocols: &[&str],
    ) -> Result<Socket<Transport>, ConnectError> {
        let visit = Visit::first(url, &self.0.headers)?;
        timeout(self.0.waits.total, self.0.follow(visit, protocols))
            .await
            .map_err(|_| ConnectError::TimedOut(ConnectWait::Total))?
    }

    /// Opens a WebSocket over a stream that leads to the server already, such as a pipe in memory or a tunnel of one's
    /// own: HTTP/1.1 as it stands, without a proxy, TLS or redirects. `url` says what is asked of the server.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let address = loopback::echo().await;
    /// let stream = tokio::net::TcpStream::connect(address).await?; // or any other stream
    /// let client = gumboot_websocket::Client::new();
    /// let mut socket = client.connect_over(stream, "ws://chat.example/", &[]).await?;
    /// socket.close(None).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Client::connect`], for what is left of the way.
    pub async fn connect_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        url: &str,
        protocols: &[&str],
    ) -> Result<Socket<S>, ConnectError> {
        let visit = Visit::first(url, &self.0.headers)?;
        timeout(
            self.0.waits.total,
            self.0.open_over(stream, &visit, protocols),
        )
        .await
        .map_err(|_| ConnectError::TimedOut(ConnectWait::Total))?
    }

    /// Reaches a host for another protocol than WebSocket: a stream by way of the proxy, with TLS if it is to be, and
    /// nothing said over it yet. Headers, HTTP/2 and redirects do not matter to it.
    ///
    /// # Errors
    /// [`ConnectError`] says what failed, and whose fault it is.
    pub async fn reach(&self, host: &str, port: u16, tls: bool) -> Result<Transport, ConnectError> {
        let scheme = if tls { "wss" } else { "ws" };
        let visit = Visit::first(&format!("{scheme}://{host}:{port}/"), &HeaderMap::new())?;
        timeout(self.0.waits.total, self.0.reach(&visit, Alpn::None))
            .await
            .map_err(|_| ConnectError::TimedOut(ConnectWait::Total))?
    }

    /// This with a change. What is shared by connections is not shared with those of before.
    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let settings = Arc::make_mut(&mut self.0);
        settings.shared = Arc::default();
        change(settings);
        self
    }
}

impl Settings {
    /// The TLS of a kind, made once, so that sessions are resumed.
    fn tls_config(&self, kind: TlsKind) -> Result<Arc<ClientConfig>, InvalidTls> {
        let configs = &self.shared.tls;
        let mut configs = configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&kind) {
            return Ok(Arc::clone(config));
        }
        let alpn: &[&[u8]] = match kind.alpn {
            Alpn::Http1 => &[ALPN_HTTP1],
            Alpn::Http2 => &[ALPN_HTTP2, ALPN_HTTP1],
            Alpn::None => &[],
        };
        let config = match kind.is_trusted {
            true => self.tls.config(alpn)?,
            false => self.tls.anonymous().config(alpn)?,
        };
        configs.insert(kind, Arc::clone(&config));
        Ok(config)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("headers", &self.0.headers)
            .field("tls", &self.0.tls)
            .field("proxy", &self.0.proxy)
            .field("http2", &self.0.http2)
            .finish_non_exhaustive()
    }
}

/// Connects to `url` and offers `protocols`, the preferred one first, as a [`Client::new`] does.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let address = loopback::echo().await;
/// let mut socket = gumboot_websocket::connect(&format!("ws://{address}/echo"), &[]).await?;
/// socket.send("Hello WebSockets!").await?;
/// if let Some(message) = socket.receive().await? {
///     println!("Received Message: {}", message.as_text().unwrap_or("(binary)"));
/// #   assert_eq!(message.as_text(), Some("Hello WebSockets!"));
/// }
/// socket.close(None).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`ConnectError`]: the URL or a protocol is wrong, nobody answers, or the answer is not a WebSocket server's.
pub async fn connect(url: &str, protocols: &[&str]) -> Result<Socket<Transport>, ConnectError> {
    Client::new().connect(url, protocols).await
}
