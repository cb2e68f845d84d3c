//! Sending: messages and control frames become bytes that wait to be written (RFC 6455 §5.2, §6.1).

use bytes::Bytes;

use crate::{
    close::CloseFrame,
    closing::Closing,
    connection::{
        Connection, Role,
        transmit::{FLATTEN_BELOW, LENT_BYTES_MIN},
    },
    deflate::SharedBytes,
    error::SendError,
    frame::{CONTROL_BYTES_MAX, FrameHeader, Opcode},
    mask,
    message::{Message, MessageKind, MessageRef, Payload},
};

/// The payload of a frame on its way out.
pub(super) enum Body<'a> {
    Copied(&'a [u8]),
    /// Shared with others, and copied if it is short.
    Lent(&'a Bytes),
    Shared(Bytes),
}

impl Body<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Lent(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }
}

impl Connection {
    /// Queues a message.
    ///
    /// # Errors
    /// [`SendError::Closing`] once the connection is closing, [`SendError::MessageOpen`] while a message is being sent
    /// in pieces.
    pub fn send(&mut self, message: Message) -> Result<(), SendError> {
        let opcode = opcode_of(message.kind());
        self.push(opcode, &[], Body::Shared(message.into_bytes()))
    }

    /// Queues a message and does not compress it, such as one that is compressed already.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_uncompressed(&mut self, message: Message) -> Result<(), SendError> {
        self.check_message()?;
        self.push_frame(
            true,
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
        self.push_copy(opcode_of(kind), payload)
    }

    /// Queues a message that arrived, as it is: an echo. A long one that lies in the input of a
    /// [`Lending`](super::Lending) is not copied.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_back(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        let opcode = opcode_of(message.kind());
        match message.into_payload() {
            Payload::Borrowed(bytes) if bytes.len() >= LENT_BYTES_MIN => {
                self.push_long(opcode, bytes)
            }
            Payload::Borrowed(bytes) => self.push_copy(opcode, bytes),
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
        self.check_message()?;
        let opcode = opcode_of(kind);
        let body = tail.bytes();
        if self.sends_plain() && body.len() < FLATTEN_BELOW {
            self.push_copies(opcode, head, body);
        } else if !self.push_shared(opcode, head, tail) {
            self.push(opcode, head, Body::Lent(body))?;
        }
        Ok(())
    }

    /// Queues a ping.
    ///
    /// # Errors
    /// [`SendError::Closing`] once the connection is closing, [`SendError::ControlTooLong`] with more than 125 bytes.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > CONTROL_BYTES_MAX {
            return Err(SendError::ControlTooLong);
        }
        self.check_open()?;
        self.push_control(Opcode::Ping, payload);
        Ok(())
    }

    pub(super) fn push_close(&mut self, frame: Option<&CloseFrame>) {
        self.push_control(
            Opcode::Close,
            &frame.map(CloseFrame::encode).unwrap_or_default(),
        );
        self.closing.on_close_sent();
    }

    /// Queues a copy of a payload, the short way where it is neither masked nor compressed.
    #[inline]
    fn push_copy(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        if !self.sends_plain() {
            return self.push(opcode, &[], Body::Copied(payload));
        }
        self.check_message()?;
        let header = plain_header(opcode, payload.len());
        self.transmit.push_with(|flat| {
            header.encode(flat);
            flat.extend_from_slice(payload);
        });
        Ok(())
    }

    /// Queues a payload of the input that is being answered where it lies, or a copy.
    #[inline(never)]
    fn push_long(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        self.check_message()?;
        let header = plain_header(opcode, payload.len());
        if self.sends_plain() && self.transmit.push_lent(payload, |flat| header.encode(flat)) {
            return Ok(());
        }
        self.push_copy(opcode, payload)
    }

    /// Whether payloads are sent as they are, neither masked nor compressed.
    #[inline]
    fn sends_plain(&self) -> bool {
        matches!(self.role, Role::Server) && self.deflate.is_none()
    }

    /// Queues a copy of a message of two parts that is neither masked nor compressed.
    fn push_copies(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) {
        let header = plain_header(opcode, head.len() + body.len());
        self.transmit.push_with(|flat| {
            header.encode(flat);
            flat.extend_from_slice(head);
            flat.extend_from_slice(body);
        });
    }

    #[inline(never)]
    fn push(&mut self, opcode: Opcode, head: &[u8], body: Body<'_>) -> Result<(), SendError> {
        self.check_message()?;
        if !self.push_compressed(opcode, head, body.as_slice()) {
            self.push_frame(true, opcode, head, body);
        }
        Ok(())
    }

    /// Whether a whole message can be sent.
    #[inline]
    fn check_message(&self) -> Result<(), SendError> {
        self.check_open()?;
        match self.pieces {
            Some(_) => Err(SendError::MessageOpen),
            None => Ok(()),
        }
    }

    #[inline]
    pub(super) fn check_open(&self) -> Result<(), SendError> {
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

    pub(super) fn push_control(&mut self, opcode: Opcode, payload: &[u8]) {
        self.push_frame(true, opcode, &[], Body::Copied(payload));
    }

    pub(super) fn push_frame(&mut self, fin: bool, opcode: Opcode, head: &[u8], body: Body<'_>) {
        let payload_bytes = (head.len() + body.len()) as u64;
        let mask = self.role.next_key();
        let header = FrameHeader {
            fin,
            rsv1: false,
            opcode,
            mask,
            payload_bytes,
        };
        match (mask, body) {
            (Some(key), body) => self.push_masked(&header, key, head, body),
            (None, Body::Copied(body)) => self.transmit.push_with(|flat| {
                header.encode(flat);
                if !head.is_empty() {
                    flat.extend_from_slice(head);
                }
                flat.extend_from_slice(body);
            }),
            (None, Body::Shared(body)) => self.push_plain(&header, head, &body),
            (None, Body::Lent(body)) => self.push_plain(&header, head, body),
        }
    }

    fn push_plain(&mut self, header: &FrameHeader, head: &[u8], body: &Bytes) {
        self.transmit.push_with(|flat| {
            header.encode(flat);
            flat.extend_from_slice(head);
        });
        self.transmit.push_bytes(body);
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
}

/// The header of a whole message that is neither masked nor compressed.
fn plain_header(opcode: Opcode, payload_bytes: usize) -> FrameHeader {
    FrameHeader {
        fin: true,
        rsv1: false,
        opcode,
        mask: None,
        payload_bytes: payload_bytes as u64,
    }
}

pub(super) fn opcode_of(kind: MessageKind) -> Opcode {
    match kind {
        MessageKind::Text => Opcode::Text,
        MessageKind::Binary => Opcode::Binary,
    }
}
