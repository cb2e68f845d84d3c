//! SUBSCRIBE and UNSUBSCRIBE (STOMP 1.2, SUBSCRIBE and UNSUBSCRIBE). That ids are unique in a
//! session is for the broker.

use std::borrow::Cow;

use crate::{
    command::{Command, required},
    encode::FrameWriter,
    error::ErrorKind,
    frame::Frame,
    version::Version,
};

/// How messages of a subscription are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AckMode {
    /// A message that was sent counts as acknowledged.
    #[default]
    Auto,
    /// An ACK or NACK stands for its message and all before it of that subscription.
    Client,
    /// An ACK or NACK stands for its message alone. Clients of 1.0 use it too, though that version
    /// does not name it.
    ClientIndividual,
}

impl AckMode {
    /// The mode as the `ack` header names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Client => "client",
            Self::ClientIndividual => "client-individual",
        }
    }

    /// The mode that the value of an `ack` header names.
    ///
    /// # Errors
    /// When it names none.
    pub fn parse(value: &str) -> Result<Self, ErrorKind> {
        let mut modes = [Self::Auto, Self::Client, Self::ClientIndividual].into_iter();
        modes
            .find(|mode| mode.as_str() == value)
            .ok_or(ErrorKind::HeaderInvalid("ack"))
    }
}

/// What tells the subscriptions of a session apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubscriptionKey<'a> {
    /// The destination, for a subscription of 1.0 that has no id.
    Destination(Cow<'a, str>),
    /// The id.
    Id(Cow<'a, str>),
}

impl SubscriptionKey<'_> {
    /// The same key with a text of its own.
    #[must_use]
    pub fn into_owned(self) -> SubscriptionKey<'static> {
        match self {
            Self::Destination(text) => SubscriptionKey::Destination(text.into_owned().into()),
            Self::Id(text) => SubscriptionKey::Id(text.into_owned().into()),
        }
    }

    /// The id, which is what `subscription` says in a MESSAGE.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Destination(_) => None,
            Self::Id(id) => Some(id),
        }
    }
}

/// A SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The id, or else the destination, which only 1.0 allows.
    pub key: SubscriptionKey<'a>,
    /// What to subscribe to.
    pub destination: Cow<'a, str>,
    /// How messages are acknowledged.
    pub ack: AckMode,
    /// The receipt asked for.
    pub receipt: Option<Cow<'a, str>>,
}

impl<'a> Subscribe<'a> {
    /// Reads a SUBSCRIBE frame.
    ///
    /// # Errors
    /// When a header is missing or `ack` names no mode.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        let destination = required(frame, "destination")?;
        let key = match frame.detached("id") {
            Some(id) => SubscriptionKey::Id(id),
            None if version == Version::V1_0 => SubscriptionKey::Destination(destination.clone()),
            None => return Err(ErrorKind::HeaderMissing(Command::Subscribe, "id")),
        };
        let ack = frame
            .header("ack")
            .map_or(Ok(AckMode::Auto), |mode| AckMode::parse(&mode))?;
        Ok(Self {
            key,
            destination,
            ack,
            receipt: frame.detached("receipt"),
        })
    }

    /// Appends the frame with further `headers`.
    pub fn encode(&self, out: &mut Vec<u8>, version: Version, headers: &[(&str, &str)]) {
        let mut frame = FrameWriter::new(out, Command::Subscribe, version);
        frame.header_opt("id", self.key.id());
        frame
            .header("destination", &self.destination)
            .header("ack", self.ack.as_str());
        frame.header_opt("receipt", self.receipt.as_deref());
        for (name, value) in headers {
            frame.header(name, value);
        }
        frame.end();
    }
}

/// An UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Which subscription: by id, or in 1.0 by destination.
    pub key: SubscriptionKey<'a>,
    /// The receipt asked for.
    pub receipt: Option<Cow<'a, str>>,
}

impl<'a> Unsubscribe<'a> {
    /// Reads an UNSUBSCRIBE frame.
    ///
    /// # Errors
    /// When there is no `id`, and in 1.0 no `destination` either.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        let destination = || {
            frame
                .detached("destination")
                .filter(|_| version == Version::V1_0)
        };
        let by_id = frame.detached("id").map(SubscriptionKey::Id);
        let key = by_id.or_else(|| destination().map(SubscriptionKey::Destination));
        let key = key.ok_or(ErrorKind::HeaderMissing(Command::Unsubscribe, "id"))?;
        Ok(Self {
            key,
            receipt: frame.detached("receipt"),
        })
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>, version: Version) {
        let mut frame = FrameWriter::new(out, Command::Unsubscribe, version);
        match &self.key {
            SubscriptionKey::Destination(destination) => frame.header("destination", destination),
            SubscriptionKey::Id(id) => frame.header("id", id),
        };
        frame.header_opt("receipt", self.receipt.as_deref());
        frame.end();
    }
}
