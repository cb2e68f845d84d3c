//! What is spoken over a connection, once it stands: a subprotocol takes messages and has messages to send.

pub(crate) mod echo;
pub(crate) mod stomp;

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use gumboot_websocket::proto::{CloseFrame, Closing, Config, Connection, MessageKind, SharedBytes};

use crate::metrics::Messages;

/// What a subprotocol sends on: a WebSocket or a plain stream.
pub(crate) trait Carrier {
    /// Sends a frame, which is text.
    fn send(&mut self, frame: &[u8]);

    /// Sends `head`, and a tail that others send too, as one frame.
    fn send_parts(&mut self, kind: MessageKind, head: &[u8], tail: &SharedBytes);

    /// Ends the connection once all is sent. What `frame` says is told where the carrier has a way to.
    fn end(&mut self, frame: &CloseFrame);

    /// The client has logged in: from now on it may send what `config` allows, if that is of this carrier.
    fn logged_in(&mut self, config: &Arc<Config>);

    /// Whether so much waits to be written that nothing should be added.
    fn is_full(&self) -> bool;

    /// Whether what is sent goes out; a connection that is lost or being closed takes nothing.
    fn is_open(&self) -> bool;
}

impl Carrier for Connection {
    fn send(&mut self, frame: &[u8]) {
        // A connection that is closing takes nothing more, and has nobody to tell.
        let _ = self.send_copy(MessageKind::Text, frame);
    }

    fn send_parts(&mut self, kind: MessageKind, head: &[u8], tail: &SharedBytes) {
        // As above.
        let _ = Self::send_parts(self, kind, head, tail);
    }

    fn end(&mut self, frame: &CloseFrame) {
        // As above: it may be closing already.
        let _ = self.close(Some(frame));
    }

    fn logged_in(&mut self, config: &Arc<Config>) {
        self.set_config(Arc::clone(config));
    }

    fn is_full(&self) -> bool {
        self.bytes_pending() > gumboot_websocket::PENDING_BYTES_MAX
    }

    fn is_open(&self) -> bool {
        self.closing() == Closing::Open && !self.is_transport_done()
    }
}

/// One connection's end of a subprotocol.
pub(crate) trait Subprotocol {
    /// Sends what others have for this connection; ready if some was sent, pending when there is no more of it, or no
    /// room for it.
    fn poll_outbox(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        carrier: &mut impl Carrier,
    ) -> Poll<()>;

    /// Whether what arrives can be looked at now; while it cannot, nothing is read.
    fn takes_input(&self) -> bool {
        true
    }

    /// When [`Subprotocol::handle_timeout`] is to be called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Does what is due.
    fn handle_timeout(&mut self, now: Instant, carrier: &mut impl Carrier);

    /// Octets have arrived that are not here yet, or would have if they had been read.
    fn handle_received(&mut self, now: Instant);

    /// The connection is ending: nothing more is taken or sent, though what was sent may still be on its way.
    fn on_end(&mut self);

    /// All of what one read brought has been handled.
    fn after_batch(&mut self);

    /// The messages that were taken and sent since the last call.
    fn take_messages(&mut self) -> Messages;
}
