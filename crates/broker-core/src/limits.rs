//! The bounds of a broker, each with a name and a default.

/// How much a broker takes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time. Default 1,000,000.
    pub sessions_max: usize,
    /// Subscriptions of one session at a time. Default 1,000.
    pub subscriptions_per_session_max: usize,
    /// Topics that have a subscriber, at a time. Default 1,000,000.
    pub topics_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: 1_000_000,
            subscriptions_per_session_max: 1_000,
            topics_max: 1_000_000,
        }
    }
}
