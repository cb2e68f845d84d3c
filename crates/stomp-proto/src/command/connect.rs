//! CONNECT and STOMP (STOMP 1.2, Connecting). What the credentials are worth is for the broker.

use std::{borrow::Cow, fmt};

use crate::{
    command::Command, encode::FrameWriter, error::ErrorKind, frame::Frame, heart_beat::HeartBeat,
    version::Version,
};

/// A CONNECT, or a STOMP, which is the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version agreed on.
    pub version: Version,
    /// The virtual host; browsers' clients often name none.
    pub host: Option<Cow<'a, str>>,
    /// The user.
    pub login: Option<Cow<'a, str>>,
    /// The password, as it stood on the wire: this frame has no escapes.
    pub passcode: Option<Cow<'a, str>>,
    /// What the client offers and wants; nothing in 1.0.
    pub heart_beat: HeartBeat,
}

impl<'a> Connect<'a> {
    /// Reads a CONNECT or STOMP frame of a client with which `version` was agreed on.
    ///
    /// # Errors
    /// When `heart-beat` is malformed.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        let heart_beat = frame
            .header("heart-beat")
            .filter(|_| version > Version::V1_0);
        Ok(Self {
            version,
            host: frame.detached("host"),
            login: frame.detached("login"),
            passcode: frame.detached("passcode"),
            heart_beat: heart_beat
                .map_or(Ok(HeartBeat::default()), |value| HeartBeat::parse(&value))?,
        })
    }
}

impl fmt::Debug for Connect<'_> {
    /// Without the passcode, since such output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("host", &self.host)
            .field("login", &self.login)
            .field("passcode", &self.passcode.as_ref().map(|_| "…"))
            .field("heart_beat", &self.heart_beat)
            .finish()
    }
}

/// Which command opens a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Opening {
    /// CONNECT, which servers of every version know.
    #[default]
    Connect,
    /// STOMP, which tells the protocol from HTTP and which servers of 1.0 do not know.
    Stomp,
}

/// What a client says when it connects.
#[derive(Clone, Copy)]
pub struct ConnectOptions<'o> {
    /// The command. Default: CONNECT.
    pub opening: Opening,
    /// The versions that the client speaks. Default: all.
    pub versions: &'o [Version],
    /// The virtual host. Default: `/`.
    pub host: &'o str,
    /// The user.
    pub login: Option<&'o str>,
    /// The password.
    pub passcode: Option<&'o str>,
    /// What the client offers and wants. Default: nothing.
    pub heart_beat: HeartBeat,
    /// Headers of other kinds.
    pub headers: &'o [(&'o str, &'o str)],
}

impl ConnectOptions<'_> {
    /// Appends the frame. What holds an end of line is left out, since nothing here can be escaped.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let command = match self.opening {
            Opening::Connect => Command::Connect,
            Opening::Stomp => Command::Stomp,
        };
        let versions: Vec<_> = self
            .versions
            .iter()
            .map(|version| version.as_str())
            .collect();
        let mut frame = FrameWriter::new(out, command, Version::V1_0);
        frame
            .header("accept-version", &versions.join(","))
            .header("host", self.host);
        frame
            .header_opt("login", self.login)
            .header_opt("passcode", self.passcode);
        frame.header_display("heart-beat", self.heart_beat);
        for (name, value) in self.headers {
            frame.header(name, value);
        }
        frame.end();
    }
}

impl Default for ConnectOptions<'_> {
    fn default() -> Self {
        Self {
            opening: Opening::default(),
            versions: &Version::ALL,
            host: "/",
            login: None,
            passcode: None,
            heart_beat: HeartBeat::default(),
            headers: &[],
        }
    }
}

impl fmt::Debug for ConnectOptions<'_> {
    /// Without the passcode, since such output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("opening", &self.opening)
            .field("versions", &self.versions)
            .field("host", &self.host)
            .field("login", &self.login)
            .field("heart_beat", &self.heart_beat)
            .finish_non_exhaustive()
    }
}
