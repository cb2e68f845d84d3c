//! The small world in which the broker is tried: few names and tight bounds, so that everything happens often.

use std::{collections::BTreeMap, sync::Arc};

use gumboot_broker_core::{Destination, Limits, Overflow, QueuePolicy, Settings};

use crate::model::Queue;

pub(crate) const DEAD: &str = "/queue/dead";
pub(crate) const QUEUES: [&str; 4] = ["/queue/reject", "/queue/drop.a", "/queue/drop.b", DEAD];
pub(crate) const TEMPORARY: &str = "/temp-queue/mine";
pub(crate) const TOPICS: [&str; 3] = ["/topic/a.b", "/topic/a.c", "/topic/d"];
pub(crate) const PATTERNS: [&str; 3] = ["/topic/a.*", "/topic/**", "/topic/*/b"];
pub(crate) const DURABLES: [&str; 2] = ["one", "two"];
pub(crate) const SESSIONS: usize = 4;
pub(crate) const SUBSCRIPTIONS_MAX: usize = 6;
pub(crate) const DELIVERIES_MAX: u32 = 3;
pub(crate) const TRANSACTIONS_MAX: usize = 2;
pub(crate) const OPERATIONS_MAX: usize = 4;
pub(crate) const TRANSACTION_BYTES_MAX: usize = 25;
pub(crate) const TRANSACTIONS_BYTES_MAX: usize = 26;
pub(crate) const AGE_MAX: u64 = 30;
pub(crate) const RETAINED_MAX: usize = 2;
pub(crate) const SCHEDULED_MAX: usize = 3;

/// Messages, bytes, and what is done past them.
fn bounds(key: &str) -> (usize, usize, Overflow) {
    match key {
        "/queue/reject" => (8, 60, Overflow::Reject),
        "/queue/drop.a" | "/queue/drop.b" => (6, 45, Overflow::DropOldest),
        DEAD => (5, 50, Overflow::Reject),
        _ if key.starts_with('/') => (7, 1000, Overflow::Reject),
        _ => (6, 40, Overflow::Reject),
    }
}

pub(crate) fn queue(key: &str) -> Queue {
    let (messages_max, bytes_max, overflow) = bounds(key);
    Queue {
        key: key.to_owned(),
        messages: Vec::new(),
        messages_max,
        bytes_max,
        overflow,
        binding: None,
        stays: key.starts_with("durable") || key.starts_with("/temp-queue"),
        closed: false,
        groups: BTreeMap::new(),
        consumers: Vec::new(),
    }
}

fn policy(key: &str) -> Arc<QueuePolicy> {
    let (messages_max, bytes_max, overflow) = bounds(key);
    Arc::new(QueuePolicy {
        messages_max,
        bytes_max,
        overflow,
        deliveries_max: DELIVERIES_MAX,
        dead_letters: Some(parse(DEAD)),
    })
}

pub(crate) fn settings() -> Settings {
    Settings {
        limits: Limits {
            sessions_max: SESSIONS,
            subscriptions_per_session_max: SUBSCRIPTIONS_MAX,
            retained_max: RETAINED_MAX,
            scheduled_max: SCHEDULED_MAX,
            transactions_per_session_max: TRANSACTIONS_MAX,
            transaction_operations_max: OPERATIONS_MAX,
            transaction_bytes_max: TRANSACTION_BYTES_MAX,
            transactions_bytes_max: TRANSACTIONS_BYTES_MAX,
            transaction_age_ms_max: AGE_MAX,
            ..Limits::default()
        },
        queues: vec![
            (parse("/queue/reject"), policy("/queue/reject")),
            (parse("/queue/drop.*"), policy("/queue/drop.a")),
            (parse(DEAD), policy(DEAD)),
        ],
        queue: policy("/other"),
        topic: policy("topic"),
        ..Settings::default()
    }
}

pub(crate) fn parse(name: &str) -> Destination {
    Destination::parse(name).expect("the names here are destinations")
}

/// Which pattern covers which topic, written out.
pub(crate) fn covers(pattern: &str, topic: &str) -> bool {
    pattern == topic
        || match pattern {
            "/topic/a.*" => topic != "/topic/d",
            "/topic/**" => true,
            "/topic/*/b" => topic == "/topic/a.b",
            _ => false,
        }
}
