//! Taking what waits in a queue, in portions, until all is taken that was there at the beginning.

use std::{future::ready, pin::pin, time::Duration};

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

/// The octets of a portion at most, unless one message has more.
const PORTION_BYTES_MAX: usize = 4 << 20;

/// Once a portion has so many octets, it waits for no more messages.
const PORTION_BYTES_WANTED: usize = PORTION_BYTES_MAX / 2;

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
///
/// With a server of ours each portion has a subscription of its own, which has ended before the portion is settled: all
/// that the server gave to it is in the portion, and nothing takes its place. Else what the server has given ahead would
/// come back as delivered when the session ends. Others may not take an acknowledgement for a subscription that has ended.
pub(super) struct Drain<'v> {
    visit: &'v Visit<'v>,
    source: Source<'v>,
    mode: AckMode,
    what: String,
    subscription: Option<Subscription>,
    /// As many are still to be taken at most.
    left: u64,
}

impl<'v> Drain<'v> {
    /// Begins to take messages: no more than were ready at the beginning, which `figures` may tell, so that it has an end
    /// where more arrive meanwhile.
    ///
    /// # Errors
    /// Also if neither the server nor `source` says how many that are.
    pub(super) async fn open(
        visit: &'v Visit<'v>,
        source: Source<'v>,
        mode: AckMode,
        figures: Option<&Figures>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            visit,
            what: format!("to take messages of {}", source.queue),
            source,
            mode,
            subscription: None,
            left: to_take(visit, source, figures).await?,
        })
    }

    /// The next messages, which are to be acknowledged; none once all are taken, or no more are to be.
    pub(super) async fn portion(&mut self) -> Result<Vec<Message>, Failure> {
        let mut portion = Portion {
            messages: Vec::new(),
            bytes: 0,
            messages_max: self.left.min(PORTION_MESSAGES_MAX),
        };
        if self.left == 0 || self.visit.is_stopped() {
            return Ok(portion.messages);
        }
        if self.visit.is_ours() {
            self.fill(&mut portion).await?;
        } else {
            self.fill_as_it_comes(&mut portion).await?;
        }
        self.left = self.left.saturating_sub(portion.messages.len() as u64);
        Ok(portion.messages)
    }

    /// Subscribes for one portion, and takes all that the server gives to that.
    async fn fill(&mut self, portion: &mut Portion) -> Result<(), Failure> {
        let credit = format!("{},{PORTION_BYTES_MAX}", portion.messages_max);
        let subscribe = Subscribe::to(self.source.queue).header("credit", credit);
        self.subscribe(subscribe).await?;
        self.take_what_is_given(portion).await?;
        while !portion.is_enough() {
            let Some(message) = self.first_unless_stopped().await? else {
                break;
            };
            portion.push(message);
        }
        if let Some(subscription) = self.subscription.take() {
            let leaving = subscription.unsubscribe_with_rest();
            let rest = self.visit.in_time(&self.what, leaving).await?;
            rest.into_iter().for_each(|message| portion.push(message));
        }
        Ok(())
    }

    /// Takes what comes until the server has answered something else, which mostly is the whole portion.
    async fn take_what_is_given(&mut self, portion: &mut Portion) -> Result<(), Failure> {
        let (visit, what) = (self.visit, self.what.clone());
        let asking = async { visit.session.begin().await?.abort().await };
        let mut asking = pin!(visit.in_time(&what, asking));
        loop {
            tokio::select! {
                biased;
                message = self.receive() => match message? {
                    Some(message) => portion.push(message),
                    None => return Ok(()),
                },
                answered = &mut asking => return answered,
            }
        }
    }

    /// Takes what a subscription to all of it has brought.
    async fn fill_as_it_comes(&mut self, portion: &mut Portion) -> Result<(), Failure> {
        if self.subscription.is_none() {
            let ahead = portion.messages_max.to_string();
            let subscribe = Subscribe::to(self.source.queue)
                .header("prefetch-count", ahead.clone())
                .header("activemq.prefetchSize", ahead);
            self.subscribe(subscribe).await?;
        }
        let mut next = self.first_unless_stopped().await?;
        while let Some(message) = next {
            portion.push(message);
            if portion.is_enough() {
                break;
            }
            next = self.at_hand().await?;
        }
        Ok(())
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), Failure> {
        let mut subscribe = subscribe.ack(self.mode);
        if let Some(selector) = self.source.selector {
            subscribe = subscribe.header("selector", selector);
        }
        let subscribing = self.visit.session.subscribe(subscribe);
        self.subscription = Some(self.visit.in_time(&self.what, subscribing).await?);
        Ok(())
    }

    async fn first_unless_stopped(&mut self) -> Result<Option<Message>, Failure> {
        tokio::select! {
            biased;
            () = self.visit.stopped() => Ok(None),
            first = self.first() => first,
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

/// What is taken and settled at once.
struct Portion {
    messages: Vec<Message>,
    bytes: usize,
    messages_max: u64,
}

impl Portion {
    fn push(&mut self, message: Message) {
        self.bytes += message.body().len();
        self.messages.push(message);
    }

    fn is_enough(&self) -> bool {
        self.messages.len() as u64 >= self.messages_max || self.bytes >= PORTION_BYTES_WANTED
    }
}

/// How many are to be taken: those that are ready now.
async fn to_take(
    visit: &Visit<'_>,
    source: Source<'_>,
    figures: Option<&Figures>,
) -> Result<u64, Failure> {
    let count_max = source.count.unwrap_or(u64::MAX);
    if let (Some(figures), None) = (figures, source.selector) {
        return Ok(count_max.min(figures.ready));
    }
    if !visit.shows_queues() {
        return source.count.ok_or_else(|| {
            Failure::Usage(format!(
                "the server does not say how many messages wait in {}: --count says how many to take",
                source.queue
            ))
        });
    }
    let mut look = Look::open(visit, source.queue, source.selector).await?;
    let mut shown = 0;
    while shown < count_max && !visit.is_stopped() && look.next().await?.is_some() {
        shown += 1;
    }
    Ok(shown)
}

/// What is still in the queue, in words, if the server says it.
pub(super) async fn left_in(visit: &Visit<'_>, queue: &str) -> Result<Option<String>, Failure> {
    let figures = figures::of(visit, queue).await?;
    Ok(figures.as_ref().and_then(Figures::left))
}
