//! Counters of what goes on: connections by kind, messages and bytes in and out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use gumboot_websocket::Traffic;
use serde::Serialize;

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    connections: [AtomicU64; ConnectionKind::COUNT],
    shares: [Share; SHARES],
}

/// What some of the threads have counted. Each is in cache lines of its own, so that threads do not wait for each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Share {
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// More threads than these have a share in common.
const SHARES: usize = 16;

thread_local! {
    /// Which share this thread counts in.
    static SHARE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Relaxed) % SHARES
    };
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
        let mut totals = Totals::default();
        for share in &self.shares {
            totals.messages_in += share.messages_in.load(Relaxed);
            totals.messages_out += share.messages_out.load(Relaxed);
            totals.bytes_in += share.bytes_in.load(Relaxed);
            totals.bytes_out += share.bytes_out.load(Relaxed);
        }
        totals
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
        let share = &self.metrics.shares[SHARE.with(|share| *share)];
        if traffic != Traffic::default() {
            share.bytes_in.fetch_add(traffic.bytes_in, Relaxed);
            share.bytes_out.fetch_add(traffic.bytes_out, Relaxed);
        }
        if messages != Messages::default() {
            share.messages_in.fetch_add(messages.r#in, Relaxed);
            share.messages_out.fetch_add(messages.out, Relaxed);
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
    fn what_every_thread_has_counted_is_in_the_totals() {
        let metrics = Arc::new(Metrics::default());
        std::thread::scope(|scope| {
            for _ in 0..2 * SHARES {
                scope.spawn(|| {
                    let connected = metrics.connected(ConnectionKind::Echo);
                    let (bytes_in, bytes_out) = (1, 2);
                    let traffic = Traffic {
                        bytes_in,
                        bytes_out,
                    };
                    connected.add(traffic, Messages { r#in: 3, out: 4 });
                });
            }
        });
        let threads = 2 * SHARES as u64;
        let expected = Totals {
            messages_in: 3 * threads,
            messages_out: 4 * threads,
            bytes_in: threads,
            bytes_out: 2 * threads,
        };
        assert_eq!(metrics.totals(), expected);
    }

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
