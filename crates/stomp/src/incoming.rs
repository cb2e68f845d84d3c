//! A message that has arrived, and how it is acknowledged.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use gumboot_stomp_proto::{
    Frame,
    command::{self, AckMode},
};

use crate::{
    error::Error,
    receipt::Receipt,
    request::{Acknowledge, Kind},
    session::{Handle, Session},
    shared::Waiting,
};

/// What stands for a message in an ACK or NACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// The connection that it came over.
    pub(crate) generation: u64,
    /// The header `ack`; before STOMP 1.2, `message-id`.
    pub(crate) id: String,
    /// The header `subscription`.
    pub(crate) subscription: Option<String>,
}

/// A message of a subscription.
pub struct Message {
    destination: String,
    message_id: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    /// What an ACK says for it; without, the subscription does not ask for any.
    name: Option<Name>,
    session: Session,
    follows_gap: bool,
    is_given_once: bool,
}

/// What a header counts for beside its octets.
const HEADER_BYTES: usize = 64;

/// What a message counts for beside its headers and its body.
const MESSAGE_BYTES: usize = 256;

impl Message {
    pub(crate) fn new(
        handle: Arc<Handle>,
        generation: u64,
        ack: AckMode,
        message: &command::Message<'_>,
        frame: &Frame<'_>,
    ) -> Self {
        let headers = frame.headers();
        let owned = headers.map(|(name, value)| (name.into_owned(), value.into_owned()));
        let message_id = message.message_id.clone().into_owned();
        Self {
            destination: message.destination.clone().into_owned(),
            headers: owned.collect(),
            body: Bytes::copy_from_slice(frame.body()),
            name: (ack != AckMode::Auto).then(|| Name {
                generation,
                id: message
                    .ack
                    .as_deref()
                    .map_or_else(|| message_id.clone(), str::to_owned),
                subscription: message.subscription.as_deref().map(str::to_owned),
            }),
            message_id,
            session: Session::from_handle(handle),
            follows_gap: false,
            is_given_once: false,
        }
    }

    /// Where it was sent to.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The name that the server gave it, unique on this connection.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The first header of a name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|header| header.0 == name).map(|h| h.1)
    }

    /// All headers, in the order of the wire; of a repeated name only the first.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Its body, without a copy.
    #[must_use]
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// Its body as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// Whether the server says that it was delivered before.
    #[must_use]
    pub fn is_redelivered(&self) -> bool {
        self.header("redelivered") == Some("true")
    }

    /// Whether messages before it may be missing: the connection was lost, and the server did not have all of the history
    /// of the topic any more. Only where the server keeps histories is that known; elsewhere it is never so.
    #[must_use]
    pub fn follows_gap(&self) -> bool {
        self.follows_gap
    }

    /// Whether it is given once, also if its connection is lost before it is acknowledged: it is of a topic whose history
    /// the server keeps, and the subscription goes on behind it. What is of a queue comes again in that case.
    #[must_use]
    pub fn is_given_once(&self) -> bool {
        self.is_given_once
    }

    pub(crate) fn given_once(mut self, is_given_once: bool) -> Self {
        self.is_given_once = is_given_once;
        self
    }

    pub(crate) fn after_gap(mut self, follows_gap: bool) -> Self {
        self.follows_gap = follows_gap;
        self
    }

    /// Whether both came over the same connection, and are to be acknowledged: with
    /// [`AckMode::Client`](crate::AckMode::Client), an ACK of the later one stands for both if they are of the same
    /// subscription.
    #[must_use]
    pub fn shares_acks_with(&self, other: &Self) -> bool {
        let generation = |message: &Self| message.name.as_ref().map(|name| name.generation);
        self.name.is_some() && generation(self) == generation(other)
    }

    /// Says that it was consumed; with [`AckMode::Client`](crate::AckMode::Client), all before it of this subscription
    /// as well. Ready when the ACK waits for nothing but the socket.
    ///
    /// # Errors
    /// [`Error::MessageStale`] if its connection is lost, [`Error::AckNotAsked`], [`Error::Ended`].
    pub async fn ack(&self) -> Result<(), Error> {
        self.session.tell(self.acknowledge(true, &[])?).await
    }

    /// As [`Message::ack`]; the receipt says that the server has taken it.
    ///
    /// # Errors
    /// As [`Message::ack`].
    pub async fn ack_with_receipt(&self) -> Result<Receipt, Error> {
        self.session.ask(self.acknowledge(true, &[])?).await
    }

    /// Says that it was not consumed: the server delivers it again, here or elsewhere, or gives it up.
    ///
    /// # Errors
    /// As [`Message::ack`]; and [`Error::NotInVersion`] in STOMP 1.0.
    pub async fn nack(&self) -> Result<(), Error> {
        self.nack_with(&[]).await
    }

    /// As [`Message::nack`], with further headers, such as `delay` or `requeue`.
    ///
    /// # Errors
    /// As [`Message::nack`]; and [`Error::Header`].
    pub async fn nack_with(&self, headers: &[(&str, &str)]) -> Result<(), Error> {
        self.session.tell(self.acknowledge(false, headers)?).await
    }

    /// As [`Message::nack_with`]; the receipt says that the server has taken it.
    ///
    /// # Errors
    /// As [`Message::nack_with`].
    pub async fn nack_with_receipt(&self, headers: &[(&str, &str)]) -> Result<Receipt, Error> {
        self.session.ask(self.acknowledge(false, headers)?).await
    }

    /// About how many octets it is long.
    pub(crate) fn waiting(&self) -> Waiting {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| HEADER_BYTES + name.len() + value.len());
        Waiting {
            messages: 1,
            bytes: MESSAGE_BYTES + self.body.len() + headers.sum::<usize>(),
        }
    }

    fn acknowledge(&self, consumed: bool, headers: &[(&str, &str)]) -> Result<Kind, Error> {
        self.acknowledge_in(None, consumed, headers)
    }

    pub(crate) fn acknowledge_in(
        &self,
        transaction: Option<u64>,
        consumed: bool,
        headers: &[(&str, &str)],
    ) -> Result<Kind, Error> {
        let headers = headers.iter();
        Ok(Kind::Acknowledge(Acknowledge {
            name: self.name.clone().ok_or(Error::AckNotAsked)?,
            consumed,
            headers: headers
                .map(|(name, value)| ((*name).to_owned().into(), (*value).to_owned()))
                .collect(),
            transaction,
        }))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("destination", &self.destination)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
