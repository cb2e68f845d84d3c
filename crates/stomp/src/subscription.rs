//! A subscription: its messages as they come.

use std::{
    borrow::Cow,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use gumboot_stomp_proto::command::AckMode;
use tokio::sync::mpsc;

use crate::{
    error::Error,
    incoming::Message,
    request::{Delivered, Kind},
    session::Session,
};

/// What to subscribe to.
///
/// ```
/// use gumboot_stomp::{AckMode, Subscribe};
///
/// let orders = Subscribe::to("/queue/orders")
///     .ack(AckMode::ClientIndividual)
///     .header("prefetch-count", "10");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    pub(crate) destination: String,
    pub(crate) ack: AckMode,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
}

impl Subscribe {
    /// To a destination; what is sent counts as acknowledged.
    #[must_use]
    pub fn to(destination: impl Into<String>) -> Self {
        Self {
            destination: destination.into(),
            ack: AckMode::Auto,
            headers: Vec::new(),
        }
    }

    /// How messages are acknowledged.
    #[must_use]
    pub fn ack(mut self, mode: AckMode) -> Self {
        self.ack = mode;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl From<&str> for Subscribe {
    fn from(destination: &str) -> Self {
        Self::to(destination)
    }
}

impl From<String> for Subscribe {
    fn from(destination: String) -> Self {
        Self::to(destination)
    }
}

/// A subscription, which ends when it is dropped. It is also a `Stream` of its messages.
///
/// Over a new connection it goes on. Of a topic that has a history with the server, as Gumboot keeps one, it asks for what
/// came meanwhile: each message is given once, in order. If the server says that it does not have all of that any more,
/// or refuses to send it, [`Message::follows_gap`] and [`Subscription::receive_or_gap`] tell. A durable subscription asks
/// for nothing: its server keeps what comes meanwhile. A server without histories says nothing of it;
/// then what is sent to a topic meanwhile is missed.
///
/// While more messages wait to be taken than the [`Limits`](crate::Limits) allow, nothing is read from the server.
#[derive(Debug)]
pub struct Subscription {
    session: Session,
    id: u32,
    messages: mpsc::UnboundedReceiver<Result<Delivered, Error>>,
    is_over: bool,
    /// What is taken next follows what may be missing.
    is_behind_gap: bool,
}

/// What a subscription gives.
#[derive(Debug)]
#[non_exhaustive]
pub enum Received {
    /// A message.
    Message(Message),
    /// Messages may be missing here: see [`Message::follows_gap`].
    Gap,
}

impl Subscription {
    pub(crate) fn new(
        session: Session,
        id: u32,
        messages: mpsc::UnboundedReceiver<Result<Delivered, Error>>,
    ) -> Self {
        Self {
            session,
            id,
            messages,
            is_over: false,
            is_behind_gap: false,
        }
    }

    /// The next message; `None` once the session has ended as the program wanted. It may be dropped before it is ready
    /// without losing anything.
    ///
    /// # Errors
    /// Why no more will come: [`Error::Lost`] if the connection could not be made again, [`Error::Refused`] or
    /// [`Error::ReceiptTimedOut`] if the server refused the subscription over a new one, or did not confirm it. It is
    /// told once, then `None` follows.
    pub async fn receive(&mut self) -> Result<Option<Message>, Error> {
        std::future::poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// As [`Subscription::receive`], and tells of a gap as soon as it is known, before the next message.
    ///
    /// # Errors
    /// As [`Subscription::receive`].
    pub async fn receive_or_gap(&mut self) -> Result<Option<Received>, Error> {
        std::future::poll_fn(|cx| self.poll_receive_or_gap(cx)).await
    }

    /// Ends the subscription; ready when the server has confirmed it. Messages that were not taken are dropped; what
    /// was not acknowledged is the server's to deliver again.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Unconfirmed`], [`Error::ReceiptTimedOut`], [`Error::Ended`].
    pub async fn unsubscribe(mut self) -> Result<(), Error> {
        let receipt = self.session.ask(Kind::Unsubscribe(self.id)).await?;
        self.is_over = true;
        // Messages that wait would be in the way of the RECEIPT.
        self.messages.close();
        while self.messages.try_recv().is_ok() {}
        receipt.await
    }

    /// Ends the subscription, and gives the messages that were not taken, up to the server's RECEIPT: what the server gave
    /// to this subscription the program then has, as long as the server delivers nothing behind its RECEIPT. They are as
    /// many as the server gives ahead, which a header such as `prefetch-count` bounds.
    ///
    /// # Errors
    /// As [`Subscription::unsubscribe`]; and [`Error::Lost`] if the session has ended.
    pub async fn unsubscribe_with_rest(mut self) -> Result<Vec<Message>, Error> {
        let receipt = self.session.ask(Kind::Finish(self.id)).await?;
        self.is_over = true;
        let mut rest = Vec::new();
        while let Some(message) = self.receive().await? {
            rest.push(message);
        }
        receipt.await?;
        Ok(rest)
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        loop {
            match ready!(self.poll_receive_or_gap(cx))? {
                Some(Received::Message(message)) => return Poll::Ready(Ok(Some(message))),
                Some(Received::Gap) => {}
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn poll_receive_or_gap(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Received>, Error>> {
        let Some(next) = ready!(self.messages.poll_recv(cx)) else {
            return Poll::Ready(Ok(None));
        };
        self.is_over |= next.is_err();
        Poll::Ready(next.map(|delivered| {
            let is_behind_gap = mem::replace(&mut self.is_behind_gap, false);
            Some(match delivered {
                Delivered::Message { message, .. } => {
                    Received::Message(message.after_gap(is_behind_gap))
                }
                Delivered::Gap => {
                    self.is_behind_gap = true;
                    Received::Gap
                }
            })
        }))
    }
}

impl Stream for Subscription {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_receive(cx).map(Result::transpose)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.is_over {
            // The note is read before the task sees that nobody takes messages.
            self.session.handle().shared.unsubscribe(self.id);
        }
    }
}
