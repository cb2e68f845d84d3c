//! Looking into a queue: what waits there, which stays.

use gumboot_stomp::{AckMode, Message, Subscribe, Subscription};
use tokio::time::timeout;

use super::visit::Visit;
use crate::command::stomp::Failure;

/// A look into a queue.
pub(super) struct Look<'v> {
    visit: &'v Visit<'v>,
    what: String,
    subscription: Subscription,
    is_through: bool,
}

impl<'v> Look<'v> {
    /// Begins to look at those messages for which `selector` holds.
    pub(super) async fn open(
        visit: &'v Visit<'v>,
        queue: &str,
        selector: Option<&str>,
    ) -> Result<Self, Failure> {
        // A server that does not know what a look is gives messages away: what is not acknowledged comes back.
        let mode = match visit.shows_queues() {
            true => AckMode::Auto,
            false => AckMode::Client,
        };
        let what = format!("to look into {queue}");
        let mut subscribe = Subscribe::to(queue).ack(mode).header("browser", "true");
        if let Some(selector) = selector {
            subscribe = subscribe.header("selector", selector);
        }
        let subscribing = visit.session.subscribe(subscribe);
        let subscription = visit.in_time(&what, subscribing).await?;
        Ok(Self {
            visit,
            what,
            subscription,
            is_through: false,
        })
    }

    /// The next message; none once all were shown.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Failure> {
        if self.is_through {
            return Ok(None);
        }
        let receiving = self.visit.receive(&self.what, &mut self.subscription);
        let Ok(received) = timeout(self.visit.wait_max(), receiving).await else {
            return Err(Failure::Other(format!(
                "{}: the server has not said within {} s that this is all; \
                 it may not know browser:true",
                self.what,
                self.visit.wait_max().as_secs_f64()
            )));
        };
        let message = received?;
        self.is_through = message.header("browser") == Some("end");
        Ok(Some(message).filter(|_| !self.is_through))
    }

    /// The next message if it is there already.
    pub(super) async fn next_at_hand(&mut self) -> Result<Option<Message>, Failure> {
        tokio::select! {
            biased;
            next = self.next() => next,
            () = std::future::ready(()) => Ok(None),
        }
    }

    /// Whether all were shown.
    pub(super) fn is_through(&self) -> bool {
        self.is_through
    }
}
