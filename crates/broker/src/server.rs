//! The server as a whole: bound to its addresses, run until it is told to stop.

use std::{error, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tracing::{error, info};

use crate::{
    config::Config,
    hub::{Hub, Stored, timer},
    journal::{
        restore::{RestoreError, Restored},
        space,
        writer::CLOSE_MAX,
    },
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
    stored: Option<Stored>,
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

/// Why a server cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// What the store has cannot be restored.
    Restore(RestoreError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Restore(error) => error.fmt(f),
        }
    }
}

impl error::Error for StartError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Bind(error) => Some(error),
            Self::Restore(error) => Some(error),
        }
    }
}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

impl Server {
    /// Binds the addresses, and connections wait from here on; then restores what the store has, if there is one.
    ///
    /// # Errors
    /// [`StartError::Bind`] for the first address that cannot be bound, [`StartError::Restore`].
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let (http, http_address) = bind(config.listen).await?;
        let stomp = bind_if(config.stomp_listen).await?;
        let stomps = bind_if(config.stomps_listen.filter(|_| config.tls.is_some())).await?;
        let addresses = Addresses {
            http: http_address,
            stomp: stomp.as_ref().map(|s| s.1),
            stomps: stomps.as_ref().map(|s| s.1),
        };
        let started = Hub::start(config).await;
        let (hub, stored) = started.map_err(StartError::Restore)?;
        Ok(Self {
            hub,
            http,
            stomp: stomp.map(|s| s.0),
            stomps: stomps.map(|s| s.0),
            addresses,
            stored,
        })
    }

    /// What was restored from the store; none without one.
    #[must_use]
    pub fn restored(&self) -> Option<Restored> {
        self.stored.as_ref().map(|stored| stored.restored)
    }

    /// Where the server listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until `stop` is ready; then tells every connection, and waits until all have ended, no longer than
    /// [`DRAIN_MAX`]. Returns when the store has all and is closed, where there is one, or after [`CLOSE_MAX`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        let writer = self.stored.map(|stored| {
            let Stored {
                writer, journal, ..
            } = stored;
            if let Some(free_space) = self.hub.config.free_space.clone() {
                tasks.spawn(space::watch(free_space, Arc::clone(&journal)));
            }
            let write = writer.run(Arc::clone(&self.hub), Arc::clone(&journal));
            (tokio::spawn(write), journal)
        });
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
        if let Some((writer, journal)) = writer {
            // Who is still there may have been sent what nobody has noted.
            journal.end(self.hub.with_broker(|broker| broker.usage().sessions == 0));
            match timeout(CLOSE_MAX, writer).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => error!(%error, "the store was not closed"),
                Err(_) => error!("the store was not closed in time"),
            }
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
