//! What a session runs over: a WebSocket, with a frame in a message, or a stream.

use std::{
    task::{Context, Poll, ready},
    time::Instant,
};

use gumboot_websocket::{
    Link, LinkError, PENDING_BYTES_MAX, Pipe, Transport,
    proto::{CloseCode, CloseFrame, Event, MessageKind, TransmitQueue},
    scratch,
};

/// The transport of one connection.
#[derive(Debug)]
pub(crate) enum Line {
    Stream(Box<Stream>),
    WebSocket(Box<WebSocket>),
}

#[derive(Debug)]
pub(crate) struct Stream {
    pipe: Pipe<Transport>,
    queue: TransmitQueue,
}

#[derive(Debug)]
pub(crate) struct WebSocket {
    link: Link<Transport>,
    /// The body of the server's Close.
    close: Option<Option<CloseFrame>>,
}

impl Line {
    pub(crate) fn stream(transport: Transport) -> Self {
        Self::Stream(Box::new(Stream {
            pipe: Pipe::new(transport),
            queue: TransmitQueue::default(),
        }))
    }

    pub(crate) fn web_socket(link: Link<Transport>) -> Self {
        Self::WebSocket(Box::new(WebSocket { link, close: None }))
    }

    /// Puts one frame, or an end of line, behind what waits to be written.
    pub(crate) fn queue(&mut self, frame: &[u8]) {
        match self {
            Self::Stream(stream) => {
                if stream.queue.wants_buffer() {
                    stream.queue.lend(scratch::take_write());
                }
                stream.queue.push_slice(frame);
            }
            Self::WebSocket(socket) => {
                let kind = match std::str::from_utf8(frame) {
                    Ok(_) => MessageKind::Text,
                    Err(_) => MessageKind::Binary,
                };
                // One that is closing takes nothing; what was asked of it is told when it is lost.
                let _ = socket.link.connection().send_copy(kind, frame);
            }
        }
    }

    /// Reads once, and gives what was read to `take`. While the line is blocked, it is pending and wakes nobody.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        mut take: impl FnMut(&[u8]),
    ) -> Poll<Result<(), LinkError>> {
        if self.is_blocked() {
            return Poll::Pending;
        }
        match self {
            Self::Stream(stream) => stream.pipe.poll_read(cx, |octets| take(octets)),
            Self::WebSocket(socket) => {
                let WebSocket { link, close } = &mut **socket;
                link.poll_read(cx, now, &mut |_, event| match event {
                    Event::Message(message) => take(message.as_bytes()),
                    Event::Close(frame) => *close = Some(frame),
                    Event::Ping(_) | Event::Pong(_) => {}
                })
            }
        }
    }

    /// Whether part of a message has arrived.
    pub(crate) fn is_in_message(&mut self) -> bool {
        match self {
            Self::Stream(_) => false,
            Self::WebSocket(socket) => socket.link.connection().is_in_message(),
        }
    }

    /// The code and the reason of the server's Close, if it has come.
    pub(crate) fn close(&self) -> Option<Option<(u16, String)>> {
        let Self::WebSocket(socket) = self else {
            return None;
        };
        let frame = socket.close.as_ref()?.as_ref();
        Some(frame.map(|frame| (frame.code().get(), frame.reason().to_owned())))
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), LinkError>> {
        match self {
            Self::Stream(stream) => stream.pipe.poll_write(cx, now, &mut stream.queue),
            Self::WebSocket(socket) => socket.link.poll_write(cx, now),
        }
    }

    /// Ready when the deadline of the owner has passed; sees to those of the line by itself.
    pub(crate) fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        owner: Option<Instant>,
    ) -> Poll<Result<(), LinkError>> {
        match self {
            Self::Stream(stream) => stream.pipe.poll_timer(cx, owner),
            Self::WebSocket(socket) => socket.link.poll_timer(cx, owner),
        }
    }

    /// Whether the server must first take what waits for it.
    pub(crate) fn is_blocked(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.queue.bytes_pending() > PENDING_BYTES_MAX,
            Self::WebSocket(socket) => socket.link.is_blocked(),
        }
    }

    /// Says whether it is read for now.
    pub(crate) fn set_reading(&mut self, reads: bool) {
        if let Self::WebSocket(socket) = self {
            socket.link.set_reading(reads);
        }
    }

    /// Begins to end the line: with a Close of this code on a WebSocket.
    pub(crate) fn end(&mut self, code: CloseCode) {
        if let Self::WebSocket(socket) = self {
            socket.link.set_reading(true);
            let frame = CloseFrame::truncated(code, "");
            let _ = socket.link.connection().close(Some(&frame));
        }
    }

    /// Finishes what [`Line::end`] has begun, bounded in time: what waits is written, and the server's end awaited.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        match self {
            Self::Stream(stream) => stream.pipe.poll_end(cx, &mut stream.queue).map(drop),
            Self::WebSocket(socket) => socket.poll_end(cx, now),
        }
    }
}

impl WebSocket {
    /// The closing handshake, then the end of the transport.
    fn poll_end(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let link = &mut self.link;
        loop {
            if link.is_ending() {
                return link.poll_end(cx).map(drop);
            }
            let blocked = link.is_blocked();
            let read = link.poll_read(cx, now, &mut |_, _| {});
            let written = link.poll_write(cx, now);
            if blocked && !link.is_blocked() {
                continue;
            }
            let timer = link.poll_timer(cx, None);
            if !link.is_ending() {
                let failed =
                    |polled: &Poll<Result<(), LinkError>>| matches!(polled, Poll::Ready(Err(_)));
                if [&read, &written, &timer].into_iter().any(failed) {
                    // Nobody waits for how it ends.
                    return Poll::Ready(());
                }
                ready!(read).ok();
            }
        }
    }
}
