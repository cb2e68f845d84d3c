//! Counters of what goes on: connections by kind, messages and bytes in and out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use gumboot_websocket::Traffic;
use serde::Serialize;

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    connections: [AtomicU64; ConnectionKind::COUNT],
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// What a connection is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionKind {
    /// HTTP, as long as it is not upgraded.
    Http,
    Echo,
    StompTcp,
    StompWebSocket,
}

impl ConnectionKind {
    const COUNT: usize = 4;
}

/// Connections at a moment, by kind.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Connections {
    stomp_websocket: u64,
    stomp_tcp: u64,
    echo: u64,
    http: u64,
}

/// What has gone over all connections since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) messages_in: u64,
    pub(crate) messages_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// Messages that one connection has taken in and given out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Messages {
    pub(crate) r#in: u64,
    pub(crate) out: u64,
}

impl Metrics {
    /// Counts a connection for as long as what is given lives.
    pub(crate) fn connected(self: &Arc<Self>, kind: ConnectionKind) -> Connected {
        self.connections[kind as usize].fetch_add(1, Relaxed);
        Connected {
            metrics: Arc::clone(self),
            kind,
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            messages_in: self.messages_in.load(Relaxed),
            messages_out: self.messages_out.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
        }
    }

    pub(crate) fn connections(&self) -> Connections {
        let count = |kind| self.connections[kind as usize].load(Relaxed);
        Connections {
            stomp_websocket: count(ConnectionKind::StompWebSocket),
            stomp_tcp: count(ConnectionKind::StompTcp),
            echo: count(ConnectionKind::Echo),
            http: count(ConnectionKind::Http),
        }
    }
}

impl Connections {
    pub(crate) fn total(&self) -> u64 {
        self.stomp_websocket + self.stomp_tcp + self.echo + self.http
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(crate) struct Connected {
    metrics: Arc<Metrics>,
    kind: ConnectionKind,
}

impl Connected {
    /// Counts what the connection has done since it was last counted.
    pub(crate) fn add(&self, traffic: Traffic, messages: Messages) {
        if traffic != Traffic::default() {
            self.metrics.bytes_in.fetch_add(traffic.bytes_in, Relaxed);
            self.metrics.bytes_out.fetch_add(traffic.bytes_out, Relaxed);
        }
        if messages != Messages::default() {
            self.metrics.messages_in.fetch_add(messages.r#in, Relaxed);
            self.metrics.messages_out.fetch_add(messages.out, Relaxed);
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.metrics.connections[self.kind as usize].fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_counted_while_it_lives() {
        let metrics = Arc::new(Metrics::default());
        let echo = metrics.connected(ConnectionKind::Echo);
        let http = metrics.connected(ConnectionKind::Http);
        assert_eq!(metrics.connections().total(), 2);
        drop(http);
        assert_eq!(metrics.connections().echo, 1);
        drop(echo);
        assert_eq!(metrics.connections().total(), 0);
    }
}
