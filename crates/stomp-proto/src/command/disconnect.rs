//! DISCONNECT (STOMP 1.2, DISCONNECT).

use std::borrow::Cow;

use crate::{command::Command, encode::FrameWriter, frame::Frame, version::Version};

/// A DISCONNECT: the last frame of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// The receipt asked for; once it has come, the client closes the connection.
    pub receipt: Option<Cow<'a, str>>,
}

impl<'a> Disconnect<'a> {
    /// Reads a DISCONNECT frame.
    #[must_use]
    pub fn parse(frame: &Frame<'a>) -> Self {
        Self {
            receipt: frame.detached("receipt"),
        }
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>, version: Version) {
        let mut frame = FrameWriter::new(out, Command::Disconnect, version);
        frame.header_opt("receipt", self.receipt.as_deref());
        frame.end();
    }
}
