//! A connection after its opening handshake, in either role: bytes in, events out; messages in, bytes out.
//!
//! It does no I/O and has no clock. Whoever drives it follows one rule: *feed until `None`, then transmit until 0, then
//! wait for bytes or for [`Connection::poll_timeout`]*. After an error it still has a Close to transmit.

mod clock;
mod lending;
mod pieces;
mod receive;
mod send;
mod transmit;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    io::IoSlice,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;

use self::{
    clock::{Clock, Deadline},
    pieces::OpenPieces,
    receive::{From as ReceiveFrom, Receive, Rules},
};
pub use self::{
    lending::Lending,
    pieces::Piece,
    transmit::{FLATTEN_BELOW, LENT_BYTES_MIN, TransmitBuffer, TransmitQueue},
};
use crate::{
    close::CloseFrame,
    closing::Closing,
    deflate::{Deflate, DeflateParams, DeflatePool, End},
    error::{Error, SendError},
    frame::Opcode,
    limits::{Config, Wait},
    mask::MaskKeys,
    message::{MessageRef, Payload},
};

/// Bytes from the transport: borrowed for writing, since payloads are unmasked where they lie.
#[derive(Debug)]
pub struct Input<'a> {
    bytes: &'a mut [u8],
}

impl<'a> Input<'a> {
    /// An input of `bytes`.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes }
    }

    /// The bytes that have not been taken yet.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes
    }

    /// How many bytes have not been taken yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether all bytes have been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    #[inline]
    pub(crate) fn take_front(&mut self, count: usize) -> &'a mut [u8] {
        let (front, rest) = mem::take(&mut self.bytes).split_at_mut(count);
        self.bytes = rest;
        front
    }
}

/// What arrived.
#[derive(Debug)]
pub enum Event<'a> {
    /// The peer's Close; `None` if it had no body. The answer has been queued.
    Close(Option<CloseFrame>),
    /// A whole message.
    Message(MessageRef<'a>),
    /// A ping. The pong has been queued.
    Ping(Payload<'a>),
    /// A pong, asked for or not.
    Pong(Payload<'a>),
}

/// Which end of the connection this is.
enum Role {
    /// Masks what it sends.
    Client(Box<dyn MaskKeys>),
    Server,
}

impl Role {
    /// The key for a frame, if this end masks.
    fn next_key(&mut self) -> Option<[u8; 4]> {
        match self {
            Self::Client(keys) => Some(keys.next_key()),
            Self::Server => None,
        }
    }
}

/// One end of a WebSocket connection (RFC 6455 §5 to §7).
pub struct Connection {
    config: Arc<Config>,
    role: Role,
    closing: Closing,
    failed: bool,
    receive: Receive,
    transmit: TransmitQueue,
    deflate: Option<Box<Deflate>>,
    pieces: Option<Box<OpenPieces>>,
    clock: Clock,
}

impl Connection {
    /// The server's end of a connection that was opened at `now`.
    #[must_use]
    pub fn server(config: Arc<Config>, now: Instant) -> Self {
        Self::new(config, Role::Server, ReceiveFrom::Client, now)
    }

    /// The client's end of a connection that was opened at `now`; each frame takes a key from `keys`.
    #[must_use]
    pub fn client(config: Arc<Config>, keys: Box<dyn MaskKeys>, now: Instant) -> Self {
        Self::new(config, Role::Client(keys), ReceiveFrom::Server, now)
    }

    fn new(config: Arc<Config>, role: Role, from: ReceiveFrom, now: Instant) -> Self {
        Self {
            config,
            role,
            closing: Closing::Open,
            failed: false,
            receive: Receive::new(from, now),
            transmit: TransmitQueue::default(),
            deflate: None,
            pieces: None,
            clock: Clock::new(now),
        }
    }

    /// Compresses, as the opening handshake has agreed on; the compressors are lent from `pool`.
    #[must_use]
    pub fn with_deflate(mut self, params: &DeflateParams, pool: Arc<DeflatePool>) -> Self {
        let own = match self.role {
            Role::Client(_) => End::Client,
            Role::Server => End::Server,
        };
        let config = self.config.deflate.clone().unwrap_or_default();
        self.deflate = Some(Box::new(Deflate::new(own, params, &config, pool)));
        self
    }

    /// From now on this is what the connection is set up with; the compression that was agreed on stays as it is. It is
    /// for a peer that may send more once it is known.
    pub fn set_config(&mut self, config: Arc<Config>) {
        self.config = config;
    }

    /// Takes bytes that arrived and gives the next event in them; to be called until it gives `None`.
    ///
    /// Everything before a violation is given first. Once a Close has arrived, further bytes are ignored.
    ///
    /// # Errors
    /// The peer's fault. The Close that tells it has been queued, and nothing more is received.
    // Of what a short message costs, a quarter would be the call and the way of its event through the memory.
    #[inline(always)]
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Error> {
        self.clock.on_received(now);
        if !self.is_receiving() {
            input.take_front(input.len());
            return Ok(None);
        }
        if input.is_empty() {
            return Ok(None);
        }
        let whole = self.receive.whole_message(&self.config.limits, input);
        match whole {
            Ok(Some(message)) => {
                self.clock.on_message(now);
                Ok(Some(Event::Message(message)))
            }
            Ok(None) => self.handle_rest(now, input),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// What [`handle_input`](Self::handle_input) does with all but whole messages.
    #[inline(never)]
    fn handle_rest<'a>(
        &mut self,
        now: Instant,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Error> {
        let mut rules = Rules {
            limits: &self.config.limits,
            deflate: self.deflate.as_deref_mut(),
        };
        let received = self.receive.next(now, &mut rules, input);
        self.on_event(now, received)
    }

    /// In the middle of a large payload: its buffer, and how many bytes may be read onto its end. What was read is
    /// given to [`handle_payload`](Self::handle_payload).
    pub fn payload_space(&mut self) -> Option<(&mut BytesMut, usize)> {
        if self.is_receiving() {
            self.receive.payload_space()
        } else {
            None
        }
    }

    /// Takes `count` bytes that were read onto the end of the buffer of [`payload_space`](Self::payload_space).
    ///
    /// # Errors
    /// As [`handle_input`](Self::handle_input).
    pub fn handle_payload(
        &mut self,
        now: Instant,
        count: usize,
    ) -> Result<Option<Event<'static>>, Error> {
        self.clock.on_received(now);
        let mut rules = Rules {
            limits: &self.config.limits,
            deflate: self.deflate.as_deref_mut(),
        };
        let received = self.receive.payload_read(&mut rules, count);
        self.on_event(now, received)
    }

    /// The transport has ended. That is clean if both Closes have passed, so ours must have been transmitted.
    pub fn handle_transport_closed(&mut self) {
        if !self.transmit.is_empty() {
            return self.handle_transport_lost();
        }
        self.closing.on_transport_closed();
        self.receive.abandon();
    }

    /// The transport has ended before it passed on all that it had taken: that is never clean.
    pub fn handle_transport_lost(&mut self) {
        self.closing.on_transport_lost();
        self.receive.abandon();
        self.transmit.clear();
    }

    /// Does what is due at `now`: asks a silent peer with a ping.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when a wait is over. After [`Wait::Close`] the transport is to be dropped; before it, a Close
    /// has been queued.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        let Some((_, due)) = self.deadline().filter(|(at, _)| *at <= now) else {
            return Ok(());
        };
        match due {
            Deadline::Ping => {
                self.clock.on_ping_sent(now);
                self.push_control(Opcode::Ping, &[]);
                Ok(())
            }
            Deadline::Over(Wait::Close) => {
                self.handle_transport_closed();
                Err(Error::TimedOut(Wait::Close))
            }
            Deadline::Over(wait) => Err(self.fail(Error::TimedOut(wait))),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().map(|(due, _)| due)
    }

    /// Begins the closing handshake behind what is already queued; `None` sends a Close without a body.
    ///
    /// # Errors
    /// [`SendError::Closing`] if it has begun already.
    pub fn close(&mut self, frame: Option<&CloseFrame>) -> Result<(), SendError> {
        if !matches!(self.closing, Closing::Open) {
            return Err(SendError::Closing);
        }
        self.push_close(frame);
        Ok(())
    }

    /// Fills `slices` with the bytes to write next and gives how many were filled; 0 when there are none.
    #[inline]
    pub fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.transmit.poll_transmit(slices)
    }

    /// Takes away `count` bytes of what `poll_transmit` gave: they were written. With 0, a transport that keeps bytes has
    /// passed all of them on: the wait for the peer's Close begins when ours has left.
    #[inline]
    pub fn transmitted(&mut self, now: Instant, count: usize) {
        self.transmit.transmitted(count);
        // The peer cannot answer a Close that it has not got.
        if self.transmit.is_empty() && self.closing != Closing::Open {
            self.clock.on_close_written(now);
        }
    }

    /// Nothing was read for a while, because the peer did not take what waits for it: what was not read is no silence.
    pub fn handle_resumed(&mut self, now: Instant) {
        self.clock.on_resumed(now);
    }

    /// The bytes that wait to be written.
    #[must_use]
    #[inline]
    pub fn bytes_pending(&self) -> usize {
        self.transmit.bytes_pending()
    }

    /// Whether a buffer is to be lent before something is queued.
    #[must_use]
    pub fn wants_buffer(&self) -> bool {
        self.transmit.wants_buffer()
    }

    /// Takes an empty buffer for what will be queued, so that a connection need not own one.
    pub fn lend_buffer(&mut self, buffer: Box<TransmitBuffer>) {
        self.transmit.lend(buffer);
    }

    /// Gives the buffer away again, once nothing waits in it.
    pub fn reclaim_buffer(&mut self) -> Option<Box<TransmitBuffer>> {
        self.transmit.reclaim()
    }

    /// Whether a part of a message has arrived, and its end has not.
    #[must_use]
    #[inline]
    pub fn is_in_message(&self) -> bool {
        self.receive.is_in_message()
    }

    /// From our last keep-alive ping that was answered to its pong: the round trip, and what the peer took to read it.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.clock.round_trip()
    }

    /// How far the closing handshake has come.
    #[must_use]
    #[inline]
    pub fn closing(&self) -> Closing {
        self.closing
    }

    /// Whether this end is to close the transport once everything is written: the server after the closing handshake
    /// (RFC 6455 §7.1.1), either role after a failure (§7.1.7).
    #[must_use]
    #[inline]
    pub fn is_transport_done(&self) -> bool {
        let server_done = self.closing == Closing::Done && matches!(self.role, Role::Server);
        server_done || self.failed || matches!(self.closing, Closing::Clean | Closing::Dropped)
    }

    #[inline]
    fn is_receiving(&self) -> bool {
        !self.failed && matches!(self.closing, Closing::Open | Closing::Sent)
    }

    /// Answers what the protocol answers by itself.
    fn on_event<'a>(
        &mut self,
        now: Instant,
        received: Result<Option<Event<'a>>, Error>,
    ) -> Result<Option<Event<'a>>, Error> {
        let event = received.map_err(|error| self.fail(error))?;
        match &event {
            // RFC 6455 §5.5.2: a pong with the same payload, unless a Close went out.
            Some(Event::Ping(payload)) if self.closing == Closing::Open => {
                self.push_control(Opcode::Pong, payload);
            }
            Some(Event::Close(frame)) => {
                self.closing.on_close_received();
                self.receive.abandon();
                // RFC 6455 §5.5.1: answered with the status code that was received.
                if self.closing == Closing::Received {
                    self.push_close(frame.as_ref());
                }
            }
            Some(Event::Message(_)) => self.clock.on_message(now),
            Some(Event::Pong(_)) => self.clock.on_pong(now),
            _ => {}
        }
        Ok(event)
    }

    /// What is due next, and when.
    #[inline]
    fn deadline(&self) -> Option<(Instant, Deadline)> {
        let ended = matches!(self.closing, Closing::Clean | Closing::Dropped);
        let writing_close = self.closing != Closing::Open && !self.transmit.is_empty();
        if ended || writing_close {
            return None;
        }
        self.clock
            .deadline(&self.config.timing, self.receive.is_in_frame())
    }

    /// Fails the connection (RFC 6455 §7.1.7): a Close that tells why, if none went out, and nothing after it.
    #[cold]
    fn fail(&mut self, error: Error) -> Error {
        self.failed = true;
        self.receive.abandon();
        if matches!(self.closing, Closing::Open | Closing::Received) {
            let frame = CloseFrame::truncated(error.close_code(), &error.to_string());
            self.push_close(Some(&frame));
        }
        error
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Client(_) => "client",
            Role::Server => "server",
        };
        f.debug_struct("Connection")
            .field("role", &role)
            .field("closing", &self.closing)
            .field("failed", &self.failed)
            .field("bytes_pending", &self.transmit.bytes_pending())
            .finish_non_exhaustive()
    }
}
