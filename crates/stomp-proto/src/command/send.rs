//! SEND (STOMP 1.2, SEND). How it becomes a MESSAGE is in [`Tail`](super::Tail).

use std::borrow::Cow;

use crate::{
    command::{Command, required},
    encode::FrameWriter,
    error::ErrorKind,
    frame::Frame,
    version::Version,
};

/// A SEND, without the headers and the body that are the receivers' business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send<'a> {
    /// Where the message goes.
    pub destination: Cow<'a, str>,
    /// The transaction that this is part of.
    pub transaction: Option<Cow<'a, str>>,
    /// The receipt asked for.
    pub receipt: Option<Cow<'a, str>>,
}

impl<'a> Send<'a> {
    /// Reads a SEND frame.
    ///
    /// # Errors
    /// When `destination` is missing.
    pub fn parse(frame: &Frame<'a>) -> Result<Self, ErrorKind> {
        Ok(Self {
            destination: required(frame, "destination")?,
            transaction: frame.detached("transaction"),
            receipt: frame.detached("receipt"),
        })
    }

    /// Appends a SEND frame with further `headers` and a body. For a text to be taken as such by
    /// every receiver, name its `content-type` among the headers.
    pub fn encode(
        &self,
        out: &mut Vec<u8>,
        version: Version,
        headers: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut frame = FrameWriter::new(out, Command::Send, version);
        frame.header("destination", &self.destination);
        frame.header_opt("transaction", self.transaction.as_deref());
        frame.header_opt("receipt", self.receipt.as_deref());
        for (name, value) in headers {
            frame.header(name, value);
        }
        frame.body(body);
    }
}
