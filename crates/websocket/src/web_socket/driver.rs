//! The task behind the object: it connects, moves bytes, and calls the listeners, one event at a time.
//!
//! It ends when the last event was taken. If the runtime drops it before that, the object is closed without an event, as
//! with a page that a browser has left.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Sleep, sleep},
};

use super::{
    WebSocket,
    channel::{Channel, never_established},
    event::{CloseEvent, Event, ReadyState},
    state::{CloseRequest, Shared, Task},
};
use crate::socket::Socket;

/// How long, from the construction on, an event that nobody listens for is kept for a listener that may still come.
/// Threads may be slow: this is what lets a program attach its listeners behind the constructor, on any runtime.
pub const ATTACH_WAIT_MAX: Duration = Duration::from_millis(100);

/// How often in a row the driver turns before other tasks of the runtime have their turn.
const TURNS_MAX: usize = 32;

/// The opening handshake: a socket, or `None` if there is none to be had.
type Connecting<S> = Pin<Box<dyn Future<Output = Option<Socket<S>>> + Send>>;

enum Transport<S> {
    Connecting(Connecting<S>),
    Open(Box<Channel<S>>),
    Gone,
}

pub(super) struct Driver<S> {
    shared: Arc<Shared>,
    transport: Transport<S>,
    /// Rings when an event that nobody listens for is no longer kept; `None` after that.
    attach: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(shared: Arc<Shared>, connecting: Connecting<S>) -> Self {
        Self {
            shared,
            transport: Transport::Connecting(connecting),
            attach: Some(Box::pin(sleep(ATTACH_WAIT_MAX))),
        }
    }

    pub(super) async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.lock().driver = Some(cx.waker().clone());
        for _ in 0..TURNS_MAX {
            let moved = self.poll_transport(cx).is_ready();
            let called = self.call_listeners(cx);
            if self.shared.lock().ended.is_some() {
                return Poll::Ready(());
            }
            if !moved && !called {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Moves the transport one step; ready if there was one.
    fn poll_transport(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.close_if_forgotten();
        let task = match &mut self.transport {
            Transport::Connecting(connecting) => {
                if self.shared.lock().close_request == Some(CloseRequest::Fail) {
                    Poll::Ready(Some(never_established()))
                } else {
                    connecting.as_mut().poll(cx).map(|socket| match socket {
                        Some(socket) => Some(self.establish(socket)),
                        None => Some(never_established()),
                    })
                }
            }
            Transport::Open(channel) => channel.poll(cx, &self.shared),
            Transport::Gone => return Poll::Pending,
        };
        task.map(|task| {
            if let Some(task) = task {
                if matches!(task, Task::Closed { .. }) {
                    self.transport = Transport::Gone;
                }
                self.shared.lock().queue(task);
            }
            self.shared.wake_waiting();
        })
    }

    fn establish(&mut self, socket: Socket<S>) -> Task {
        let (link, agreed) = socket.into_parts();
        self.transport = Transport::Open(Box::new(Channel::new(link)));
        Task::Open {
            protocol: agreed.protocol.unwrap_or_default(),
            extensions: agreed.extensions,
        }
    }

    /// WHATWG WebSockets, "Garbage collection": an object that can no longer be reached closes its connection.
    fn close_if_forgotten(&self) {
        let mut state = self.shared.lock();
        if !state.is_kept() {
            state.close(None);
        }
    }

    /// Gives events that no stream takes to the listeners; says whether there were any.
    fn call_listeners(&mut self, cx: &mut Context<'_>) -> bool {
        let mut called = false;
        while let Some(event) = self.next_event(cx) {
            called = true;
            self.dispatch(&event);
            if let Event::Close(event) = event {
                self.shared.end(event);
            }
        }
        called
    }

    fn next_event(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        if let Some(attach) = &mut self.attach
            && attach.as_mut().poll(cx).is_ready()
        {
            self.attach = None;
        }
        let mut state = self.shared.lock();
        let is_kept_for_later = self.attach.is_some() && state.is_next_missed();
        if state.stream.is_some() || is_kept_for_later {
            return None;
        }
        state.next_event(&self.shared.origin)
    }

    /// Calls the listeners of the event that are attached now. The panic of one is told by the panic hook, and the next
    /// one is called: as an exception in a browser.
    fn dispatch(&self, event: &Event) {
        let listeners = self.shared.lock().listeners.of(event.event_type());
        if listeners.is_empty() {
            return;
        }
        let handle = WebSocket::new_handle(Arc::clone(&self.shared));
        for id in listeners {
            let Some(mut callback) = self.shared.lock().listeners.take(id) else {
                continue;
            };
            let _ = catch_unwind(AssertUnwindSafe(|| callback(&handle, event)));
            let removed = self.shared.lock().listeners.put_back(id, callback);
            drop(removed);
        }
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.ended.is_some() {
            return;
        }
        state.ready_state = ReadyState::Closed;
        drop(state);
        self.shared.end(CloseEvent::new(false, 1006, ""));
    }
}
