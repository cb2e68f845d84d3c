//! One client's session as its server sees it (STOMP 1.2, Connecting and Client Frames): which
//! frames may come when, the version, the limits and the clock. Whether a log-in is good, and what
//! subscriptions mean, is for the broker.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    command::{Command, Connected, Request},
    decode::{Decoded, Decoder},
    error::{Error, ErrorKind},
    frame::Frame,
    heart_beat::HeartBeat,
    input::Input,
    limits::Limits,
    timers::{Beat, Timers},
    version::Version,
};

/// What holds for all sessions of a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The limits until [`ServerSession::accept`]. Default: [`Limits::before_login`].
    pub limits_before_login: Limits,
    /// The limits from then on.
    pub limits: Limits,
    /// How long at least a client may be silent that promised a heart-beat every 5 s or less often.
    /// For WebSocket, whose hidden pages cannot keep time but whose pings tell whether the peer is
    /// there, 75 s is good. Default: no such floor.
    pub receive_floor: Option<Duration>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            limits_before_login: Limits::before_login(),
            limits: Limits::default(),
            receive_floor: None,
        }
    }
}

/// What the server says when it lets a client in. Nothing in it may come from the client: CONNECTED
/// has no escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accept<'o> {
    /// A name for the session, for logs.
    pub session: Option<&'o str>,
    /// The server's `name/version`; leave it out to hide it.
    pub server: Option<&'o str>,
    /// What the server offers and wants.
    pub heart_beat: HeartBeat,
}

/// A frame of the client, read and found valid.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// What the client asks for.
    pub request: Request<'a>,
    /// The frame that says so, with its other headers and its body.
    pub frame: Frame<'a>,
}

/// The state of one client's session.
///
/// Feed [`handle_input`](Self::handle_input) until it gives `None`; answer [`Request::Connect`]
/// with [`accept`](Self::accept) or with an ERROR of your own; sleep until
/// [`poll_timeout`](Self::poll_timeout). After an error send its
/// [`error_frame`](Error::error_frame) and close: the session takes no more input.
#[derive(Debug)]
pub struct ServerSession {
    options: Arc<ServerOptions>,
    decoder: Decoder,
    timers: Timers,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing has come.
    Connecting,
    /// A CONNECT has come, and the broker has not answered yet.
    Accepting(HeartBeat),
    Connected,
    /// DISCONNECT has come, or an error.
    Closed,
}

impl ServerSession {
    /// A session whose client has just opened the connection.
    #[must_use]
    pub fn new(now: Instant, options: Arc<ServerOptions>) -> Self {
        let limits = options.limits_before_login;
        Self {
            decoder: Decoder::new(limits),
            timers: Timers::new(now, limits.login_ms_max),
            state: State::Connecting,
            options,
        }
    }

    /// The next request in `input`; `None` when there is none. Call it until then.
    ///
    /// Between a CONNECT and [`accept`](Self::accept) nothing is taken from `input`: keep the rest
    /// and come back. After DISCONNECT, and after an error, everything is thrown away.
    ///
    /// # Errors
    /// When the client breaks the rules or passes a limit. The error knows the receipt that the
    /// frame asked for.
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Error> {
        if !input.is_empty() {
            self.timers.handle_received(now);
        }
        match self.state {
            State::Accepting(_) => Ok(None),
            State::Closed => {
                input.clear();
                Ok(None)
            }
            State::Connecting | State::Connected => {
                self.next_event(input).inspect_err(|_| self.close())
            }
        }
    }

    /// Lets the client in that has sent CONNECT: appends CONNECTED to `out` and starts the
    /// heart-beats. Does nothing when no client waits.
    pub fn accept(&mut self, now: Instant, accept: &Accept<'_>, out: &mut Vec<u8>) {
        let State::Accepting(client) = self.state else {
            return;
        };
        let version = self.version().unwrap_or(Version::V1_0);
        // STOMP 1.0 has no heart-beats.
        let beats = version > Version::V1_0;
        let heart_beat = if beats {
            accept.heart_beat
        } else {
            HeartBeat::default()
        };
        let session = accept.session.map(Cow::Borrowed);
        let server = accept.server.map(Cow::Borrowed);
        Connected {
            version,
            session,
            server,
            heart_beat,
        }
        .encode(out);
        self.decoder.set_limits(self.options.limits);
        self.timers.start(
            now,
            heart_beat.negotiate(client),
            self.options.receive_floor,
        );
        self.state = State::Connected;
    }

    /// Ends the session from this side, such as after an ERROR of the broker: no more input is
    /// taken, no timer runs.
    pub fn close(&mut self) {
        self.state = State::Closed;
        self.timers.stop();
    }

    /// The version agreed on, once CONNECT has come.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.decoder.version()
    }

    /// Whether frames other than CONNECT are taken.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// Some octets of the client have arrived. [`Self::handle_input`] knows by itself; this is for
    /// those that it has not seen yet, such as of an unfinished WebSocket message.
    pub fn handle_received(&mut self, now: Instant) {
        self.timers.handle_received(now);
    }

    /// Some octets were sent to the client.
    pub fn handle_sent(&mut self, now: Instant) {
        self.timers.handle_sent(now);
    }

    /// Does what is due at `now`; too early does nothing.
    ///
    /// # Errors
    /// When the client has not sent CONNECT, finished its frame or beaten in time. How long it waits for an answer to
    /// CONNECT is for whoever gives it.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<Option<Beat>, Error> {
        let due = self.timers.handle_timeout(now, self.stall_ms_max());
        due.map_err(Error::from).inspect_err(|_| self.close())
    }

    /// When to call [`Self::handle_timeout`] next, if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll_timeout(self.stall_ms_max())
    }

    fn next_event<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Event<'a>>, Error> {
        loop {
            match self.decoder.decode(input)? {
                None => return Ok(None),
                Some(Decoded::HeartBeat) => {}
                Some(Decoded::Frame(frame)) => return self.on_frame(frame).map(Some),
            }
        }
    }

    fn on_frame<'a>(&mut self, mut frame: Frame<'a>) -> Result<Event<'a>, Error> {
        let request = match self.state {
            State::Connecting => self.on_first_frame(&mut frame),
            _ => self.on_next_frame(&frame),
        };
        let request = request.map_err(|kind| Error::in_frame(kind, &frame))?;
        Ok(Event { request, frame })
    }

    fn on_first_frame<'a>(&mut self, frame: &mut Frame<'a>) -> Result<Request<'a>, ErrorKind> {
        if !frame.command().opens_session() {
            return Err(ErrorKind::NotConnected(frame.command()));
        }
        let version = Version::negotiate(frame.header("accept-version").as_deref())?;
        frame.set_version(version);
        self.decoder.set_version(version);
        let request = Request::parse(frame, version)?;
        if let Request::Connect(connect) = &request {
            self.state = State::Accepting(connect.heart_beat);
            self.timers.on_connect();
        }
        Ok(request)
    }

    fn on_next_frame<'a>(&mut self, frame: &Frame<'a>) -> Result<Request<'a>, ErrorKind> {
        if frame.command().opens_session() {
            return Err(ErrorKind::AlreadyConnected);
        }
        let request = Request::parse(frame, self.version().unwrap_or(Version::V1_0))?;
        if frame.command() == Command::Disconnect {
            self.close();
        }
        Ok(request)
    }

    fn stall_ms_max(&self) -> Option<u32> {
        let waits = self.decoder.is_partial() && !matches!(self.state, State::Closed);
        waits.then_some(self.decoder.limits().frame_stall_ms_max)
    }
}

#[cfg(test)]
mod tests;
