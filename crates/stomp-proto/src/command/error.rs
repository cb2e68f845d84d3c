//! ERROR (STOMP 1.2, ERROR). Which error says what is in [`Error`](crate::Error).

use std::borrow::Cow;

use crate::{command::Command, encode::FrameWriter, frame::Frame, version::Version};

/// An ERROR: the last frame of a server, which closes the connection behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorFrame<'a> {
    /// What is wrong, in a few words.
    pub message: Option<Cow<'a, str>>,
    /// The receipt that the offending frame asked for.
    pub receipt_id: Option<Cow<'a, str>>,
    /// The versions that the server speaks, when it speaks none of the client's.
    pub version: Option<Cow<'a, str>>,
    /// What is wrong, for a person to read.
    pub body: Cow<'a, str>,
}

impl<'a> ErrorFrame<'a> {
    /// Reads an ERROR frame; all of its headers are optional.
    #[must_use]
    pub fn parse(frame: &Frame<'a>) -> Self {
        Self {
            message: frame.detached("message"),
            receipt_id: frame.detached("receipt-id"),
            version: frame.detached("version"),
            body: Cow::Owned(String::from_utf8_lossy(frame.body()).into_owned()),
        }
    }

    /// Appends the frame. Before a version is agreed on nothing is escaped.
    pub fn encode(&self, out: &mut Vec<u8>, version: Option<Version>) {
        let mut frame = FrameWriter::new(out, Command::Error, version.unwrap_or(Version::V1_0));
        frame.header_opt("message", self.message.as_deref());
        frame.header_opt("receipt-id", self.receipt_id.as_deref());
        frame.header_opt("version", self.version.as_deref());
        frame.header("content-type", "text/plain");
        frame.body(self.body.as_bytes());
    }
}
