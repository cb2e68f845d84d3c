//! The messages of all subscriptions, in batches.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{pending, poll_fn},
    pin::pin,
    task::{Context, Poll, ready},
};

use gumboot_stomp::{AckMode, Message, Subscription};
use tokio::task::unconstrained;

use super::output::Output;
use crate::command::{render, say::complain, stomp::Failure};

/// Once so many octets wait to be written, no more messages are taken.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// So many messages are written, and acknowledged, at once.
const BATCH_MESSAGES_MAX: u64 = 64;

/// All subscriptions. They are dropped after the session has ended: one that is dropped before would be ended for good,
/// also if it is durable.
#[derive(Debug)]
pub(super) struct Feed {
    subscriptions: Vec<(String, Subscription)>,
    /// Which is asked first for the next message: each gets its turn.
    first: usize,
    /// Why there are no more, once those that came before are given.
    failure: Option<Failure>,
    ack: AckMode,
    /// All that is still given, once no more is to be taken.
    rest: Option<VecDeque<(usize, Message)>>,
}

/// Messages, each with the number of its subscription, and what is to be written for them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<(usize, Message)>,
    pub(super) octets: Vec<u8>,
}

impl Feed {
    pub(super) fn new(ack: AckMode) -> Self {
        Self {
            subscriptions: Vec::new(),
            first: 0,
            failure: None,
            ack,
            rest: None,
        }
    }

    pub(super) fn add(&mut self, destination: &str, subscription: Subscription) {
        self.subscriptions
            .push((destination.to_owned(), subscription));
    }

    /// Waits for a message, and takes those that are there with it, up to `max`. `None` once it is stopped, and nothing
    /// is left.
    pub(super) async fn next(
        &mut self,
        max: u64,
        output: &Output,
    ) -> Result<Option<Batch>, Failure> {
        let max = max.min(BATCH_MESSAGES_MAX);
        let mut batch = Batch::default();
        // A message that is there is not to seem missing because this task had its turn.
        unconstrained(poll_fn(|cx| self.poll_batch(cx, max, output, &mut batch))).await?;
        Ok((!batch.messages.is_empty()).then_some(batch))
    }

    /// Takes no more than what is there: with [`AckMode::Auto`], what has come, which nobody would deliver again.
    pub(super) async fn stop(&mut self) {
        let taking = poll_fn(|cx| {
            self.take_rest(cx);
            Poll::Ready(())
        });
        unconstrained(taking).await;
    }

    fn take_rest(&mut self, cx: &mut Context<'_>) {
        if self.rest.is_some() {
            return;
        }
        let mut rest = VecDeque::new();
        if self.ack == AckMode::Auto {
            while let Poll::Ready(next) = self.poll_subscriptions(cx) {
                match next {
                    Ok(taken) => rest.push_back(taken),
                    Err(failure) => _ = self.failure.get_or_insert(failure),
                }
            }
        }
        self.rest = Some(rest);
    }

    fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        max: u64,
        output: &Output,
        batch: &mut Batch,
    ) -> Poll<Result<(), Failure>> {
        while (batch.messages.len() as u64) < max && batch.octets.len() < BATCH_BYTES_MAX {
            match self.poll_next(cx) {
                Poll::Ready(Ok(Some((index, message)))) => {
                    let (subscribed, _) = &self.subscriptions[index];
                    output.show(&message, subscribed, &mut batch.octets);
                    batch.messages.push((index, message));
                }
                Poll::Ready(Ok(None)) => break,
                Poll::Ready(Err(failure)) if batch.messages.is_empty() => {
                    return Poll::Ready(Err(failure));
                }
                // What is there already goes first.
                Poll::Ready(Err(failure)) => {
                    self.failure = Some(failure);
                    break;
                }
                Poll::Pending if batch.messages.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The next message of any subscription, with the number of that; `None` if it is stopped and nothing is left.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<(usize, Message)>, Failure>> {
        if self.rest.is_none() {
            match ready!(self.poll_subscriptions(cx)) {
                Ok(taken) => return Poll::Ready(Ok(Some(taken))),
                // The other subscriptions may have messages.
                Err(failure) => {
                    self.failure = Some(failure);
                    self.take_rest(cx);
                }
            }
        }
        Poll::Ready(match self.rest.as_mut().and_then(VecDeque::pop_front) {
            Some(taken) => Ok(Some(taken)),
            None => self.failure.take().map_or(Ok(None), Err),
        })
    }

    /// What any subscription gives next: each gets its turn.
    fn poll_subscriptions(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(usize, Message), Failure>> {
        let count = self.subscriptions.len();
        for offset in 0..count {
            let index = (self.first + offset) % count;
            let (destination, subscription) = &mut self.subscriptions[index];
            match pin!(subscription.receive()).poll(cx) {
                Poll::Ready(Ok(Some(message))) => {
                    if message.follows_gap() {
                        let what = format!("messages of {destination} may be missing here");
                        complain(&render::escaped(&what));
                    }
                    self.first = index + 1;
                    return Poll::Ready(Ok((index, message)));
                }
                Poll::Ready(Err(error)) => {
                    let what = format!("the subscription to {destination}");
                    return Poll::Ready(Err(Failure::of(&what, error)));
                }
                Poll::Ready(Ok(None)) | Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    /// Takes messages, and forgets them.
    pub(super) async fn discard(&mut self) -> Infallible {
        poll_fn(|cx| {
            for (_, subscription) in &mut self.subscriptions {
                while let Poll::Ready(Ok(Some(_))) = pin!(subscription.receive()).poll(cx) {}
            }
            Poll::<()>::Pending
        })
        .await;
        pending().await
    }
}
