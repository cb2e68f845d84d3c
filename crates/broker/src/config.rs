//! What a server is set up with: addresses, policies and every bound.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use gumboot_broker_core::{Kinds, Settings as BrokerSettings};
use gumboot_stomp_proto::{HeartBeat, ServerOptions};
use gumboot_store::Store;
use gumboot_websocket::{
    OriginPolicy, proto,
    server::{HttpLimits, ServerTls},
};

use crate::{
    auth::Users,
    journal::{durability::Durabilities, space::FreeSpace},
};

/// What is found at the paths of the HTTP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoints {
    /// The console at `/`, STOMP at `/ws`, echo at `/echo`.
    Broker,
    /// Echo at every path.
    Echo,
    /// STOMP at `/ws`, and nothing else.
    Stomp,
}

/// What a [`Server`](crate::Server) is set up with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where HTTP and WebSocket are served.
    pub listen: SocketAddr,
    /// Where STOMP is served over plain TCP, if at all.
    pub stomp_listen: Option<SocketAddr>,
    /// Where STOMP is served over TLS, if at all: with the certificate of `tls`, without which there is none.
    pub stomps_listen: Option<SocketAddr>,
    /// With it, `listen` speaks TLS, and HTTP/2 beside HTTP/1.1. Default: without.
    pub tls: Option<ServerTls>,
    /// TLS handshakes under way at a time; one more waits for its turn, no longer than one may take. Default 1,024.
    pub tls_handshakes_max: usize,
    /// What the paths of `listen` are.
    pub endpoints: Endpoints,
    /// Which web pages may connect.
    pub origins: OriginPolicy,
    /// What a client may send before its upgrade.
    pub http: HttpLimits,
    /// What a WebSocket may send.
    pub websocket: Arc<proto::Config>,
    /// What a STOMP client may send.
    pub stomp: ServerOptions,
    /// Whether CONNECTED says nothing of the server's name and version. Default: it does.
    pub hide_server: bool,
    /// The heart-beats that are offered and wanted. Default: every second, at the least.
    pub heart_beat: HeartBeat,
    /// Who may log in with STOMP, and do what. Default: without, so that nobody is asked and all is allowed.
    pub users: Option<Arc<Users>>,
    /// Whether a SEND may name another sender in `user-id`, where there are users. Default: it may not.
    pub foreign_user_ids: bool,
    /// Which names of destinations are of which kind. Default: [`Kinds::usual`].
    pub kinds: Kinds,
    /// Whether a session is subscribed to a temporary queue of its own that it names in a `reply-to`, as by RabbitMQ:
    /// with `ack:auto`, and the name as the id. Default: it subscribes by itself.
    pub reply_to_subscribes: bool,
    /// How much the broker takes on, and what holds for its queues.
    pub broker: BrokerSettings,
    /// Connections of all kinds at a time; one more is told so and closed. Default 1,000,000.
    pub connections_max: usize,
    /// Bytes of messages that wait for one connection; past it, the connection is closed. Default 64 MiB: four of
    /// the largest that STOMP lets through.
    pub mailbox_bytes_max: usize,
    /// What keeps queues, durable subscriptions, retained and delayed messages and histories longer than the server runs. It is the
    /// server's alone, and dropped at its end. Default: without, so that all is in memory only.
    pub store: Option<Arc<dyn Store>>,
    /// Whether the store drops the history of a topic that has none any more. If not, the server does not start.
    /// Default: it does.
    pub drops_histories: bool,
    /// How much room there has to be where the store is. Default: that is not looked at.
    pub free_space: Option<FreeSpace>,
    /// What holds for messages that do not say whether they are kept, and what their RECEIPT waits for.
    pub durability: Durabilities,
}

impl Config {
    /// The patterns of the topics that have a history.
    pub(crate) fn history_patterns(&self) -> Vec<Box<str>> {
        let is_any = self.broker.limits.histories_max > 0;
        let patterns = self.broker.histories.iter().filter(|_| is_any);
        patterns
            .map(|(pattern, _)| pattern.as_str().into())
            .collect()
    }
}

/// How long a browser that keeps its WebSocket alive may be late with heart-beats: the timers of a hidden page ring
/// once a minute.
const HIDDEN_PAGE_MAX: Duration = Duration::from_secs(75);

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            listen: loopback(8080),
            stomp_listen: Some(loopback(61613)),
            stomps_listen: None,
            tls: None,
            tls_handshakes_max: 1_024,
            endpoints: Endpoints::Broker,
            origins: OriginPolicy::same_origin().loopback_only(),
            http: HttpLimits::default(),
            websocket: Arc::new(proto::Config::server()),
            stomp: ServerOptions {
                receive_floor: Some(HIDDEN_PAGE_MAX),
                ..ServerOptions::default()
            },
            hide_server: false,
            heart_beat: HeartBeat {
                can_send_ms: 1_000,
                wants_ms: 1_000,
            },
            users: None,
            foreign_user_ids: false,
            kinds: Kinds::usual().clone(),
            reply_to_subscribes: false,
            broker: BrokerSettings::default(),
            connections_max: 1_000_000,
            mailbox_bytes_max: 64 << 20,
            store: None,
            drops_histories: true,
            free_space: None,
            durability: Durabilities::default(),
        }
    }
}
