//! Echo: every message goes back as it came.

use std::{
    mem,
    task::{Context, Poll},
    time::Instant,
};

use gumboot_websocket::proto::{Connection, MessageRef};

use crate::{
    hub::Seat,
    mailbox::Signal,
    metrics::Messages,
    subprotocol::{Carrier, Subprotocol, stomp::going_away},
};

/// An echo on one connection.
#[derive(Debug)]
pub(crate) struct Echo {
    seat: Seat,
    messages: Messages,
}

impl Echo {
    pub(crate) fn new(seat: Seat) -> Self {
        Self {
            seat,
            messages: Messages::default(),
        }
    }

    pub(crate) fn send_back(&mut self, message: MessageRef<'_>, connection: &mut Connection) {
        self.messages.r#in += 1;
        if connection.send_back(message).is_ok() {
            self.messages.out += 1;
        }
    }
}

impl Subprotocol for Echo {
    fn poll_outbox(
        &mut self,
        cx: &mut Context<'_>,
        _: Instant,
        carrier: &mut impl Carrier,
    ) -> Poll<()> {
        // Nobody sends it messages.
        if self.seat.mailbox().poll_signal(cx) == Some(Signal::Drain) {
            carrier.end(&going_away());
        }
        Poll::Pending
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Instant, _: &mut impl Carrier) {}

    fn handle_received(&mut self, _: Instant) {}

    fn on_end(&mut self) {}

    fn after_batch(&mut self) {}

    fn take_messages(&mut self) -> Messages {
        mem::take(&mut self.messages)
    }
}
