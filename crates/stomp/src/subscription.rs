//! A subscription: its messages as they come.

use std::{
    borrow::Cow,
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
/// While more messages wait to be taken than the [`Limits`](crate::Limits) allow, nothing is read from the server.
#[derive(Debug)]
pub struct Subscription {
    session: Session,
    id: u32,
    messages: mpsc::UnboundedReceiver<Result<Delivered, Error>>,
    is_over: bool,
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

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let Some(next) = ready!(self.messages.poll_recv(cx)) else {
            return Poll::Ready(Ok(None));
        };
        self.is_over |= next.is_err();
        Poll::Ready(next.map(|delivered| Some(delivered.message)))
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
