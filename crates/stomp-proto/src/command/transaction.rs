//! BEGIN, COMMIT and ABORT (STOMP 1.2, BEGIN, COMMIT and ABORT).

use std::borrow::Cow;

use crate::{
    command::{Command, required},
    encode::FrameWriter,
    error::ErrorKind,
    frame::Frame,
    version::Version,
};

/// A BEGIN, COMMIT or ABORT; which one, the [`Request`](super::Request) says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// The transaction's name in this session.
    pub transaction: Cow<'a, str>,
    /// The receipt asked for.
    pub receipt: Option<Cow<'a, str>>,
}

impl<'a> Transaction<'a> {
    /// Reads a BEGIN, COMMIT or ABORT frame.
    ///
    /// # Errors
    /// When `transaction` is missing.
    pub fn parse(frame: &Frame<'a>) -> Result<Self, ErrorKind> {
        let transaction = required(frame, "transaction")?;
        Ok(Self {
            transaction,
            receipt: frame.detached("receipt"),
        })
    }

    /// Appends a BEGIN frame.
    pub fn encode_begin(&self, out: &mut Vec<u8>, version: Version) {
        self.encode(out, Command::Begin, version);
    }

    /// Appends a COMMIT frame.
    pub fn encode_commit(&self, out: &mut Vec<u8>, version: Version) {
        self.encode(out, Command::Commit, version);
    }

    /// Appends an ABORT frame.
    pub fn encode_abort(&self, out: &mut Vec<u8>, version: Version) {
        self.encode(out, Command::Abort, version);
    }

    fn encode(&self, out: &mut Vec<u8>, command: Command, version: Version) {
        let mut frame = FrameWriter::new(out, command, version);
        frame.header("transaction", &self.transaction);
        frame.header_opt("receipt", self.receipt.as_deref());
        frame.end();
    }
}
