//! A session as its client sees it (STOMP 1.2, Connecting and Server Frames): which frames may come
//! when, the version, the limits and the clock. Reconnecting, subscriptions and waiting for
//! receipts are for the driver.

use std::time::Instant;

use crate::{
    command::{Command, ConnectOptions, Connected, Response},
    decode::{Decoded, Decoder},
    error::{Error, ErrorKind},
    frame::Frame,
    heart_beat::HeartBeat,
    input::Input,
    limits::Limits,
    timers::{Beat, Timers},
    version::Version,
};

/// A frame of the server, read and found valid.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// What the server says.
    pub response: Response<'a>,
    /// The frame that says so, with its other headers and its body.
    pub frame: Frame<'a>,
}

/// The state of one session of a client.
///
/// [`connect`](Self::connect) first; feed [`handle_input`](Self::handle_input) until it gives
/// `None`; sleep until [`poll_timeout`](Self::poll_timeout). What the client sends it writes by the
/// types of [`command`](crate::command), in the [`version`](Self::version) agreed on. After an
/// error, and after an ERROR of the server, the session takes no more input: close the connection.
#[derive(Debug)]
pub struct ClientSession {
    decoder: Decoder,
    timers: Timers,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// CONNECTED has not come; what was offered.
    Connecting {
        heart_beat: HeartBeat,
        versions: [bool; Version::ALL.len()],
    },
    Connected,
    /// ERROR has come, or an error.
    Closed,
}

impl ClientSession {
    /// Opens a session: appends CONNECT or STOMP to `out`.
    #[must_use]
    pub fn connect(
        now: Instant,
        limits: Limits,
        options: &ConnectOptions<'_>,
        out: &mut Vec<u8>,
    ) -> Self {
        options.encode(out);
        let versions = Version::ALL.map(|version| options.versions.contains(&version));
        Self {
            decoder: Decoder::new(limits),
            timers: Timers::new(now, limits.login_ms_max),
            state: State::Connecting {
                heart_beat: options.heart_beat,
                versions,
            },
        }
    }

    /// The next frame in `input`; `None` when there is none. Call it until then. After an ERROR of
    /// the server, and after an error, everything is thrown away.
    ///
    /// # Errors
    /// When the server breaks the rules or passes a limit.
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Error> {
        if matches!(self.state, State::Closed) {
            input.clear();
        }
        if !input.is_empty() {
            self.timers.handle_received(now);
        }
        self.next_event(now, input).inspect_err(|_| self.close())
    }

    /// Ends the session from this side: no more input is taken, no timer runs.
    pub fn close(&mut self) {
        self.state = State::Closed;
        self.timers.stop();
    }

    /// The version agreed on, once CONNECTED has come.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.decoder.version()
    }

    /// Whether CONNECTED has come and the session has not ended.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// Some octets of the server have arrived that [`Self::handle_input`] has not seen yet.
    pub fn handle_received(&mut self, now: Instant) {
        self.timers.handle_received(now);
    }

    /// Some octets were sent to the server.
    pub fn handle_sent(&mut self, now: Instant) {
        self.timers.handle_sent(now);
    }

    /// Does what is due at `now`; too early does nothing.
    ///
    /// # Errors
    /// When the server has not answered CONNECT, finished its frame or beaten in time.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<Option<Beat>, Error> {
        let due = self.timers.handle_timeout(now, self.stall_ms_max());
        due.map_err(Error::from).inspect_err(|_| self.close())
    }

    /// When to call [`Self::handle_timeout`] next, if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll_timeout(self.stall_ms_max())
    }

    fn next_event<'a>(
        &mut self,
        now: Instant,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Error> {
        loop {
            match self.decoder.decode(input)? {
                None => return Ok(None),
                Some(Decoded::HeartBeat) => {}
                Some(Decoded::Frame(frame)) => return Ok(Some(self.on_frame(now, frame)?)),
            }
        }
    }

    fn on_frame<'a>(&mut self, now: Instant, mut frame: Frame<'a>) -> Result<Event<'a>, ErrorKind> {
        let response = match (self.state, frame.command()) {
            (_, Command::Error) => {
                self.close();
                Response::parse(&frame, self.version().unwrap_or(Version::V1_0))?
            }
            (
                State::Connecting {
                    heart_beat,
                    versions,
                },
                Command::Connected,
            ) => self.on_connected(now, &mut frame, heart_beat, versions)?,
            (State::Connecting { .. }, command) => return Err(ErrorKind::NotConnected(command)),
            (_, Command::Connected) => return Err(ErrorKind::AlreadyConnected),
            _ => Response::parse(&frame, self.version().unwrap_or(Version::V1_0))?,
        };
        Ok(Event { response, frame })
    }

    fn on_connected<'a>(
        &mut self,
        now: Instant,
        frame: &mut Frame<'a>,
        heart_beat: HeartBeat,
        versions: [bool; Version::ALL.len()],
    ) -> Result<Response<'a>, ErrorKind> {
        let version = Connected::version(frame)?;
        let offered = Version::ALL.into_iter().zip(versions);
        if !offered
            .clone()
            .any(|(each, is_offered)| is_offered && each == version)
        {
            return Err(ErrorKind::VersionUnsupported);
        }
        frame.set_version(version);
        self.decoder.set_version(version);
        let connected = Connected::parse(frame, version)?;
        self.timers
            .start(now, heart_beat.negotiate(connected.heart_beat), None);
        self.state = State::Connected;
        Ok(Response::Connected(connected))
    }

    fn stall_ms_max(&self) -> Option<u32> {
        let waits = self.decoder.is_partial() && !matches!(self.state, State::Closed);
        waits.then_some(self.decoder.limits().frame_stall_ms_max)
    }
}

#[cfg(test)]
mod tests;
