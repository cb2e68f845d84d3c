//! What a broker does to the world: it tells, through this trait, who gets what.

use crate::broker::{SessionId, SubscriptionId};

/// Takes the effects of a command, one by one, as they arise.
pub trait Output<M> {
    /// `message` goes to a subscription.
    fn deliver(&mut self, to: SessionId, subscription: SubscriptionId, message: &M);
}
