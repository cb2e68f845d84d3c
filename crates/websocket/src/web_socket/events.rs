//! The events of the object as an async stream, in place of listeners.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{
    WebSocket,
    event::Event,
    state::{EVENTS_WAITING_MAX, Shared},
};

/// The events of a [`WebSocket`], given by [`WebSocket::events`]. It ends after [`Event::Close`].
#[derive(Debug)]
#[must_use = "while it exists, it takes the events, and the listeners get none"]
pub struct Events {
    /// Keeps the connection, as a listener does.
    socket: WebSocket,
    number: u64,
}

impl Events {
    pub(super) fn new(socket: WebSocket) -> Self {
        let mut state = socket.shared.lock();
        state.last_stream += 1;
        let number = state.last_stream;
        state.stream = Some(number);
        drop(state);
        socket.shared.wake_waiting();
        Self { socket, number }
    }

    /// The next event; `None` after [`Event::Close`]. May be dropped before it is ready without losing one.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let shared = &self.socket.shared;
        let mut state = shared.lock();
        if state.stream != Some(self.number) {
            return Poll::Ready(None);
        }
        let before = state.tasks.len();
        let event = state.next_event(&shared.origin);
        let has_room = before >= EVENTS_WAITING_MAX && state.tasks.len() < EVENTS_WAITING_MAX;
        if event.is_none() && state.ended.is_none() {
            state.wait(cx.waker());
            return Poll::Pending;
        }
        drop(state);
        taken(shared, event.as_ref(), has_room);
        Poll::Ready(event)
    }
}

/// What follows when an event was taken.
fn taken(shared: &Shared, event: Option<&Event>, has_room: bool) {
    if let Some(Event::Close(event)) = event {
        shared.end(event.clone());
        shared.wake_driver();
    } else if has_room {
        shared.wake_driver();
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.socket.shared.lock();
        if state.stream == Some(self.number) {
            state.stream = None;
        }
        drop(state);
        self.socket.shared.wake_driver();
    }
}
