//! MESSAGE (STOMP 1.2, MESSAGE), in two parts: headers may stand in any order, so those that differ
//! per receiver come first and all the rest, the [`Tail`](tail::Tail), is written once.

use std::{borrow::Cow, fmt::Display};

use crate::{
    command::{Command, required},
    encode::FrameWriter,
    error::ErrorKind,
    escapes::Escapes,
    frame::Frame,
    version::Version,
};

pub(crate) mod tail;

/// A MESSAGE, without the headers and the body that the sender gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Where the message was sent to.
    pub destination: Cow<'a, str>,
    /// The name of the message in this session.
    pub message_id: Cow<'a, str>,
    /// The subscription that it is for; in 1.0 only if that has an id.
    pub subscription: Option<Cow<'a, str>>,
    /// What an ACK says for it; in 1.2, when the subscription asks for acknowledgement.
    pub ack: Option<Cow<'a, str>>,
}

impl<'a> Message<'a> {
    /// Reads a MESSAGE frame.
    ///
    /// # Errors
    /// When a header is missing.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        let subscription = match version {
            Version::V1_0 => frame.detached("subscription"),
            Version::V1_1 | Version::V1_2 => Some(required(frame, "subscription")?),
        };
        Ok(Self {
            destination: required(frame, "destination")?,
            message_id: required(frame, "message-id")?,
            subscription,
            // Before 1.2 it is a header of the sender's own.
            ack: frame.detached("ack").filter(|_| version == Version::V1_2),
        })
    }
}

/// Appends the first part of a MESSAGE, to be followed by the octets of a [`Tail`](tail::Tail) of
/// the same version. Versions before 1.2 have no `ack`, so it is left out there. `more` are headers
/// of the server's own; neither names nor values may hold what the version cannot escape.
pub fn encode_head(
    out: &mut Vec<u8>,
    version: Version,
    subscription: Option<&str>,
    message_id: impl Display,
    ack: Option<&dyn Display>,
    more: &[(&str, &dyn Display)],
) {
    out.extend_from_slice(b"MESSAGE\n");
    let mut headers = FrameWriter::resume(out, Escapes::of(Some(version), Command::Message));
    headers.header_opt("subscription", subscription);
    headers.header_display("message-id", message_id);
    if let Some(ack) = ack.filter(|_| version == Version::V1_2) {
        headers.header_display("ack", ack);
    }
    for (name, value) in more {
        headers.header_display(name, value);
    }
}
