//! Taking what waits in a queue, in portions, until all is taken that was there at the beginning.

use std::{future::ready, time::Duration};

use gumboot_stomp::{AckMode, Message, Subscribe, Subscription};
use tokio::time::timeout;

use super::{
    figures::{self, Figures},
    look::Look,
    visit::Visit,
};
use crate::command::stomp::Failure;

/// The messages of a portion at most, and what the server may have given us ahead.
const PORTION_MESSAGES_MAX: u64 = 100;

/// Once a portion has so many octets, no more messages come into it.
const PORTION_BYTES_MAX: usize = 4 << 20;

/// How long a queue is silent that is taken for empty, if the server does not say it.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// A condition that holds for no message.
const NOTHING: &str = "1 = 0";

/// Which messages are to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) queue: &'s str,
    pub(super) selector: Option<&'s str>,
    pub(super) count: Option<u64>,
}

/// The one who takes them.
pub(super) struct Drain<'v> {
    visit: &'v Visit<'v>,
    source: Source<'v>,
    mode: AckMode,
    what: String,
    subscription: Option<Subscription>,
    /// As many are still to be taken of this subscription.
    quota: u64,
    /// As many are still to be taken at most.
    left: u64,
}

impl<'v> Drain<'v> {
    /// Begins to take messages. With `figures`, no more than were ready when they were told.
    pub(super) async fn open(
        visit: &'v Visit<'v>,
        source: Source<'v>,
        mode: AckMode,
        figures: Option<&Figures>,
    ) -> Result<Self, Failure> {
        let count = source.count.unwrap_or(u64::MAX);
        let left = figures.map_or(count, |figures| count.min(figures.ready));
        let mut drain = Self {
            visit,
            what: format!("to take messages of {}", source.queue),
            source,
            mode,
            subscription: None,
            quota: 0,
            left,
        };
        drain.subscribe().await?;
        Ok(drain)
    }

    /// Subscribes if there is something to take. What the server gives ahead is as much as is taken, so that none of it has to
    /// be given back: first what is more than whole portions, then the portions.
    async fn subscribe(&mut self) -> Result<(), Failure> {
        if self.left == 0 || self.subscription.is_some() {
            return Ok(());
        }
        let odd = self.left % PORTION_MESSAGES_MAX;
        let is_odd = self.visit.is_ours() && odd > 0;
        self.quota = if is_odd { odd } else { self.left };
        let ahead = self.quota.min(PORTION_MESSAGES_MAX).to_string();
        let mut subscribe = Subscribe::to(self.source.queue)
            .ack(self.mode)
            .header("prefetch-count", ahead.clone())
            .header("activemq.prefetchSize", ahead);
        if let Some(selector) = self.source.selector {
            subscribe = subscribe.header("selector", selector);
        }
        let subscribing = self.visit.session.subscribe(subscribe);
        self.subscription = Some(self.visit.in_time(&self.what, subscribing).await?);
        Ok(())
    }

    /// The next messages, which are to be acknowledged; none once all are taken, or no more are to be.
    pub(super) async fn portion(&mut self) -> Result<Vec<Message>, Failure> {
        let mut portion = Vec::new();
        self.subscribe().await?;
        if self.subscription.is_none() || self.quota == 0 {
            return Ok(portion);
        }
        let first = tokio::select! {
            biased;
            () = self.visit.stopped() => None,
            first = self.first() => first?,
        };
        let mut bytes = 0;
        let mut next = first;
        while let Some(message) = next {
            bytes += message.body().len();
            portion.push(message);
            self.left -= 1;
            self.quota -= 1;
            let is_full =
                portion.len() as u64 >= PORTION_MESSAGES_MAX || bytes >= PORTION_BYTES_MAX;
            if self.quota == 0 || is_full {
                break;
            }
            next = self.at_hand().await?;
        }
        if self.quota == 0 {
            self.leave().await?;
        }
        Ok(portion)
    }

    /// Takes no more: else the acknowledgement of the last portion would bring what has to be given back.
    async fn leave(&mut self) -> Result<(), Failure> {
        // Others may not take an acknowledgement for a subscription that has ended.
        if !self.visit.is_ours() {
            return Ok(());
        }
        match self.subscription.take() {
            Some(subscription) => {
                let leaving = subscription.unsubscribe();
                self.visit.in_time(&self.what, leaving).await
            }
            None => Ok(()),
        }
    }

    /// Waits for a message; none once it is clear that there are no more.
    async fn first(&mut self) -> Result<Option<Message>, Failure> {
        if let Some(message) = self.at_hand().await? {
            return Ok(Some(message));
        }
        if !self.visit.shows_queues() {
            return self.within(SILENCE_MAX).await;
        }
        // What the server gives us stands before the end of a look on the same connection. What the look shows is ready and
        // not given to us: it may be for others, or the server has not come to it yet.
        let selector = self.source.selector.unwrap_or(NOTHING);
        let mut look = Look::open(self.visit, self.source.queue, Some(selector)).await?;
        let mut shown = 0_u64;
        while look.next().await?.is_some() {
            shown += 1;
        }
        match (self.at_hand().await?, shown) {
            (None, 1..) => self.within(SILENCE_MAX).await,
            (found, _) => Ok(found),
        }
    }

    /// The next message if it comes in this time.
    async fn within(&mut self, wait: Duration) -> Result<Option<Message>, Failure> {
        timeout(wait, self.receive()).await.unwrap_or(Ok(None))
    }

    /// The next message if it is there already.
    async fn at_hand(&mut self) -> Result<Option<Message>, Failure> {
        tokio::select! {
            biased;
            next = self.receive() => next,
            () = ready(()) => Ok(None),
        }
    }

    async fn receive(&mut self) -> Result<Option<Message>, Failure> {
        let Some(subscription) = &mut self.subscription else {
            return Ok(None);
        };
        let receiving = self.visit.receive(&self.what, subscription);
        receiving.await.map(Some)
    }
}

/// What is still in the queue, in words, if the server says it.
pub(super) async fn left_in(visit: &Visit<'_>, queue: &str) -> Result<Option<String>, Failure> {
    let figures = figures::of(visit, queue).await?;
    Ok(figures.as_ref().and_then(Figures::left))
}
