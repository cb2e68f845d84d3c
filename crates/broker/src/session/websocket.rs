//! A WebSocket connection of the server, with a subprotocol on it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use gumboot_websocket::{
    Link, LinkError,
    proto::{Connection, Event, MessageRef},
    timer::now,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::ROUNDS_MAX;
use crate::{
    metrics::Connected,
    subprotocol::{Subprotocol, echo::Echo, stomp::Stomp},
};

/// A subprotocol as a WebSocket uses it.
pub(crate) trait OnMessage: Subprotocol {
    /// Takes a message of the client.
    fn on_message(&mut self, now: Instant, message: MessageRef<'_>, connection: &mut Connection);

    /// Part of a message has arrived: the client is alive, though there is nothing to do yet.
    fn on_part(&mut self, now: Instant);
}

impl OnMessage for Echo {
    fn on_message(&mut self, _: Instant, message: MessageRef<'_>, connection: &mut Connection) {
        self.send_back(message, connection);
    }

    fn on_part(&mut self, _: Instant) {}
}

impl OnMessage for Stomp {
    fn on_message(&mut self, now: Instant, message: MessageRef<'_>, connection: &mut Connection) {
        self.on_data(now, message.as_bytes(), connection);
    }

    fn on_part(&mut self, now: Instant) {
        self.handle_received(now);
    }
}

/// The task of a connection: done when its transport has ended.
#[derive(Debug)]
pub(crate) struct WebSocketSession<S, P> {
    link: Link<S>,
    protocol: P,
    connected: Connected,
}

impl<S: AsyncRead + AsyncWrite + Unpin, P: OnMessage + Unpin> WebSocketSession<S, P> {
    pub(crate) fn new(link: Link<S>, protocol: P, connected: Connected) -> Self {
        Self {
            link,
            protocol,
            connected,
        }
    }

    /// One round; ready if there may be more to do at once.
    fn poll_round(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = now();
        let blocked = self.link.is_blocked();
        let read = self.poll_read(cx, now);
        let outbox = self.protocol.poll_outbox(cx, now, self.link.connection());
        let written = self.link.poll_write(cx, now);
        let timer = self.poll_timer(cx);
        let more = written.is_ready() && outbox.is_ready();
        let unblocked = blocked && !self.link.is_blocked();
        if read.is_ready() || timer.is_ready() || more || unblocked || self.link.is_ending() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let Self { link, protocol, .. } = self;
        let read = ready!(link.poll_read(cx, now, &mut |connection, event| {
            if let Event::Message(message) = event {
                protocol.on_message(now, message, connection);
            }
        }));
        protocol.after_batch();
        if link.connection().is_in_message() {
            protocol.on_part(now);
        }
        log_end(read);
        Poll::Ready(())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.link.poll_timer(cx, self.protocol.poll_timeout())) {
            Ok(()) => self.protocol.handle_timeout(now(), self.link.connection()),
            Err(error) => log_end(Err(error)),
        }
        Poll::Ready(())
    }
}

fn log_end(ended: Result<(), LinkError>) {
    if let Err(error) = ended {
        debug!(%error, "connection ended");
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, P: OnMessage + Unpin> Future for WebSocketSession<S, P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let session = &mut *self;
        let mut polled = Poll::Ready(());
        for _ in 0..ROUNDS_MAX {
            if session.link.is_ending() {
                polled = session.link.poll_end(cx);
                session.connected.add(
                    session.link.take_traffic(),
                    session.protocol.take_messages(),
                );
                return polled;
            }
            polled = session.poll_round(cx);
            if polled.is_pending() {
                break;
            }
        }
        session.connected.add(
            session.link.take_traffic(),
            session.protocol.take_messages(),
        );
        if polled.is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
