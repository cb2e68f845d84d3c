//! The messages of all subscriptions, in batches.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

use gumboot_stomp::{Message, Subscription};

use super::output::Output;
use crate::command::stomp::Failure;

/// Once so many octets wait to be written, no more messages are taken.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// So many messages are written, and acknowledged, at once.
const BATCH_MESSAGES_MAX: u64 = 64;

/// All subscriptions. They are dropped after the session has ended: one that is dropped before would be ended for good,
/// also if it is durable.
#[derive(Debug, Default)]
pub(super) struct Feed {
    subscriptions: Vec<(String, Subscription)>,
    /// Which is asked first for the next message: each gets its turn.
    first: usize,
    /// Why there are no more, once those that came before are given.
    failure: Option<Failure>,
}

/// Messages, each with the number of its subscription, and what is to be written for them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<(usize, Message)>,
    pub(super) octets: Vec<u8>,
}

impl Feed {
    pub(super) fn add(&mut self, destination: &str, subscription: Subscription) {
        self.subscriptions
            .push((destination.to_owned(), subscription));
    }

    /// Waits for a message, and takes those that are there with it, up to `max`.
    pub(super) async fn next(&mut self, max: u64, output: &Output) -> Result<Batch, Failure> {
        let max = max.min(BATCH_MESSAGES_MAX);
        let mut batch = Batch::default();
        poll_fn(|cx| self.poll_batch(cx, max, output, &mut batch)).await?;
        Ok(batch)
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
                Poll::Ready(Ok((index, message))) => {
                    let (subscribed, _) = &self.subscriptions[index];
                    output.show(&message, subscribed, &mut batch.octets);
                    batch.messages.push((index, message));
                }
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

    /// The next message of any subscription, with the number of that.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<(usize, Message), Failure>> {
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Err(failure));
        }
        let count = self.subscriptions.len();
        for offset in 0..count {
            let index = (self.first + offset) % count;
            let (destination, subscription) = &mut self.subscriptions[index];
            match pin!(subscription.receive()).poll(cx) {
                Poll::Ready(Ok(Some(message))) => {
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
