//! A WebSocket as the line of a session.

use std::{
    task::{Context, Poll, ready},
    time::Instant,
};

use gumboot_websocket::{
    Link, LinkError, Traffic,
    proto::{Connection, Event, MessageRef},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Line;
use crate::subprotocol::{Subprotocol, echo::Echo, stomp::Stomp};

/// A subprotocol as a WebSocket uses it.
pub(crate) trait OnMessage: Subprotocol {
    /// Takes a message of the client.
    fn on_message(&mut self, now: Instant, message: MessageRef<'_>, connection: &mut Connection);
}

impl OnMessage for Echo {
    #[inline(always)]
    fn on_message(&mut self, _: Instant, message: MessageRef<'_>, connection: &mut Connection) {
        self.send_back(message, connection);
    }
}

impl OnMessage for Stomp {
    fn on_message(&mut self, now: Instant, message: MessageRef<'_>, connection: &mut Connection) {
        self.on_data(now, message.as_bytes(), connection);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, P: OnMessage> Line<P> for Link<S> {
    type Carrier = Connection;

    fn carrier(&mut self) -> &mut Connection {
        self.connection()
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        protocol: &mut P,
    ) -> Poll<Result<(), LinkError>> {
        let read = ready!(Self::poll_read(self, cx, now, &mut |connection, event| {
            if let Event::Message(message) = event {
                protocol.on_message(now, message, connection);
            }
        }));
        if self.is_in_message() {
            // Part of a message is a sign of life, though there is nothing to do with it yet.
            protocol.handle_received(now);
        }
        Poll::Ready(read)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), LinkError>> {
        Self::poll_write(self, cx, now)
    }

    fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        owner: Option<Instant>,
    ) -> Poll<Result<(), LinkError>> {
        Self::poll_timer(self, cx, owner)
    }

    fn is_drained(&self) -> bool {
        Self::is_drained(self)
    }

    fn is_blocked(&self) -> bool {
        Self::is_blocked(self)
    }

    fn is_ending(&self) -> bool {
        Self::is_ending(self)
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Self::poll_end(self, cx).map(drop)
    }

    fn take_traffic(&mut self) -> Traffic {
        Self::take_traffic(self)
    }
}
