//! RECEIPT (STOMP 1.2, RECEIPT).

use std::borrow::Cow;

use crate::{
    command::{Command, required},
    encode::FrameWriter,
    error::ErrorKind,
    frame::Frame,
    version::Version,
};

/// A RECEIPT: the server has processed a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// The `receipt` of that frame.
    pub receipt_id: Cow<'a, str>,
}

impl<'a> Receipt<'a> {
    /// Reads a RECEIPT frame.
    ///
    /// # Errors
    /// When `receipt-id` is missing.
    pub fn parse(frame: &Frame<'a>) -> Result<Self, ErrorKind> {
        Ok(Self {
            receipt_id: required(frame, "receipt-id")?,
        })
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>, version: Version) {
        self.encode_with(out, version, &[]);
    }

    /// Appends the frame with `more` headers of the server's own.
    pub fn encode_with(&self, out: &mut Vec<u8>, version: Version, more: &[(&str, &str)]) {
        let mut frame = FrameWriter::new(out, Command::Receipt, version);
        frame.header("receipt-id", &self.receipt_id);
        for (name, value) in more {
            frame.header(name, value);
        }
        frame.end();
    }
}
