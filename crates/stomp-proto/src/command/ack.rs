//! ACK and NACK (STOMP 1.2, ACK and NACK; STOMP 1.1 and 1.0 name the message otherwise).

use std::borrow::Cow;

use crate::{
    command::{Command, required},
    encode::FrameWriter,
    error::ErrorKind,
    frame::Frame,
    version::Version,
};

/// An ACK or a NACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The `ack` header of the MESSAGE in 1.2, its `message-id` before.
    pub id: Cow<'a, str>,
    /// The subscription of the message, in 1.1 only.
    pub subscription: Option<Cow<'a, str>>,
    /// The transaction that this is part of.
    pub transaction: Option<Cow<'a, str>>,
    /// The receipt asked for.
    pub receipt: Option<Cow<'a, str>>,
}

impl<'a> Ack<'a> {
    /// Reads an ACK or NACK frame. A header that the version does not use is ignored: stompjs sends
    /// `subscription` in 1.2 too.
    ///
    /// # Errors
    /// When a header is missing, and for NACK in 1.0.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        let command = frame.command();
        if command == Command::Nack && version == Version::V1_0 {
            return Err(ErrorKind::CommandNotInVersion(command, version));
        }
        let (id, subscription) = match version {
            Version::V1_0 => (required(frame, "message-id")?, None),
            Version::V1_1 => (
                required(frame, "message-id")?,
                Some(required(frame, "subscription")?),
            ),
            Version::V1_2 => (required(frame, "id")?, None),
        };
        let (transaction, receipt) = (frame.detached("transaction"), frame.detached("receipt"));
        Ok(Self {
            id,
            subscription,
            transaction,
            receipt,
        })
    }

    /// Appends an ACK frame.
    pub fn encode_ack(&self, out: &mut Vec<u8>, version: Version) {
        self.encode(out, Command::Ack, version, &[]);
    }

    /// Appends a NACK frame with further `headers`; 1.0 has none.
    pub fn encode_nack(&self, out: &mut Vec<u8>, version: Version, headers: &[(&str, &str)]) {
        self.encode(out, Command::Nack, version, headers);
    }

    fn encode(
        &self,
        out: &mut Vec<u8>,
        command: Command,
        version: Version,
        headers: &[(&str, &str)],
    ) {
        let id = if version == Version::V1_2 {
            "id"
        } else {
            "message-id"
        };
        let mut frame = FrameWriter::new(out, command, version);
        frame.header(id, &self.id);
        if version == Version::V1_1 {
            frame.header_opt("subscription", self.subscription.as_deref());
        }
        frame.header_opt("transaction", self.transaction.as_deref());
        frame.header_opt("receipt", self.receipt.as_deref());
        for (name, value) in headers {
            frame.header(name, value);
        }
        frame.end();
    }
}
