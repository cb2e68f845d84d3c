//! Who may do what: the question, which the driver answers.

use std::fmt;

use crate::destination::Destination;

/// What a session wants to do with a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make the queue, which does not exist, by sending or subscribing to it.
    Create,
    /// Subscribe to it.
    Read,
    /// Send to it.
    Write,
}

/// What a session may do. It is asked at each SEND and SUBSCRIBE; for a SEND in a transaction again at COMMIT.
///
/// A session's own temporary destinations need no permission.
pub trait Access: fmt::Debug + Send + Sync {
    /// Whether the session may. For [`Action::Read`] the destination may be a pattern; what a pattern covers is not
    /// asked for again.
    fn allows(&self, action: Action, destination: &Destination) -> bool;
}

/// Everything is allowed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unrestricted;

impl Access for Unrestricted {
    fn allows(&self, _: Action, _: &Destination) -> bool {
        true
    }
}
