//! How sessions are opened: where to, as whom, with which bounds.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use gumboot_stomp_proto::{
    ClientSession, ConnectOptions, HeartBeat, Limits as FrameLimits, Version, command::Opening,
};
use gumboot_websocket::{Backoff, ConnectError};
use tokio::sync::{mpsc, watch};

use crate::{
    address::Address,
    connection::Connection,
    driver::{Driver, Leaving},
    error::Error,
    ledger::Ledger,
    limits::Limits,
    line::Line,
    outgoing::{check_headers, pairs},
    session::{Handle, REQUESTS_WAITING_MAX, Session, State},
    shared::Shared,
};

/// How long a RECEIPT is waited for, unless [`Client::receipt_wait_max`] says otherwise.
pub const RECEIPT_WAIT_MAX: Duration = Duration::from_secs(30);

/// What is offered and wanted, unless [`Client::heart_beat`] says otherwise: something every 10 s.
const HEART_BEAT: HeartBeat = HeartBeat {
    can_send_ms: 10_000,
    wants_ms: 10_000,
};

/// Headers of CONNECT that have a method of their own.
const OWN_HEADERS: &[&str] = &[
    "accept-version",
    "host",
    "login",
    "passcode",
    "heart-beat",
    "content-length",
];

/// A set of choices by which sessions are opened.
///
/// ```no_run
/// # async fn run() -> Result<(), gumboot_stomp::Error> {
/// use gumboot_stomp::{Client, Outgoing};
///
/// let session = Client::new("ws://127.0.0.1:8080/ws")?.connect().await?;
/// let mut news = session.subscribe("/topic/news").await?;
/// session.send(Outgoing::new("/topic/news", "Hello topic!")).await?;
/// if let Some(message) = news.receive().await? {
///     println!("{} {}", message.message_id(), message.text().unwrap_or("(binary)"));
/// }
/// session.disconnect().await
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Settings);

/// What a client was told.
#[derive(Clone)]
pub(crate) struct Settings {
    address: Address,
    web_socket: gumboot_websocket::Client,
    opening: Opening,
    versions: Vec<Version>,
    host: Option<String>,
    login: Option<String>,
    passcode: Option<String>,
    headers: Vec<(Cow<'static, str>, String)>,
    heart_beat: HeartBeat,
    frame_limits: FrameLimits,
    limits: Limits,
    receipt_wait_max: Duration,
    /// The waits between attempts; without, a lost connection ends the session.
    pub(crate) reconnect: Option<Backoff>,
    pub(crate) attempts_max: Option<u32>,
}

impl Client {
    /// A client of the server that `url` names: `ws:` and `wss:` for STOMP over WebSocket, `stomp:` and `tcp:` for TCP,
    /// `stomps:`, `stomp+ssl:` and `ssl:` for TLS. A user and a password in the URL are what CONNECT says over TCP, and
    /// HTTP's `Basic` over WebSocket. A lost connection is made again.
    ///
    /// # Errors
    /// [`Error::Address`]
    pub fn new(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let (login, passcode) = match &address {
            Address::Stream(stream) => stream.user.clone().unzip(),
            Address::WebSocket(_) => (None, None),
        };
        Ok(Self(Settings {
            address,
            web_socket: gumboot_websocket::Client::new(),
            opening: Opening::Connect,
            versions: Version::ALL.to_vec(),
            host: None,
            login,
            passcode,
            headers: Vec::new(),
            heart_beat: HEART_BEAT,
            frame_limits: FrameLimits::default(),
            limits: Limits::default(),
            receipt_wait_max: RECEIPT_WAIT_MAX,
            reconnect: Some(Backoff::new()),
            attempts_max: None,
        }))
    }

    /// Says who the user is.
    #[must_use]
    pub fn login(mut self, login: impl Into<String>, passcode: impl Into<String>) -> Self {
        self.0.login = Some(login.into());
        self.0.passcode = Some(passcode.into());
        self
    }

    /// The virtual host. Default: `/`, which servers that have such hosts take for their first.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.0.host = Some(host.into());
        self
    }

    /// Adds a header to CONNECT, such as `client-id`.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Opens sessions with STOMP in place of CONNECT, which servers of 1.0 do not know.
    #[must_use]
    pub fn opening(mut self, opening: Opening) -> Self {
        self.0.opening = opening;
        self
    }

    /// The versions to offer. Default: all. None is as all.
    #[must_use]
    pub fn versions(mut self, versions: &[Version]) -> Self {
        if !versions.is_empty() {
            self.0.versions = versions.to_vec();
        }
        self
    }

    /// What is offered and wanted while idle. Default: something every 10 s, both ways. The crate keeps the promise, and
    /// gives up a server that does not keep its own.
    #[must_use]
    pub fn heart_beat(mut self, heart_beat: HeartBeat) -> Self {
        self.0.heart_beat = heart_beat;
        self
    }

    /// How the server is reached: TLS, proxies, headers of HTTP, waits; for STOMP over TCP what of it applies.
    #[must_use]
    pub fn transport(mut self, client: gumboot_websocket::Client) -> Self {
        self.0.web_socket = client;
        self
    }

    /// The waits between attempts to make a lost connection again. They start anew once a connection has stood for 10 s.
    #[must_use]
    pub fn reconnect(mut self, backoff: Backoff) -> Self {
        self.0.reconnect = Some(backoff);
        self
    }

    /// How many attempts after one loss may fail before the session ends; `None`, the default, for no bound.
    #[must_use]
    pub fn attempts_max(mut self, max: impl Into<Option<u32>>) -> Self {
        self.0.attempts_max = max.into();
        self
    }

    /// A lost connection ends the session.
    #[must_use]
    pub fn no_reconnect(mut self) -> Self {
        self.0.reconnect = None;
        self
    }

    /// What may wait, and how much of it.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// What the server may send, and how long it may take.
    #[must_use]
    pub fn frame_limits(mut self, limits: FrameLimits) -> Self {
        self.0.frame_limits = limits;
        self
    }

    /// How long a RECEIPT is waited for on one connection, while the server is read. Default [`RECEIPT_WAIT_MAX`]. What is
    /// written again over the next connection is waited for anew, and without a connection nothing is late.
    #[must_use]
    pub fn receipt_wait_max(mut self, max: Duration) -> Self {
        self.0.receipt_wait_max = max;
        self
    }

    /// Opens a session. This first attempt is the only one; a connection that is lost later is made again.
    ///
    /// # Errors
    /// [`Error::Lost`] if there is no connection, [`Error::Refused`] if the server does not take us in,
    /// [`Error::Header`].
    pub async fn connect(&self) -> Result<Session, Error> {
        let settings = Arc::new(self.0.clone());
        settings.check()?;
        let (connection, server) = Connection::open(&settings).await?;
        let (sender, requests) = mpsc::channel(REQUESTS_WAITING_MAX);
        let (state, states) = watch::channel(State::Connected(server));
        let shared = Arc::<Shared>::default();
        let limits = settings.limits;
        let handle = Handle::new(sender, Arc::clone(&shared), states, limits);
        let handle = Arc::new(handle);
        let ledger = Ledger::new(
            limits,
            settings.receipt_wait_max,
            Arc::clone(&shared),
            Arc::downgrade(&handle),
        );
        let driver = Driver {
            settings,
            requests,
            shared,
            state,
            ledger,
            leaving: Leaving::No,
        };
        tokio::spawn(driver.run(connection));
        Ok(Session::from_handle(handle))
    }
}

impl Settings {
    /// CONNECT has no escapes.
    fn check(&self) -> Result<(), Error> {
        let login = self.login.as_deref().map(|text| ("login", text));
        let passcode = self.passcode.as_deref().map(|text| ("passcode", text));
        let host = self.host.as_deref().map(|text| ("host", text));
        let own = [login, passcode, host];
        for (name, text) in own.into_iter().flatten() {
            if text.contains(['\0', '\n', '\r']) {
                return Err(Error::Header(name.to_owned()));
            }
        }
        check_headers(&self.headers, OWN_HEADERS, Version::V1_0)
    }

    /// Reaches the server.
    pub(crate) async fn reach(&self) -> Result<Line, ConnectError> {
        match &self.address {
            Address::Stream(address) => {
                let client = &self.web_socket;
                let reached = client.reach(&address.host, address.port, address.tls);
                Ok(Line::stream(reached.await?))
            }
            Address::WebSocket(url) => {
                let mut protocols: Vec<_> = self.versions.clone();
                protocols.sort_by(|a, b| b.cmp(a));
                protocols.dedup();
                let protocols: Vec<_> = protocols.iter().map(|v| v.subprotocol()).collect();
                let socket = self.web_socket.connect(url, &protocols).await?;
                Ok(Line::web_socket(socket.into_parts().0))
            }
        }
    }

    /// Begins a session: appends its first frame to `out`.
    pub(crate) fn connect(&self, now: Instant, out: &mut Vec<u8>) -> ClientSession {
        let host = self.host.as_deref().unwrap_or("/");
        let options = ConnectOptions {
            opening: self.opening,
            versions: &self.versions,
            host,
            login: self.login.as_deref(),
            passcode: self.passcode.as_deref(),
            heart_beat: self.heart_beat,
            headers: &pairs(&self.headers),
        };
        ClientSession::connect(now, self.frame_limits, &options, out)
    }
}

impl fmt::Debug for Client {
    /// Without the passcode, since such output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("versions", &self.0.versions)
            .field("host", &self.0.host)
            .field("login", &self.0.login)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}
