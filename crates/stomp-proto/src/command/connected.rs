//! CONNECTED (STOMP 1.2, Connecting). It has no escapes, so nothing that a client said may go into
//! it.

use std::borrow::Cow;

use crate::{
    command::Command, encode::FrameWriter, error::ErrorKind, frame::Frame, heart_beat::HeartBeat,
    version::Version,
};

/// A CONNECTED.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected<'a> {
    /// The version agreed on.
    pub version: Version,
    /// A name for the session, for logs.
    pub session: Option<Cow<'a, str>>,
    /// The server's name and version.
    pub server: Option<Cow<'a, str>>,
    /// What the server offers and wants; nothing in 1.0.
    pub heart_beat: HeartBeat,
}

impl<'a> Connected<'a> {
    /// The version that a CONNECTED frame names; a server that names none speaks 1.0.
    ///
    /// # Errors
    /// When it names one that does not exist.
    pub(crate) fn version(frame: &Frame<'_>) -> Result<Version, ErrorKind> {
        let Some(version) = frame.header("version") else {
            return Ok(Version::V1_0);
        };
        Version::parse(&version).ok_or(ErrorKind::VersionUnsupported)
    }

    /// Reads a CONNECTED frame of a server with which `version` was agreed on.
    ///
    /// # Errors
    /// When `heart-beat` is malformed.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        let heart_beat = frame
            .header("heart-beat")
            .filter(|_| version > Version::V1_0);
        Ok(Self {
            version,
            session: frame.detached("session"),
            server: frame.detached("server"),
            heart_beat: heart_beat
                .map_or(Ok(HeartBeat::default()), |value| HeartBeat::parse(&value))?,
        })
    }

    /// Appends the frame. Clients of 1.0 get `version` and `heart-beat` as well, as other brokers
    /// send them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut frame = FrameWriter::new(out, Command::Connected, self.version);
        frame.header("version", self.version.as_str());
        frame.header_display("heart-beat", self.heart_beat);
        frame.header_opt("session", self.session.as_deref());
        frame.header_opt("server", self.server.as_deref());
        frame.end();
    }
}
