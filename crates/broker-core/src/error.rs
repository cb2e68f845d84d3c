//! Why a broker refuses a command; the text is for the one who sent it.

use std::{error, fmt};

/// Why a command was refused. Nothing was changed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The destination is the server's own: subscribe to it, but do not send.
    Reserved,
    /// [`Limits::sessions_max`](crate::Limits::sessions_max) is reached: try later.
    SessionsFull,
    /// The session has a subscription of this id already: end that one first, or take another id.
    SubscriptionExists,
    /// The session has no subscription of this id.
    SubscriptionUnknown,
    /// [`Limits::subscriptions_per_session_max`](crate::Limits::subscriptions_per_session_max) is reached: end one first.
    SubscriptionsFull,
    /// [`Limits::topics_max`](crate::Limits::topics_max) is reached: try later.
    TopicsFull,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserved => "destinations below /topic/$SYS are the server's own",
            Self::SessionsFull => "the server has as many sessions as it takes",
            Self::SubscriptionExists => "this session has a subscription with this id already",
            Self::SubscriptionUnknown => "this session has no subscription with this id",
            Self::SubscriptionsFull => "this session has as many subscriptions as it may have",
            Self::TopicsFull => "the server has as many topics as it takes",
        })
    }
}

impl error::Error for Refusal {}
