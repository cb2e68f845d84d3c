//! The browser's `WebSocket` object for Rust programs (WHATWG WebSockets).
//!
//! It is not the shortest way to a connection: that is [`connect`](crate::connect), which gives a
//! [`Socket`](crate::Socket). It is the interface that every web developer knows, with the same rules: when events come
//! and in which order, which calls fail and how, what is counted.

mod address;
mod channel;
mod driver;
mod error;
mod event;
mod events;
mod listeners;
mod state;

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use gumboot_websocket_proto::{CloseCode, CloseFrame, Message, Utf8Bytes};

pub use self::{
    address::Protocols,
    driver::ATTACH_WAIT_MAX,
    error::{InvalidSyntax, WebSocketError},
    event::{BinaryType, CloseEvent, Event, EventType, MessageData, MessageEvent, ReadyState},
    events::Events,
    listeners::ListenerId,
    state::{EVENTS_WAITING_MAX, SEND_BUFFER_BYTES_MAX},
};
use self::{driver::Driver, state::Shared};
use crate::client::Client;

/// The `WebSocket` object of browsers.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let address = loopback::echo().await;
/// use gumboot_websocket::WebSocket;
///
/// let ws = WebSocket::new(&format!("ws://{address}/echo"), [])?;
/// ws.set_onopen(|ws, _| { println!("Connection open ..."); ws.send("Hello WebSockets!").unwrap(); });
/// ws.set_onmessage(|ws, evt| { println!("Received Message: {}", evt.data); ws.close(); });
/// ws.set_onclose(|_, _| println!("Connection closed."));
/// ws.closed().await; // a program, unlike a page, ends when nothing waits
/// # Ok(()) }
/// ```
///
/// It is a handle: its clones are the same object.
///
/// # Events
/// The connection is opened in the background and everything that happens becomes an [`Event`], in the order in which it
/// happened, one at a time. Listeners are called by a task of the runtime, never from inside a method, and see the
/// object as it is at their event. They must not block; what takes long is spawned. A listener that panics is heard of
/// through the panic hook, and the next one is called.
///
/// A listener that is attached behind the constructor, before anything is awaited, misses nothing: an event that nobody
/// listens for yet is kept until [`ATTACH_WAIT_MAX`] has passed since the construction.
///
/// In place of listeners, [`events`](Self::events) gives the same events as a stream. Either way, when
/// [`EVENTS_WAITING_MAX`] events wait to be taken, nothing more is read from the socket, and the server has to wait.
///
/// # When it ends
/// An object that nobody can reach closes its connection: the program has dropped its handles, no message waits to be
/// sent, and no listener waits for an event that may still come (WHATWG WebSockets, "Garbage collection"). If the
/// runtime ends first, the connection is dropped without an event.
#[derive(Debug)]
pub struct WebSocket {
    shared: Arc<Shared>,
}

impl WebSocket {
    /// 0: the connection is being opened.
    pub const CONNECTING: ReadyState = ReadyState::Connecting;
    /// 1: messages go both ways.
    pub const OPEN: ReadyState = ReadyState::Open;
    /// 2: the closing handshake is under way, or `close` was called.
    pub const CLOSING: ReadyState = ReadyState::Closing;
    /// 3: the connection is closed, or could not be opened.
    pub const CLOSED: ReadyState = ReadyState::Closed;

    /// Begins to connect to `url`, which may be written with `ws`, `wss`, `http` or `https`, and offers `protocols`:
    /// `[]` for none, one name, or a list with the preferred one first. If some are offered, the server must choose one.
    ///
    /// Nothing is awaited: whether the connection succeeds is told by an `open`, or by an `error` and a `close` event.
    /// That holds for ports that browsers do not connect to as well.
    ///
    /// # Errors
    /// [`WebSocketError::Syntax`]: the URL is not absolute, has another scheme or a fragment; or a protocol is not a
    /// token or stands twice in whatever case.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(url: &str, protocols: impl Protocols) -> Result<Self, WebSocketError> {
        Self::with_client(&Client::new(), url, protocols)
    }

    /// Does what [`new`](Self::new) does, by way of `client`: with its headers, its roots, its proxy, its limits.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_client(
        client: &Client,
        url: &str,
        protocols: impl Protocols,
    ) -> Result<Self, WebSocketError> {
        let client = client.clone();
        let url = address::parse_url(url)?;
        let protocols = address::parse_protocols(protocols)?;
        let origin = url.origin().ascii_serialization();
        let shared = Shared::new(url.as_str().to_owned(), origin);
        let socket = Self::new_handle(Arc::clone(&shared));
        let is_blocked = address::is_port_blocked(&url);
        let connecting = async move {
            if is_blocked {
                return None;
            }
            let offered: Vec<&str> = protocols.iter().map(String::as_str).collect();
            let socket = client.connect(url.as_str(), &offered).await.ok()?;
            // WHATWG WebSockets, "Obtain a WebSocket connection": stricter than RFC 6455 §4.1.
            let is_answered = offered.is_empty() || socket.protocol().is_some();
            is_answered.then_some(socket)
        };
        tokio::spawn(Driver::new(shared, Box::pin(connecting)).run());
        Ok(socket)
    }

    fn new_handle(shared: Arc<Shared>) -> Self {
        shared.lock().handles += 1;
        Self { shared }
    }

    /// The URL of the connection, as it was understood: serialised, with the scheme `ws` or `wss`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// How far the connection is.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.shared.lock().ready_state
    }

    /// The payload bytes given to [`send`](Self::send) that have not gone to the network. It does not go to zero when
    /// the connection closes: what could not be sent stays in it.
    #[must_use]
    pub fn buffered_amount(&self) -> u64 {
        self.shared.lock().buffered_amount
    }

    /// The extensions that the server chose, in its words; empty before the connection is open.
    #[must_use]
    pub fn extensions(&self) -> String {
        self.shared.lock().extensions.clone()
    }

    /// The subprotocol that the server chose; empty before the connection is open and if there is none.
    #[must_use]
    pub fn protocol(&self) -> String {
        self.shared.lock().protocol.clone()
    }

    /// What was set by [`set_binary_type`](Self::set_binary_type).
    #[must_use]
    pub fn binary_type(&self) -> BinaryType {
        self.shared.lock().binary_type
    }

    /// Says what a browser would make of binary messages. It changes nothing here; see [`BinaryType`].
    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.shared.lock().binary_type = binary_type;
    }

    /// Queues a message, text or binary. Once the connection is closing it is dropped, and
    /// [`buffered_amount`](Self::buffered_amount) counts it nevertheless. A message with which more than
    /// [`SEND_BUFFER_BYTES_MAX`] bytes would wait ends the connection with an `error` and a `close` event.
    ///
    /// # Errors
    /// [`WebSocketError::InvalidState`] before the `open` event.
    pub fn send(&self, data: impl Into<Data>) -> Result<(), WebSocketError> {
        let Data(message) = data.into();
        let mut state = self.shared.lock();
        if state.ready_state == ReadyState::Connecting {
            return Err(WebSocketError::InvalidState);
        }
        state.send(message);
        drop(state);
        self.shared.wake_driver();
        Ok(())
    }

    /// Closes the connection without code and reason: behind what is queued, or at once if it is not open yet, which
    /// then is an `error`. Does nothing if it is closing already.
    pub fn close(&self) {
        self.close_frame(None);
    }

    /// Closes the connection as [`close`](Self::close) does, and tells the server a code, 1000 or 3000 to 4999, and a
    /// reason of 123 bytes at most, which may be empty.
    ///
    /// # Errors
    /// [`WebSocketError::InvalidAccess`] for another code, [`WebSocketError::Syntax`] for a longer reason; both also
    /// when the connection is closed already.
    pub fn close_with(&self, code: u16, reason: &str) -> Result<(), WebSocketError> {
        let code = CloseCode::new(code)
            .filter(|code| matches!(code.get(), 1000 | 3000..=4999))
            .ok_or(WebSocketError::InvalidAccess { code })?;
        let reason_bytes = reason.len();
        let frame = CloseFrame::new(code, reason)
            .map_err(|_| InvalidSyntax::ReasonTooLong { reason_bytes })?;
        self.close_frame(Some(frame));
        Ok(())
    }

    fn close_frame(&self, frame: Option<CloseFrame>) {
        self.shared.lock().close(frame);
        self.shared.wake_driver();
    }

    /// Ready when the connection is closed and every listener has seen it; gives the `close` event. To wait for it says
    /// that all listeners are attached.
    pub async fn closed(&self) -> CloseEvent {
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if let Some(event) = &state.ended {
                return Poll::Ready(event.clone());
            }
            state.wait(cx.waker());
            let is_news = !std::mem::replace(&mut state.is_attached, true);
            drop(state);
            if is_news {
                self.shared.wake_driver();
            }
            Poll::Pending
        })
        .await
    }

    /// The events as a stream, from the next one on. While it exists the listeners get none, and the values of this
    /// object change as events are taken from it. A second stream ends the first.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let address = loopback::echo().await;
    /// use gumboot_websocket::{Event, WebSocket};
    ///
    /// let ws = WebSocket::new(&format!("ws://{address}/echo"), [])?;
    /// let mut events = ws.events();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Open => ws.send("Hello WebSockets!")?,
    ///         Event::Message(message) => {
    ///             println!("Received Message: {}", message.data);
    ///             ws.close();
    ///         }
    ///         Event::Error => println!("Something went wrong."),
    ///         Event::Close(close) => println!("Connection closed: {}", close.code),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn events(&self) -> Events {
        Events::new(self.clone())
    }

    /// Sets the handler of `open` events, in place of the one before.
    pub fn set_onopen(&self, mut handler: impl FnMut(&Self, &Event) + Send + 'static) {
        self.set_handler(EventType::Open, move |ws, event| handler(ws, event));
    }

    /// Sets the handler of `message` events, in place of the one before.
    pub fn set_onmessage(&self, mut handler: impl FnMut(&Self, &MessageEvent) + Send + 'static) {
        self.set_handler(EventType::Message, move |ws, event| {
            if let Event::Message(event) = event {
                handler(ws, event);
            }
        });
    }

    /// Sets the handler of `error` events, in place of the one before.
    pub fn set_onerror(&self, mut handler: impl FnMut(&Self, &Event) + Send + 'static) {
        self.set_handler(EventType::Error, move |ws, event| handler(ws, event));
    }

    /// Sets the handler of `close` events, in place of the one before.
    pub fn set_onclose(&self, mut handler: impl FnMut(&Self, &CloseEvent) + Send + 'static) {
        self.set_handler(EventType::Close, move |ws, event| {
            if let Event::Close(event) = event {
                handler(ws, event);
            }
        });
    }

    /// Removes the handler that `set_on…` has set: what `onopen = null` is in a browser.
    pub fn clear_handler(&self, event_type: EventType) {
        let removed = self.shared.lock().listeners.remove_handler(event_type);
        drop(removed);
        self.shared.wake_driver();
    }

    /// Adds a listener behind those that are there. One that is added by a listener does not get the event of that one.
    pub fn add_event_listener(
        &self,
        event_type: EventType,
        listener: impl FnMut(&Self, &Event) + Send + 'static,
    ) -> ListenerId {
        let id = {
            let mut state = self.shared.lock();
            state.listeners.add(event_type, Box::new(listener))
        };
        self.shared.wake_driver();
        id
    }

    /// Removes a listener: it is not called any more, not even for an event whose other listeners run just now. Says
    /// whether it was there.
    pub fn remove_event_listener(&self, id: ListenerId) -> bool {
        let removed = self.shared.lock().listeners.remove(id);
        self.shared.wake_driver();
        removed.is_some()
    }

    fn set_handler(
        &self,
        event_type: EventType,
        handler: impl FnMut(&Self, &Event) + Send + 'static,
    ) {
        let handler = Box::new(handler);
        let replaced = self
            .shared
            .lock()
            .listeners
            .set_handler(event_type, handler);
        drop(replaced);
        self.shared.wake_driver();
    }
}

impl Clone for WebSocket {
    fn clone(&self) -> Self {
        Self::new_handle(Arc::clone(&self.shared))
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.handles -= 1;
        let is_last = state.handles == 0;
        drop(state);
        if is_last {
            self.shared.wake_driver();
        }
    }
}

/// What [`WebSocket::send`] takes: text from `&str`, `String` and [`Utf8Bytes`], bytes from slices, arrays, vectors and
/// [`Bytes`], and what a [`MessageEvent`] brought.
#[derive(Debug, Clone)]
pub struct Data(Message);

macro_rules! data_from {
    ($($source:ty => $make:expr),+ $(,)?) => {
        $(impl From<$source> for Data {
            fn from(data: $source) -> Self {
                Self($make(data))
            }
        })+
    };
}

data_from! {
    &str => Message::text,
    String => Message::text,
    &String => |text: &String| Message::text(text.as_str()),
    Utf8Bytes => Message::Text,
    &[u8] => |bytes| Message::Binary(Bytes::copy_from_slice(bytes)),
    &Vec<u8> => |bytes| Message::Binary(Bytes::copy_from_slice(bytes)),
    Vec<u8> => Message::binary,
    Bytes => Message::Binary,
    Message => |message| message,
    MessageData => Message::from,
    &MessageData => |data: &MessageData| Message::from(data.clone()),
}

impl<const N: usize> From<[u8; N]> for Data {
    fn from(bytes: [u8; N]) -> Self {
        Self(Message::Binary(Bytes::copy_from_slice(&bytes)))
    }
}

impl<const N: usize> From<&[u8; N]> for Data {
    fn from(bytes: &[u8; N]) -> Self {
        Self(Message::Binary(Bytes::copy_from_slice(bytes)))
    }
}
