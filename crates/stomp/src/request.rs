//! What a program asks of its session, on the way to the task that has the connection.

use std::borrow::Cow;

use gumboot_stomp_proto::command::AckMode;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::{
    error::Error,
    incoming::{Message, Name},
    outgoing::Outgoing,
    place::Place,
    shared::Room,
};

/// Tells how something came out.
pub(crate) type Done = oneshot::Sender<Result<(), Error>>;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    /// Told once its frame is on the way, or why there is none.
    pub(crate) written: Done,
    /// Told at the RECEIPT, if one is asked for.
    pub(crate) receipt: Option<Done>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Send(Sending),
    Subscribe(Subscribing),
    Unsubscribe(u32),
    /// As `Unsubscribe`, but what comes before the RECEIPT is still taken.
    Finish(u32),
    Acknowledge(Acknowledge),
    Begin(u64),
    Commit(u64),
    Abort(u64),
}

/// A SEND.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) outgoing: Outgoing,
    pub(crate) transaction: Option<u64>,
    /// Its share of `send_bytes_max`, given back when it is dropped.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// A SUBSCRIBE.
#[derive(Debug)]
pub(crate) struct Subscribing {
    pub(crate) id: u32,
    pub(crate) destination: String,
    pub(crate) ack: AckMode,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) messages: mpsc::UnboundedSender<Result<Delivered, Error>>,
    /// What it has been given of the history of its topic, where there is one.
    pub(crate) place: Option<Place>,
    /// The last that it was told is that something may be missing.
    pub(crate) is_gap_told: bool,
}

impl Subscribing {
    /// Tells that something may be missing. Twice in a row says no more, and nobody may be taking what waits.
    pub(crate) fn tell_gap(&mut self) {
        if !self.is_gap_told {
            self.is_gap_told = true;
            let _ = self.messages.send(Ok(Delivered::Gap));
        }
    }
}

/// What waits to be taken.
#[derive(Debug)]
pub(crate) enum Delivered {
    /// A message.
    Message {
        message: Message,
        /// Given back when it is taken, or dropped.
        _room: Room,
    },
    /// Messages may be missing here.
    Gap,
}

/// An ACK or a NACK.
#[derive(Debug)]
pub(crate) struct Acknowledge {
    pub(crate) name: Name,
    /// Whether it is an ACK.
    pub(crate) consumed: bool,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) transaction: Option<u64>,
}
