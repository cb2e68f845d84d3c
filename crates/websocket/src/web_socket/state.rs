//! What the object and its driver share: the values that a program sees, what it has asked for, and the tasks that are
//! queued for it (WHATWG WebSockets, "Feedback from the protocol").
//!
//! The driver queues tasks; whoever takes one applies it, and only then does a program see what it changed. That is the
//! driver itself, which then calls the listeners, or an `Events` stream.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use gumboot_websocket_proto::{CloseFrame, Message};

use super::{
    event::{BinaryType, CloseEvent, Event, EventType, MessageEvent, ReadyState},
    listeners::Listeners,
};

/// While so many events wait to be taken, nothing more is read from the socket.
pub const EVENTS_WAITING_MAX: usize = 16;

/// The payload bytes that may wait to be sent. A message that goes beyond fails the connection, as the standard says of
/// a buffer that is full.
pub const SEND_BUFFER_BYTES_MAX: u64 = 64 << 20;

/// Behind every handle of one object.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) url: String,
    /// The origin of messages.
    pub(super) origin: String,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(url: String, origin: String) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { url, origin, state })
    }

    /// The state. No listener runs and no handle is dropped while it is held.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the driver see what has changed.
    pub(super) fn wake_driver(&self) {
        let driver = self.lock().driver.clone();
        driver.as_ref().map(Waker::wake_by_ref);
    }

    /// Lets those who wait for a task or the end look again.
    pub(super) fn wake_waiting(&self) {
        let waiting = mem::take(&mut self.lock().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Every listener has seen the last event: nothing is kept, in particular no handle that a listener owns.
    pub(super) fn end(&self, event: CloseEvent) {
        let mut state = self.lock();
        state.ended = Some(event);
        let listeners = state.listeners.take_all();
        drop(state);
        drop(listeners);
        self.wake_waiting();
    }
}

/// Something that has happened on the network, in the order in which a program sees it.
#[derive(Debug)]
pub(super) enum Task {
    /// The opening handshake is done.
    Open {
        protocol: String,
        extensions: String,
    },
    Message(Message),
    /// The peer has begun the closing handshake.
    Closing,
    /// The connection has ended, and whether it had failed before.
    Closed {
        failed: bool,
        event: CloseEvent,
    },
    /// The second half of the task before, when the connection failed.
    Close(CloseEvent),
}

impl Task {
    /// The type of the event that it makes first, if it makes one.
    fn event_type(&self) -> Option<EventType> {
        match self {
            Self::Open { .. } => Some(EventType::Open),
            Self::Message(_) => Some(EventType::Message),
            Self::Closing => None,
            Self::Closed { failed: true, .. } => Some(EventType::Error),
            Self::Closed { .. } | Self::Close(_) => Some(EventType::Close),
        }
    }
}

/// What `close` asks the driver for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CloseRequest {
    /// The closing handshake, behind what is queued.
    Handshake(Option<CloseFrame>),
    /// The end, at once and without a word: the connection has failed.
    Fail,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) ready_state: ReadyState,
    pub(super) buffered_amount: u64,
    pub(super) protocol: String,
    pub(super) extensions: String,
    pub(super) binary_type: BinaryType,
    /// Messages that the driver has not taken yet.
    pub(super) outgoing: VecDeque<Message>,
    pub(super) close_request: Option<CloseRequest>,
    pub(super) tasks: VecDeque<Task>,
    pub(super) listeners: Listeners,
    /// How many handles the program has.
    pub(super) handles: usize,
    /// Which stream takes the events, if one does; streams are numbered.
    pub(super) stream: Option<u64>,
    pub(super) last_stream: u64,
    /// The program has shown that it has attached what it wants to attach.
    pub(super) is_attached: bool,
    /// The last event, once every listener has seen it.
    pub(super) ended: Option<CloseEvent>,
    pub(super) driver: Option<Waker>,
    /// Who waits for the next task or the end.
    pub(super) waiting: Vec<Waker>,
}

impl State {
    /// Queues a task; messages that no program will see are left out.
    pub(super) fn queue(&mut self, task: Task) {
        if matches!(task, Task::Message(_)) && self.ready_state >= ReadyState::Closing {
            return;
        }
        self.tasks.push_back(task);
    }

    /// Whether a read may bring further events.
    pub(super) fn may_read(&self) -> bool {
        self.tasks.len() < EVENTS_WAITING_MAX || self.ready_state >= ReadyState::Closing
    }

    /// Applies the next task that makes an event, and gives the event.
    pub(super) fn next_event(&mut self, origin: &str) -> Option<Event> {
        while let Some(task) = self.tasks.pop_front() {
            if let Some(event) = self.apply(task, origin) {
                return Some(event);
            }
        }
        None
    }

    /// Whether nobody listens for the next event, while somebody may still come.
    pub(super) fn is_next_missed(&self) -> bool {
        let mut types = self.tasks.iter().filter_map(Task::event_type);
        let is_missed = |next| !self.listeners.any(&[next]);
        !self.is_attached && types.next().is_some_and(is_missed)
    }

    /// WHATWG WebSockets, "Feedback from the protocol": what each task does before its event is fired.
    fn apply(&mut self, task: Task, origin: &str) -> Option<Event> {
        match task {
            Task::Open {
                protocol,
                extensions,
            } => {
                if self.ready_state != ReadyState::Connecting {
                    return None;
                }
                self.ready_state = ReadyState::Open;
                self.protocol = protocol;
                self.extensions = extensions;
                Some(Event::Open)
            }
            Task::Message(message) => (self.ready_state == ReadyState::Open)
                .then(|| Event::Message(MessageEvent::new(message.into(), origin))),
            Task::Closing => {
                self.ready_state = self.ready_state.max(ReadyState::Closing);
                None
            }
            Task::Closed { failed, event } => {
                self.ready_state = ReadyState::Closed;
                if !failed {
                    return Some(Event::Close(event));
                }
                self.tasks.push_front(Task::Close(event));
                Some(Event::Error)
            }
            Task::Close(event) => Some(Event::Close(event)),
        }
    }

    /// Whether the object stays although the program has no handle of it (WHATWG WebSockets, "Garbage collection").
    pub(super) fn is_kept(&self) -> bool {
        let types: &[EventType] = match self.ready_state {
            _ if self.handles > 0 => return true,
            ReadyState::Connecting => &[
                EventType::Open,
                EventType::Message,
                EventType::Error,
                EventType::Close,
            ],
            ReadyState::Open if self.buffered_amount > 0 => return true,
            ReadyState::Open => &[EventType::Message, EventType::Error, EventType::Close],
            ReadyState::Closing | ReadyState::Closed => return true,
        };
        self.listeners.any(types)
    }

    /// Begins to close as `close` does: the rules for the states stand here.
    pub(super) fn close(&mut self, frame: Option<CloseFrame>) {
        self.close_request = match self.ready_state {
            ReadyState::Connecting => Some(CloseRequest::Fail),
            ReadyState::Open => Some(CloseRequest::Handshake(frame)),
            ReadyState::Closing | ReadyState::Closed => return,
        };
        self.ready_state = ReadyState::Closing;
    }

    /// Queues a message, or only counts it once the connection is closing.
    pub(super) fn send(&mut self, message: Message) {
        self.buffered_amount += message.as_bytes().len() as u64;
        if self.ready_state != ReadyState::Open {
            return;
        }
        if self.buffered_amount > SEND_BUFFER_BYTES_MAX {
            // WHATWG WebSockets, the steps of `send`: the buffer is full, so the connection ends as a failed one.
            self.close_request = Some(CloseRequest::Fail);
            self.ready_state = ReadyState::Closing;
            return;
        }
        self.outgoing.push_back(message);
    }

    /// Has a task woken by the next change.
    pub(super) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }
}
