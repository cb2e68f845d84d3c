//! An established connection under the object: messages of the program go into the link in order and are counted when
//! they have left it; what arrives becomes tasks.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use gumboot_websocket_proto::{CloseFrame, Closing, Connection, Event};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    event::CloseEvent,
    state::{CloseRequest, Shared, State, Task},
};
use crate::{link::Link, timer::now};

/// While more bytes than this wait in the link, it gets no further messages: `buffered_amount` then sinks in small
/// steps, and several short messages still leave in one write.
const LINK_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Channel<S> {
    link: Link<S>,
    /// The bytes written to the transport so far.
    written: u64,
    /// For each message in the link: how much is written when its last byte is, and the bytes of its payload.
    in_flight: VecDeque<(u64, u64)>,
    /// The peer's Close, once it has arrived.
    close: Option<Option<CloseFrame>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    pub(super) fn new(link: Link<S>) -> Self {
        Self {
            link,
            written: 0,
            in_flight: VecDeque::new(),
            close: None,
        }
    }

    /// Moves what can be moved. Ready with `None` when something was read, and with the last task at the end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<Option<Task>> {
        if self.link.is_ending() {
            // An error has made it unclean.
            return self.link.poll_end(cx).map(|_| Some(self.ended()));
        }
        let may_read = self.take_orders(shared);
        self.link.set_reading(may_read);
        let blocked = self.link.is_blocked();
        let read = if may_read {
            self.poll_read(cx, shared)
        } else {
            Poll::Pending
        };
        let written = self.link.poll_write(cx, now());
        self.count(shared);
        let timer = self.link.poll_timer(cx, None);
        let unblocked = blocked && !self.link.is_blocked();
        if read.is_ready() || is_failed(&written) || timer.is_ready() || unblocked {
            return Poll::Ready(None);
        }
        // All is written: there may be more behind it.
        if written.is_ready() && !shared.lock().outgoing.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Pending
    }

    /// Takes from the program what it wants to send and whether it wants to close; gives whether to read.
    fn take_orders(&mut self, shared: &Shared) -> bool {
        let mut state = shared.lock();
        if state.close_request == Some(CloseRequest::Fail) {
            self.link.abandon();
            return false;
        }
        while self.link.connection().bytes_pending() < LINK_BYTES_MAX
            && let Some(message) = state.outgoing.pop_front()
        {
            let payload_bytes = message.as_bytes().len() as u64;
            // When the peer closes first, what was not sent stays in `buffered_amount` for ever.
            if self.link.connection().send(message).is_ok() {
                let end = self.written + self.link.connection().bytes_pending() as u64;
                self.in_flight.push_back((end, payload_bytes));
            }
        }
        if state.outgoing.is_empty() {
            self.begin_close(&mut state);
        }
        state.may_read() || self.close.is_some()
    }

    fn begin_close(&mut self, state: &mut State) {
        if let Some(CloseRequest::Handshake(frame)) = state.close_request.take() {
            // A Close that is on its way already, as the answer to the peer's, is as good.
            let _ = self.link.connection().close(frame.as_ref());
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<()> {
        let mut arrived = Vec::new();
        let close = &mut self.close;
        let mut on_event = |_: &mut Connection, event: Event<'_>| match event {
            Event::Message(message) => arrived.push(Task::Message(message.into_message())),
            Event::Close(frame) => {
                *close = Some(frame);
                arrived.push(Task::Closing);
            }
            Event::Ping(_) | Event::Pong(_) => {}
        };
        // An error has ended the link, and how it ended is told by `ended`.
        let read = self.link.poll_read(cx, now(), &mut on_event);
        if !arrived.is_empty() {
            let mut state = shared.lock();
            arrived.into_iter().for_each(|task| state.queue(task));
        }
        read.map(drop)
    }

    /// Takes what has been written off `buffered_amount`.
    fn count(&mut self, shared: &Shared) {
        let bytes_out = self.link.take_traffic().bytes_out;
        if bytes_out == 0 {
            return;
        }
        self.written += bytes_out;
        let mut sent = 0;
        while let Some((end, payload_bytes)) = self.in_flight.front()
            && *end <= self.written
        {
            sent += payload_bytes;
            self.in_flight.pop_front();
        }
        let mut state = shared.lock();
        state.buffered_amount -= sent;
    }

    /// How it ended: in order if both Closes have passed, ours to its last byte, else it failed (RFC 6455 §7.1.4, §7.1.5).
    fn ended(&mut self) -> Task {
        let was_clean = self.link.connection().closing() == Closing::Clean;
        let (code, reason) = match &self.close {
            Some(Some(frame)) => (frame.code().get(), frame.reason().to_owned()),
            Some(None) => (1005, String::new()),
            None => (1006, String::new()),
        };
        Task::Closed {
            failed: !was_clean,
            event: CloseEvent::new(was_clean, code, reason),
        }
    }
}

fn is_failed<E>(written: &Poll<Result<(), E>>) -> bool {
    matches!(written, Poll::Ready(Err(_)))
}

/// A connection that was never established: WHATWG WebSockets, "fail the WebSocket connection".
pub(super) fn never_established() -> Task {
    Task::Closed {
        failed: true,
        event: CloseEvent::new(false, 1006, ""),
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::Arc};

    use gumboot_websocket_proto::{Config, Message};
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::random::RandomKeys;

    #[tokio::test]
    async fn an_end_with_something_unsent_before_our_close_is_not_clean() {
        let (here, mut peer) = duplex(1000);
        let keys = Box::new(RandomKeys::new());
        let config = Config {
            deflate: None,
            ..Config::client()
        };
        let connection = Connection::client(Arc::new(config), keys, now());
        let mut channel = Channel::new(Link::new(here, connection, &[]));
        let shared = Shared::new(String::new(), String::new());
        shared.lock().buffered_amount = 2000;
        let waits = Message::binary(vec![0; 2000]);
        shared.lock().outgoing.push_back(waits);
        peer.write_all(&[0x88, 0x02, 0x03, 0xF1]).await.unwrap();
        drop(peer);
        let last = loop {
            if let Some(task) = poll_fn(|cx| channel.poll(cx, &shared)).await {
                break task;
            }
        };
        let Task::Closed { failed, event } = last else {
            panic!("{last:?}");
        };
        assert!(failed);
        assert_eq!(event, CloseEvent::new(false, 1009, ""));
        assert_eq!(shared.lock().buffered_amount, 2000);
    }
}
