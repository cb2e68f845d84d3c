//! What the server says of itself: once a second, to whoever subscribes to `/topic/$SYS/stats`.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use gumboot_broker_core::{Destination, TopicCount};
use gumboot_stomp_proto::Tail;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::{
    hub::Hub,
    metrics::{Connections, Totals},
    publication::Publication,
};

/// Where the figures are published.
pub(crate) const STATS: &str = "/topic/$SYS/stats";

/// How often.
const INTERVAL: Duration = Duration::from_secs(1);

/// The destinations that are named, those with the most subscribers.
const DESTINATIONS_MAX: usize = 100;

#[derive(Debug, Serialize)]
struct Stats {
    /// Milliseconds since 1970.
    time: u64,
    uptime_seconds: u64,
    server: &'static str,
    connections: Connections,
    subscriptions: usize,
    messages: InOut,
    bytes: InOut,
    rates: Rates,
    destinations: Vec<Named>,
    destinations_total: usize,
}

/// Since the start.
#[derive(Debug, Serialize)]
struct InOut {
    r#in: u64,
    out: u64,
}

/// Per second, since the figures before these.
#[derive(Debug, Serialize)]
struct Rates {
    messages_in: f64,
    messages_out: f64,
    bytes_in: f64,
    bytes_out: f64,
}

#[derive(Debug, Serialize)]
struct Named {
    destination: String,
    subscribers: usize,
}

/// Publishes the figures until it is dropped.
pub(crate) async fn run(hub: Arc<Hub>) {
    let destination = Destination::parse(STATS).expect("the name is a destination");
    let start = Instant::now();
    let mut before = (start, Totals::default());
    let mut ticks = interval_at((start + INTERVAL).into(), INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = (Instant::now(), hub.metrics.totals());
        if hub.with_broker(|broker| broker.subscriber_count(&destination)) > 0 {
            let stats = stats(&hub, start, before, now);
            let body = serde_json::to_vec(&stats).expect("figures are JSON");
            let tail = Tail::new(STATS, &[("content-type", "application/json")], &body);
            hub.publish(&destination, &Publication::new(tail));
        }
        before = now;
    }
}

fn stats(hub: &Hub, start: Instant, before: (Instant, Totals), now: (Instant, Totals)) -> Stats {
    let (subscriptions, destinations_total, topics) = hub.with_broker(|broker| {
        let topics = broker.most_subscribed(DESTINATIONS_MAX);
        (broker.subscription_count(), broker.topic_count(), topics)
    });
    let Totals {
        messages_in,
        messages_out,
        bytes_in,
        bytes_out,
    } = now.1;
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Stats {
        time: since_1970.as_millis() as u64,
        uptime_seconds: (now.0 - start).as_secs(),
        server: concat!("gumboot/", env!("CARGO_PKG_VERSION")),
        connections: hub.metrics.connections(),
        subscriptions,
        messages: InOut {
            r#in: messages_in,
            out: messages_out,
        },
        bytes: InOut {
            r#in: bytes_in,
            out: bytes_out,
        },
        rates: rates(before, now),
        destinations: topics.iter().map(named).collect(),
        destinations_total,
    }
}

fn rates(before: (Instant, Totals), now: (Instant, Totals)) -> Rates {
    let seconds = (now.0 - before.0).as_secs_f64().max(0.001);
    let rate = |figure: fn(&Totals) -> u64| {
        let per_second = (figure(&now.1) - figure(&before.1)) as f64 / seconds;
        (per_second * 10.0).round() / 10.0
    };
    Rates {
        messages_in: rate(|totals| totals.messages_in),
        messages_out: rate(|totals| totals.messages_out),
        bytes_in: rate(|totals| totals.bytes_in),
        bytes_out: rate(|totals| totals.bytes_out),
    }
}

fn named(topic: &TopicCount) -> Named {
    Named {
        destination: topic.destination.to_string(),
        subscribers: topic.subscribers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second() {
        let start = Instant::now();
        let before = (
            start,
            Totals {
                messages_in: 5,
                ..Totals::default()
            },
        );
        let now = (
            start + Duration::from_secs(2),
            Totals {
                messages_in: 10,
                ..Totals::default()
            },
        );
        assert_eq!(rates(before, now).messages_in, 2.5);
    }
}
