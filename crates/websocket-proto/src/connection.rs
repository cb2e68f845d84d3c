//! A connection after its opening handshake, in either role: bytes in, events out; messages in, bytes out.
//!
//! It does no I/O and has no clock. Whoever drives it follows one rule: *feed until `None`, then transmit until 0, then
//! wait for bytes or for [`Connection::poll_timeout`]*. After an error it still has a Close to transmit.

mod receive;
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

use bytes::{Bytes, BytesMut};

use self::receive::{From as ReceiveFrom, Receive, Rules};
pub use self::transmit::{FLATTEN_BELOW, TransmitQueue};
use crate::{
    close::CloseFrame,
    closing::Closing,
    deflate::{Deflate, DeflateParams, DeflatePool, End, SharedBytes},
    error::{Error, SendError},
    frame::{CONTROL_BYTES_MAX, FrameHeader, Opcode},
    limits::{Config, Wait},
    mask::{self, MaskKeys},
    message::{Message, MessageKind, MessageRef, Payload},
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
    last_received: Instant,
    /// A ping of ours that nothing has arrived after.
    ping_sent: Option<Instant>,
    /// When our Close was queued.
    close_sent: Option<Instant>,
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
            last_received: now,
            ping_sent: None,
            close_sent: None,
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

    /// Takes bytes that arrived and gives the next event in them; to be called until it gives `None`.
    ///
    /// Everything before a violation is given first. Once a Close has arrived, further bytes are ignored.
    ///
    /// # Errors
    /// The peer's fault. The Close that tells it has been queued, and nothing more is received.
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Error> {
        self.on_received(now);
        if !self.is_receiving() {
            input.take_front(input.len());
            return Ok(None);
        }
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
        self.on_received(now);
        let mut rules = Rules {
            limits: &self.config.limits,
            deflate: self.deflate.as_deref_mut(),
        };
        let received = self.receive.payload_read(&mut rules, count);
        self.on_event(now, received)
    }

    /// The transport has ended.
    pub fn handle_transport_closed(&mut self) {
        self.closing.on_transport_closed();
        self.receive.abandon();
        self.transmit.clear();
    }

    /// Does what is due at `now`: asks a silent peer with a ping.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when a wait is over. After [`Wait::Close`] the transport is to be dropped; before it, a Close
    /// has been queued.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        let Some((due, what)) = self.deadline().filter(|(due, _)| *due <= now) else {
            return Ok(());
        };
        debug_assert!(due <= now);
        match what {
            Deadline::Ping => {
                self.ping_sent = Some(now);
                self.push_control(Opcode::Ping, &[]);
                Ok(())
            }
            Deadline::Over(Wait::Close) => {
                self.handle_transport_closed();
                Err(Error::TimedOut(Wait::Close))
            }
            Deadline::Over(wait) => Err(self.fail(now, Error::TimedOut(wait))),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().map(|(due, _)| due)
    }

    /// Queues a message.
    ///
    /// # Errors
    /// [`SendError::Closing`] once the connection is closing.
    pub fn send(&mut self, message: Message) -> Result<(), SendError> {
        let opcode = opcode_of(message.kind());
        self.push(opcode, &[], Body::Shared(message.into_bytes()))
    }

    /// Queues a message and does not compress it, such as one that is compressed already.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_uncompressed(&mut self, message: Message) -> Result<(), SendError> {
        self.check_open()?;
        self.push_frame(
            opcode_of(message.kind()),
            &[],
            Body::Shared(message.into_bytes()),
        );
        Ok(())
    }

    /// Queues a copy of a payload; that of a text message must be UTF-8.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_copy(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        debug_assert!(kind == MessageKind::Binary || std::str::from_utf8(payload).is_ok());
        self.push(opcode_of(kind), &[], Body::Copied(payload))
    }

    /// Queues a message that arrived, as it is: an echo.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_back(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        let opcode = opcode_of(message.kind());
        match message.into_payload() {
            Payload::Borrowed(bytes) => self.push(opcode, &[], Body::Copied(bytes)),
            Payload::Owned(bytes) => self.push(opcode, &[], Body::Shared(bytes)),
        }
    }

    /// Queues one message of two parts: a head that is copied, and a tail that many connections may share, compressed
    /// once for all of them. A text message must be UTF-8 as a whole.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_parts(
        &mut self,
        kind: MessageKind,
        head: &[u8],
        tail: &SharedBytes,
    ) -> Result<(), SendError> {
        self.check_open()?;
        let opcode = opcode_of(kind);
        if !self.push_shared(opcode, head, tail) {
            self.push(opcode, head, Body::Shared(tail.bytes().clone()))?;
        }
        Ok(())
    }

    /// Queues a ping.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`] with more than 125 bytes.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > CONTROL_BYTES_MAX {
            return Err(SendError::ControlTooLong);
        }
        self.push(Opcode::Ping, &[], Body::Copied(payload))
    }

    /// Begins the closing handshake behind what is already queued; `None` sends a Close without a body.
    ///
    /// # Errors
    /// [`SendError::Closing`] if it has begun already.
    pub fn close(&mut self, now: Instant, frame: Option<&CloseFrame>) -> Result<(), SendError> {
        if !matches!(self.closing, Closing::Open) {
            return Err(SendError::Closing);
        }
        self.push_close(now, frame);
        Ok(())
    }

    /// Fills `slices` with the bytes to write next and gives how many were filled; 0 when there are none.
    pub fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.transmit.poll_transmit(slices)
    }

    /// Takes away `count` bytes of what `poll_transmit` gave: they were written.
    pub fn transmitted(&mut self, count: usize) {
        self.transmit.transmitted(count);
    }

    /// The bytes that wait to be written.
    #[must_use]
    pub fn bytes_pending(&self) -> usize {
        self.transmit.bytes_pending()
    }

    /// Takes an empty buffer for what will be queued, so that a connection need not own one.
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.transmit.lend(buffer);
    }

    /// Gives the buffer away again, once nothing waits in it.
    pub fn reclaim_buffer(&mut self) -> Option<Vec<u8>> {
        self.transmit.reclaim()
    }

    /// Whether a part of a message has arrived, and its end has not.
    #[must_use]
    pub fn is_in_message(&self) -> bool {
        self.receive.is_in_message()
    }

    /// How far the closing handshake has come.
    #[must_use]
    pub fn closing(&self) -> Closing {
        self.closing
    }

    /// Whether this end is to close the transport once everything is written: the server after the closing handshake
    /// (RFC 6455 §7.1.1), either role after a failure (§7.1.7).
    #[must_use]
    pub fn is_transport_done(&self) -> bool {
        let server_done = self.closing == Closing::Done && matches!(self.role, Role::Server);
        server_done || self.failed || matches!(self.closing, Closing::Clean | Closing::Dropped)
    }

    fn is_receiving(&self) -> bool {
        !self.failed && matches!(self.closing, Closing::Open | Closing::Sent)
    }

    fn on_received(&mut self, now: Instant) {
        self.last_received = now;
        self.ping_sent = None;
    }

    /// Answers what the protocol answers by itself.
    fn on_event<'a>(
        &mut self,
        now: Instant,
        received: Result<Option<Event<'a>>, Error>,
    ) -> Result<Option<Event<'a>>, Error> {
        let event = received.map_err(|error| self.fail(now, error))?;
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
                    self.push_close(now, frame.as_ref());
                }
            }
            _ => {}
        }
        Ok(event)
    }

    /// Fails the connection (RFC 6455 §7.1.7): a Close that tells why, if none went out, and nothing after it.
    fn fail(&mut self, now: Instant, error: Error) -> Error {
        self.failed = true;
        self.receive.abandon();
        if matches!(self.closing, Closing::Open | Closing::Received) {
            let frame = CloseFrame::truncated(error.close_code(), &error.to_string());
            self.push_close(now, Some(&frame));
        }
        error
    }

    fn push_close(&mut self, now: Instant, frame: Option<&CloseFrame>) {
        self.push_control(
            Opcode::Close,
            &frame.map(CloseFrame::encode).unwrap_or_default(),
        );
        self.closing.on_close_sent();
        self.close_sent = Some(now);
    }

    fn push(&mut self, opcode: Opcode, head: &[u8], body: Body<'_>) -> Result<(), SendError> {
        self.check_open()?;
        if !opcode.is_control() && self.push_compressed(opcode, head, body.as_slice()) {
            return Ok(());
        }
        self.push_frame(opcode, head, body);
        Ok(())
    }

    fn check_open(&self) -> Result<(), SendError> {
        let open = !self.failed && self.closing == Closing::Open;
        if open {
            Ok(())
        } else {
            Err(SendError::Closing)
        }
    }

    /// Whether a message was queued compressed: not if it is short, or would not get shorter.
    fn push_compressed(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) -> bool {
        let Some(deflate) = &mut self.deflate else {
            return false;
        };
        if head.len() + body.len() < deflate.compress_bytes_min {
            return false;
        }
        let Self { role, transmit, .. } = self;
        let pushed = deflate.compress(head, body, |compressed| {
            let mask = role.next_key();
            let header = FrameHeader {
                fin: true,
                rsv1: true,
                opcode,
                mask,
                payload_bytes: compressed.len() as u64,
            };
            transmit.push_with(|flat| {
                header.encode(flat);
                let from = flat.len();
                flat.extend_from_slice(compressed);
                if let Some(key) = mask {
                    mask::apply(key, 0, &mut flat[from..]);
                }
            });
        });
        pushed.is_some()
    }

    /// Whether a message was queued with a compressed part that others send too.
    fn push_shared(&mut self, opcode: Opcode, head: &[u8], tail: &SharedBytes) -> bool {
        let Self {
            role: Role::Server,
            deflate: Some(deflate),
            transmit,
            ..
        } = self
        else {
            return false;
        };
        if head.len() + tail.bytes().len() < deflate.compress_bytes_min {
            return false;
        }
        let pushed = deflate.compress_shared(head, tail, |head, compressed| {
            let payload_bytes = (head.len() + compressed.len()) as u64;
            let header = FrameHeader {
                fin: true,
                rsv1: true,
                opcode,
                mask: None,
                payload_bytes,
            };
            transmit.push_with(|flat| {
                header.encode(flat);
                head.push_to(flat);
            });
            transmit.push_bytes(compressed);
        });
        pushed.is_some()
    }

    fn push_control(&mut self, opcode: Opcode, payload: &[u8]) {
        self.push_frame(opcode, &[], Body::Copied(payload));
    }

    fn push_frame(&mut self, opcode: Opcode, head: &[u8], body: Body<'_>) {
        let payload_bytes = (head.len() + body.len()) as u64;
        let mask = self.role.next_key();
        let header = FrameHeader {
            fin: true,
            rsv1: false,
            opcode,
            mask,
            payload_bytes,
        };
        match (mask, body) {
            (Some(key), body) => self.push_masked(&header, key, head, body),
            (None, Body::Copied(body)) => self.transmit.push_with(|flat| {
                header.encode(flat);
                flat.extend_from_slice(head);
                flat.extend_from_slice(body);
            }),
            (None, Body::Shared(body)) => {
                self.transmit.push_with(|flat| {
                    header.encode(flat);
                    flat.extend_from_slice(head);
                });
                self.transmit.push_bytes(&body);
            }
        }
    }

    /// RFC 6455 §5.3: a payload that nobody else holds is masked where it is, any other in a copy.
    fn push_masked(&mut self, header: &FrameHeader, key: [u8; 4], head: &[u8], body: Body<'_>) {
        let body = match body {
            Body::Shared(body) if head.is_empty() && body.len() >= FLATTEN_BELOW => {
                match body.try_into_mut() {
                    Ok(mut unique) => {
                        mask::apply(key, 0, &mut unique);
                        self.transmit.push_with(|flat| header.encode(flat));
                        return self.transmit.push_bytes(&unique.freeze());
                    }
                    Err(shared) => Body::Shared(shared),
                }
            }
            body => body,
        };
        self.transmit.push_with(|flat| {
            header.encode(flat);
            let from = flat.len();
            flat.extend_from_slice(head);
            flat.extend_from_slice(body.as_slice());
            mask::apply(key, 0, &mut flat[from..]);
        });
    }

    /// What is due next, and when.
    fn deadline(&self) -> Option<(Instant, Deadline)> {
        let timing = &self.config.timing;
        if matches!(self.closing, Closing::Clean | Closing::Dropped) {
            return None;
        }
        if let Some(close_sent) = self.close_sent {
            return Some(due(close_sent, timing.close_wait_max, Wait::Close));
        }
        let stall = self
            .receive
            .is_in_frame()
            .then_some((self.last_received, Wait::FrameStall));
        let pong = self.ping_sent.map(|sent| (sent, Wait::Pong));
        let over = [
            stall.map(|(since, wait)| due(since, timing.frame_stall_max, wait)),
            pong.map(|(since, wait)| due(since, timing.pong_wait_max, wait)),
        ];
        let ping = match (timing.ping_interval, self.ping_sent) {
            (Some(interval), None) => Some((self.last_received + interval, Deadline::Ping)),
            _ => None,
        };
        over.into_iter()
            .flatten()
            .chain(ping)
            .min_by_key(|(due, _)| *due)
    }
}

/// What is due at a deadline.
#[derive(Debug, Clone, Copy)]
enum Deadline {
    Over(Wait),
    Ping,
}

fn due(since: Instant, wait_max: Duration, wait: Wait) -> (Instant, Deadline) {
    (since + wait_max, Deadline::Over(wait))
}

/// The payload of a frame on its way out.
enum Body<'a> {
    Copied(&'a [u8]),
    Shared(Bytes),
}

impl Body<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }
}

fn opcode_of(kind: MessageKind) -> Opcode {
    match kind {
        MessageKind::Text => Opcode::Text,
        MessageKind::Binary => Opcode::Binary,
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
