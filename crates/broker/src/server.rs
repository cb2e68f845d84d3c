//! The server as a whole: bound to its addresses, run until it is told to stop.

use std::{error, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tracing::info;

use crate::{
    config::Config,
    hub::{Hub, timer},
    listener, system,
};

/// How long connections have to end in order when the server goes down.
pub const DRAIN_MAX: Duration = Duration::from_secs(4);

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    hub: Arc<Hub>,
    http: TcpListener,
    stomp: Option<TcpListener>,
    stomps: Option<TcpListener>,
    addresses: Addresses,
}

/// Where a server listens: the real ports, also where 0 was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// HTTP and WebSocket.
    pub http: SocketAddr,
    /// STOMP over TCP.
    pub stomp: Option<SocketAddr>,
    /// STOMP over TLS.
    pub stomps: Option<SocketAddr>,
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {}: it is in use", self.address)
            }
            _ => write!(f, "cannot listen on {}: {}", self.address, self.source),
        }
    }
}

impl error::Error for BindError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}

impl Server {
    /// Binds the addresses; connections wait from here on.
    ///
    /// # Errors
    /// [`BindError`] for the first that cannot be bound.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let (http, http_address) = bind(config.listen).await?;
        let stomp = bind_if(config.stomp_listen).await?;
        let stomps = bind_if(config.stomps_listen.filter(|_| config.tls.is_some())).await?;
        let addresses = Addresses {
            http: http_address,
            stomp: stomp.as_ref().map(|s| s.1),
            stomps: stomps.as_ref().map(|s| s.1),
        };
        Ok(Self {
            hub: Hub::new(config),
            http,
            stomp: stomp.map(|s| s.0),
            stomps: stomps.map(|s| s.0),
            addresses,
        })
    }

    /// Where the server listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until `stop` is ready; then tells every connection, and returns when all have ended or after
    /// [`DRAIN_MAX`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        tasks.spawn(listener::accept_http(Arc::clone(&self.hub), self.http));
        if let Some(stomp) = self.stomp {
            tasks.spawn(listener::accept_stomp(Arc::clone(&self.hub), stomp));
        }
        if let Some(stomps) = self.stomps {
            tasks.spawn(listener::accept_stomps(Arc::clone(&self.hub), stomps));
        }
        tasks.spawn(system::run(Arc::clone(&self.hub)));
        tasks.spawn(timer::run(Arc::clone(&self.hub)));
        stop.await;
        tasks.shutdown().await;
        info!("shutting down");
        if timeout(DRAIN_MAX, self.hub.drain()).await.is_err() {
            info!("some connections did not end in time");
        }
    }
}

async fn bind_if(
    address: Option<SocketAddr>,
) -> Result<Option<(TcpListener, SocketAddr)>, BindError> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound.await.map_err(|source| BindError { address, source })
}
