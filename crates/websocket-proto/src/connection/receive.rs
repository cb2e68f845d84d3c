//! Receiving: frames out of the caller's input, put together to messages (RFC 6455 §5.4, §6.2).
//!
//! A message that lies whole in one input is unmasked there and lent out; one that comes in pieces is gathered in a
//! buffer that grows with what has arrived, never with what a header announces.

mod whole;

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::{
    connection::{Event, Input},
    deflate::Deflate,
    error::{Error, PeerMisbehaved},
    frame::{FrameHeader, HEADER_BYTES_MAX, Opcode},
    limits::{Limit, Limits},
    mask,
    message::{MessageKind, MessageRef, Payload},
    utf8::{self, InvalidUtf8, Utf8Validator},
};

/// A gathered message grows by at least so much at a time.
const GROWTH_BYTES_MIN: usize = 4096;

/// A frame with so many bytes still to come is worth reading straight into its message's buffer.
const DIRECT_BYTES_MIN: u64 = 32 * 1024;

/// Which direction the frames come from: decides whether they must or must not be masked (RFC 6455 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Client,
    Server,
}

#[derive(Debug)]
pub(super) struct Receive {
    from: From,
    /// The frame whose payload is expected.
    frame: Option<OpenFrame>,
    /// Mostly nothing is cut where it matters.
    pieces: Option<Box<Pieces>>,
    /// The message that was begun and is not complete.
    message: Option<Box<OpenMessage>>,
    control_rate: ControlRate,
}

/// What was cut by the end of an input.
#[derive(Debug, Default)]
struct Pieces {
    /// A header.
    header: [u8; HEADER_BYTES_MAX],
    header_len: u8,
    /// The payload of a control frame.
    control: Vec<u8>,
}

/// A frame between its header and the end of its payload.
#[derive(Debug, Clone, Copy)]
struct OpenFrame {
    header: FrameHeader,
    bytes_taken: u64,
}

impl OpenFrame {
    fn bytes_remaining(&self) -> u64 {
        self.header.payload_bytes - self.bytes_taken
    }

    /// Unmasks the next bytes of the payload, where they are.
    fn unmask(&mut self, bytes: &mut [u8]) {
        if let Some(key) = self.header.mask {
            mask::apply(key, self.bytes_taken, bytes);
        }
        self.bytes_taken += bytes.len() as u64;
    }
}

/// A message of which frames, or a part of one, have arrived.
#[derive(Debug)]
struct OpenMessage {
    kind: MessageKind,
    payload: BytesMut,
    utf8: Utf8Validator,
    fragments: u32,
    compressed: bool,
}

/// What holds for what is received.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) limits: &'a Limits,
    /// The compression that was agreed on.
    pub(super) deflate: Option<&'a mut Deflate>,
}

impl OpenMessage {
    fn new(header: &FrameHeader) -> Self {
        Self {
            kind: kind_of(header.opcode),
            payload: BytesMut::new(),
            utf8: Utf8Validator::default(),
            fragments: 0,
            compressed: header.rsv1,
        }
    }

    /// Makes room for some of `bytes_expected`: as much as is there already, so that memory follows what arrived.
    fn grow(&mut self, bytes_expected: u64) {
        if self.payload.capacity() == self.payload.len() {
            let doubled = self.payload.len().max(GROWTH_BYTES_MIN);
            let expected = usize::try_from(bytes_expected).unwrap_or(usize::MAX);
            self.payload.reserve(doubled.min(expected));
        }
    }

    /// Adds what has arrived of a frame, of which `bytes_expected` are still to come.
    fn append(&mut self, bytes: &[u8], bytes_expected: u64) {
        let len = self.payload.len() + bytes.len();
        if len > self.payload.capacity() {
            let expected = usize::try_from(bytes_expected).unwrap_or(usize::MAX);
            let room = len.max(GROWTH_BYTES_MIN).min(expected);
            self.payload.reserve(bytes.len() + room);
        }
        self.payload.extend_from_slice(bytes);
    }

    /// Checks what was added behind `from`. Compressed text is checked when it has been inflated.
    fn validate(&mut self, from: usize) -> Result<(), InvalidUtf8> {
        match self.kind {
            MessageKind::Text if !self.compressed => self.utf8.push(&self.payload[from..]),
            _ => Ok(()),
        }
    }

    fn finish(self, rules: &mut Rules<'_>) -> Result<MessageRef<'static>, Error> {
        if self.compressed {
            return inflate(rules, self.kind, &self.payload);
        }
        self.utf8
            .finish()
            .map_err(|_| PeerMisbehaved::InvalidUtf8)?;
        let payload = if self.payload.is_empty() {
            Bytes::new()
        } else {
            self.payload.freeze()
        };
        Ok(MessageRef::new(self.kind, Payload::Owned(payload)))
    }
}

/// The message that a compressed payload is.
fn inflate(
    rules: &mut Rules<'_>,
    kind: MessageKind,
    payload: &[u8],
) -> Result<MessageRef<'static>, Error> {
    // `begin_data` lets no compressed message through without it.
    let deflate = rules
        .deflate
        .as_mut()
        .ok_or(PeerMisbehaved::ReservedBitSet)?;
    let inflated = deflate.inflate(payload, rules.limits)?;
    if kind == MessageKind::Text {
        utf8::validate(&inflated).map_err(|_| PeerMisbehaved::InvalidUtf8)?;
    }
    Ok(MessageRef::new(kind, Payload::Owned(inflated.into())))
}

fn kind_of(opcode: Opcode) -> MessageKind {
    match opcode {
        Opcode::Text => MessageKind::Text,
        _ => MessageKind::Binary,
    }
}

/// Counts control frames in windows of one second.
#[derive(Debug)]
struct ControlRate {
    window_start: Instant,
    count: u32,
}

impl ControlRate {
    fn count(&mut self, now: Instant, max: u32) -> Result<(), Error> {
        if now.saturating_duration_since(self.window_start).as_secs() > 0 {
            *self = Self {
                window_start: now,
                count: 0,
            };
        }
        self.count += 1;
        if self.count > max {
            let limit = Limit::ControlFramesPerSecond;
            return Err(Error::LimitExceeded {
                limit,
                max: max.into(),
            });
        }
        Ok(())
    }
}

impl Receive {
    pub(super) fn new(from: From, now: Instant) -> Self {
        Self {
            from,
            frame: None,
            pieces: None,
            message: None,
            control_rate: ControlRate {
                window_start: now,
                count: 0,
            },
        }
    }

    /// Whether the last byte that arrived was in the middle of a frame.
    pub(super) fn is_in_frame(&self) -> bool {
        self.frame.is_some() || self.pieces.is_some()
    }

    /// Whether part of a message has arrived, and its end has not.
    pub(super) fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Frees what an unfinished message holds: nothing more is going to arrive for it.
    pub(super) fn abandon(&mut self) {
        self.frame = None;
        self.pieces = None;
        self.message = None;
    }

    /// The next event that the input completes; `None` when it is used up.
    pub(super) fn next<'a>(
        &mut self,
        now: Instant,
        rules: &mut Rules<'_>,
        input: &mut Input<'a>,
    ) -> Result<Option<Event<'a>>, Error> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.header(input)? {
                    Some(header) => self.begin(now, rules, header)?,
                    None => return Ok(None),
                },
            };
            let take = frame.bytes_remaining().min(input.len() as u64);
            let bytes = input.take_front(take as usize);
            frame.unmask(bytes);
            let event = if frame.header.opcode.is_control() {
                self.control(&frame, bytes)?
            } else {
                self.data(rules, &frame, bytes)?
            };
            if frame.bytes_remaining() > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// The buffer to read the rest of a large payload into, and how many bytes it may take at most.
    pub(super) fn payload_space(&mut self) -> Option<(&mut BytesMut, usize)> {
        let frame = self
            .frame
            .as_ref()
            .filter(|frame| !frame.header.opcode.is_control())?;
        let remaining = frame.bytes_remaining();
        if remaining < DIRECT_BYTES_MIN {
            return None;
        }
        let message = self.message.as_mut()?;
        message.grow(remaining);
        let space = message.payload.capacity() - message.payload.len();
        let limit = usize::try_from(remaining).map_or(space, |remaining| remaining.min(space));
        Some((&mut message.payload, limit))
    }

    /// Takes the last `count` bytes of the message's buffer as payload that was read into it.
    pub(super) fn payload_read(
        &mut self,
        rules: &mut Rules<'_>,
        count: usize,
    ) -> Result<Option<Event<'static>>, Error> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else {
            debug_assert!(false, "payload_space was not asked for");
            return Ok(None);
        };
        let from = message.payload.len() - count;
        frame.unmask(&mut message.payload[from..]);
        message
            .validate(from)
            .map_err(|_| PeerMisbehaved::InvalidUtf8)?;
        if frame.bytes_remaining() > 0 {
            return Ok(None);
        }
        let fin = frame.header.fin;
        self.frame = None;
        if fin {
            self.finish_message(rules)
        } else {
            Ok(None)
        }
    }

    /// The next header: out of the input, or put together from its pieces.
    fn header(&mut self, input: &mut Input<'_>) -> Result<Option<FrameHeader>, PeerMisbehaved> {
        if self.pieces.is_none() {
            if let Some((header, len)) = FrameHeader::decode(input.as_slice())? {
                input.take_front(len);
                return Ok(Some(header));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        let pieces = self.pieces.get_or_insert_default();
        while !input.is_empty() {
            let at = usize::from(pieces.header_len);
            pieces.header[at] = input.take_front(1)[0];
            pieces.header_len += 1;
            if let Some((header, _)) = FrameHeader::decode(&pieces.header[..=at])? {
                self.pieces = None;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Checks a header against the state of the connection and the limits.
    fn begin(
        &mut self,
        now: Instant,
        rules: &Rules<'_>,
        header: FrameHeader,
    ) -> Result<OpenFrame, Error> {
        // RFC 6455 §5.1
        match (self.from, header.mask) {
            (From::Client, None) => return Err(PeerMisbehaved::MaskMissing.into()),
            (From::Server, Some(_)) => return Err(PeerMisbehaved::MaskUnexpected.into()),
            _ => {}
        }
        if header.opcode.is_control() {
            self.control_rate
                .count(now, rules.limits.control_frames_per_second_max)?;
        } else {
            self.begin_data(rules, &header)?;
        }
        Ok(OpenFrame {
            header,
            bytes_taken: 0,
        })
    }

    /// Checks where a data frame stands in its message (RFC 6455 §5.4).
    fn begin_data(&mut self, rules: &Rules<'_>, header: &FrameHeader) -> Result<(), Error> {
        let limits = rules.limits;
        if header.rsv1 && rules.deflate.is_none() {
            return Err(PeerMisbehaved::ReservedBitSet.into());
        }
        let continues = header.opcode == Opcode::Continuation;
        match &mut self.message {
            None if continues => return Err(PeerMisbehaved::ContinuationUnexpected.into()),
            Some(_) if !continues => return Err(PeerMisbehaved::MessageInterleaved.into()),
            // A whole message that will lie in one input needs no buffer: `data` makes one when it does not.
            None if header.fin => {}
            Some(_) => {}
            message @ None => *message = Some(Box::new(OpenMessage::new(header))),
        }
        check_bytes(
            Limit::FrameBytes,
            header.payload_bytes,
            limits.frame_bytes_max,
        )?;
        let before = self
            .message
            .as_ref()
            .map_or(0, |message| message.payload.len() as u64);
        let message_bytes = before.saturating_add(header.payload_bytes);
        check_bytes(Limit::MessageBytes, message_bytes, limits.message_bytes_max)?;
        if let Some(message) = &mut self.message {
            message.fragments += 1;
            let max = limits.fragments_per_message_max;
            if message.fragments > max {
                let limit = Limit::FragmentsPerMessage;
                return Err(Error::LimitExceeded {
                    limit,
                    max: max.into(),
                });
            }
        }
        Ok(())
    }

    /// Takes bytes of a data frame, already unmasked.
    fn data<'a>(
        &mut self,
        rules: &mut Rules<'_>,
        frame: &OpenFrame,
        bytes: &'a mut [u8],
    ) -> Result<Option<Event<'a>>, Error> {
        let header = &frame.header;
        let complete = frame.bytes_remaining() == 0;
        if self.message.is_none() && complete {
            let message = whole_message(rules, header, bytes)?;
            return Ok(Some(Event::Message(message)));
        }
        let message = self
            .message
            .get_or_insert_with(|| Box::new(OpenMessage::new(header)));
        let from = message.payload.len();
        message.append(bytes, frame.bytes_remaining());
        message
            .validate(from)
            .map_err(|_| PeerMisbehaved::InvalidUtf8)?;
        if complete && header.fin {
            self.finish_message(rules)
        } else {
            Ok(None)
        }
    }

    fn finish_message(&mut self, rules: &mut Rules<'_>) -> Result<Option<Event<'static>>, Error> {
        let Some(message) = self.message.take() else {
            return Ok(None);
        };
        Ok(Some(Event::Message(message.finish(rules)?)))
    }

    /// Takes bytes of a control frame, already unmasked.
    fn control<'a>(
        &mut self,
        frame: &OpenFrame,
        bytes: &'a mut [u8],
    ) -> Result<Option<Event<'a>>, Error> {
        if frame.bytes_remaining() > 0 {
            let pieces = self.pieces.get_or_insert_default();
            pieces.control.extend_from_slice(bytes);
            return Ok(None);
        }
        let payload = match self.pieces.take() {
            None => Payload::Borrowed(bytes),
            Some(mut pieces) => {
                pieces.control.extend_from_slice(bytes);
                Payload::Owned(pieces.control.into())
            }
        };
        Ok(Some(match frame.header.opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => Event::Close(crate::CloseFrame::decode(&payload)?),
        }))
    }
}

/// A message that lies whole in one input.
fn whole_message<'a>(
    rules: &mut Rules<'_>,
    header: &FrameHeader,
    bytes: &'a [u8],
) -> Result<MessageRef<'a>, Error> {
    let kind = kind_of(header.opcode);
    if header.rsv1 {
        return inflate(rules, kind, bytes);
    }
    if kind == MessageKind::Text {
        utf8::validate(bytes).map_err(|_| PeerMisbehaved::InvalidUtf8)?;
    }
    Ok(MessageRef::new(kind, Payload::Borrowed(bytes)))
}

fn check_bytes(limit: Limit, bytes: u64, max: u64) -> Result<(), Error> {
    if bytes > max {
        Err(Error::LimitExceeded { limit, max })
    } else {
        Ok(())
    }
}
